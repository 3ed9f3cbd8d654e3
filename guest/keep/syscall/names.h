/* SPDX-License-Identifier: ISC */
/* names.h - names of system calls by number. */
#ifndef KEEP_SYSCALL_NAMES_H
#define KEEP_SYSCALL_NAMES_H

#include <stdint.h>

/* NULL: Linux has none with that number, as far as is known here. */
const char *system_call_name(uint64_t number);

#endif
