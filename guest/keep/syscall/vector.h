/* SPDX-License-Identifier: ISC */
/* vector.h - vectors of buffers, as readv(2) and sendmsg(2) take them. */
#ifndef KEEP_SYSCALL_VECTOR_H
#define KEEP_SYSCALL_VECTOR_H

#include "mm/user.h"

/* A copy of a program's vector, to be freed, cut where it is longer than one transfer may be. Errors: of readv(2). */
int vector_copy(uint64_t address, uint64_t count, struct user_vector **pieces);

#endif
