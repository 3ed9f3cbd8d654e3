/* SPDX-License-Identifier: ISC */
/*
 * guest.h - the guest SDK: what a C program finds that runs as a guest of Postern, with nothing below it but
 * the contract. It has the program's start and end, text output, memory, vCPUs and locks, events, and
 * exceptions; the calls themselves are in <postern/stubs.h>, rings in <postern/guest_ring.h>.
 *
 *	cc $(pkg-config --cflags postern-guest) hello.c $(pkg-config --libs postern-guest) -o hello
 *
 * What is said to be done by the calling vCPU holds for that vCPU alone. Everything else may be called by
 * all vCPUs at once, also in handlers of events, unless it says otherwise. Results that are errors are
 * negative errnos. A guest may use the x87 and SSE registers, in handlers too; a handler must not use AVX.
 *
 * A program that has its own main() and wants none of this needs only <postern/crossing.h> and the stubs.
 */
#ifndef POSTERN_GUEST_H
#define POSTERN_GUEST_H

#include <postern/abi.h>
#include <postern/errno.h>
#include <postern/guest_note.h>
#include <postern/stubs.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A deadline that never comes. */
#define GUEST_FOREVER UINT64_MAX

/* ---- start and end ---- */

/*
 * The program. vCPU 0 runs it, on a stack of 64 KiB, with events disabled. What it returns is the VM's exit
 * status: its low 8 bits.
 */
#if !__STDC_HOSTED__
int main(void);
#endif

/*
 * What the host told when it started the guest, with zero in fields that it does not know. The guest-physical
 * addresses in it are turned into pointers by guest_pointer().
 */
const struct postern_boot_info *guest_boot(void);

/* The command line, ended by a NUL; never NULL. */
const char *guest_command(void);

/* The pointer to a guest-physical address; the opposite of postern_address(). */
void *guest_pointer(uint64_t address);

/* Ends the VM: its exit status is the low 8 bits of `code`. */
_Noreturn void guest_exit(int code);

/*
 * Ends the VM as crashed, with a message as guest_printf() makes it, at most 511 bytes, and where this was
 * called from. The frame pointers lead the host on from there.
 */
_Noreturn void guest_panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- text ---- */

/* Writes to the console's standard output, all of it, and waits for that. What cannot be written is lost. */
void guest_print(const char *text);

/*
 * The same for bytes, to the stream POSTERN_CONSOLE_STREAM_OUTPUT or _ERROR. Returns 0, or the error of
 * console.write that kept the rest from being written.
 */
int64_t guest_write(uint32_t stream, const void *data, size_t length);

/*
 * Prints as printf(3) does. Conversions: %c %s %d %i %u %x %X %p %%, with flags - and 0, a width and a
 * precision, also as *; and the lengths hh h l ll z j t. Anything else is printed as it stands. Returns
 * the number of bytes. Lines of over 256 bytes may be mixed with those of other vCPUs.
 */
int guest_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Formats into `buffer` of `size` bytes: as much as fits, and always a NUL if size is not 0. Returns how many
 * bytes all of it has, without the NUL.
 */
int guest_snprintf(char *buffer, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
int guest_vsnprintf(char *buffer, size_t size, const char *format, va_list arguments)
	__attribute__((format(printf, 3, 0)));

/* The name of the errno in a result, as "EPERM"; "success" for zero or more, "unknown error" for others. */
const char *guest_error_name(int64_t result);

/* ---- memory ---- */

/*
 * Takes `count` pages of 4096 bytes that follow each other. Their contents are anything. Returns NULL if
 * there are not so many, or for none. Gives pages back: any part of what was taken.
 */
void *guest_pages_alloc(size_t count);
void guest_pages_free(void *pages, size_t count);

/* How many pages are free, in all. */
size_t guest_pages_available(void);

/*
 * The functions of the C standard that compilers or programs expect. Memory of malloc() is aligned to 16
 * bytes. free() panics when given what malloc() did not return.
 */
#if __STDC_HOSTED__
#include <stdlib.h>
#include <string.h>
#else
void *malloc(size_t size) __attribute__((__malloc__, alloc_size(1)));
void *calloc(size_t count, size_t size) __attribute__((__malloc__, alloc_size(1, 2)));
void *realloc(void *memory, size_t size) __attribute__((alloc_size(2)));
void free(void *memory);

void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int byte, size_t length);
int memcmp(const void *left, const void *right, size_t length);
size_t strlen(const char *text);
int strcmp(const char *left, const char *right);
int strncmp(const char *left, const char *right, size_t length);
char *strchr(const char *text, int character);
unsigned long strtoul(const char *restrict text, char **restrict end, int base);
#endif

/* ---- vCPUs ---- */

/* The number of the calling vCPU, which is its handle, too. */
uint32_t guest_vcpu_number(void);

/* The page that the calling vCPU shares with the host. */
struct postern_vcpu_page *guest_vcpu_page(void);

/*
 * Starts vCPU `number` in `function`, with `argument`, events disabled, on a stack of 64 KiB of its own. The
 * vCPU stops when the function returns, and can be started again. Returns 0. Errors: -EBUSY when it runs,
 * -ENOMEM for want of a stack, or those of vcpu.start.
 */
int64_t guest_vcpu_start(uint32_t number, void (*function)(void *argument), void *argument);

/* Stops another vCPU that guest_vcpu_start() started, whatever it does. Returns as vcpu.stop does. */
int64_t guest_vcpu_stop(uint32_t number);

/*
 * A lock. Whoever waits for it spins for a while and then lets others run. While a vCPU holds one, its events
 * are disabled, so a handler may take the same lock. Locks are released in the reverse order. Taking one that
 * the vCPU holds already is a panic.
 */
struct guest_lock {
	uint32_t holder; /* the number of the vCPU that holds it, plus 1; 0: nobody */
	bool events;     /* whether the holder had events enabled before */
};

#define GUEST_LOCK_INIT ((struct guest_lock){ 0, false })

void guest_lock(struct guest_lock *lock);
void guest_unlock(struct guest_lock *lock);

/* ---- events ---- */

/*
 * Makes `handler` handle bit `bit` (0 to 63) of pending, on whichever vCPU it is set; NULL for none, then the
 * bit is only cleared. A handler runs with events disabled, on the stack of what it interrupted, after the
 * bit was cleared. It may call everything, and may enable events.
 */
typedef void guest_event_handler(unsigned bit, void *argument);
void guest_on_event(unsigned bit, guest_event_handler *handler, void *argument);

/*
 * Lets events be delivered to the calling vCPU, or not. Those that are pending are handled before
 * guest_events_enable() returns. The others return whether events were enabled before;
 * guest_events_restore() makes that so again.
 */
void guest_events_enable(void);
bool guest_events_disable(void);
void guest_events_restore(bool enabled);
bool guest_events_enabled(void);

/* Sets and clears bits of the calling vCPU's masked word: events that neither interrupt it nor wake it. */
void guest_events_mask(uint64_t bits);
void guest_events_unmask(uint64_t bits);

/* Clears bits of the calling vCPU's pending word without handling them. Returns those that were set. */
uint64_t guest_events_take(uint64_t bits);

/*
 * Waits until an event is pending that is not masked, or until the deadline, in nanoseconds of the monotonic
 * clock; and handles what is pending then. To be called with events disabled, after a look for other work:
 *
 *	guest_events_disable();
 *	while (!work)
 *		guest_idle(GUEST_FOREVER);
 *	guest_events_enable();
 *
 * Returns 1 if there was an event, 0 if the deadline has passed, or the error of vcpu.halt.
 */
int64_t guest_idle(uint64_t deadline);

/* ---- exceptions, page faults, system calls ---- */

/* What was interrupted. A handler may change it: with what is there in the end the vCPU goes on. */
struct guest_registers {
	uint64_t cause;   /* enum postern_vcpu_cause */
	uint64_t mode;    /* enum postern_vcpu_mode */
	uint64_t vector;  /* of the exception */
	uint64_t error;   /* the processor's error code */
	uint64_t address; /* whose access faulted */
	uint64_t events;  /* not 0: events were enabled, and will be */
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t rip, cs, rflags, rsp, ss;
};

/*
 * Handles what happened to the calling vCPU, with events disabled. Returns whether it did; then the vCPU goes
 * on with the registers as they are now. If not, or without a handler, the guest crashes with a report of it,
 * except that what the handler of page faults or system calls leaves goes to that of exceptions first.
 */
typedef bool guest_entry_handler(struct guest_registers *registers);

/* Sets the handler, for all vCPUs; NULL: none. A system call's numbers and result are in the registers. */
void guest_on_exception(guest_entry_handler *handler);
void guest_on_page_fault(guest_entry_handler *handler);
void guest_on_system_call(guest_entry_handler *handler);

#endif
