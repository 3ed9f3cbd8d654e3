/* SPDX-License-Identifier: ISC */
/* process.c - makes a guest process. The child runs no libc but what is plain code: it shares nothing with it. */
#include "engine/ring3/process.h"

#include "engine/ring3/filter.h"
#include "engine/ring3/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/rseq.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/platform/x86.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

void ring3_start(void) __attribute__((noreturn));
void ring3_hypercall(void);
void ring3_mapper(void);

/* ---- in the child ---- */

static _Noreturn void give_up(int status)
{
	syscall(SYS_exit_group, status);
	__builtin_unreachable();
}

static void must(bool done)
{
	if (!done)
		give_up(RING3_NO_MEMORY);
}

/* libc has told the kernel of memory of this thread that is about to go. */
static void forget_libc(void)
{
	char *thread = __builtin_thread_pointer();

	if (__rseq_size)
		syscall(SYS_rseq, thread + __rseq_offset, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
	syscall(SYS_set_robust_list, NULL, 24);
	syscall(SYS_set_tid_address, NULL);
}

/* Never above what it is. */
static void lower_limit(int resource, uint64_t most)
{
	struct rlimit limit;

	must(getrlimit((__rlimit_resource_t)resource, &limit) == 0);
	limit.rlim_max = limit.rlim_max < most ? limit.rlim_max : most;
	limit.rlim_cur = limit.rlim_max;
	must(setrlimit((__rlimit_resource_t)resource, &limit) == 0);
}

static void drop_descriptors(int ram_fd)
{
	must(syscall(SYS_dup3, ram_fd, RING3_RAM_FD, O_CLOEXEC) == RING3_RAM_FD || ram_fd == RING3_RAM_FD);
	syscall(SYS_close_range, 0, RING3_RAM_FD - 1, 0);
	must(syscall(SYS_close_range, RING3_RAM_FD + 1, ~0U, 0) == 0);
	lower_limit(RLIMIT_NOFILE, 0);
}

/* A monitor that root has started has them; with one of them a guest may map page 0, for instance. */
static void drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	must(syscall(SYS_capset, &header, none) == 0);
}

static void lock_down(pid_t parent)
{
	drop_capabilities();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (syscall(SYS_getppid) != parent)
		give_up(RING3_ORPHAN);
	prctl(PR_SET_DUMPABLE, 0);
	lower_limit(RLIMIT_CORE, 0);
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
}

/*
 * What is mapped costs the host page tables, which nobody counts as the guest's memory: a guest that maps its RAM
 * over and over would fill the host with them.
 */
static void limit_mappings(const struct engine_config *config, const struct ring3_process *process)
{
	lower_limit(RLIMIT_AS,
		    process->areas_size + RING3_CODE_SIZE + (1 + RING3_USER_TIMES) * config->memory->size);
}

/* Where a symbol of the engine's code is in the guest process. */
static uint64_t copied_to(const void *symbol)
{
	return RING3_CODE + RING3_CODE_AT + (uint64_t)((const char *)symbol - ring3_code_start);
}

/* In which order the linker puts the code behind the page is its own affair. */
static void write_jump(uint8_t *page, uint64_t offset, uint64_t target)
{
	const int32_t distance = (int32_t)(target - (RING3_CODE + offset + 5));

	page[offset] = 0xe9;
	memcpy(page + offset + 1, &distance, sizeof distance);
}

static void write_hypercall_page(uint8_t *page)
{
	write_jump(page, 0, copied_to(ring3_hypercall));
	write_jump(page, RING3_MAPPER_AT, copied_to(ring3_mapper));
}

/* Maps what the guest process keeps, each at its fixed address. */
static void map_everything(const struct engine_config *config, const struct ring3_process *process)
{
	const size_t code_size = (size_t)(ring3_code_end - ring3_code_start);
	const int shared = MAP_SHARED | MAP_FIXED_NOREPLACE;
	uint8_t *code = mmap((void *)RING3_CODE, RING3_CODE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	must(code == (uint8_t *)RING3_CODE && code_size <= RING3_CODE_SIZE - RING3_CODE_AT);
	memset(code, RING3_CODE_FILL, RING3_CODE_SIZE);
	memcpy(code + RING3_CODE_AT, ring3_code_start, code_size);
	write_hypercall_page(code);
	must(mprotect(code, RING3_CODE_SIZE, PROT_READ | PROT_EXEC) == 0);
	must(mmap((void *)RING3_AREAS, process->areas_size, PROT_READ | PROT_WRITE, shared, process->area_fd,
		  0) == (void *)RING3_AREAS);
	must(mmap((void *)RING3_PHYSMAP, config->memory->size, PROT_READ | PROT_WRITE | PROT_EXEC,
		  shared | MAP_NORESERVE, config->memory->fd, 0) == (void *)RING3_PHYSMAP);
}

/*
 * Leaves the monitor's stack for area 0's, and the monitor's code for the copy. No register goes along: the code saves
 * some on that stack, where the guest would find the monitor's addresses.
 */
static _Noreturn void leave(void)
{
	const uint64_t start = copied_to(ring3_start);
	const uint64_t stack = RING3_AREAS + RING3_STACK_END;

	__asm__ volatile("movq %0, %%rsp\n\t"
			 "pushq %1\n\t"
			 "xorl %%eax, %%eax\n\txorl %%ebx, %%ebx\n\txorl %%ecx, %%ecx\n\t"
			 "xorl %%edx, %%edx\n\txorl %%esi, %%esi\n\txorl %%edi, %%edi\n\t"
			 "xorl %%ebp, %%ebp\n\txorl %%r8d, %%r8d\n\txorl %%r9d, %%r9d\n\t"
			 "xorl %%r10d, %%r10d\n\txorl %%r11d, %%r11d\n\txorl %%r12d, %%r12d\n\t"
			 "xorl %%r13d, %%r13d\n\txorl %%r14d, %%r14d\n\txorl %%r15d, %%r15d\n\t"
			 "ret"
			 :
			 : "r"(stack), "r"(start)
			 : "memory");
	__builtin_unreachable();
}

static _Noreturn void run_child(const struct engine_config *config, const struct ring3_process *process,
				pid_t parent)
{
	lock_down(parent);
	forget_libc();
	map_everything(config, process);
	limit_mappings(config, process);
	drop_descriptors(config->memory->fd);
	leave();
}

/* ---- in the monitor ---- */

static struct ring3_area *area_of(const struct ring3_process *process, unsigned number)
{
	return (struct ring3_area *)((char *)process->areas + (size_t)number * RING3_AREA_SIZE);
}

/* As libc found it: to execute CPUID takes some us where the host is a VM. */
static bool has_xsave(void)
{
	return CPU_FEATURE_ACTIVE(XSAVE);
}

static int create_areas(const struct engine_config *config, struct ring3_process *process)
{
	struct ring3_boot *boot;
	size_t length;
	const struct sock_filter *filter = ring3_filter(&length);

	process->areas_size = (size_t)config->vcpus * RING3_AREA_SIZE;
	process->area_fd = memfd_create("postern-areas", MFD_CLOEXEC);
	if (process->area_fd < 0 || ftruncate(process->area_fd, (off_t)process->areas_size))
		return -errno;
	process->areas =
		mmap(NULL, process->areas_size, PROT_READ | PROT_WRITE, MAP_SHARED, process->area_fd, 0);
	if (process->areas == MAP_FAILED)
		return -errno;
	boot = (struct ring3_boot *)((char *)process->areas + RING3_BOOT_AT);
	*boot = (struct ring3_boot){
		.vcpus = config->vcpus,
		.ram_fd = RING3_RAM_FD,
		.ram_size = config->memory->size,
		.has_fsgsbase = (getauxval(AT_HWCAP2) >> 1) & 1,
		.trap_tsc = config->trap_tsc,
		.has_xsave = has_xsave(),
		.filter_length = length,
	};
	memcpy(boot->filter, filter, length * sizeof *filter);
	for (unsigned i = 0; i < config->vcpus; i++) {
		area_of(process, i)->vcpu_page = RING3_PHYSMAP + config->vcpu_pages[i];
	}
	return 0;
}

/* A fork without libc's knowledge: none of its handlers is to run on either side. */
static pid_t fork_child(int *pidfd)
{
	struct clone_args args = {
		.flags = CLONE_PIDFD,
		.pidfd = (uint64_t)pidfd,
		.exit_signal = SIGCHLD,
	};

	return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

/* Waits until every thread has reported; vCPU 0 does so once the filter is in place. */
int ring3_process_settle(struct ring3_process *process, unsigned vcpus)
{
	for (unsigned i = 0; i < vcpus; i++) {
		struct ring3_mailbox *mailbox = &area_of(process, i)->mailbox;

		while (!(__atomic_load_n(&mailbox->turn, __ATOMIC_ACQUIRE) & RING3_TURN_HOST)) {
			struct pollfd end = { .fd = process->pidfd, .events = POLLIN };

			if (poll(&end, 1, 0) == 1)
				return -ENOTSUP;
			sched_yield();
		}
	}
	return 0;
}

int ring3_process_start(const struct engine_config *config, struct ring3_process *process)
{
	const pid_t self = getpid();
	int error;

	*process = (struct ring3_process){ .pid = -1, .pidfd = -1, .area_fd = -1, .areas = MAP_FAILED };
	error = create_areas(config, process);
	if (!error) {
		process->pid = fork_child(&process->pidfd);
		if (process->pid == 0)
			run_child(config, process, self);
		error = process->pid < 0 ? -errno : 0;
	}
	if (error)
		ring3_process_end(process);
	return error;
}

void ring3_process_end(struct ring3_process *process)
{
	if (process->pid > 0) {
		kill(process->pid, SIGKILL);
		while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (process->pidfd >= 0)
		close(process->pidfd);
	if (process->areas != MAP_FAILED)
		munmap(process->areas, process->areas_size);
	if (process->area_fd >= 0)
		close(process->area_fd);
	*process = (struct ring3_process){ .pid = -1, .pidfd = -1, .area_fd = -1, .areas = MAP_FAILED };
}
