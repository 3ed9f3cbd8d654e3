/* SPDX-License-Identifier: ISC */
/* fault.h - page faults and exceptions of programs: memory that comes when it is touched, and signals. */
#ifndef KEEP_TASK_FAULT_H
#define KEEP_TASK_FAULT_H

struct registers;

void fault_page(struct registers *registers);
/* Memory for the current process cannot be had: says so, and ends it with SIGKILL. The caller still gets its error. */
void fault_out_of_memory(void);
void fault_exception(struct registers *registers);

#endif
