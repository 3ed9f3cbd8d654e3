/* SPDX-License-Identifier: ISC */
/* contract.h - the contract that this program was built with, as gatec wrote it in JSON (emit_json.c). */
#ifndef POSTERN_CONTRACT_H
#define POSTERN_CONTRACT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The JSON, byte for byte; NUL-terminated. */
extern const char contract_text[];
extern const size_t contract_text_size;

/* The same, parsed: the caller's, to json_decref(). NULL if that failed, which has been reported. */
json_t *contract_load(void);

/* The element of a list, such as "calls", that has the name; it stays the contract's. NULL: there is none. */
json_t *contract_find(const json_t *contract, const char *list, const char *name);

/* Members of an object of the contract. What is null or not there is "", 0 or false. */
const char *text_of(const json_t *object, const char *key);
uint64_t number_of(const json_t *object, const char *key);
bool is_true(const json_t *object, const char *key);

/* The first sentence of the prose of an object. The caller frees it. */
char *summary_of(const json_t *object);

/* Whether this build has a handler for the call of a name: if not, the call answers ENOSYS. */
bool has_handler(const char *call);

#endif
