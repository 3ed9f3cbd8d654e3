/* SPDX-License-Identifier: ISC */
/* crash.c - the ends that a guest can come to, good and bad. */
#include "internal.h"

enum { STATUS_OF_A_CRASH = 134 }; /* where even the report of it fails */

void guest_exit(int code)
{
	for (;;)
		(void)postern_vm_exit((uint32_t)code & 255);
}

void guest_crash(const struct postern_vm_crash *report, const char *message)
{
	(void)guest_events_disable();
	(void)postern_vm_crash(report, message, (uint32_t)strlen(message));
	guest_exit(STATUS_OF_A_CRASH);
}

void guest_panic(const char *format, ...)
{
	struct postern_vm_crash report = POSTERN_INIT(vm_crash);
	char message[512];
	va_list arguments;

	(void)guest_events_disable();
	va_start(arguments, format);
	guest_vsnprintf(message, sizeof message, format, arguments);
	va_end(arguments);
	report.cause = POSTERN_VM_CRASH_CAUSE_PANIC;
	report.frame = (uint64_t)__builtin_frame_address(0);
	__asm__("leaq 0(%%rip), %0" : "=r"(report.instruction));
	__asm__("movq %%rsp, %0" : "=r"(report.stack));
	guest_crash(&report, message);
}
