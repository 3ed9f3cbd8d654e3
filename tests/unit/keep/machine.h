/* SPDX-License-Identifier: ISC */
/*
 * machine.h - what keep's sources run on when they are tested on the host: memory, vCPUs, a clock, a processor that
 * follows page tables, and programs that are C functions. Everything happens in one thread of a process of its own for
 * each case, in an order that only the case decides. Time passes when the clock is read, and when nobody has work.
 */
#ifndef TESTS_KEEP_MACHINE_H
#define TESTS_KEEP_MACHINE_H

#include "arch/arch.h"
#include "keep.h"

/* A failure ends the case, from wherever in the machine it happens. */
#define CHECK(condition) \
	((condition) ? (void)0 : machine_fail("%s:%d: not so: %s", __FILE__, __LINE__, #condition))
#define CHECK_IS(value, expected)                                                               \
	do {                                                                                    \
		const int64_t is_ = (int64_t)(value);                                           \
		const int64_t expected_ = (int64_t)(expected);                                  \
		if (is_ != expected_)                                                           \
			machine_fail("%s:%d: %s is %lld, not %lld", __FILE__, __LINE__, #value, \
				     (long long)is_, (long long)expected_);                     \
	} while (0)
_Noreturn void machine_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What a case runs on. Zero: 4096 pages, one vCPU. */
struct machine {
	size_t pages;
	uint32_t vcpus;
	uint64_t seed; /* of the order in which vCPUs run */
};

/*
 * Runs a case in a new machine and process: as the kernel, with its lock, in the first task of a process with an empty
 * address space and file systems; or as that task's program. Fails if the case does, or if what ended is not what is
 * said: the process with a status as wait4(2) has it, or keep by guest_panic().
 */
enum machine_mode { IN_KERNEL, IN_PROGRAM };
void machine_run(const struct machine *machine, enum machine_mode mode, void (*function)(void));
void machine_run_until(const struct machine *machine, enum machine_mode mode, void (*function)(void),
		       int status);

/* Called when the process has ended, in the machine; or NULL. */
extern void (*machine_check_at_end)(void);

/* A function of the name for cmocka's table, and the body of the case. */
#define KERNEL_CASE(name)                                                    \
	static void name##_case(void);                                       \
	static void name(void **state)                                       \
	{                                                                    \
		(void)state;                                                 \
		machine_run(&(struct machine){ 0 }, IN_KERNEL, name##_case); \
	}                                                                    \
	static void name##_case(void)
#define PROGRAM_CASE_ON(name, ...)                                                      \
	static void name##_case(void);                                                  \
	static void name(void **state)                                                  \
	{                                                                               \
		(void)state;                                                            \
		machine_run(&(struct machine){ __VA_ARGS__ }, IN_PROGRAM, name##_case); \
	}                                                                               \
	static void name##_case(void)
#define PROGRAM_CASE(name) PROGRAM_CASE_ON(name, 0)

/* ---- memory ---- */

/* malloc() of keep fails after so many calls more; -1: never. */
extern long machine_mallocs;
/* How many bytes of malloc() keep has, in blocks. */
size_t machine_blocks(void);

/* ---- the processor ---- */

/* The entry by which the processor goes for an address; 0: none. It knows what arch_tables_changed() told it. */
uint64_t machine_shows(uint64_t address);
/* All of them: *at begins with 0. Returns false at the end. */
bool machine_shown_next(size_t *at, uint64_t *address, uint64_t *entry);
/* So many calls of arch_tables_changed() succeed from now on that make something accessible; -1: all. */
extern long machine_maps;
/* Reads or writes as the program, by the processor's entries, with page faults where they do not allow it. */
void program_read(uint64_t address, void *to, size_t length);
void program_write(uint64_t address, const void *from, size_t length);
uint32_t program_load(uint64_t address);
void program_store(uint64_t address, uint32_t value);

/* The processor's extended state, and how large it is. */
enum { EXTENDED_SIZE = 832, EXTENDED_FEATURES = 7 };
extern uint8_t machine_extended[EXTENDED_SIZE];

/* ---- time and the host ---- */

extern uint64_t machine_time; /* monotonic, nanoseconds */
extern uint64_t machine_events_sent;
/* What was written to the console, to standard output and error. */
extern char machine_output[65536];
extern size_t machine_output_length;
/* The user types: console.read is answered. Empty: the end. */
void machine_type(const char *text);
/* Called for each call over the ring that the machine does not know. */
extern int64_t (*machine_host_call)(const struct postern_ring_entry *entry);
/* Called for each hypercall that the machine does not know; set before the case runs, as the file systems make some. */
extern int64_t (*machine_hypercall)(uint64_t number, const uint64_t argument[6]);
/* vcpu.halt when nobody will ever wake anybody. */
extern void (*machine_deadlock)(void);

/* ---- programs ---- */

/* A system call of the calling task, by number; with signals handled and interrupted calls begun again. */
int64_t call6(long number, const uint64_t argument[6]);
#define call(number, ...) call6((number), (const uint64_t[6]){ __VA_ARGS__ })
#define POINTER(value) ((uint64_t)(value))

/* Computes for a while: time passes, events come, other vCPUs run. */
void compute(uint64_t nanoseconds);

/* A new thread of the program, which ends when the function returns. Returns its id. */
typedef void program_thread(void *argument);
int program_start(program_thread *function, void *argument);
/* The same with flags and pointers of clone(2). */
int64_t program_clone(uint64_t flags, uint64_t parent_id, uint64_t child_id, uint64_t tls,
		      program_thread *function, void *argument);

/* Memory of the program: `length` bytes of zeros. */
uint64_t program_map(uint64_t length);

/* The program's address of a C function, as a handler of signals; it is given pointers into the program's memory. */
typedef void program_handler(int number, uint64_t info, uint64_t context);
uint64_t program_function(program_handler *handler);
/* sigaction(2). */
void program_handle(int number, program_handler *handler, uint64_t flags, uint64_t mask);
/* Where rt_sigreturn is called. */
#define PROGRAM_RESTORER UINT64_C(0x5f0000)
/* The pointer to the stack in the task's registers. */
uint64_t *program_stack(void);

/* For machine.c: runs what a task's registers say. */
_Noreturn void program_enter(struct registers *registers);
void program_set(struct registers *registers, program_thread *function, void *argument);

/* ---- between the machine's parts ---- */

void processor_begin(void (*function)(void));
/* Lets another vCPU run: now, or if all others have nothing to do, later. */
void machine_let_others_run(void);
/* Another stack: what vCPU `to` does, and what the calling one does is kept. */
void processor_switch_vcpu(uint32_t from, uint32_t to);
void processor_make_vcpu(uint32_t number, void (*function)(void));
/* Whether the calling vCPU has an event; it is taken by guest_events_take(). */
bool machine_has_event(void);

#endif
