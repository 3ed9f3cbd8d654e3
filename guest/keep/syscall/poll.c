/* SPDX-License-Identifier: ISC */
/* poll.c - poll(2) and select(2): waiting for several files at once. */
#include "fs/descriptors.h"
#include "mm/user.h"
#include "syscall/syscall.h"
#include "task/clock.h"
#include "task/task.h"

#include <asm/poll.h>
#include <asm/unistd.h>

/* What a file without a poll function always is. */
enum { ALWAYS_READY = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM };

/* Linux's struct pollfd. */
struct poll_request {
	int32_t descriptor;
	int16_t events, found;
};

/* ---- waiting ---- */

enum { BLOCK_WAITERS = 8 };

/* Waiters that stay where they are, since queues point to them. */
struct block {
	struct block *next;
	unsigned used;
	struct waiter waiters[BLOCK_WAITERS];
};

/* A call under way: the files that it holds, and its place in their queues. */
struct polling {
	struct poll_table table;
	struct block first, *last;
	bool out_of_memory;
	struct file **files; /* held, one for each request; NULL: not open, or not asked for */
	size_t count;
};

static void add_waiter(struct poll_table *table, struct waiters *waiters)
{
	struct polling *polling = container_of(table, struct polling, table);
	struct block *block = polling->last;

	if (block->used == BLOCK_WAITERS) {
		block = calloc(1, sizeof *block);
		if (!block) {
			polling->out_of_memory = true;
			return;
		}
		polling->last = polling->last->next = block;
	}
	waiter_init(&block->waiters[block->used]);
	waiter_add(waiters, &block->waiters[block->used++]);
}

static int polling_begin(struct polling *polling, size_t count)
{
	polling->table.add = add_waiter;
	polling->first.next = NULL;
	polling->first.used = 0;
	polling->last = &polling->first;
	polling->out_of_memory = false;
	polling->count = count;
	polling->files = calloc(count + 1, sizeof(struct file *));
	return polling->files ? 0 : -ENOMEM;
}

static void polling_end(struct polling *polling)
{
	for (struct block *block = &polling->first; block;) {
		struct block *next = block->next;

		for (unsigned i = 0; i < block->used; i++)
			waiter_remove(&block->waiters[i]);
		if (block != &polling->first)
			free(block);
		block = next;
	}
	for (size_t i = 0; i < polling->count; i++) {
		if (polling->files[i])
			file_drop(polling->files[i]);
	}
	free(polling->files);
}

static int16_t look(struct polling *polling, const struct poll_request *request, struct file *file,
		    bool is_first)
{
	unsigned ready = ALWAYS_READY;

	if (request->descriptor < 0)
		return 0;
	if (!file)
		return POLLNVAL;
	if (file->functions->poll)
		ready = file->functions->poll(file, is_first ? &polling->table : NULL);
	return (int16_t)(ready & ((unsigned)(uint16_t)request->events | POLLERR | POLLHUP));
}

/* Returns how many are ready by the deadline. Errors: -EINTR, -ENOMEM. */
static int64_t wait_for(struct polling *polling, struct poll_request *requests, uint64_t deadline)
{
	for (bool is_first = true;; is_first = false) {
		int64_t ready = 0;
		int error;

		task_prepare_sleep();
		for (size_t i = 0; i < polling->count; i++) {
			requests[i].found = look(polling, &requests[i], polling->files[i], is_first);
			ready += requests[i].found != 0;
		}
		if (ready)
			return ready;
		error = polling->out_of_memory ? -ENOMEM : task_sleep(deadline, true);
		/* Nobody has been woken since they were looked at, so nothing has changed. */
		if (error)
			return error == -ETIMEDOUT ? 0 : error;
	}
}

static int64_t poll_requests(struct poll_request *requests, size_t count, uint64_t deadline)
{
	struct polling polling;
	int64_t result = polling_begin(&polling, count);

	if (result)
		return result;
	for (size_t i = 0; i < count; i++) {
		if (requests[i].descriptor >= 0)
			polling.files[i] = descriptor_file((uint64_t)requests[i].descriptor);
	}
	result = wait_for(&polling, requests, deadline);
	polling_end(&polling);
	return result;
}

/* ---- deadlines ---- */

/* Takes the time from the program; address 0: for ever. `unit`: nanoseconds in its second member. Errors: -EFAULT, -EINVAL. */
static int take_deadline(uint64_t address, uint64_t unit, uint64_t *deadline)
{
	struct time_value value;

	*deadline = FOREVER;
	if (!address)
		return 0;
	if (user_read(&value, address, sizeof value))
		return -EFAULT;
	if (value.part < 0 || (uint64_t)value.part >= NANOSECONDS / unit)
		return -EINVAL;
	value.part *= (int64_t)unit;
	if (!time_is_valid(&value))
		return -EINVAL;
	*deadline = deadline_after(&value);
	return 0;
}

/* As Linux does: the program is told what is left, if that can be. */
static void tell_left(uint64_t address, uint64_t unit, uint64_t deadline)
{
	const uint64_t now = clock_monotonic();
	struct time_value left = time_of(deadline > now ? deadline - now : 0);

	left.part /= (int64_t)unit;
	if (address)
		(void)user_write(address, &left, sizeof left);
}

/* ---- poll ---- */

static int64_t poll_program(uint64_t address, uint64_t count, uint64_t deadline)
{
	struct poll_request *requests;
	int64_t result;

	if (count > current_process()->limits[TASK_LIMIT_FILES].soft)
		return -EINVAL;
	requests = malloc((count + 1) * sizeof *requests);
	if (!requests)
		return -ENOMEM;
	result = user_read(requests, address, count * sizeof *requests);
	if (!result)
		result = poll_requests(requests, count, deadline);
	/* Only what was found is written: the rest is the program's, which may have changed it. */
	for (uint64_t i = 0; i < count && result >= 0; i++) {
		const uint64_t to = address + i * sizeof *requests + offsetof(struct poll_request, found);

		if (user_write(to, &requests[i].found, sizeof requests[i].found))
			result = -EFAULT;
	}
	free(requests);
	return result;
}

static int64_t go_on_polling(const uint64_t argument[4])
{
	const int64_t result = poll_program(argument[0], argument[1], argument[2]);

	return result == -EINTR ? RESTART_WITH_BLOCK : result;
}

static int64_t sys_poll(const uint64_t argument[6])
{
	const int32_t milliseconds = (int32_t)argument[2];
	const struct time_value length = { milliseconds / 1000, milliseconds % 1000 * 1000000 };
	struct task *task = current_task();

	task->restart = (struct restart){ go_on_polling,
					  { argument[0], (uint32_t)argument[1],
					    milliseconds < 0 ? FOREVER : deadline_after(&length) } };
	return go_on_polling(task->restart.argument);
}

static int64_t sys_ppoll(const uint64_t argument[6])
{
	uint64_t deadline;
	int64_t result = take_deadline(argument[2], 1, &deadline);

	if (!result)
		result = signal_mask_for_call(argument[3], argument[4]);
	if (result)
		return result;
	result = poll_program(argument[0], (uint32_t)argument[1], deadline);
	tell_left(argument[2], 1, deadline);
	return result == -EINTR ? RESTART_IF_UNHANDLED : result;
}

/* ---- select ---- */

enum { SETS = 3, WORD_BITS = 64 };

/* What each set asks for, and what counts for it. */
static const struct {
	int16_t asks, counts;
} set_events[SETS] = {
	{ POLLIN | POLLRDNORM | POLLRDBAND, POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR },
	{ POLLOUT | POLLWRNORM | POLLWRBAND, POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR },
	{ POLLPRI, POLLPRI },
};

/* The sets of a call, as words; NULL where the program gives none. */
struct selection {
	uint64_t address[SETS];
	uint64_t *words[SETS];
	size_t word_count;
	struct poll_request *requests;
	size_t request_count;
};

static void free_selection(struct selection *selection)
{
	for (size_t i = 0; i < SETS; i++)
		free(selection->words[i]);
	free(selection->requests);
}

static int read_sets(struct selection *selection)
{
	const size_t size = selection->word_count * sizeof(uint64_t);

	for (size_t i = 0; i < SETS; i++) {
		if (!selection->address[i])
			continue;
		selection->words[i] = malloc(size + 1);
		if (!selection->words[i])
			return -ENOMEM;
		if (user_read(selection->words[i], selection->address[i], size))
			return -EFAULT;
	}
	return 0;
}

static bool is_in(const struct selection *selection, size_t set, size_t number)
{
	return selection->words[set] && selection->words[set][number / WORD_BITS] >> number % WORD_BITS & 1;
}

static int make_requests(struct selection *selection, size_t count)
{
	selection->requests = malloc((count + 1) * sizeof *selection->requests);
	if (!selection->requests)
		return -ENOMEM;
	for (size_t number = 0; number < count; number++) {
		struct poll_request request = { .descriptor = (int32_t)number };

		for (size_t i = 0; i < SETS; i++) {
			if (is_in(selection, i, number))
				request.events |= set_events[i].asks;
		}
		if (request.events)
			selection->requests[selection->request_count++] = request;
	}
	return 0;
}

/* Returns how many bits are set in the sets that the program gets back. */
static int64_t fill_sets(struct selection *selection)
{
	int64_t total = 0;

	for (size_t i = 0; i < SETS; i++) {
		for (size_t j = 0; j < selection->request_count; j++) {
			const struct poll_request *request = &selection->requests[j];
			const size_t number = (size_t)request->descriptor;

			if (!is_in(selection, i, number))
				continue;
			if (request->found & set_events[i].counts)
				total++;
			else
				selection->words[i][number / WORD_BITS] &=
					~(UINT64_C(1) << number % WORD_BITS);
		}
	}
	return total;
}

static int write_sets(const struct selection *selection)
{
	for (size_t i = 0; i < SETS; i++) {
		if (selection->words[i] && user_write(selection->address[i], selection->words[i],
						      selection->word_count * sizeof(uint64_t)))
			return -EFAULT;
	}
	return 0;
}

static bool is_any_closed(const struct selection *selection)
{
	for (size_t i = 0; i < selection->request_count; i++) {
		if (selection->requests[i].found & POLLNVAL)
			return true;
	}
	return false;
}

static int64_t run_selection(struct selection *selection, size_t count, uint64_t deadline)
{
	int64_t result = read_sets(selection);

	if (!result)
		result = make_requests(selection, count);
	if (!result)
		result = poll_requests(selection->requests, selection->request_count, deadline);
	if (result < 0)
		return result;
	if (is_any_closed(selection))
		return -EBADF;
	result = fill_sets(selection);
	return write_sets(selection) ? -EFAULT : result;
}

static int64_t select_program(const uint64_t argument[6], uint64_t deadline)
{
	struct selection selection = { .address = { argument[1], argument[2], argument[3] } };
	size_t count;
	int64_t result;

	if ((int32_t)argument[0] < 0)
		return -EINVAL;
	/* Beyond the limit nothing is open. */
	count = least((uint32_t)argument[0], current_process()->limits[TASK_LIMIT_FILES].soft);
	selection.word_count = (count + WORD_BITS - 1) / WORD_BITS;
	result = run_selection(&selection, count, deadline);
	free_selection(&selection);
	return result == -EINTR ? RESTART_IF_UNHANDLED : result;
}

static int64_t sys_select(const uint64_t argument[6])
{
	enum { MICROSECOND = 1000 };
	uint64_t deadline;
	int64_t result = take_deadline(argument[4], MICROSECOND, &deadline);

	if (result)
		return result;
	result = select_program(argument, deadline);
	tell_left(argument[4], MICROSECOND, deadline);
	return result;
}

static int64_t sys_pselect6(const uint64_t argument[6])
{
	struct {
		uint64_t set, size;
	} mask = { 0 };
	uint64_t deadline;
	int64_t result = take_deadline(argument[4], 1, &deadline);

	if (!result && argument[5] && user_read(&mask, argument[5], sizeof mask))
		result = -EFAULT;
	if (!result)
		result = signal_mask_for_call(mask.set, mask.size);
	if (result)
		return result;
	result = select_program(argument, deadline);
	tell_left(argument[4], 1, deadline);
	return result;
}

const struct system_call_row system_calls_poll[] = {
	{ __NR_poll, "poll", sys_poll },
	{ __NR_ppoll, "ppoll", sys_ppoll },
	{ __NR_select, "select", sys_select },
	{ __NR_pselect6, "pselect6", sys_pselect6 },
	{ 0 },
};
