/* SPDX-License-Identifier: ISC */
/*
 * signal_frame.c - the frame of a signal handler on the program's stack, byte for byte as Linux has it on x86-64, and
 * the way back from it. What the program hands back is hostile: it must not make a load of the extended state fault, nor
 * give the program flags, segments or an address that it cannot have.
 */
#include "arch/arch.h"
#include "mm/user.h"
#include "task/signal.h"
#include "task/task.h"

#include <linux/signal.h>

#include <asm/sigcontext.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/ucontext.h>

/* Linux's struct rt_sigframe; the extended state follows somewhere above. */
struct frame {
	uint64_t return_address;
	struct ucontext context;
	struct signal_info info;
	uint8_t rest_of_info[80];
};
_Static_assert(sizeof(struct ucontext) == 304, "as Linux has it");
_Static_assert(offsetof(struct frame, info) == 312, "as Linux has it");
_Static_assert(sizeof(struct frame) == 440, "as Linux has it");
_Static_assert(sizeof(struct signal_info) + 80 == sizeof(siginfo_t), "as Linux has it");

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (UINT32_C(1) << 31)
#endif
#ifndef SA_RESTORER
#define SA_RESTORER 0x04000000
#endif

enum {
	RED_ZONE = 128,
	LEGACY_SIZE = 512,
	HEADER_SIZE = 64,
	SOFTWARE_AT = 464,
	MXCSR_AT = 24,
	MXCSR_MASK_AT = 28,
	OLD_MXCSR_MASK = 0xffbf, /* where the processor tells none */
	STACK_ALIGNMENT = 16,
	STATE_ALIGNMENT = 64,
	DIRECTION_FLAG = 0x400,
	TRAP_FLAG = 0x100,
	ALWAYS_SET_FLAGS = 0x202,
};
_Static_assert(sizeof(struct _fpx_sw_bytes) == LEGACY_SIZE - SOFTWARE_AT, "as the processor leaves it free");

/* Protection keys: a program could take its kernel's access to memory away with it. Handlers run with all allowed. */
#define NOT_FROM_FRAMES (UINT64_C(1) << 9)
#define LEGACY_FEATURES UINT64_C(3)

/* The XSAVE area beyond the legacy part. */
struct header {
	uint64_t features, compacted;
	uint64_t reserved[6];
};

static struct header *header_of(void *state)
{
	return (struct header *)((char *)state + LEGACY_SIZE);
}

/* ---- alternate stacks ---- */

static bool is_on(const struct task_signals *signals, uint64_t pointer)
{
	if (signals->stack_flags & SS_AUTODISARM)
		return false;
	return pointer > signals->stack && pointer - signals->stack <= signals->stack_size;
}

struct signal_stack signal_stack_get(uint64_t pointer)
{
	const struct task_signals *signals = &current_task()->signals;
	struct signal_stack stack = { signals->stack, signals->stack_flags, 0, signals->stack_size };

	if (!signals->stack_size)
		stack.flags = SS_DISABLE;
	else if (is_on(signals, pointer))
		stack.flags |= SS_ONSTACK;
	return stack;
}

int signal_stack_set(const struct signal_stack *stack, uint64_t pointer)
{
	struct task_signals *signals = &current_task()->signals;
	const uint32_t mode = stack->flags & ~SS_AUTODISARM;

	if (is_on(signals, pointer))
		return -EPERM;
	if (mode != SS_DISABLE && mode != SS_ONSTACK && mode)
		return -EINVAL;
	if (mode != SS_DISABLE && stack->size < MINSIGSTKSZ)
		return -ENOMEM;
	signals->stack = mode == SS_DISABLE ? 0 : stack->base;
	signals->stack_size = mode == SS_DISABLE ? 0 : stack->size;
	signals->stack_flags = stack->flags & SS_AUTODISARM;
	return 0;
}

/* ---- pushing ---- */

/* Where things are to lie. */
struct place {
	uint64_t frame, state;
};

static bool choose_place(const struct registers *registers, const struct signal_action *action,
			 struct place *place)
{
	const struct task_signals *signals = &current_task()->signals;
	uint64_t top = registers->rsp - RED_ZONE;
	bool alternate = action->flags & SA_ONSTACK && signals->stack_size && !is_on(signals, top);

	if (alternate)
		top = signals->stack + signals->stack_size;
	place->state = (top - arch_extended_size() - sizeof(uint32_t)) & ~(uint64_t)(STATE_ALIGNMENT - 1);
	place->frame = place->state - sizeof(struct frame);
	place->frame = (place->frame & ~(uint64_t)(STACK_ALIGNMENT - 1)) - sizeof(uint64_t);
	/* Neither around the end of the addresses nor out of the alternate stack. */
	if (place->frame >= ARCH_USER_END || top > ARCH_USER_END)
		return false;
	return !(alternate || is_on(signals, registers->rsp)) || place->frame > signals->stack;
}

/* Writes the extended state, with what tells programs how large it is and what is in it. */
static int push_state(uint64_t to)
{
	const uint32_t end = FP_XSTATE_MAGIC2;
	const size_t size = arch_extended_size();
	struct task *task = current_task();
	char *state = task->extended_scratch;
	const struct _fpx_sw_bytes software = {
		.magic1 = FP_XSTATE_MAGIC1,
		.extended_size = (uint32_t)(size + sizeof end),
		.xfeatures = arch_extended_features(),
		.xstate_size = (uint32_t)size,
	};
	int error;

	memset(state, 0, size);
	arch_extended_save(state);
	if (!arch_extended_features())
		return user_write(to, state, size);
	memcpy(state + SOFTWARE_AT, &software, sizeof software);
	error = user_write(to, state, size);
	return error ? error : user_write(to + size, &end, sizeof end);
}

static void fill_registers(struct sigcontext *to, const struct registers *from)
{
	*to = (struct sigcontext){
		.r8 = from->r8,
		.r9 = from->r9,
		.r10 = from->r10,
		.r11 = from->r11,
		.r12 = from->r12,
		.r13 = from->r13,
		.r14 = from->r14,
		.r15 = from->r15,
		.rdi = from->rdi,
		.rsi = from->rsi,
		.rbp = from->rbp,
		.rbx = from->rbx,
		.rdx = from->rdx,
		.rax = from->rax,
		.rcx = from->rcx,
		.rsp = from->rsp,
		.rip = from->rip,
		.eflags = from->rflags,
		.cs = (uint16_t)from->cs,
		.ss = (uint16_t)from->ss,
	};
}

static void fill_context(struct ucontext *context, const struct registers *registers, uint64_t state,
			 signal_set mask)
{
	const struct task *task = current_task();
	const struct task_signals *signals = &task->signals;

	context->uc_flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
	if (arch_extended_features())
		context->uc_flags |= UC_FP_XSTATE;
	context->uc_stack.ss_sp = (void *)signals->stack;
	context->uc_stack.ss_flags = signals->stack_size ? (int)signals->stack_flags : SS_DISABLE;
	context->uc_stack.ss_size = signals->stack_size;
	fill_registers(&context->uc_mcontext, registers);
	context->uc_mcontext.err = task->trap.error;
	context->uc_mcontext.trapno = task->trap.vector;
	context->uc_mcontext.cr2 = task->trap.address;
	context->uc_mcontext.oldmask = mask;
	context->uc_mcontext.fpstate = (void *)state;
	memcpy(&context->uc_sigmask, &mask, sizeof mask);
}

static void begin_handler(struct registers *registers, const struct signal_action *action, uint64_t frame,
			  int number)
{
	struct task *task = current_task();

	registers->rdi = (uint64_t)number;
	registers->rsi = frame + offsetof(struct frame, info);
	registers->rdx = frame + offsetof(struct frame, context);
	registers->rax = 0;
	registers->rip = action->handler;
	registers->rsp = frame;
	registers->rflags &= ~(uint64_t)(DIRECTION_FLAG | TRAP_FLAG);
	arch_extended_reset(task->extended_scratch);
	arch_extended_load(task->extended_scratch);
	if (task->signals.stack_flags & SS_AUTODISARM) {
		task->signals.stack = task->signals.stack_size = 0;
		task->signals.stack_flags = 0;
	}
}

int signal_frame_push(struct registers *registers, const struct signal_action *action,
		      const struct signal_info *info, signal_set mask)
{
	struct frame frame = { .return_address = action->restorer, .info = *info };
	struct place place;
	int error;

	if (!(action->flags & SA_RESTORER) || action->handler >= ARCH_USER_END ||
	    !choose_place(registers, action, &place))
		return -EFAULT;
	fill_context(&frame.context, registers, place.state, mask);
	error = push_state(place.state);
	if (!error)
		error = user_write(place.frame, &frame, sizeof frame);
	if (!error)
		begin_handler(registers, action, place.frame, info->number);
	return error;
}

/* ---- popping ---- */

static uint32_t mxcsr_mask(void *scratch)
{
	uint32_t mask;

	arch_extended_save(scratch);
	memcpy(&mask, (char *)scratch + MXCSR_MASK_AT, sizeof mask);
	return mask ? mask : OLD_MXCSR_MASK;
}

/* Whether there is more than the legacy part: the program may have built the frame itself. *size: how much in all. */
static bool has_extended(uint64_t from, const char *state, size_t *size)
{
	struct _fpx_sw_bytes software;
	uint32_t end;

	memcpy(&software, state + SOFTWARE_AT, sizeof software);
	*size = software.xstate_size;
	return arch_extended_features() && software.magic1 == FP_XSTATE_MAGIC1 &&
	       *size >= LEGACY_SIZE + HEADER_SIZE && *size <= arch_extended_size() &&
	       *size <= software.extended_size && !user_read(&end, from + *size, sizeof end) &&
	       end == FP_XSTATE_MAGIC2;
}

static int check_state(char *state, uint32_t mask)
{
	struct header *header = header_of(state);
	uint32_t mxcsr;

	memcpy(&mxcsr, state + MXCSR_AT, sizeof mxcsr);
	if (mxcsr & ~mask)
		return -EFAULT;
	if (!arch_extended_features())
		return 0;
	header->features &= arch_extended_features() & ~NOT_FROM_FRAMES;
	if (header->compacted)
		return -EFAULT;
	for (size_t i = 0; i < COUNT_OF(header->reserved); i++) {
		if (header->reserved[i])
			return -EFAULT;
	}
	return 0;
}

/* Everything is read, then the copy is checked, then it is loaded. */
static int pop_state(uint64_t from)
{
	char *state = current_task()->extended_scratch;
	const uint32_t mask = mxcsr_mask(state);
	size_t size;
	int error;

	arch_extended_reset(state);
	if (!from) {
		arch_extended_load(state);
		return 0;
	}
	error = user_read(state, from, LEGACY_SIZE);
	if (error)
		return error;
	if (has_extended(from, state, &size))
		error = user_read(state + LEGACY_SIZE, from + LEGACY_SIZE, size - LEGACY_SIZE);
	else if (arch_extended_features())
		header_of(state)->features = LEGACY_FEATURES;
	if (!error)
		error = check_state(state, mask);
	if (!error)
		arch_extended_load(state);
	return error;
}

static bool registers_are_valid(const struct registers *registers, const struct ucontext *context)
{
	const struct sigcontext *from = &context->uc_mcontext;

	return from->cs == (uint16_t)registers->cs &&
	       (!(context->uc_flags & UC_STRICT_RESTORE_SS) || from->ss == (uint16_t)registers->ss) &&
	       from->rip < ARCH_USER_END;
}

static void take_registers(struct registers *to, const struct sigcontext *from)
{
	to->r8 = from->r8;
	to->r9 = from->r9;
	to->r10 = from->r10;
	to->r11 = from->r11;
	to->r12 = from->r12;
	to->r13 = from->r13;
	to->r14 = from->r14;
	to->r15 = from->r15;
	to->rdi = from->rdi;
	to->rsi = from->rsi;
	to->rbp = from->rbp;
	to->rbx = from->rbx;
	to->rdx = from->rdx;
	to->rax = from->rax;
	to->rcx = from->rcx;
	to->rsp = from->rsp;
	to->rip = from->rip;
	to->rflags = (from->eflags & RFLAGS_OF_PROGRAM) | ALWAYS_SET_FLAGS;
}

int signal_frame_pop(struct registers *registers)
{
	/* The handler's return took the return address. */
	const uint64_t at = registers->rsp - sizeof(uint64_t);
	struct signal_stack stack = { 0 };
	struct ucontext context;
	signal_set mask;
	int error = user_read(&context, at + offsetof(struct frame, context), sizeof context);

	if (error)
		return error;
	if (!registers_are_valid(registers, &context))
		return -EFAULT;
	error = pop_state((uint64_t)context.uc_mcontext.fpstate);
	if (error)
		return error;
	memcpy(&mask, &context.uc_sigmask, sizeof mask);
	signal_set_blocked(mask);
	take_registers(registers, &context.uc_mcontext);
	stack.base = (uint64_t)context.uc_stack.ss_sp;
	stack.flags = (uint32_t)context.uc_stack.ss_flags;
	stack.size = context.uc_stack.ss_size;
	/* As on Linux, a bad one is not taken, and nothing is said. */
	(void)signal_stack_set(&stack, registers->rsp);
	return 0;
}
