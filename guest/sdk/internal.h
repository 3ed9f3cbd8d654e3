/* SPDX-License-Identifier: ISC */
/* internal.h - what the parts of libguest share, C and assembly; no program includes it. */
#ifndef GUEST_SDK_INTERNAL_H
#define GUEST_SDK_INTERNAL_H

/*
 * Offsets in struct guest_registers and struct postern_vcpu_page that the assembly needs; asserted in
 * entry.c.
 */
#define GUEST_FRAME_EVENTS 40
#define GUEST_FRAME_GENERAL 48 /* where the general registers begin, r15 first */
#define GUEST_FRAME_RIP 168
#define GUEST_FRAME_CS 176
#define GUEST_FRAME_SS 200
#define GUEST_FRAME_SIZE 208
#define GUEST_FRAME_IRET (GUEST_FRAME_RIP - GUEST_FRAME_GENERAL)
#define GUEST_PAGE_PENDING 0
#define GUEST_PAGE_MASKED 8
#define GUEST_PAGE_ENABLED 16

#define GUEST_PAGE_SIZE 4096
#define GUEST_STACK_PAGES 16
#define GUEST_ENTRY_STACK_PAGES 4

#ifndef __ASSEMBLER__

#include <postern/guest.h>

#define HIDDEN __attribute__((visibility("hidden")))

/* entry.S: the entry for whatever interrupts a vCPU, and the way back from it. */
HIDDEN void guest_entry(void);
extern const char guest_return_begin[] HIDDEN, guest_return_iret[] HIDDEN, guest_return_end[] HIDDEN;

/* start.S */
HIDDEN void guest_vcpu_entry(void);
extern char guest_entry_stack_end[] HIDDEN; /* vCPU 0's */

/* entry.c, for entry.S */
HIDDEN struct guest_registers *guest_take_state(struct guest_registers *registers);
HIDDEN void guest_dispatch(struct guest_registers *registers);

/* event.c: handles what is pending and not masked. Events are disabled. */
HIDDEN void guest_events_handle(void);

/* start.c and vcpu.c, for start.S. */
HIDDEN void guest_relocate(uint64_t base, const void *dynamic);
HIDDEN _Noreturn void guest_start(const struct postern_boot_info *boot);
struct guest_vcpu_task;
HIDDEN _Noreturn void guest_vcpu_run(struct guest_vcpu_task *task);

/* vcpu.c: tells the host of the entries. A VM that may not is one that takes no events. */
HIDDEN void guest_vcpu_set_callbacks(void);
/* The page of any vCPU. */
HIDDEN struct postern_vcpu_page *guest_vcpu_page_of(uint32_t number);

/* crash.c: reports a crash, and ends the VM whatever becomes of that. */
HIDDEN _Noreturn void guest_crash(const struct postern_vm_crash *report, const char *message);

/* print.c: what formats; put() gets the text piece by piece. Returns how many bytes there were. */
HIDDEN int guest_format(void (*put)(void *to, const char *text, size_t length), void *to, const char *format,
			va_list arguments) __attribute__((format(printf, 3, 0)));

#endif
#endif
