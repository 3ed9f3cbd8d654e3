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

/*
 * printf of one line of code at an indentation of some tabs. A line that is too wide is broken after commas
 * and operators; so format has no string literals with these.
 */
__attribute__((format(printf, 3, 4))) void print_line(FILE *to, unsigned tabs, const char *format, ...);

/* prose as a C comment at an indentation of some tabs; nothing when there is none. */
void print_comment(const char *prose, unsigned tabs, FILE *to);

/* A line of code with the first sentence of prose, if there is any, behind it or, if too wide, above it. */
void print_with_comment(const char *code, const char *prose, unsigned tabs, FILE *to);

/* The C type of a scalar field or argument. */
const char *c_scalar(const struct type *type);

/* An unsigned constant of the width of a type. */
const char *c_constant(uint64_t value);

#endif
