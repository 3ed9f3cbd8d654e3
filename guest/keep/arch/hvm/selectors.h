/* SPDX-License-Identifier: ISC */
/* selectors.h - places in the GDT, for C and assembly. They are Linux's, which programs can see and some know. */
#ifndef KEEP_ARCH_HVM_SELECTORS_H
#define KEEP_ARCH_HVM_SELECTORS_H

#define KERNEL_CODE 0x10
#define KERNEL_DATA 0x18
#define USER_DATA 0x2b /* with the requested privilege level of programs, 3 */
#define USER_CODE 0x33
#define TASK_STATE 0x40

/* What SYSCALL and SYSRET count from: the latter takes the code 16 behind it and the data 8. */
#define SYSRET_BASE 0x23

#define EXCEPTIONS 32
#define STUB_SIZE 16

#endif
