/* SPDX-License-Identifier: ISC */
/* offsets.h - of struct registers, struct context and the vCPU page, for the assembly; asserted in arch.c. */
#ifndef KEEP_ARCH_OFFSETS_H
#define KEEP_ARCH_OFFSETS_H

#define REGISTERS_GS_BASE 40
#define REGISTERS_GENERAL 48 /* where the general registers begin, r15 first */
#define REGISTERS_RIP 168
#define REGISTERS_CS 176
#define REGISTERS_FLAGS 184
#define REGISTERS_RSP 192
#define REGISTERS_SS 200
#define REGISTERS_SIZE 208
#define REGISTERS_IRET (REGISTERS_RIP - REGISTERS_GENERAL)

#define CONTEXT_RSP 0

#define PAGE_PENDING 0
#define PAGE_MASKED 8
#define PAGE_ENABLED 16
#define PAGE_ENTRY_STACK 24

#endif
