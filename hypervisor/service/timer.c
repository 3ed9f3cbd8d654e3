/* SPDX-License-Identifier: ISC */
/*
 * timer.c - section timer. Each clock has a heap of timers, the next one first, and a timerfd that is set to
 * that one's time. Whoever changes the first sets the timerfd; the thread only waits for both. The kernel moves
 * a timerfd of an absolute realtime when that clock is set, so the heap needs no care then: it is in the order
 * of deadlines, whatever the time is.
 */
#include "service/timer.h"

#include "gate/ring.h"
#include "service/clock.h"
#include "service/event.h"
#include "service/service.h"

#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define NANOSECONDS UINT64_C(1000000000)
#define NEVER UINT64_MAX

/*
 * ns for which the thread rests after it has sent something. A guest may ask for a period of a microsecond;
 * it is not worth a processor to the host. As much as Linux lets a thread's timers be late by default.
 */
#define REST UINT64_C(50000)

enum { CLOCKS = POSTERN_CLOCK_ID_REALTIME + 1, MOST_TIMERS = POSTERN_HANDLE_EVENT_MAX };

struct queue {
	int fd;          /* the timerfd */
	uint64_t set_to; /* ns: what it is set to; 0: it is not */
	unsigned count;
	struct service_event
		*heap[MOST_TIMERS + 1]; /* from 1 on; none is due before the one at half its place */
};

struct timers {
	pthread_mutex_t mutex; /* protects the queues, and the timers of all events */
	struct queue queues[CLOCKS];
	int wake;      /* an eventfd: the thread is to end */
	sem_t started; /* posted by the thread, which then needs no more than a jail permits */
	pthread_t thread;
	bool has_thread;
};

static struct timers *timers_of(const struct service_event *event)
{
	return event->vcpu->services->timers;
}

/* ---- heaps ---- */

static void put(struct queue *queue, unsigned place, struct service_event *event)
{
	queue->heap[place] = event;
	event->timer.place = place;
}

static uint64_t due_at(const struct queue *queue, unsigned place)
{
	return queue->heap[place]->timer.due;
}

/* Puts an event where the heap has a gap at `place`, or further up or down, where it belongs. */
static void sift(struct queue *queue, unsigned place, struct service_event *event)
{
	const uint64_t due = event->timer.due;

	while (place > 1 && due_at(queue, place / 2) > due) {
		put(queue, place, queue->heap[place / 2]);
		place /= 2;
	}
	while (2 * place <= queue->count) {
		unsigned child = 2 * place;

		if (child < queue->count && due_at(queue, child + 1) < due_at(queue, child))
			child++;
		if (due_at(queue, child) >= due)
			break;
		put(queue, place, queue->heap[child]);
		place = child;
	}
	put(queue, place, event);
}

static void enter(struct queue *queue, struct service_event *event)
{
	queue->count++;
	sift(queue, queue->count, event);
}

static void leave(struct queue *queue, struct service_event *event)
{
	const unsigned place = event->timer.place;
	struct service_event *last;

	if (!place)
		return;
	event->timer.place = 0;
	last = queue->heap[queue->count--];
	if (last != event)
		sift(queue, place, last);
}

/* ---- time ---- */

/* The time of a VM's clock, in ns, as precise as the host's. */
static uint64_t now(const struct services *services, uint32_t clock)
{
	struct timespec time;

	if (clock == POSTERN_CLOCK_ID_MONOTONIC)
		return gate_monotonic(services->gate);
	clock_gettime(CLOCK_REALTIME, &time);
	return (uint64_t)time.tv_sec * NANOSECONDS + (uint64_t)time.tv_nsec;
}

static struct timespec host_time(const struct services *services, uint32_t clock, uint64_t time)
{
	if (clock == POSTERN_CLOCK_ID_MONOTONIC)
		return gate_host_time(services->gate, time);
	return (struct timespec){ .tv_sec = (time_t)(time / NANOSECONDS),
				  .tv_nsec = (long)(time % NANOSECONDS) };
}

static uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? NEVER : sum;
}

/* Sets the timerfd to the first timer of a queue, but not to a time before `earliest`. Locked. */
static void set_clock(const struct services *services, uint32_t clock, uint64_t earliest)
{
	struct queue *queue = &services->timers->queues[clock];
	struct itimerspec time = { 0 };
	uint64_t first = queue->count ? due_at(queue, 1) : 0;

	if (first && first < earliest)
		first = earliest;
	if (first == queue->set_to)
		return;
	queue->set_to = first;
	if (first)
		time.it_value = host_time(services, clock, first);
	timerfd_settime(queue->fd, TFD_TIMER_ABSTIME, &time, NULL);
}

/* ---- timers; all of this is locked ---- */

/* Lets a timer wait for a time in its queue, or for ever. */
static void wait_for(const struct services *services, struct service_event *event, uint64_t time)
{
	struct timer *timer = &event->timer;

	timer->due = clock_round_up(services, time);
	if (timer->due != NEVER)
		enter(&services->timers->queues[timer->clock], event);
}

/*
 * The event's time has come. Its timer goes on to the next multiple of the period that has not passed yet, by
 * the guest's clock: a multiple that the host is past, but not its rounded time, is still to come.
 */
static void fire(const struct services *services, struct service_event *event, uint64_t time)
{
	struct timer *timer = &event->timer;
	const uint64_t shown = time - time % services->config.resolution;
	uint64_t next;

	event_send(event);
	if (!timer->period) {
		timer->armed = false;
		return;
	}
	if (__builtin_mul_overflow((shown - timer->base) / timer->period + 1, timer->period, &next))
		next = NEVER;
	wait_for(services, event, add(timer->base, next));
}

static void disarm(const struct services *services, struct service_event *event)
{
	leave(&services->timers->queues[event->timer.clock], event);
	event->timer.armed = false;
}

static void arm(const struct services *services, struct service_event *event,
		const struct postern_timer_set *how)
{
	const uint64_t resolution = services->config.resolution;
	const bool relative = how->flags & POSTERN_TIMER_FLAGS_RELATIVE;
	struct timer *timer = &event->timer;
	uint64_t time;

	timer->armed = true;
	/* What is elapsed since now has nothing to do with what the clock is set to. */
	timer->clock = relative ? POSTERN_CLOCK_ID_MONOTONIC : how->clock;
	time = now(services, timer->clock);
	timer->base = relative ? add(time, how->deadline) : how->deadline;
	timer->period = how->period && how->period < resolution ? resolution : how->period;
	timer->due = clock_round_up(services, timer->base);
	if (timer->base != NEVER && timer->due <= time)
		fire(services, event, time);
	else
		wait_for(services, event, timer->base);
}

/* Sends the events whose time has come. Returns whether there were any. */
static bool fire_due(const struct services *services, uint32_t clock)
{
	struct queue *queue = &services->timers->queues[clock];
	const uint64_t time = now(services, clock);
	bool any = false;

	while (queue->count && due_at(queue, 1) <= time) {
		struct service_event *event = queue->heap[1];

		leave(queue, event);
		fire(services, event, time);
		any = true;
	}
	return any;
}

/* ---- the thread ---- */

static bool is_stopping(const struct services *services)
{
	return atomic_load_explicit(&services->stopping, memory_order_relaxed);
}

static void serve_clock(const struct services *services, uint32_t clock)
{
	struct timers *timers = services->timers;
	struct queue *queue = &timers->queues[clock];
	uint64_t expirations;

	pthread_mutex_lock(&timers->mutex);
	/* With the lock, so that it is not another setting that is taken for expired. */
	if (read(queue->fd, &expirations, sizeof expirations) == sizeof expirations) {
		const bool any = fire_due(services, clock);

		queue->set_to = 0;
		set_clock(services, clock, any ? add(now(services, clock), REST) : 0);
	}
	pthread_mutex_unlock(&timers->mutex);
}

static void *run(void *argument)
{
	const struct services *services = argument;
	const struct timers *timers = services->timers;
	struct pollfd sources[CLOCKS + 1] = { [CLOCKS] = { .fd = timers->wake, .events = POLLIN } };

	prctl(PR_SET_NAME, "timers");
	sem_post(&services->timers->started);
	for (uint32_t clock = 0; clock < CLOCKS; clock++)
		sources[clock] = (struct pollfd){ .fd = timers->queues[clock].fd, .events = POLLIN };
	while (!is_stopping(services)) {
		poll(sources, CLOCKS + 1, -1);
		for (uint32_t clock = 0; clock < CLOCKS; clock++)
			serve_clock(services, clock);
	}
	return NULL;
}

/* ---- life ---- */

int timers_create(struct services *services)
{
	static const int clocks[CLOCKS] = {
		[POSTERN_CLOCK_ID_MONOTONIC] = CLOCK_MONOTONIC,
		[POSTERN_CLOCK_ID_REALTIME] = CLOCK_REALTIME,
	};
	struct timers *timers = calloc(1, sizeof *timers);
	int error = 0;

	if (!timers)
		return -ENOMEM;
	services->timers = timers;
	pthread_mutex_init(&timers->mutex, NULL);
	sem_init(&timers->started, 0, 0);
	for (unsigned i = 0; i < CLOCKS; i++) {
		timers->queues[i].fd = timerfd_create(clocks[i], TFD_CLOEXEC | TFD_NONBLOCK);
		if (timers->queues[i].fd < 0)
			error = -errno;
	}
	timers->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (timers->wake < 0)
		error = -errno;
	return error;
}

int timers_start(struct services *services)
{
	struct timers *timers = services->timers;
	int error = -pthread_create(&timers->thread, NULL, run, services);

	timers->has_thread = !error;
	while (!error && sem_wait(&timers->started))
		;
	return error;
}

void timers_stop(struct services *services)
{
	const uint64_t one = 1;

	/* It cannot fail: nobody counts to 2^64. */
	(void)!write(services->timers->wake, &one, sizeof one);
}

void timers_join(struct services *services)
{
	struct timers *timers = services->timers;

	if (timers->has_thread)
		pthread_join(timers->thread, NULL);
	timers->has_thread = false;
}

void timers_destroy(struct services *services)
{
	struct timers *timers = services->timers;

	if (!timers)
		return;
	for (unsigned i = 0; i < CLOCKS; i++) {
		if (timers->queues[i].fd >= 0)
			close(timers->queues[i].fd);
	}
	if (timers->wake >= 0)
		close(timers->wake);
	sem_destroy(&timers->started);
	pthread_mutex_destroy(&timers->mutex);
	free(timers);
	services->timers = NULL;
}

/* ---- calls ---- */

/* After a timer was armed or disarmed: its clock may have another first one. */
static void set_clocks(const struct services *services)
{
	for (uint32_t clock = 0; clock < CLOCKS; clock++)
		set_clock(services, clock, 0);
}

static int64_t serve_set(struct gate_frame *frame, struct abi_timer_set *call)
{
	const struct services *services = gate_owner(gate_frame_vm(frame));
	struct service_event *event = call->event;
	struct timers *timers = timers_of(event);

	pthread_mutex_lock(&timers->mutex);
	disarm(services, event);
	/* Another vCPU may be closing the event: then this call came before. */
	if (!event->timer.closed)
		arm(services, event, &call->how);
	set_clocks(services);
	pthread_mutex_unlock(&timers->mutex);
	return 0;
}

static int64_t serve_cancel(struct gate_frame *frame, struct abi_timer_cancel *call)
{
	const struct services *services = gate_owner(gate_frame_vm(frame));
	struct service_event *event = call->event;
	struct timers *timers = timers_of(event);
	bool was_armed;

	pthread_mutex_lock(&timers->mutex);
	was_armed = event->timer.armed;
	disarm(services, event);
	set_clocks(services);
	pthread_mutex_unlock(&timers->mutex);
	return was_armed;
}

int timer_close_event(struct gate_vm *gate, struct service_event *event, postern_handle_t handle)
{
	const struct services *services = gate_owner(gate);
	struct timers *timers = timers_of(event);
	int error;

	/* In one step, so that there are never more armed timers than handles. */
	pthread_mutex_lock(&timers->mutex);
	error = gate_event_close(gate, handle);
	if (!error) {
		disarm(services, event);
		event->timer.closed = true;
		set_clocks(services);
	}
	pthread_mutex_unlock(&timers->mutex);
	return error;
}

void service_timer(struct abi_handlers *handlers)
{
	handlers->timer_set = serve_set;
	handlers->timer_cancel = serve_cancel;
}
