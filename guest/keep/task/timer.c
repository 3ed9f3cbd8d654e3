/* SPDX-License-Identifier: ISC */
/*
 * timer.c - timers, in a pairing heap: setting one takes constant time, cancelling and running log n on average, and
 * nothing takes memory (Fredman, Sedgewick, Sleator, Tarjan: The pairing heap, 1986).
 */
#include "task/wait.h"

static struct timer *first;

static void point(struct timer **link, struct timer *timer)
{
	*link = timer;
	if (timer)
		timer->link = link;
}

/* Makes one heap of two, either of which may be empty. Neither root has anything beside it. */
static struct timer *meld(struct timer *left, struct timer *right)
{
	struct timer *swap;

	if (!left || !right)
		return left ? left : right;
	if (right->deadline < left->deadline) {
		swap = left;
		left = right;
		right = swap;
	}
	point(&right->next, left->child);
	point(&left->child, right);
	left->next = NULL;
	return left;
}

static struct timer *take_next(struct timer **list)
{
	struct timer *timer = *list;

	if (timer) {
		*list = timer->next;
		timer->next = NULL;
	}
	return timer;
}

/* Makes one heap of those beside each other: by pairs from the front, and the pairs from the back. */
static struct timer *meld_all(struct timer *list)
{
	struct timer *pairs = NULL;
	struct timer *heap = NULL;

	while (list) {
		struct timer *left = take_next(&list);
		struct timer *pair = meld(left, take_next(&list));

		pair->next = pairs;
		pairs = pair;
	}
	while (pairs)
		heap = meld(heap, take_next(&pairs));
	return heap;
}

void timer_init(struct timer *timer, void (*run)(struct timer *timer))
{
	*timer = (struct timer){ .run = run };
}

bool timer_cancel(struct timer *timer)
{
	struct timer **link = timer->link;
	struct timer *below;

	if (!link)
		return false;
	point(link, timer->next);
	below = meld_all(timer->child);
	timer->child = timer->next = NULL;
	timer->link = NULL;
	point(&first, meld(first, below));
	return true;
}

void timer_set(struct timer *timer, uint64_t deadline)
{
	timer_cancel(timer);
	timer->deadline = deadline;
	point(&first, meld(first, timer));
}

uint64_t timers_first(void)
{
	return first ? first->deadline : FOREVER;
}

void timers_run(uint64_t now)
{
	while (first && first->deadline <= now) {
		struct timer *timer = first;

		timer_cancel(timer);
		timer->run(timer);
	}
}
