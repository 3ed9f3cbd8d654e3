/* SPDX-License-Identifier: ISC */
/* machine.c - makes a VM from its parts, in the order in which they need each other, and takes it apart again. */
#include "machine/internal.h"

#include "jail/jail.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* ---- signals ---- */

/*
 * Those that end a VM, and that its terminal has another size. What whoever started us has ignored, as nohup(1) does,
 * stays ignored.
 */
static sigset_t watched_signals(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		struct sigaction action;

		if (!sigaction(numbers[i], NULL, &action) && action.sa_handler != SIG_IGN)
			sigaddset(&set, numbers[i]);
	}
	return set;
}

/* Before any thread is made: they inherit what is blocked. */
static int take_signals(struct machine *machine)
{
	sigset_t set = watched_signals();
	int error = -pthread_sigmask(SIG_BLOCK, &set, &machine->old_mask);

	if (error)
		return error;
	machine->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (machine->signals >= 0)
		return 0;
	error = -errno;
	pthread_sigmask(SIG_SETMASK, &machine->old_mask, NULL);
	return error;
}

static void give_signals_back(struct machine *machine)
{
	if (machine->signals < 0)
		return;
	close(machine->signals);
	pthread_sigmask(SIG_SETMASK, &machine->old_mask, NULL);
}

/* ---- parts ---- */

/* Each part is made by one of these. They say what was tried; machine_create() adds why it failed. */

static int create_memory(struct machine *machine, const struct machine_config *config,
			 struct message *message)
{
	int error = memory_create(&machine->memory, config->memory);

	return error ? message_say(message, error, "cannot get memory of %llu MiB: %s",
				   (unsigned long long)(config->memory >> 20), strerror(-error))
		     : 0;
}

/* For a guest that is built for Postern. */
static int load_guest(struct machine *machine, const struct machine_config *config, uint64_t *vcpu_pages,
		      struct message *message)
{
	const struct boot_config boot = {
		.memory = &machine->memory,
		.image = &machine->image,
		.command = config->command,
		.module = config->module,
		.module_size = config->module_size,
		.mapper = config->engine->mapper,
		.page_table = config->engine->page_table,
		.engine = config->engine->name,
		.vcpus = config->vcpus,
		.minor = config->level,
	};
	int error = image_check_needs(&machine->image, machine_offer, machine, message);

	return error ? error : boot_lay_out(&boot, vcpu_pages, message);
}

static int load_kernel(struct machine *machine, const struct machine_config *config, uint64_t *vcpu_pages,
		       struct message *message)
{
	const struct kernel_config kernel = {
		.memory = &machine->memory,
		.command = config->command,
		.initrd = config->module,
		.initrd_size = config->module_size,
		.vcpus = config->vcpus,
		.is_hardware = config->engine->has_tables,
	};
	int error = kernel_load(&machine->kernel, &machine->image, &kernel, &machine->start, message);

	if (!error && machine->start.start == ENGINE_START_PARAVIRTUAL)
		boot_lay_out_vcpus(&machine->memory, config->vcpus, vcpu_pages);
	return error;
}

static int load(struct machine *machine, const struct machine_config *config, uint64_t *vcpu_pages,
		struct message *message)
{
	if (config->unmodified)
		return load_kernel(machine, config, vcpu_pages, message);
	boot_state(&machine->image, &machine->start.state);
	return load_guest(machine, config, vcpu_pages, message);
}

static int create_engine(struct machine *machine, const struct machine_config *config,
			 const uint64_t *vcpu_pages, struct message *message)
{
	struct engine_cpuid leaves[MACHINE_CPUID_LEAVES];
	const struct engine_config engine = {
		.memory = &machine->memory,
		.vcpus = config->vcpus,
		.vcpu_pages = vcpu_pages,
		.trap_tsc = machine->resolution > 1,
		.start = machine->start.start,
		.page_tables = machine->start.page_tables,
		.chipset = machine->start.start != ENGINE_START_PARAVIRTUAL,
		.acknowledge = config->unmodified ? machine_acknowledge : NULL,
		.owner = machine,
		.cpuid = leaves,
		/* A guest that knows nothing of us may know of the engine's own, and use what that offers. */
		.cpuid_count = config->unmodified ? 0 : MACHINE_CPUID_LEAVES,
	};
	int error;

	machine_cpuid_leaves(machine, leaves);
	error = config->engine->create(&engine, &machine->vm);
	machine->engine = config->engine;
	if (!error)
		error = config->engine->set_state(config->engine->vcpu(machine->vm, 0),
						  &machine->start.state);
	return error ? message_say(message, error, "engine %s: cannot make the VM: %s", config->engine->name,
				   strerror(-error))
		     : 0;
}

static void on_poller_started(void *owner)
{
	sem_post(&((struct machine *)owner)->started);
}

static void on_poller_ended(void *owner)
{
	struct machine *machine = owner;

	atomic_fetch_sub_explicit(&machine->alive, 1, memory_order_release);
	machine_wake(machine);
}

static unsigned serve_io(void *owner)
{
	return services_serve_io(owner);
}

static int create_threads(struct machine *machine, const struct machine_config *config,
			  struct message *message)
{
	const struct poller_source source = { services_io_descriptor(&machine->services), serve_io,
					      &machine->services };
	int error = services_start(&machine->services, machine->gate);

	if (error)
		return message_say(message, error, "cannot start the services: %s", strerror(-error));
	atomic_fetch_add_explicit(&machine->alive, 1, memory_order_relaxed);
	error = poller_create(&machine->poller, machine->gate, &source, on_poller_started, on_poller_ended,
			      machine);
	if (error) {
		atomic_fetch_sub_explicit(&machine->alive, 1, memory_order_relaxed);
		return message_say(message, error, "cannot start a thread: %s", strerror(-error));
	}
	while (sem_wait(&machine->started))
		;
	error = config->unmodified ? machine_create_board(machine, config, message) : 0;
	if (error)
		return error;
	error = machine_vcpus_create(machine);
	return error ? message_say(message, error, "cannot start a thread: %s", strerror(-error)) : 0;
}

static int settle_engine(struct machine *machine, const struct machine_config *config,
			 struct message *message)
{
	int error = machine->engine->settle ? machine->engine->settle(machine->vm) : 0;

	return error ? message_say(message, error, "engine %s: cannot make the VM: %s", config->engine->name,
				   strerror(-error))
		     : 0;
}

static int create_jail(struct machine *machine, const struct machine_config *config, struct message *message)
{
	struct jail_tree trees[SERVICE_MOUNTS_MAX];
	char reason[256];
	int error;

	machine->files = config->mount_count ? JAIL_READ_FILES : JAIL_NO_FILES;
	for (unsigned i = 0; i < config->mount_count; i++) {
		trees[i] = (struct jail_tree){ config->mounts[i].fd, config->mounts[i].read_only };
		if (!config->mounts[i].read_only)
			machine->files = JAIL_WRITE_FILES;
	}
	error = machine->jail ? jail_files(trees, config->mount_count, reason, sizeof reason) : 0;
	return error ? message_say(message, error, "cannot give up rights: %s", reason) : 0;
}

/* ---- the whole ---- */

static struct machine *allocate(const struct machine_config *config)
{
	struct machine *machine = calloc(1, sizeof *machine);

	if (!machine)
		return NULL;
	machine->times.begin = machine_now();
	machine->vcpu_count = config->vcpus;
	machine->timeout = config->timeout;
	machine->resolution = config->resolution ? config->resolution : SERVICES_RESOLUTION;
	machine->jail = config->jail;
	machine->ports = config->ports;
	machine->serve = config->unmodified ? machine_emulate : machine_serve;
	machine->memory.fd = -1;
	machine->signals = -1;
	machine->events = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (machine->events < 0) {
		free(machine);
		return NULL;
	}
	sem_init(&machine->started, 0, 0);
	return machine;
}

static int build(struct machine *machine, const struct machine_config *config, struct message *message)
{
	uint64_t vcpu_pages[ENGINE_MAX_VCPUS];
	int error = config->signals ? take_signals(machine) : 0;

	if (error)
		return message_say(message, error, "cannot watch for signals: %s", strerror(-error));
	error = create_memory(machine, config, message);
	machine_step_ended(machine, MACHINE_STEP_MEMORY);
	if (!error)
		error = machine_create_gate(machine, config, message);
	machine_step_ended(machine, MACHINE_STEP_GATE);
	if (!error)
		error = load(machine, config, vcpu_pages, message);
	machine_step_ended(machine, MACHINE_STEP_LOAD);
	/* Threads are within from their start on; the engine's, too, unless it needs what is given up. */
	if (!error && !config->engine->needs_files)
		error = create_jail(machine, config, message);
	if (!error)
		error = create_engine(machine, config, vcpu_pages, message);
	if (!error && config->engine->needs_files)
		error = create_jail(machine, config, message);
	machine_step_ended(machine, MACHINE_STEP_ENGINE);
	if (!error)
		error = create_threads(machine, config, message);
	if (!error)
		error = settle_engine(machine, config, message);
	machine_step_ended(machine, MACHINE_STEP_THREADS);
	return error;
}

static int open_image(struct machine *machine, const struct machine_config *config, struct message *message)
{
	int error;

	if (config->unmodified)
		return kernel_open(&machine->kernel, &machine->image, config->image, config->image_size,
				   message);
	error = image_open(&machine->image, config->image, config->image_size, message);
	machine->image.file_stays = config->image_stays;
	return error;
}

int machine_create(const struct machine_config *config, struct machine **result, struct message *message)
{
	struct machine *machine = NULL;
	int error = 0;

	*result = NULL;
	if (config->vcpus < 1 || config->vcpus > ENGINE_MAX_VCPUS)
		error = message_say(message, -EINVAL, "%u vCPUs, where 1 to %d are possible", config->vcpus,
				    ENGINE_MAX_VCPUS);
	if (config->mount_count > SERVICE_MOUNTS_MAX)
		error = message_say(message, -EINVAL, "%u mounts, where %d are possible", config->mount_count,
				    SERVICE_MOUNTS_MAX);
	if (!error) {
		machine = allocate(config);
		error = machine ? 0 : message_say(message, -ENOMEM, "%s", strerror(ENOMEM));
	}
	if (!error)
		error = open_image(machine, config, message);
	if (error) {
		if (!config->image_stays)
			free(config->image);
		machine_destroy(machine);
		return error;
	}
	machine_step_ended(machine, MACHINE_STEP_IMAGE);
	error = build(machine, config, message);
	if (error) {
		machine_destroy(machine);
		return error;
	}
	*result = machine;
	return 0;
}

/* Threads are gone when this returns, or soon after: nothing waits for anything but itself any more. */
void machine_quit(struct machine *machine)
{
	atomic_store_explicit(&machine->stopping, true, memory_order_seq_cst);
	if (machine->gate)
		services_stop(&machine->services);
	board_stop(&machine->board);
	machine_vcpus_interrupt(machine);
	poller_stop(&machine->poller);
}

void machine_destroy(struct machine *machine)
{
	if (!machine)
		return;
	machine_quit(machine);
	machine_vcpus_join(machine);
	poller_destroy(&machine->poller);
	board_destroy(&machine->board);
	if (machine->gate)
		services_join(&machine->services);
	if (machine->vm)
		machine->engine->destroy(machine->vm);
	gate_destroy(machine->gate);
	services_destroy(&machine->services);
	memory_destroy(&machine->memory);
	image_close(&machine->image);
	give_signals_back(machine);
	sem_destroy(&machine->started);
	close(machine->events);
	free(machine);
}

void machine_exits(const struct machine *machine, uint64_t counts[ENGINE_EXITS])
{
	memset(counts, 0, ENGINE_EXITS * sizeof *counts);
	for (unsigned i = 0; i < machine->vcpu_count; i++) {
		for (unsigned kind = 0; kind < ENGINE_EXITS; kind++)
			counts[kind] +=
				atomic_load_explicit(&machine->vcpus[i].exits[kind], memory_order_relaxed);
	}
}

const char *machine_exit_name(enum engine_exit_kind kind)
{
	static const char *const names[ENGINE_EXITS] = {
		[ENGINE_EXIT_HYPERCALL] = "hypercall",
		[ENGINE_EXIT_PORT] = "port",
		[ENGINE_EXIT_MMIO] = "mmio",
		[ENGINE_EXIT_HALT] = "halt",
		[ENGINE_EXIT_CPUID] = "cpuid",
		[ENGINE_EXIT_MSR] = "msr",
		[ENGINE_EXIT_TSC] = "tsc",
		[ENGINE_EXIT_EXCEPTION] = "exception",
		[ENGINE_EXIT_SHUTDOWN] = "shutdown",
		[ENGINE_EXIT_INTERRUPTED] = "interrupted",
	};

	return names[kind];
}

const char *machine_device(const struct machine *machine, unsigned number, struct bus_count *count)
{
	return machine->kernel.kind == KERNEL_NONE ? NULL : board_count(&machine->board, number, count);
}

struct gate_vm *machine_gate(struct machine *machine)
{
	return machine->gate;
}

int64_t machine_resident(const struct machine *machine)
{
	return memory_resident(&machine->memory);
}
