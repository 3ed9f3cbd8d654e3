/* SPDX-License-Identifier: ISC */
/* everyone.c - starts all vCPUs; each says who it is, and the first waits for the others. */
#include <postern/guest.h>

POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE),
		   POSTERN_NEED(VCPU, VCPU_START, VCPU_STOP, VCPU_PARK, VCPU_KICK, VCPU_YIELD));

static uint32_t missing;

static void say_hello(void *name)
{
	guest_printf("%s %u is here\n", (const char *)name, guest_vcpu_number());
	__atomic_fetch_sub(&missing, 1, __ATOMIC_SEQ_CST);
	postern_vcpu_kick(0);
}

int main(void)
{
	missing = guest_boot()->vcpus - 1;
	for (uint32_t number = 1; number < guest_boot()->vcpus; number++) {
		int64_t error = guest_vcpu_start(number, say_hello, "vCPU");

		if (error < 0)
			guest_panic("vCPU %u does not start: %s", number, guest_error_name(error));
	}
	while (__atomic_load_n(&missing, __ATOMIC_SEQ_CST))
		postern_vcpu_park(GUEST_FOREVER);
	guest_print("all are here\n");
	return 0;
}
