/* SPDX-License-Identifier: ISC */
/* event.h - files that are about events: counters, timers, signals, and sets of files to be watched. */
#ifndef KEEP_FS_EVENT_H
#define KEEP_FS_EVENT_H

#include "fs/file.h"
#include "task/signal.h"

#include <linux/eventpoll.h>

/* Each makes a file with one hold and the flags of open(2), O_NONBLOCK at most. NULL: no memory. */

/* eventfd(2); `semaphore`: reading takes one. counter.c */
struct file *counter_create(uint64_t value, bool semaphore, unsigned flags);

/* timerfd_create(2). timer_file.c */
struct file *timer_file_create(bool realtime, unsigned flags);
bool timer_file_is(const struct file *file);
/* Nanoseconds: first until it fires (0: it is not set), then its period. */
void timer_file_get(const struct file *file, uint64_t times[2]);
/* Sets it, by a deadline of the monotonic clock; FOREVER: unsets it. */
void timer_file_set(struct file *file, uint64_t deadline, uint64_t interval);
bool timer_file_is_realtime(const struct file *file);

/* signalfd(2). signal_file.c */
struct file *signal_file_create(signal_set set, unsigned flags);
bool signal_file_is(const struct file *file);
void signal_file_set(struct file *file, signal_set set);

/* epoll(7). epoll.c */
struct file *epoll_create(void);
bool epoll_is(const struct file *file);
/*
 * Watches a file under a descriptor's number; changes for what; stops. Errors: -EEXIST, -ENOENT, -EPERM for a file that
 * is always ready, -ELOOP when sets would contain each other or nest too deep, -ENOMEM, -EINVAL.
 */
int epoll_add(struct file *set, struct file *file, int number, const struct epoll_event *event);
int epoll_change(struct file *set, struct file *file, int number, const struct epoll_event *event);
int epoll_remove(struct file *set, struct file *file, int number);
/* Takes at most `most` events that have happened, waiting for the first. Errors: -EINTR. */
int64_t epoll_take(struct file *set, struct epoll_event *events, size_t most, uint64_t deadline);
/* A file that is about to be no more is watched by nobody. For file_drop(). */
void epoll_forget(struct file *file);

#endif
