/* SPDX-License-Identifier: ISC */
/* c_names.h - how the things of a contract are called in the generated C; shared by the C emitters. */
#ifndef GATEC_C_NAMES_H
#define GATEC_C_NAMES_H

#include "model.h"

#include <stdio.h>

/* name in capitals. */
const char *upper(const char *name);

/* The first lines of a generated file. */
void print_generated(const struct contract *contract, const char *what, FILE *to);

/* prose as a C comment at an indentation of some tabs; nothing when there is none. */
void print_comment(const char *prose, unsigned tabs, FILE *to);

/* The comment after a field: the first sentence of its prose; nothing when there is none. */
void print_field_comment(const struct field *field, FILE *to);

/* The C type of a scalar field or argument. */
const char *c_scalar(const struct type *type);

/* An unsigned constant of the width of a type. */
const char *c_constant(uint64_t value);

#endif
