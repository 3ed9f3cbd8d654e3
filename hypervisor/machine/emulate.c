/* SPDX-License-Identifier: ISC */
/*
 * emulate.c - trap and emulate: a guest that knows nothing of Postern touches ports, memory and registers of a PC, and
 * each time its vCPU exits to here. Where the engine has a chipset, most of this never comes; see engine.h.
 */
#include "machine/internal.h"

#include "gate/futex.h"

#include <postern/abi.h>

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)

/* ---- what the devices ask of the machine ---- */

static bool has_chipset(const struct machine *machine)
{
	return machine->start.start != ENGINE_START_PARAVIRTUAL;
}

void machine_wake_halted(struct machine *machine)
{
	atomic_fetch_add_explicit(&machine->wakes, 1, memory_order_seq_cst);
	futex_wake_all(&machine->wakes);
}

/* Without a chipset there is one vCPU. When it is kicked, it asks for interrupts before it goes on. */
static void interrupt(struct machine *machine)
{
	machine->engine->kick(machine->vcpus[0].engine);
	machine_wake_halted(machine);
}

int machine_acknowledge(void *owner)
{
	struct machine *machine = owner;

	return pic_acknowledge(&machine->board.pic);
}

static void on_interrupt(void *owner, unsigned line, bool level)
{
	struct machine *machine = owner;

	if (has_chipset(machine))
		machine->engine->interrupt_line(machine->vm, line, level);
	else if (pic_line(&machine->board.pic, line, level) && level)
		interrupt(machine);
}

static uint64_t on_now(void *owner)
{
	const struct machine *machine = owner;
	struct timespec time;
	uint64_t now;

	clock_gettime(CLOCK_REALTIME, &time);
	now = (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
	return (now - now % machine->resolution) / SECOND;
}

static void on_escaped(void *owner)
{
	machine_stop(owner, SIGINT);
}

static void on_started(void *owner)
{
	struct machine *machine = owner;

	atomic_fetch_add_explicit(&machine->alive, 1, memory_order_relaxed);
	sem_post(&machine->started);
}

static void on_ended(void *owner)
{
	struct machine *machine = owner;

	atomic_fetch_sub_explicit(&machine->alive, 1, memory_order_release);
	machine_wake(machine);
}

static void on_power_off(void *owner)
{
	machine_end(owner, MACHINE_EXITED, 0);
}

static void on_reset(void *owner)
{
	machine_end(owner, MACHINE_RESET, 0);
}

int machine_create_board(struct machine *machine, const struct machine_config *config,
			 struct message *message)
{
	const struct board_hooks hooks = {
		.interrupt = on_interrupt,
		.now = on_now,
		.escaped = config->input >= 0 && isatty(config->input) ? on_escaped : NULL,
		.started = on_started,
		.ended = on_ended,
		.power_off = on_power_off,
		.reset = on_reset,
	};
	const struct board_config board = {
		.input = config->input,
		.output = config->output,
		.has_chipset = has_chipset(machine),
		.timer_resolution = machine->resolution,
	};
	int error = board_create(&machine->board, &hooks, machine, &board);

	if (error)
		return message_say(message, error, "cannot make the devices: %s", strerror(-error));
	for (unsigned i = 0; i < board_threads(&board); i++) {
		while (sem_wait(&machine->started))
			;
	}
	return 0;
}

/* ---- exits ---- */

/* There is no gate for such a guest. */
static void emulate_hypercall(struct machine_vcpu *vcpu, struct engine_exit *exit)
{
	(void)vcpu;
	exit->hypercall.result = -ENOSYS;
}

static void emulate_port(struct machine_vcpu *vcpu, struct engine_exit *exit)
{
	exit->port.value = (uint32_t)bus_access(&vcpu->machine->board.bus, BUS_PORTS, exit->port.port,
						exit->port.bytes, exit->port.write, exit->port.value);
}

static void emulate_mmio(struct machine_vcpu *vcpu, struct engine_exit *exit)
{
	exit->mmio.value = bus_access(&vcpu->machine->board.bus, BUS_MEMORY, exit->mmio.address,
				      exit->mmio.bytes, exit->mmio.write, exit->mmio.value);
}

static bool has_interrupt(struct machine *machine, unsigned vcpu)
{
	const struct postern_vcpu_page *page =
		(const void *)(machine->memory.base + BOOT_VCPU_PAGES + vcpu * MEMORY_PAGE_SIZE);

	return memory_load_u32(&page->enabled) && pic_is_pending(&machine->board.pic);
}

/* Until there is an interrupt; with interrupts off, for good. */
static void emulate_halt(struct machine_vcpu *vcpu, struct engine_exit *exit)
{
	struct machine *machine = vcpu->machine;

	(void)exit;
	for (;;) {
		const uint32_t wakes = atomic_load_explicit(&machine->wakes, memory_order_seq_cst);

		if (atomic_load_explicit(&machine->stopping, memory_order_seq_cst) ||
		    has_interrupt(machine, vcpu->number))
			return;
		futex_wait(&machine->wakes, wakes, NULL);
	}
}

/* What the registers hold that a guest on an engine without a chipset may ask for. Others read as zero. */
static const struct {
	uint32_t number;
	uint64_t value;
} registers[] = {
	{ 0x1b, 0xfee00100 },          /* IA32_APIC_BASE: this is the first processor, and its APIC is off */
	{ 0x277, 0x0007040600070406 }, /* IA32_PAT, as after reset */
	{ 0xc0000080, 0x501 },         /* EFER: long mode, and SYSCALL */
};

enum { MSR_TSC = 0x10 };

static void emulate_msr(struct machine_vcpu *vcpu, struct engine_exit *exit)
{
	const uint64_t time = gate_monotonic(vcpu->machine->gate);

	if (exit->msr.write)
		return;
	exit->msr.value = exit->msr.number == MSR_TSC ? time - time % vcpu->machine->resolution : 0;
	for (size_t i = 0; i < sizeof registers / sizeof *registers; i++) {
		if (registers[i].number == exit->msr.number)
			exit->msr.value = registers[i].value;
	}
}

/* What it said before it fell is worth reading. */
static void emulate_crash(struct machine_vcpu *vcpu, struct engine_exit *exit)
{
	wire_drain(&vcpu->machine->board.wire);
	machine_serve_crash(vcpu, exit);
}

/* One that it has no entry for is its end. Where the engine has a chipset, it also has exceptions. */
static void emulate_exception(struct machine_vcpu *vcpu, struct engine_exit *exit)
{
	if (vcpu->machine->engine->deliver(vcpu->engine))
		emulate_crash(vcpu, exit);
}

/* clang-format off */
machine_server *const machine_emulate[ENGINE_EXITS] = {
	[ENGINE_EXIT_HYPERCALL] = emulate_hypercall,
	[ENGINE_EXIT_PORT] = emulate_port,
	[ENGINE_EXIT_MMIO] = emulate_mmio,
	[ENGINE_EXIT_HALT] = emulate_halt,
	[ENGINE_EXIT_CPUID] = machine_serve_cpuid,
	[ENGINE_EXIT_MSR] = emulate_msr,
	[ENGINE_EXIT_TSC] = machine_serve_tsc,
	[ENGINE_EXIT_EXCEPTION] = emulate_exception,
	[ENGINE_EXIT_SHUTDOWN] = emulate_crash,
	[ENGINE_EXIT_INTERRUPTED] = machine_serve_interrupted,
};
/* clang-format on */
