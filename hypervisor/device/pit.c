/* SPDX-License-Identifier: ISC */
/*
 * pit.c - an 8254, as Intel's data sheet has it, but for BCD and gates. Nothing counts: what a counter is at follows
 * from the time since it was started.
 */
#include "device/pit.h"

#include <sys/prctl.h>
#include <time.h>

#define SECOND UINT64_C(1000000000)

enum { CONTROL = 3, LATCH = 0, LOW = 1, HIGH = 2, BOTH = 3, READ_BACK = 3, MOST = 0x10000 };
enum { MODE_RATE = 2, MODE_SQUARE = 3 };

/* ---- time ---- */

static uint64_t now(const struct pit *pit)
{
	struct timespec time;
	uint64_t result;

	clock_gettime(CLOCK_MONOTONIC, &time);
	result = (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
	return result - result % pit->resolution;
}

static uint64_t round_up(const struct pit *pit, uint64_t time)
{
	return (time + pit->resolution - 1) / pit->resolution * pit->resolution;
}

static bool is_periodic(const struct pit_channel *channel)
{
	return channel->mode == MODE_RATE || channel->mode == MODE_SQUARE;
}

static uint64_t period(const struct pit_channel *channel)
{
	const uint64_t time = channel->count * SECOND / PIT_HZ;

	return time < PIT_LEAST_PERIOD ? PIT_LEAST_PERIOD : time;
}

static uint16_t count_of(const struct pit *pit, const struct pit_channel *channel)
{
	const uint64_t ticks = (uint64_t)((unsigned __int128)(now(pit) - channel->start) * PIT_HZ / SECOND);

	if (!channel->count)
		return 0;
	if (is_periodic(channel))
		return (uint16_t)(channel->count - ticks % channel->count);
	return (uint16_t)(channel->count - ticks); /* and on below zero */
}

/* ---- the thread ---- */

/* The one after this, of the same beat: those that were missed are not made up for. */
static void plan_next(struct pit *pit)
{
	const struct pit_channel *channel = &pit->channels[0];
	const uint64_t beat = period(channel);
	const uint64_t time = now(pit);
	uint64_t passed = time > channel->start ? (time - channel->start) / beat : 0;

	pit->next = is_periodic(channel) ? round_up(pit, channel->start + (passed + 1) * beat) : UINT64_MAX;
}

/* Waits for the next interrupt. Returns whether it is due. The mutex is held. */
static bool wait_for_next(struct pit *pit)
{
	const struct timespec until = { (time_t)(pit->next / SECOND), (long)(pit->next % SECOND) };

	if (pit->next != UINT64_MAX && now(pit) >= pit->next)
		return true;
	if (pit->next == UINT64_MAX)
		pthread_cond_wait(&pit->changed, &pit->mutex);
	else
		pthread_cond_timedwait(&pit->changed, &pit->mutex, &until);
	return false;
}

static void *run(void *argument)
{
	struct pit *pit = argument;

	prctl(PR_SET_NAME, "timer");
	pit->hooks.started(pit->owner);
	pthread_mutex_lock(&pit->mutex);
	while (!pit->stopping) {
		if (!wait_for_next(pit))
			continue;
		plan_next(pit);
		pthread_mutex_unlock(&pit->mutex);
		pit->hooks.interrupt(pit->owner, false);
		pit->hooks.interrupt(pit->owner, true);
		pthread_mutex_lock(&pit->mutex);
	}
	pthread_mutex_unlock(&pit->mutex);
	pit->hooks.ended(pit->owner);
	return NULL;
}

/* ---- registers ---- */

static void start(struct pit *pit, struct pit_channel *channel, uint16_t count)
{
	channel->count = count ? count : MOST;
	channel->start = now(pit);
	if (channel != pit->channels)
		return;
	pit->next = round_up(pit, channel->start + period(channel));
	pthread_cond_signal(&pit->changed);
}

static void write_count(struct pit *pit, struct pit_channel *channel, uint8_t value)
{
	if (channel->access == LOW) {
		start(pit, channel, value);
	} else if (channel->access == HIGH) {
		start(pit, channel, (uint16_t)(value << 8));
	} else if (!channel->has_low) {
		channel->low = value;
		channel->has_low = true;
	} else {
		channel->has_low = false;
		start(pit, channel, (uint16_t)(value << 8 | channel->low));
	}
}

static void latch(struct pit *pit, struct pit_channel *channel)
{
	if (channel->is_latched)
		return;
	channel->latch = count_of(pit, channel);
	channel->is_latched = true;
}

static void write_control(struct pit *pit, uint8_t value)
{
	const unsigned number = value >> 6;
	struct pit_channel *channel = &pit->channels[number % PIT_CHANNELS];
	const uint8_t access = value >> 4 & 3;

	if (number == READ_BACK) {
		for (unsigned i = 0; i < PIT_CHANNELS; i++) {
			if ((value & 2U << i) && !(value & 0x20))
				latch(pit, &pit->channels[i]);
		}
	} else if (access == LATCH) {
		latch(pit, channel);
	} else {
		*channel = (struct pit_channel){
			.access = access,
			.mode = (value >> 1 & 7) > 5 ? (value >> 1 & 3) : (value >> 1 & 7),
		};
		if (number == 0)
			pit->next = UINT64_MAX; /* until there is a count */
	}
}

static uint8_t read_count(struct pit *pit, struct pit_channel *channel)
{
	const uint16_t count = channel->is_latched ? channel->latch : count_of(pit, channel);
	const bool high = channel->access == HIGH || (channel->access == BOTH && channel->reads_high);

	channel->reads_high = channel->access == BOTH && !channel->reads_high;
	if (!channel->reads_high)
		channel->is_latched = false;
	return (uint8_t)(high ? count >> 8 : count);
}

uint8_t pit_read(void *device, uint64_t offset)
{
	struct pit *pit = device;
	uint8_t value;

	if (!pit->has_thread || offset == CONTROL)
		return 0xff;
	pthread_mutex_lock(&pit->mutex);
	value = read_count(pit, &pit->channels[offset]);
	pthread_mutex_unlock(&pit->mutex);
	return value;
}

void pit_write(void *device, uint64_t offset, uint8_t value)
{
	struct pit *pit = device;

	if (!pit->has_thread)
		return;
	pthread_mutex_lock(&pit->mutex);
	if (offset == CONTROL)
		write_control(pit, value);
	else
		write_count(pit, &pit->channels[offset], value);
	pthread_mutex_unlock(&pit->mutex);
}

/* ---- life ---- */

int pit_create(struct pit *pit, const struct pit_hooks *hooks, void *owner, uint64_t resolution)
{
	pthread_condattr_t attributes;
	int error;

	*pit = (struct pit){ .hooks = *hooks, .owner = owner, .resolution = resolution, .next = UINT64_MAX };
	for (unsigned i = 0; i < PIT_CHANNELS; i++)
		pit->channels[i].access = BOTH;
	pthread_mutex_init(&pit->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&pit->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	pit->has_thread = true; /* before the thread, which may be looked at at once */
	error = -pthread_create(&pit->thread, NULL, run, pit);
	if (!error)
		return 0;
	pit->has_thread = false;
	pthread_cond_destroy(&pit->changed);
	pthread_mutex_destroy(&pit->mutex);
	return error;
}

void pit_stop(struct pit *pit)
{
	if (!pit->has_thread)
		return;
	pthread_mutex_lock(&pit->mutex);
	pit->stopping = true;
	pthread_cond_signal(&pit->changed);
	pthread_mutex_unlock(&pit->mutex);
}

void pit_destroy(struct pit *pit)
{
	if (!pit->has_thread)
		return;
	pit_stop(pit);
	pthread_join(pit->thread, NULL);
	pit->has_thread = false;
	pthread_cond_destroy(&pit->changed);
	pthread_mutex_destroy(&pit->mutex);
}
