/* SPDX-License-Identifier: ISC */
/* lock.h - the kernel's lock, for the scheduler; everybody else finds it in task.h. */
#ifndef KEEP_TASK_LOCK_H
#define KEEP_TASK_LOCK_H

/* Gives up the lock, and does nothing else: for a vCPU that is going to idle. */
void kernel_lock_release(void);

#endif
