/* SPDX-License-Identifier: ISC */
/*
 * keep.h - what all of keep uses: lists, assertions, sizes. keep is a guest kernel, built with the SDK, that
 * runs an ordinary Linux program.
 *
 * One lock, the kernel's (task/kernel_lock.h), covers all of keep: whoever runs in the kernel holds it, and gives it
 * up only by sleeping or by going back to the program. So nothing in keep needs locks of its own; but whatever sleeps
 * has to look again at what it knew before. Events are disabled in the kernel.
 *
 * Functions answer zero or more, or a negative errno of Linux. What a program hands over is hostile: a user
 * address is a uint64_t, never a pointer, and is reached by mm/user.h only.
 */
#ifndef KEEP_KEEP_H
#define KEEP_KEEP_H

#include <postern/guest.h>

#include <linux/errno.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PAGE_SHIFT = 12, PAGE_SIZE = 1 << PAGE_SHIFT };

#define PAGE_MASK (~(uint64_t)(PAGE_SIZE - 1))

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

/* A contradiction in keep itself. No program can bring one about. */
#define KEEP_ASSERT(condition) \
	((condition) ? (void)0 : guest_panic("%s:%d: %s", __FILE__, __LINE__, #condition))

static inline uint64_t page_floor(uint64_t value)
{
	return value & PAGE_MASK;
}

/* Zero for the last page of all: check lengths before. */
static inline uint64_t page_ceiling(uint64_t value)
{
	return (value + PAGE_SIZE - 1) & PAGE_MASK;
}

static inline uint64_t least(uint64_t left, uint64_t right)
{
	return left < right ? left : right;
}

static inline uint64_t most(uint64_t left, uint64_t right)
{
	return left > right ? left : right;
}

/* A circular, doubly linked list: a head, and links within what is in it. */
struct list {
	struct list *next, *previous;
};

static inline void list_init(struct list *head)
{
	head->next = head->previous = head;
}

static inline bool list_is_empty(const struct list *head)
{
	return head->next == head;
}

/* Puts a link behind another, or at the front if that is the head. */
static inline void list_add_behind(struct list *before, struct list *link)
{
	link->previous = before;
	link->next = before->next;
	before->next->previous = link;
	before->next = link;
}

/* At the end, if `head` is the head. */
static inline void list_add(struct list *head, struct list *link)
{
	list_add_behind(head->previous, link);
}

/* A link that was removed, or initialized, may be removed again. */
static inline void list_remove(struct list *link)
{
	link->previous->next = link->next;
	link->next->previous = link->previous;
	list_init(link);
}

#define list_first(head, type, member) container_of((head)->next, type, member)
/* The body may remove what it is at, and nothing else. */
#define list_for_each(at, head, type, member)                                             \
	for (struct list *at##_link = (head)->next, *at##_next = at##_link->next;         \
	     at##_link != (head) && ((at) = container_of(at##_link, type, member), true); \
	     at##_link = at##_next, at##_next = at##_link->next)

#endif
