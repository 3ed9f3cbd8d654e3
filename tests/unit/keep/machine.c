/* SPDX-License-Identifier: ISC */
/* machine.c - memory, vCPUs and the host's calls. */
#include "machine.h"

#include "fs/file.h"
#include "host.h"
#include "mm/space.h"
#include "options.h"
#include "task/task.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { FAILED = 99, PANICKED = 98, ENDED = 97, UNTIL_PANIC = -1, MOST_VCPUS = 8, TICK = 50 };

/* ---- the end ---- */

/* Shared with the process that waits: how it ended. */
static struct {
	int status;
	char message[512];
} * ending;

static _Noreturn void end(int code, const char *format, va_list arguments)
{
	vsnprintf(ending->message, sizeof ending->message, format, arguments);
	_exit(code);
}

void machine_fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	end(FAILED, format, arguments);
}

void guest_panic(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	end(PANICKED, format, arguments);
}

void (*machine_check_at_end)(void);

void keep_process_ended(struct process *process)
{
	ending->status = process->status;
	if (machine_check_at_end)
		machine_check_at_end();
	_exit(ENDED);
}

/* ---- keep's allocator: the host's, so that its sanitizer sees every block ---- */

void *keep_malloc(size_t size);
void *keep_calloc(size_t count, size_t size);
void *keep_realloc(void *memory, size_t size);
void keep_free(void *memory);

long machine_mallocs = -1;
static size_t blocks;

size_t machine_blocks(void)
{
	return blocks;
}

static bool may_allocate(void)
{
	if (machine_mallocs == 0)
		return false;
	machine_mallocs -= machine_mallocs > 0;
	return true;
}

void *keep_malloc(size_t size)
{
	void *memory = may_allocate() ? malloc(size ? size : 1) : NULL;

	blocks += memory != NULL;
	return memory;
}

void *keep_calloc(size_t count, size_t size)
{
	void *memory = may_allocate() ? calloc(count, size) : NULL;

	blocks += memory != NULL;
	return memory;
}

void *keep_realloc(void *memory, size_t size)
{
	void *moved = may_allocate() ? realloc(memory, size) : NULL;

	blocks += moved && !memory;
	return moved;
}

void keep_free(void *memory)
{
	blocks -= memory != NULL;
	free(memory);
}

/* ---- the SDK ---- */

uint64_t postern_address(const void *pointer)
{
	return (uint64_t)pointer;
}

void *guest_pointer(uint64_t address)
{
	return (void *)address;
}

static uint32_t current;
static struct {
	bool started, halted, has_event;
	uint64_t until, armed;
} vcpus[MOST_VCPUS];
static uint32_t vcpu_count;
static struct postern_boot_info boot;

const struct postern_boot_info *guest_boot(void)
{
	return &boot;
}

uint32_t guest_vcpu_number(void)
{
	return current;
}

void guest_lock(struct guest_lock *lock)
{
	CHECK(!lock->holder);
	lock->holder = current + 1;
}

void guest_unlock(struct guest_lock *lock)
{
	CHECK(lock->holder == current + 1);
	lock->holder = 0;
}

bool guest_events_disable(void)
{
	return false;
}

uint64_t guest_events_take(uint64_t bits)
{
	const bool had = machine_has_event();

	(void)bits;
	vcpus[current].has_event = false;
	return had;
}

/* ---- vCPUs ---- */

uint64_t machine_time = UINT64_C(1000000000);
uint64_t machine_events_sent;
void (*machine_deadlock)(void);
static uint64_t order_seed;

static void fire_timers(void)
{
	for (uint32_t i = 0; i < vcpu_count; i++) {
		if (vcpus[i].armed <= machine_time) {
			vcpus[i].armed = FOREVER;
			vcpus[i].has_event = true;
		}
	}
}

bool machine_has_event(void)
{
	fire_timers();
	return vcpus[current].has_event;
}

static bool can_run(uint32_t number)
{
	return vcpus[number].started &&
	       (!vcpus[number].halted || vcpus[number].has_event || vcpus[number].until <= machine_time);
}

static uint32_t random_below(uint32_t end)
{
	order_seed = order_seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(order_seed >> 33) % end;
}

/* One that can run, from a place on that chance decides; vcpu_count: nobody. */
static uint32_t choose(void)
{
	const uint32_t first = random_below(vcpu_count);

	for (uint32_t i = 0; i < vcpu_count; i++) {
		if (can_run((first + i) % vcpu_count))
			return (first + i) % vcpu_count;
	}
	return vcpu_count;
}

static void pass_time(void)
{
	uint64_t next = FOREVER;

	for (uint32_t i = 0; i < vcpu_count; i++)
		next = least(next, least(vcpus[i].armed, vcpus[i].started ? vcpus[i].until : FOREVER));
	if (next == FOREVER && machine_deadlock)
		machine_deadlock();
	else if (next == FOREVER)
		machine_fail("all vCPUs wait for ever");
	else
		machine_time = most(machine_time, next);
	fire_timers();
}

void machine_let_others_run(void)
{
	const uint32_t self = current;
	uint32_t next;

	fire_timers();
	while ((next = choose()) == vcpu_count)
		pass_time();
	if (next == self)
		return;
	current = next;
	processor_switch_vcpu(self, next);
}

static int64_t halt(uint64_t deadline)
{
	bool had_event;

	fire_timers();
	vcpus[current].until = deadline;
	vcpus[current].halted = true;
	while (!can_run(current))
		machine_let_others_run();
	had_event = vcpus[current].has_event;
	vcpus[current].halted = false;
	vcpus[current].until = FOREVER;
	return had_event;
}

/* ---- the host ---- */

char machine_output[65536];
size_t machine_output_length;
int64_t (*machine_host_call)(const struct postern_ring_entry *entry);
int64_t (*machine_hypercall)(uint64_t number, const uint64_t argument[6]);
static struct host_work *reading;
static struct postern_ring_entry reading_entry;
static char typed[4096];
static bool has_typed;

static int64_t write_console(const char *data, uint64_t length)
{
	const size_t part = least(length, sizeof machine_output - machine_output_length);

	memcpy(machine_output + machine_output_length, data, part);
	machine_output_length += part;
	return (int64_t)length;
}

static int64_t read_clock(uint64_t clock, struct postern_clock_info *info)
{
	machine_time += TICK;
	info->nanoseconds = machine_time;
	if (clock == POSTERN_CLOCK_ID_REALTIME)
		info->nanoseconds += UINT64_C(1700000000000000000);
	info->resolution = 1;
	return 0;
}

static int64_t read_entropy(uint8_t *data, uint64_t length)
{
	for (uint64_t i = 0; i < length; i++)
		data[i] = (uint8_t)random_below(256);
	return (int64_t)length;
}

static int64_t set_timer(uint64_t event, const struct postern_timer_set *how)
{
	CHECK(event < vcpu_count && how->clock == POSTERN_CLOCK_ID_MONOTONIC);
	vcpus[event].armed = how->deadline;
	return 0;
}

static int64_t send_event(uint64_t event)
{
	CHECK(event < vcpu_count);
	machine_events_sent++;
	vcpus[event].has_event = true;
	return 0;
}

int64_t postern_hypercall(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
			  uint64_t a5)
{
	const uint64_t argument[] = { a0, a1, a2, a3, a4, a5 };

	switch (number) {
	case POSTERN_CALL_CONSOLE_WRITE:
		return write_console((const char *)a1, a2);
	case POSTERN_CALL_CLOCK_READ:
		return read_clock(a0, (struct postern_clock_info *)a1);
	case POSTERN_CALL_ENTROPY_READ:
		return read_entropy((uint8_t *)a0, a1);
	case POSTERN_CALL_VCPU_HALT:
		return halt(a0);
	case POSTERN_CALL_EVENT_BIND:
		return ((const struct postern_event_bind *)a0)->vcpu;
	case POSTERN_CALL_EVENT_SEND:
		return send_event(a0);
	case POSTERN_CALL_TIMER_SET:
		return set_timer(a0, (const struct postern_timer_set *)a1);
	case POSTERN_CALL_VCPU_YIELD:
		machine_fail("a vCPU waits for the kernel's lock");
	default:
		return machine_hypercall ? machine_hypercall(number, argument) : -EPERM;
	}
}

int host_start_vcpu(postern_handle_t event)
{
	(void)event;
	return 0;
}

void host_complete(void)
{
}

int64_t host_call(const struct postern_ring_entry *entry)
{
	if (entry->call == POSTERN_CALL_CONSOLE_WRITE)
		return write_console((const char *)entry->args[1], entry->args[2]);
	return machine_host_call ? machine_host_call(entry) : -ENOSYS;
}

static void answer_reading(void)
{
	struct host_work *work = reading;
	const size_t length = least(strlen(typed), reading_entry.args[1]);

	if (!reading || !has_typed)
		return;
	memcpy((char *)reading_entry.args[0], typed, length);
	reading = NULL;
	has_typed = false;
	work->done(work, (int64_t)length);
}

int host_start(struct host_work *work, const struct postern_ring_entry *entry)
{
	CHECK(entry->call == POSTERN_CALL_CONSOLE_READ && !reading);
	reading = work;
	reading_entry = *entry;
	answer_reading();
	return 0;
}

void machine_type(const char *text)
{
	CHECK(!has_typed && strlen(text) < sizeof typed);
	strcpy(typed, text);
	has_typed = true;
	answer_reading();
}

/* ---- a case ---- */

static enum machine_mode mode;
static void (*function)(void);

static void run_function(void *unused)
{
	(void)unused;
	function();
}

static void first_task(void *unused)
{
	static const struct keep_options options = { .directory = "/" };
	int error;

	(void)unused;
	current_process()->space = space_create();
	CHECK(current_process()->space);
	space_use(current_process()->space);
	error = file_systems_start(&options);
	if (error)
		machine_fail("file systems do not start: %d", error);
	if (mode == IN_KERNEL) {
		function();
		_exit(0);
	}
	program_set(current_task()->registers, run_function, NULL);
	kernel_unlock();
	program_enter(current_task()->registers);
}

static void start_vcpu(void)
{
	arch_start_vcpu();
	kernel_lock();
	schedule_start_vcpu();
	if (current == 0 && !process_create(first_task, NULL))
		machine_fail("there is no first task");
	kernel_unlock();
	schedule_run();
}

static void hand_over_memory(size_t pages)
{
	/* Neither aligned to a large block nor to end with one. */
	const size_t size = (pages + 1024) * PAGE_SIZE;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	memory = (char *)(((uint64_t)memory + (1 << 21)) & ~(uint64_t)((1 << 21) - 1)) + 5 * PAGE_SIZE;
	guest_pages_free(memory, pages);
}

/* cmocka's handlers would go on with the next case, in here. */
static void die_of_signals(void)
{
	static const int numbers[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS };

	for (size_t i = 0; i < COUNT_OF(numbers); i++)
		signal(numbers[i], SIG_DFL);
}

static _Noreturn void run(const struct machine *machine)
{
	die_of_signals();
	vcpu_count = machine->vcpus ? machine->vcpus : 1;
	CHECK(vcpu_count <= MOST_VCPUS);
	boot = (struct postern_boot_info){ .vcpus = vcpu_count };
	order_seed = machine->seed;
	hand_over_memory(machine->pages ? machine->pages : 4096);
	for (uint32_t i = 0; i < vcpu_count; i++) {
		vcpus[i].started = true;
		vcpus[i].until = vcpus[i].armed = FOREVER;
		if (i)
			processor_make_vcpu(i, start_vcpu);
	}
	processor_begin(start_vcpu);
	machine_fail("vCPU 0 has ended");
}

static int wait_for(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFEXITED(status) || WEXITSTATUS(status) == FAILED || WEXITSTATUS(status) == 1)
		fail_msg("%s (status %#x)", ending->message, (unsigned)status);
	return WEXITSTATUS(status);
}

static void run_case(const struct machine *machine, enum machine_mode how, void (*what)(void), int until)
{
	pid_t child;
	int code;

	ending = mmap(NULL, sizeof *ending, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(ending != MAP_FAILED);
	mode = how;
	function = what;
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (!child)
		run(machine);
	code = wait_for(child);
	if (code == PANICKED && until != UNTIL_PANIC)
		fail_msg("keep panics: %s", ending->message);
	if (until == UNTIL_PANIC)
		assert_int_equal(code, PANICKED);
	else if (how == IN_PROGRAM || code == ENDED)
		assert_int_equal(ending->status, until);
	munmap(ending, sizeof *ending);
}

void machine_run(const struct machine *machine, enum machine_mode how, void (*what)(void))
{
	run_case(machine, how, what, 0);
}

void machine_run_until(const struct machine *machine, enum machine_mode how, void (*what)(void), int status)
{
	run_case(machine, how, what, status);
}
