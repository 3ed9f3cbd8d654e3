/* SPDX-License-Identifier: ISC */
/* abi_print.h - what `postern abi` prints on a page: the whole contract, or one part of it. */
#ifndef POSTERN_ABI_PRINT_H
#define POSTERN_ABI_PRINT_H

#include "contract.h"
#include "page.h"

/* The table of all calls, grouped by section, and a line of sums. */
void print_table(const struct page *page, const json_t *contract);

/* The rows of that table for one section, below a heading. */
void print_section_calls(const struct page *page, const json_t *contract, const char *section);

/* One part in full; each is an element of the contract's list of that name. */
void print_section(const struct page *page, const json_t *contract, const json_t *section);
void print_call(const struct page *page, const json_t *contract, const json_t *call);
void print_struct(const struct page *page, const json_t *contract, const json_t *record);
void print_enum(const struct page *page, const json_t *contract, const json_t *choice);
void print_flags(const struct page *page, const json_t *contract, const json_t *choice);
void print_handle(const struct page *page, const json_t *contract, const json_t *handle);
void print_profile(const struct page *page, const json_t *contract, const json_t *profile);

#endif
