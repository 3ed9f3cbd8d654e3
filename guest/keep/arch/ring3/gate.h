/* SPDX-License-Identifier: ISC */
/* gate.h - constants of the entry for rewritten system calls, for C and for the assembly. */
#ifndef KEEP_ARCH_RING3_GATE_H
#define KEEP_ARCH_RING3_GATE_H

/* In registers.vector, which means nothing otherwise for a system call: it came by ring3_gate. */
#define RING3_BY_GATE 1

/* Of the contract, asserted in ring3.c. */
#define POSTERN_SYSTEM_CALL 2
#define POSTERN_PROGRAM 1

#endif
