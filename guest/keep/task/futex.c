/* SPDX-License-Identifier: ISC */
/*
 * futex.c - futex(2). The kernel's lock makes looking at the word and joining the queue one step, as long as nothing
 * sleeps in between: the word is read last.
 */
#include "task/futex.h"

#include "mm/pages.h"
#include "mm/space.h"
#include "mm/user.h"
#include "syscall/syscall.h"
#include "task/clock.h"
#include "task/task.h"

#include <linux/futex.h>

enum { BUCKETS = 256 };

static struct list buckets[BUCKETS];
static bool buckets_ready;
static unsigned lock_waiters; /* those with an owner */

/* ---- the queues ---- */

static struct list *bucket_of(const struct futex_key *key)
{
	const uint64_t mixed =
		((key->address >> 2) ^ (uint64_t)key->place >> 4) * UINT64_C(0x9e3779b97f4a7c15);

	if (!buckets_ready) {
		for (size_t i = 0; i < BUCKETS; i++)
			list_init(&buckets[i]);
		buckets_ready = true;
	}
	return &buckets[mixed >> 56];
}

static bool same_key(const struct futex_key *left, const struct futex_key *right)
{
	return left->place == right->place && left->address == right->address;
}

static int find_shared(uint64_t address, struct futex_key *key)
{
	struct space *space = current_process()->space;
	int error = 0;
	/* For writing, so that a page of zeros, or a copy still to be made, does not change under the waiter. */
	char *memory = space_memory(space, address, SPACE_WRITE, &error);

	if (!memory && error == -EACCES)
		memory = space_memory(space, address, SPACE_READ, &error);
	if (!memory)
		return error == -ENOMEM ? error : -EFAULT;
	key->address = postern_address(memory);
	key->page = page_at(page_floor(key->address));
	page_hold(key->page);
	return 0;
}

int futex_find_key(uint64_t address, bool shared, struct futex_key *key)
{
	*key = (struct futex_key){ 0 };
	if (address % sizeof(uint32_t))
		return -EINVAL;
	if (address >= ARCH_USER_END)
		return -EFAULT;
	if (shared)
		return find_shared(address, key);
	key->place = current_process()->space;
	key->address = address;
	return 0;
}

void futex_drop_key(struct futex_key *key)
{
	if (key->page)
		page_drop(key->page);
	key->page = NULL;
}

void futex_enqueue(struct futex_waiter *waiter)
{
	waiter->waiting = true;
	lock_waiters += waiter->owner != 0;
	list_add(bucket_of(&waiter->key), &waiter->link);
}

void futex_dequeue(struct futex_waiter *waiter)
{
	if (!waiter->waiting)
		return;
	waiter->waiting = false;
	lock_waiters -= waiter->owner != 0;
	list_remove(&waiter->link);
}

void futex_release(struct futex_waiter *waiter)
{
	futex_dequeue(waiter);
	task_wake(waiter->task);
}

struct futex_waiter *futex_next(const struct futex_key *key, struct futex_waiter *after, bool locks)
{
	struct list *bucket = bucket_of(key);

	for (struct list *at = after ? after->link.next : bucket->next; at != bucket; at = at->next) {
		struct futex_waiter *waiter = container_of(at, struct futex_waiter, link);

		if (same_key(&waiter->key, key) && (waiter->owner != 0) == locks)
			return waiter;
	}
	return NULL;
}

struct futex_waiter *futex_next_of_owner(uint32_t owner)
{
	struct futex_waiter *waiter;

	if (!lock_waiters)
		return NULL;
	for (size_t i = 0; i < BUCKETS; i++) {
		list_for_each(waiter, &buckets[i], struct futex_waiter, link)
		{
			if (waiter->owner == owner)
				return waiter;
		}
	}
	return NULL;
}

/* ---- wait and wake ---- */

/*
 * Finds the key and reads the word, and does not sleep after that. (Reading a private word may sleep for its page, and
 * then reads it.)
 */
static int key_and_value(uint64_t address, bool shared, struct futex_key *key, uint32_t *value)
{
	int error = futex_find_key(address, shared, key);

	if (error)
		return error;
	if (!shared)
		return user_load_u32(address, value);
	*value = __atomic_load_n((const uint32_t *)guest_pointer(key->address), __ATOMIC_SEQ_CST);
	return 0;
}

static int sleep_while_waiting(struct futex_waiter *waiter, uint64_t deadline)
{
	int error;

	task_prepare_sleep();
	futex_enqueue(waiter);
	do {
		error = task_sleep(deadline, true);
	} while (!error && waiter->waiting);
	if (!waiter->waiting)
		return 0;
	futex_dequeue(waiter);
	return error;
}

int futex_sleep(struct futex_waiter *waiter, uint64_t deadline)
{
	int error = sleep_while_waiting(waiter, deadline);

	futex_drop_key(&waiter->key);
	return error;
}

static int wait(uint64_t address, bool shared, uint32_t expected, uint64_t deadline, uint32_t bits)
{
	struct futex_waiter waiter = { .task = current_task(), .bits = bits, .address = address };
	uint32_t value;
	int error;

	if (!bits)
		return -EINVAL;
	error = key_and_value(address, shared, &waiter.key, &value);
	if (!error && value != expected)
		error = -EAGAIN;
	if (!error)
		return futex_sleep(&waiter, deadline);
	futex_drop_key(&waiter.key);
	return error;
}

int futex_wake(uint64_t address, bool shared, uint32_t count, uint32_t bits)
{
	struct futex_key key;
	struct futex_waiter *waiter;
	uint32_t woken = 0;
	int error = bits ? futex_find_key(address, shared, &key) : -EINVAL;

	if (error)
		return error;
	waiter = futex_next(&key, NULL, false);
	while (waiter && woken < count) {
		struct futex_waiter *next = futex_next(&key, waiter, false);

		if (waiter->bits & bits) {
			futex_release(waiter);
			woken++;
		}
		waiter = next;
	}
	futex_drop_key(&key);
	return (int)woken;
}

void futex_wake_one(uint64_t address)
{
	(void)futex_wake(address, true, 1, FUTEX_BITSET_MATCH_ANY);
	(void)futex_wake(address, false, 1, FUTEX_BITSET_MATCH_ANY);
}

/* ---- requeue ---- */

static void move(struct futex_waiter *waiter, const struct futex_key *key, uint64_t address)
{
	futex_dequeue(waiter);
	futex_drop_key(&waiter->key);
	waiter->key = *key;
	if (key->page)
		page_hold(key->page);
	waiter->address = address;
	futex_enqueue(waiter);
}

static int requeue_all(const struct futex_key *source, const struct futex_key *target, uint64_t to,
		       uint32_t wake, uint32_t moved_most)
{
	struct futex_waiter *waiter = futex_next(source, NULL, false);
	uint32_t done = 0;

	while (waiter && done < (uint64_t)wake + moved_most) {
		struct futex_waiter *next = futex_next(source, waiter, false);

		if (done++ < wake)
			futex_release(waiter);
		else if (!same_key(source, target))
			move(waiter, target, to);
		waiter = next;
	}
	return (int)done;
}

static int requeue(uint64_t from, uint64_t to, bool shared, uint32_t wake, uint32_t moved_most,
		   const uint32_t *expected)
{
	struct futex_key source = { 0 };
	struct futex_key target;
	uint32_t value;
	int result;

	if ((int32_t)wake < 0 || (int32_t)moved_most < 0)
		return -EINVAL;
	result = futex_find_key(to, shared, &target);
	/* The source last: it is what must not change any more. */
	if (!result)
		result = key_and_value(from, shared, &source, &value);
	if (!result && expected && value != *expected)
		result = -EAGAIN;
	if (!result)
		result = requeue_all(&source, &target, to, wake, moved_most);
	futex_drop_key(&source);
	futex_drop_key(&target);
	return result;
}

/* ---- FUTEX_WAKE_OP ---- */

/* What is done to the second word, and how its old value is compared: the fields of the encoded operation. */
struct wake_operation {
	unsigned operation, comparison;
	uint32_t operand, compared;
};

static int32_t sign_extend_12(uint32_t value)
{
	return (int32_t)(value << 20) >> 20;
}

static struct wake_operation decode(uint32_t code)
{
	struct wake_operation decoded = {
		.operation = code >> 28 & 7,
		.comparison = code >> 24 & 15,
		.operand = (uint32_t)sign_extend_12(code >> 12 & 0xfff),
		.compared = (uint32_t)sign_extend_12(code & 0xfff),
	};

	if (code >> 28 & FUTEX_OP_OPARG_SHIFT)
		decoded.operand = UINT32_C(1) << (decoded.operand & 31);
	return decoded;
}

static uint32_t apply(const struct wake_operation *how, uint32_t old)
{
	const uint32_t results[] = {
		[FUTEX_OP_SET] = how->operand,       [FUTEX_OP_ADD] = old + how->operand,
		[FUTEX_OP_OR] = old | how->operand,  [FUTEX_OP_ANDN] = old & ~how->operand,
		[FUTEX_OP_XOR] = old ^ how->operand,
	};

	return results[how->operation];
}

static bool compare(const struct wake_operation *how, uint32_t value)
{
	const int32_t old = (int32_t)value;
	const int32_t compared = (int32_t)how->compared;
	const bool results[] = {
		[FUTEX_OP_CMP_EQ] = old == compared,
		[FUTEX_OP_CMP_NE] = old != compared,
		[FUTEX_OP_CMP_LT] =
			old<compared, [FUTEX_OP_CMP_LE] = old <= compared, [FUTEX_OP_CMP_GT] = old> compared,
		[FUTEX_OP_CMP_GE] = old >= compared,
	};

	return results[how->comparison];
}

static int change_word(uint64_t address, const struct wake_operation *how, uint32_t *old)
{
	uint32_t seen;
	int error = user_load_u32(address, old);

	while (!error) {
		error = user_compare_exchange_u32(address, *old, apply(how, *old), &seen);
		if (!error && seen == *old)
			return 0;
		*old = seen;
	}
	return error;
}

static int64_t wake_operation(uint64_t first, uint64_t second, bool shared, uint32_t count,
			      uint32_t count_second, uint32_t code)
{
	const struct wake_operation how = decode(code);
	uint32_t old;
	int woken, more;
	int error;

	if ((first | second) % sizeof old)
		return -EINVAL;
	if (how.operation > FUTEX_OP_XOR || how.comparison > FUTEX_OP_CMP_GE)
		return -ENOSYS;
	error = change_word(second, &how, &old);
	if (error)
		return error;
	woken = futex_wake(first, shared, count, FUTEX_BITSET_MATCH_ANY);
	if (woken < 0 || !compare(&how, old))
		return woken;
	more = futex_wake(second, shared, count_second, FUTEX_BITSET_MATCH_ANY);
	return more < 0 ? more : woken + more;
}

/* ---- the system call ---- */

/* The arguments of futex(2), decoded. */
struct futex_arguments {
	uint64_t address, second;
	uint32_t value, value2, value3;
	bool shared;
	uint64_t deadline;
	bool relative; /* so the deadline was computed from now */
};

static int64_t go_on_waiting(const uint64_t argument[4])
{
	int64_t result = wait(argument[0], argument[1] >> 32, (uint32_t)argument[1], argument[2],
			      (uint32_t)argument[3]);

	return result == -EINTR ? RESTART_WITH_BLOCK : result;
}

static int64_t do_wait_bits(const struct futex_arguments *arguments, uint32_t bits)
{
	int64_t result =
		wait(arguments->address, arguments->shared, arguments->value, arguments->deadline, bits);

	if (result != -EINTR)
		return result;
	if (arguments->deadline == FOREVER)
		return RESTART_IF_ASKED;
	current_task()->restart = (struct restart){
		.run = go_on_waiting,
		.argument = { arguments->address, (uint64_t)arguments->shared << 32 | arguments->value,
			      arguments->deadline, bits },
	};
	return RESTART_WITH_BLOCK;
}

static int64_t do_wait(const struct futex_arguments *arguments)
{
	return do_wait_bits(arguments, FUTEX_BITSET_MATCH_ANY);
}

static int64_t do_wait_bitset(const struct futex_arguments *arguments)
{
	return do_wait_bits(arguments, arguments->value3);
}

static int64_t do_wake(const struct futex_arguments *arguments)
{
	return futex_wake(arguments->address, arguments->shared, arguments->value, FUTEX_BITSET_MATCH_ANY);
}

static int64_t do_wake_bitset(const struct futex_arguments *arguments)
{
	return futex_wake(arguments->address, arguments->shared, arguments->value, arguments->value3);
}

static int64_t do_requeue(const struct futex_arguments *arguments)
{
	return requeue(arguments->address, arguments->second, arguments->shared, arguments->value,
		       arguments->value2, NULL);
}

static int64_t do_compare_requeue(const struct futex_arguments *arguments)
{
	return requeue(arguments->address, arguments->second, arguments->shared, arguments->value,
		       arguments->value2, &arguments->value3);
}

static int64_t do_wake_operation(const struct futex_arguments *arguments)
{
	return wake_operation(arguments->address, arguments->second, arguments->shared, arguments->value,
			      arguments->value2, arguments->value3);
}

static int64_t do_lock(const struct futex_arguments *arguments)
{
	return futex_lock(arguments->address, arguments->shared, arguments->deadline, false);
}

static int64_t do_try_lock(const struct futex_arguments *arguments)
{
	return futex_lock(arguments->address, arguments->shared, FOREVER, true);
}

static int64_t do_unlock(const struct futex_arguments *arguments)
{
	return futex_unlock(arguments->address, arguments->shared);
}

/* How an operation's timeout is meant. */
enum timeout { NO_TIMEOUT, RELATIVE, ABSOLUTE, ABSOLUTE_REALTIME };

/* FUTEX_WAIT_REQUEUE_PI and FUTEX_CMP_REQUEUE_PI are not there. */
static const struct {
	int64_t (*run)(const struct futex_arguments *arguments);
	enum timeout timeout;
	bool may_be_realtime; /* FUTEX_CLOCK_REALTIME is allowed */
} operations[] = {
	/* clang-format off */
	[FUTEX_WAIT] = { do_wait, RELATIVE, false },
	[FUTEX_WAKE] = { do_wake, NO_TIMEOUT, false },
	[FUTEX_REQUEUE] = { do_requeue, NO_TIMEOUT, false },
	[FUTEX_CMP_REQUEUE] = { do_compare_requeue, NO_TIMEOUT, false },
	[FUTEX_WAKE_OP] = { do_wake_operation, NO_TIMEOUT, false },
	[FUTEX_LOCK_PI] = { do_lock, ABSOLUTE_REALTIME, false },
	[FUTEX_UNLOCK_PI] = { do_unlock, NO_TIMEOUT, false },
	[FUTEX_TRYLOCK_PI] = { do_try_lock, NO_TIMEOUT, false },
	[FUTEX_WAIT_BITSET] = { do_wait_bitset, ABSOLUTE, true },
	[FUTEX_WAKE_BITSET] = { do_wake_bitset, NO_TIMEOUT, false },
	[FUTEX_LOCK_PI2] = { do_lock, ABSOLUTE, true },
	/* clang-format on */
};

static int take_deadline(uint64_t from, enum timeout how, bool realtime, uint64_t *deadline)
{
	struct time_value value;
	int error;

	*deadline = FOREVER;
	if (how == NO_TIMEOUT || !from)
		return 0;
	error = user_read(&value, from, sizeof value);
	if (error)
		return error;
	if (!time_is_valid(&value))
		return -EINVAL;
	if (how == RELATIVE)
		*deadline = deadline_after(&value);
	else
		*deadline = deadline_at(&value, how == ABSOLUTE_REALTIME || realtime);
	return 0;
}

int64_t futex_call(const uint64_t argument[6])
{
	const uint32_t code = (uint32_t)argument[1];
	const uint32_t command = code & (uint32_t)FUTEX_CMD_MASK;
	struct futex_arguments arguments = {
		.address = argument[0],
		.second = argument[4],
		.value = (uint32_t)argument[2],
		.value2 = (uint32_t)argument[3],
		.value3 = (uint32_t)argument[5],
		.shared = !(code & FUTEX_PRIVATE_FLAG),
	};
	const bool realtime = code & FUTEX_CLOCK_REALTIME;
	int error;

	if (command >= COUNT_OF(operations) || !operations[command].run ||
	    (realtime && !operations[command].may_be_realtime))
		return system_call_missing("futex operation");
	error = take_deadline(argument[3], operations[command].timeout, realtime, &arguments.deadline);
	return error ? error : operations[command].run(&arguments);
}
