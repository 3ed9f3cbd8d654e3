/* SPDX-License-Identifier: ISC */
/* services.c - the services of a VM: made, started, stopped and taken apart together. */
#include "service/services.h"

#include "gate/ring.h"
#include "service/clock.h"
#include "service/console.h"
#include "service/file.h"
#include "service/service.h"
#include "service/timer.h"
#include "service/vcpu.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* ---- making ---- */

static bool is_valid(const struct services_config *config)
{
	return config->vcpus >= 1 && config->vcpus <= POSTERN_HANDLE_VCPU_MAX &&
	       config->vcpu_pages % MEMORY_PAGE_SIZE == 0;
}

int services_create(struct services *services, const struct services_config *config)
{
	int error;

	memset(services, 0, sizeof *services);
	if (!is_valid(config))
		return -EINVAL;
	services->config = *config;
	if (!services->config.resolution)
		services->config.resolution = SERVICES_RESOLUTION;
	pthread_mutex_init(&services->lifecycle, NULL);
	services->vcpus = calloc(config->vcpus, sizeof *services->vcpus);
	error = services->vcpus ? 0 : -ENOMEM;
	if (!error)
		error = timers_create(services);
	if (!error)
		error = console_create(services);
	if (!error)
		error = files_create(services);
	if (error)
		services_destroy(services);
	return error;
}

void services_destroy(struct services *services)
{
	if (!services->config.vcpus)
		return;
	if (services->gate)
		services_join(services);
	if (services->console)
		console_destroy(services);
	timers_destroy(services);
	files_destroy(services);
	free(services->vcpus);
	pthread_mutex_destroy(&services->lifecycle);
	memset(services, 0, sizeof *services);
}

/* ---- starting ---- */

static void count_pages(struct services *services)
{
	enum { COUNT_AT_ONCE = 4096 };
	const struct guest_memory *memory = gate_memory(services->gate);
	const uint64_t pages = memory->size >> MEMORY_PAGE_SHIFT;
	uint64_t counts[P2M_STATES] = { 0 };
	uint64_t owned;

	for (uint64_t page = 0; page < pages;) {
		const uint64_t run = pages - page < COUNT_AT_ONCE ? pages - page : COUNT_AT_ONCE;

		/* So it is nearly everywhere. */
		if (p2m_run_allows(memory, page, page + run - 1, MEMORY_READ | MEMORY_WRITE)) {
			counts[P2M_OWNED] += run;
			page += run;
			continue;
		}
		counts[p2m_get(memory, (gpa_t){ page << MEMORY_PAGE_SHIFT })]++;
		page++;
	}
	owned = counts[P2M_OWNED] + counts[P2M_SHARED];
	services->total_pages = owned + counts[P2M_RELEASED];
	atomic_store_explicit(&services->owned_pages, owned, memory_order_relaxed);
	if (!services->config.max_owned)
		services->config.max_owned = services->total_pages;
}

static int create_vcpus(struct services *services)
{
	int error = 0;

	for (unsigned i = 0; i < services->config.vcpus && !error; i++)
		error = vcpu_create(services, i);
	services->live_vcpus = 1;
	return error;
}

/* Signals are for the threads of whoever runs the VM. */
static int start_threads(struct services *services)
{
	sigset_t all;
	sigset_t before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = timers_start(services);
	if (!error)
		error = console_start(services);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

int services_start(struct services *services, struct gate_vm *gate)
{
	const struct timespec zero = gate_host_time(gate, 0);
	int error;

	services->gate = gate;
	services->clock_offset = (uint64_t)zero.tv_sec * UINT64_C(1000000000) + (uint64_t)zero.tv_nsec;
	count_pages(services);
	error = create_vcpus(services);
	if (!error)
		error = files_start(services);
	if (error)
		return error;
	clock_start(services);
	return start_threads(services);
}

/* ---- stopping ---- */

void services_stop(struct services *services)
{
	if (atomic_exchange_explicit(&services->stopping, true, memory_order_seq_cst) || !services->gate)
		return;
	gate_stop(services->gate);
	for (unsigned i = 0; i < services->config.vcpus; i++)
		vcpu_alert(&services->vcpus[i]);
	timers_stop(services);
	console_cancel(services, NULL);
	file_queue_cancel(services->files->queue);
}

void services_join(struct services *services)
{
	services_stop(services);
	if (!services->gate)
		return;
	timers_join(services);
	console_join(services);
	file_queue_drain(services->files->queue);
}

void services_terminal_resized(struct services *services)
{
	console_look_again(services);
}

void services_make_terminal_raw(struct services *services)
{
	console_make_terminal_raw(services);
}

void services_restore_terminal(struct services *services)
{
	if (services->console)
		console_restore_terminal(services);
}

/* ---- input and output ---- */

int services_io_descriptor(const struct services *services)
{
	return file_queue_descriptor(services->files->queue);
}

unsigned services_serve_io(struct services *services)
{
	return file_queue_take(services->files->queue);
}

/* ---- for the gate ---- */

void services_cancel(void *owner, struct gate_vcpu *vcpu)
{
	console_cancel(owner, vcpu);
}

static void describe_vcpu(const struct services *services, struct postern_abi_info *info)
{
	info->features = services->config.vcpu_features;
	info->limits[POSTERN_VCPU_LIMIT_VCPUS] = services->config.vcpus;
}

static void describe_memory(const struct services *services, struct postern_abi_info *info)
{
	if (!services->gate)
		return;
	info->limits[POSTERN_MEMORY_LIMIT_OWNED] = services->config.max_owned;
	info->limits[POSTERN_MEMORY_LIMIT_SPACE] = gate_memory(services->gate)->size >> MEMORY_PAGE_SHIFT;
}

static void describe_file(const struct services *services, struct postern_abi_info *info)
{
	info->limits[POSTERN_FILE_LIMIT_MOUNTS] = services->files->mount_count;
}

void services_describe(void *owner, struct postern_abi_info *info)
{
	/* clang-format off */
	static void (*const describe[])(const struct services *services, struct postern_abi_info *info) = {
		[POSTERN_SECTION_MEMORY] = describe_memory,
		[POSTERN_SECTION_VCPU] = describe_vcpu,
		[POSTERN_SECTION_FILE] = describe_file,
	};
	/* clang-format on */

	if (info->section < sizeof describe / sizeof *describe && describe[info->section])
		describe[info->section](owner, info);
}

void service_all(struct abi_handlers *handlers)
{
	service_abi(handlers);
	service_console(handlers);
	service_vm(handlers);
	service_clock(handlers);
	service_entropy(handlers);
	service_memory(handlers);
	service_ring(handlers);
	service_vcpu(handlers);
	service_event(handlers);
	service_timer(handlers);
	service_file(handlers);
}
