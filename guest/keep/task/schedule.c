/* SPDX-License-Identifier: ISC */
/*
 * schedule.c - which task runs on which vCPU. One queue of ready tasks for all, in turn, with slices; a task is preempted
 * only on its way back to the program. A vCPU without work idles in a context of its own, in the host (vcpu.halt).
 *
 * Calls to the host cost more than most stays in the kernel. So they are put off to the moment when a vCPU leaves it
 * (schedule_leave): by then the waker has often gone to sleep itself and run the woken task in its place.
 */
#include "arch/arch.h"
#include "host.h"
#include "mm/space.h"
#include "task/lock.h"
#include "task/task.h"

enum { SLICE = 5000000, EVENT_BIT = 0 };

struct vcpu {
	bool started;
	struct context context; /* in which it looks for work and idles */
	struct task *current;
	struct task *ended;     /* whose stack is to be freed by who runs next */
	postern_handle_t event; /* for whatever it is to notice */
	bool idle;              /* halted, or about to be, and not woken */
	bool woken;             /* from idling, and has not come back yet */
	bool interrupted;       /* was sent an event while it ran, and has not come yet */
	uint64_t halted_until;  /* when it looks at timers by itself, if it is idle; else FOREVER */
	uint64_t armed;         /* when the event's timer fires; FOREVER: never */
};

static struct vcpu vcpus[POSTERN_HANDLE_VCPU_MAX];
static unsigned vcpu_count; /* the highest that has started, plus 1 */
static unsigned woken_count, idle_count;
static struct list ready = { &ready, &ready };
static unsigned ready_count;
static bool affinity_used; /* not every task may run everywhere */

static struct vcpu *own_vcpu(void)
{
	return &vcpus[guest_vcpu_number()];
}

struct task *current_task(void)
{
	return own_vcpu()->current;
}

unsigned schedule_busy(void)
{
	unsigned count = ready_count;

	for (unsigned i = 0; i < vcpu_count; i++)
		count += vcpus[i].current != NULL;
	return count;
}

/* ---- the queue ---- */

static bool may_run(const struct task *task, const struct vcpu *vcpu)
{
	const unsigned number = (unsigned)(vcpu - vcpus);

	return task->affinity[number / 64] >> number % 64 & 1;
}

static void put_ready(struct task *task)
{
	task->state = TASK_READY;
	list_add(&ready, &task->link_ready);
	ready_count++;
}

static struct task *first_ready(const struct vcpu *vcpu)
{
	struct task *task;

	list_for_each(task, &ready, struct task, link_ready)
	{
		if (may_run(task, vcpu))
			return task;
	}
	return NULL;
}

static struct task *take_ready(const struct vcpu *vcpu)
{
	struct task *task = first_ready(vcpu);

	if (task) {
		list_remove(&task->link_ready);
		ready_count--;
	}
	return task;
}

void task_make_ready(struct task *task)
{
	if (task->state == TASK_SLEEPING)
		put_ready(task);
}

void task_wake(struct task *task)
{
	task->woken = true;
	task_make_ready(task);
}

void schedule_set_affinity(struct task *task, const uint64_t vcpus_allowed[VCPU_WORDS])
{
	memcpy(task->affinity, vcpus_allowed, sizeof task->affinity);
	affinity_used = true;
	if (task->state == TASK_RUNNING)
		task_interrupt(task);
}

uint32_t schedule_vcpus(void)
{
	return vcpu_count;
}

/* ---- switching ---- */

static void take_over(struct vcpu *vcpu, struct task *task)
{
	const uint64_t now = clock_monotonic();

	task->state = TASK_RUNNING;
	task->vcpu = (unsigned)(vcpu - vcpus);
	task->began = now;
	task->slice_end = now + SLICE;
	if (task->process->space)
		space_use(task->process->space);
}

/* The first thing in a context that was switched to. */
static void finish_switch(void)
{
	struct vcpu *vcpu = own_vcpu();
	struct task *ended = vcpu->ended;

	vcpu->ended = NULL;
	if (ended)
		task_free(ended);
}

/* To a task, or to the vCPU's own context (NULL). */
static void switch_to(struct task *next)
{
	struct vcpu *vcpu = own_vcpu();
	struct task *previous = vcpu->current;
	struct context *from = previous ? &previous->context : &vcpu->context;

	if (previous)
		previous->ran += clock_monotonic() - previous->began;
	if (previous == next) {
		if (next)
			take_over(vcpu, next);
		return;
	}
	vcpu->current = next;
	if (next)
		take_over(vcpu, next);
	arch_context_switch(from, next ? &next->context : &vcpu->context,
			    next ? next->stack + TASK_STACK_SIZE : NULL);
	finish_switch();
}

void schedule_away(void)
{
	current_task()->switches++;
	switch_to(take_ready(own_vcpu()));
}

void task_yield(void)
{
	struct vcpu *vcpu = own_vcpu();
	struct task *task = vcpu->current;

	if (!first_ready(vcpu))
		return;
	put_ready(task);
	switch_to(take_ready(vcpu));
}

void schedule_if_due(void)
{
	struct vcpu *vcpu = own_vcpu();
	struct task *task = vcpu->current;

	if (!may_run(task, vcpu)) {
		put_ready(task);
		switch_to(take_ready(vcpu));
		return;
	}
	if (!ready_count || clock_monotonic() < task->slice_end)
		return;
	task->preemptions++;
	task_yield();
}

bool task_breathe(void)
{
	kernel_unlock();
	kernel_lock();
	schedule_events();
	schedule_if_due();
	return signal_is_due(current_task());
}

void schedule_end_task(void)
{
	struct vcpu *vcpu = own_vcpu();
	struct task *task = vcpu->current;

	task->state = TASK_ENDED;
	vcpu->ended = task;
	switch_to(take_ready(vcpu));
	guest_panic("a task goes on after its end");
}

static void begin(void *argument)
{
	struct task *task = argument;

	finish_switch();
	if (task->start) {
		task->start(task->argument);
		guest_panic("a task's first function returned");
	}
	entry_leave(task->registers);
	arch_enter_program(task->registers);
}

void task_start(struct task *task)
{
	arch_context_make(&task->context, task->registers, begin, task);
	put_ready(task);
}

/* ---- events ---- */

static void send(const struct vcpu *vcpu)
{
	int64_t error = postern_event_send(vcpu->event);

	if (error)
		guest_panic("the host refuses event.send: %s", guest_error_name(error));
}

/* Makes a vCPU that runs a task enter the kernel soon. */
static void interrupt(struct vcpu *vcpu)
{
	if (vcpu == own_vcpu() || vcpu->interrupted)
		return;
	vcpu->interrupted = true;
	send(vcpu);
}

void schedule_interrupt(unsigned vcpu)
{
	interrupt(&vcpus[vcpu]);
}

void task_interrupt(struct task *task)
{
	if (task->state == TASK_RUNNING)
		interrupt(&vcpus[task->vcpu]);
	else if (task->interruptible)
		task_make_ready(task);
}

void schedule_events(void)
{
	struct vcpu *vcpu = own_vcpu();
	uint64_t now;

	/* First taken, then handled: what comes meanwhile is an event of its own. */
	guest_events_take(UINT64_MAX);
	vcpu->interrupted = false;
	now = clock_monotonic();
	if (vcpu->armed <= now)
		vcpu->armed = FOREVER;
	host_complete();
	timers_run(now);
}

/* ---- leaving ---- */

static void wake_vcpu(struct vcpu *vcpu)
{
	vcpu->idle = false;
	vcpu->woken = true;
	vcpu->halted_until = FOREVER;
	idle_count--;
	woken_count++;
	send(vcpu);
}

/* An idle vCPU for a task, preferably the one that it ran on. */
static struct vcpu *idle_for(const struct task *task)
{
	if (vcpus[task->vcpu].idle && may_run(task, &vcpus[task->vcpu]))
		return &vcpus[task->vcpu];
	for (unsigned i = 0; i < vcpu_count; i++) {
		if (vcpus[i].idle && may_run(task, &vcpus[i]))
			return &vcpus[i];
	}
	return NULL;
}

/* A task that may run on other vCPUs only, and these are busy: they have to find out that their slices end. */
static void interrupt_one_for(const struct task *task)
{
	for (unsigned i = 0; i < vcpu_count; i++) {
		if (vcpus[i].started && may_run(task, &vcpus[i])) {
			interrupt(&vcpus[i]);
			return;
		}
	}
}

/* For each ready task an idle vCPU, except for those that woken ones are on their way to. */
static void wake_others(const struct vcpu *self)
{
	unsigned expected = woken_count;
	struct task *task;

	list_for_each(task, &ready, struct task, link_ready)
	{
		struct vcpu *idle = idle_count ? idle_for(task) : NULL;

		if (!idle_count && !affinity_used)
			return;
		if (expected)
			expected--;
		else if (idle)
			wake_vcpu(idle);
		else if (!may_run(task, self))
			interrupt_one_for(task);
	}
}

static bool others_look_at(uint64_t time, const struct vcpu *self)
{
	for (unsigned i = 0; i < vcpu_count; i++) {
		const struct vcpu *vcpu = &vcpus[i];

		if (vcpu != self && (vcpu->halted_until <= time || vcpu->armed <= time))
			return true;
	}
	return false;
}

static void arm(struct vcpu *vcpu, uint64_t time)
{
	struct postern_timer_set how = POSTERN_INIT(timer_set);
	int64_t error;

	how.clock = POSTERN_CLOCK_ID_MONOTONIC;
	how.deadline = time;
	vcpu->armed = time;
	error = postern_timer_set(vcpu->event, &how);
	if (error)
		guest_panic("the host refuses timer.set: %s", guest_error_name(error));
}

void schedule_leave(void)
{
	struct vcpu *vcpu = own_vcpu();
	uint64_t time = timers_first();

	if (!vcpu->current)
		return;
	if (ready_count)
		wake_others(vcpu);
	if (time != FOREVER && others_look_at(time, vcpu))
		time = FOREVER;
	if (ready_count > woken_count && first_ready(vcpu))
		time = least(time, vcpu->current->slice_end);
	/* One that is armed too early is an event for nothing now and then, and cheaper than setting it each time. */
	if (time < vcpu->armed)
		arm(vcpu, time);
}

/* ---- vCPUs ---- */

static postern_handle_t bind(uint32_t number)
{
	struct postern_event_bind how = POSTERN_INIT(event_bind);
	int64_t event;

	how.vcpu = number;
	how.bit = EVENT_BIT;
	event = postern_event_bind(&how);
	if (event < 0)
		guest_panic("the host refuses event.bind: %s", guest_error_name(event));
	return (postern_handle_t)event;
}

void schedule_start_vcpu(void)
{
	const uint32_t number = guest_vcpu_number();
	struct vcpu *vcpu = &vcpus[number];
	int error;

	vcpu->event = bind(number);
	vcpu->halted_until = vcpu->armed = FOREVER;
	vcpu->started = true;
	vcpu_count = (unsigned)most(vcpu_count, number + 1);
	error = host_start_vcpu(vcpu->event);
	if (error)
		guest_panic("vCPU %u gets no ring: %s", number, guest_error_name(error));
}

static void idle(struct vcpu *vcpu)
{
	const uint64_t first = timers_first();
	const uint64_t until = others_look_at(first, vcpu) ? FOREVER : first;

	vcpu->idle = true;
	vcpu->halted_until = until;
	idle_count++;
	kernel_lock_release();
	(void)postern_vcpu_halt(until);
	kernel_lock();
	if (vcpu->idle)
		idle_count--;
	if (vcpu->woken)
		woken_count--;
	vcpu->idle = vcpu->woken = false;
	vcpu->halted_until = FOREVER;
}

void schedule_run(void)
{
	struct vcpu *vcpu = own_vcpu();

	guest_events_disable();
	kernel_lock();
	for (;;) {
		struct task *task;

		schedule_events();
		task = take_ready(vcpu);
		if (task) {
			switch_to(task);
			continue;
		}
		wake_others(vcpu);
		idle(vcpu);
	}
}
