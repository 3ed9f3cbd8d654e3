/* SPDX-License-Identifier: ISC */
/* vcpu.c - who the calling vCPU is, and how others are started and stopped. */
#include "internal.h"

enum { STACKS = GUEST_ENTRY_STACK_PAGES + GUEST_STACK_PAGES }; /* pages: the entry stack, then the other */
enum { IDLE, BUSY, LEAVING };

/* What a vCPU does, and its stacks, which it keeps for the next time. It belongs to who made it BUSY. */
struct guest_vcpu_task {
	uint32_t state; /* BUSY from before vcpu.start on; LEAVING: about to stop, by itself */
	uint32_t number;
	void (*function)(void *argument);
	void *argument;
	char *stack;
};

static struct guest_vcpu_task tasks[POSTERN_HANDLE_VCPU_MAX];

uint32_t guest_vcpu_number(void)
{
	uint32_t number;

	__asm__("movl %%gs:%c1, %0" : "=r"(number) : "i"(offsetof(struct postern_vcpu_page, number)));
	return number;
}

struct postern_vcpu_page *guest_vcpu_page_of(uint32_t number)
{
	return guest_pointer(guest_boot()->vcpu_pages + (uint64_t)number * GUEST_PAGE_SIZE);
}

struct postern_vcpu_page *guest_vcpu_page(void)
{
	return guest_vcpu_page_of(guest_vcpu_number());
}

void guest_vcpu_set_callbacks(void)
{
	struct postern_vcpu_callbacks callbacks = POSTERN_INIT(vcpu_callbacks);

	callbacks.event = callbacks.system_call = (uint64_t)guest_entry;
	callbacks.page_fault = callbacks.exception = (uint64_t)guest_entry;
	(void)postern_vcpu_callbacks(&callbacks);
}

/* On the vCPU that was started. */
void guest_vcpu_run(struct guest_vcpu_task *task)
{
	uint32_t self = task->number;

	guest_vcpu_set_callbacks();
	task->function(task->argument);
	guest_events_disable();
	__atomic_store_n(&task->state, LEAVING, __ATOMIC_RELEASE);
	for (;;)
		(void)postern_vcpu_stop(self);
}

/* Returns what the state was: anything but BUSY, and the task is the caller's. */
static uint32_t claim(struct guest_vcpu_task *task)
{
	return __atomic_exchange_n(&task->state, BUSY, __ATOMIC_ACQUIRE);
}

static void release(struct guest_vcpu_task *task)
{
	__atomic_store_n(&task->state, IDLE, __ATOMIC_RELEASE);
}

static int64_t start(const struct guest_vcpu_task *task, bool leaving)
{
	struct postern_vcpu_start how = POSTERN_INIT(vcpu_start);
	int64_t result;

	how.entry = (uint64_t)guest_vcpu_entry;
	how.stack = (uint64_t)task->stack + STACKS * GUEST_PAGE_SIZE;
	how.argument = (uint64_t)task;
	while ((result = postern_vcpu_start(task->number, &how)) == -EBUSY && leaving)
		(void)postern_vcpu_yield(task->number);
	return result;
}

static void prepare(struct guest_vcpu_task *task)
{
	struct postern_vcpu_page *page = guest_vcpu_page_of(task->number);

	__atomic_store_n(&page->enabled, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&page->taken, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&page->masked, 0, __ATOMIC_RELAXED);
	page->entry_stack = (uint64_t)(task->stack + GUEST_ENTRY_STACK_PAGES * GUEST_PAGE_SIZE);
}

int64_t guest_vcpu_start(uint32_t number, void (*function)(void *argument), void *argument)
{
	struct guest_vcpu_task *task;
	uint32_t before;
	int64_t result;

	if (number >= guest_boot()->vcpus || number >= POSTERN_HANDLE_VCPU_MAX)
		return -EBADF;
	if (number == guest_vcpu_number())
		return -EBUSY;
	task = &tasks[number];
	before = claim(task);
	if (before == BUSY)
		return -EBUSY;
	if (!task->stack)
		task->stack = guest_pages_alloc(STACKS);
	if (!task->stack) {
		release(task);
		return -ENOMEM;
	}
	task->number = number;
	task->function = function;
	task->argument = argument;
	prepare(task);
	result = start(task, before == LEAVING);
	if (result < 0)
		release(task);
	return result;
}

int64_t guest_vcpu_stop(uint32_t number)
{
	int64_t result;

	if (number >= POSTERN_HANDLE_VCPU_MAX)
		return -EBADF;
	result = postern_vcpu_stop(number);
	if (result >= 0)
		release(&tasks[number]);
	return result;
}
