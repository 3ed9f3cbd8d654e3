/* SPDX-License-Identifier: ISC */
/* crossing.c - the guest of `postern bench crossing`: crosses in the way that it is asked to, and answers how long it took. */
#include "crossing.h"
#include "sample.h"

#include <postern/guest.h>
#include <postern/guest_ring.h>

POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE, CONSOLE_READ),
		   POSTERN_NEED(RING, RING_SETUP, RING_ENTER, RING_CLOSE),
		   POSTERN_NEED(VCPU, VCPU_CALLBACKS));

enum { RING_ORDER = 10, KERNEL_STACK = 16384, AT_ONCE = 64 };

/* Where the program is; see `mapper` in struct boot_info of the contract. */
#define PROGRAM_AT UINT64_C(0x10000000)
enum { MAPPER_MAP = 1, MAPPER_READ_EXECUTE = 5 };

long crossing_gate(long number, long a, long b);
void crossing_program_run(void *program, uint64_t count);
extern const char crossing_program[], crossing_program_limit[], crossing_program_end[];
long crossing_serve(const uint64_t *registers);

static char kernel_stack[KERNEL_STACK] __attribute__((aligned(16)));
char *crossing_kernel_stack = kernel_stack + sizeof kernel_stack;
uint64_t crossing_program_stack;

static struct guest_ring ring;

static void must(int64_t result, const char *what)
{
	if (result < 0)
		guest_panic("%s: %s", what, guest_error_name(result));
}

/* ---- the ways ---- */

/* What a kernel would find its system call's handler by. */
__attribute__((noinline)) long crossing_serve(const uint64_t *registers)
{
	__asm__ volatile("" : : "r"(registers) : "memory");
	return 0;
}

static void cross_gate(const struct crossing_question *question)
{
	for (uint32_t i = 0; i < question->repeats; i++)
		crossing_gate(110, 0, 0);
}

static bool serve_system_call(struct guest_registers *registers)
{
	if (registers->rax == UINT64_MAX) {
		registers->rip = (uint64_t)crossing_program_end;
		registers->rsp = crossing_program_stack;
	}
	registers->rax = 1;
	return true;
}

static void cross_system(const struct crossing_question *question)
{
	crossing_program_run((void *)PROGRAM_AT, question->repeats);
}

static void cross_trap(const struct crossing_question *question)
{
	for (uint32_t i = 0; i < question->repeats; i++)
		must(postern_abi_nop(), "abi.nop");
}

static void cross_batch(const struct crossing_question *question)
{
	for (uint32_t i = 0; i < question->repeats; i++) {
		for (uint32_t n = 0; n < question->batch; n++)
			postern_prepare_abi_nop(guest_ring_get_entry(&ring), n);
		must(guest_ring_submit_and_wait(&ring, question->batch), "a batch");
		guest_ring_advance(&ring, question->batch);
	}
}

/* As many as fit are under way. Returns how many entries there were room for. */
static uint32_t submit_some(uint32_t most)
{
	struct postern_ring_entry *entry;
	uint32_t count = 0;

	while (count < most && (entry = guest_ring_get_entry(&ring)) != NULL)
		postern_prepare_abi_nop(entry, count++);
	if (count)
		must(guest_ring_submit(&ring), "submitting");
	return count;
}

static void cross_ring(const struct crossing_question *question)
{
	struct postern_ring_completion completions[AT_ONCE];
	uint32_t submitted = 0;
	uint32_t completed = 0;

	while (completed < question->repeats) {
		uint32_t taken;
		uint32_t left = question->repeats - submitted;

		submitted += submit_some(left < AT_ONCE ? left : AT_ONCE);
		while ((taken = guest_ring_take(&ring, completions, AT_ONCE)) > 0) {
			for (uint32_t i = 0; i < taken; i++)
				must(completions[i].result, "abi.nop over a ring");
			completed += taken;
		}
		must(ring.error, "the ring");
	}
}

static void cross_port(const struct crossing_question *question)
{
	for (uint32_t i = 0; i < question->repeats; i++)
		__asm__ volatile("outb %b0, %w1" : : "a"(i), "Nd"((uint16_t)CROSSING_PORT_NUMBER));
}

/* ---- answering ---- */

/* flags of ring_setup, and whether there is a ring at all. */
static const struct way {
	void (*cross)(const struct crossing_question *question);
	bool needs_ring;
	uint32_t flags;
} ways[CROSSING_WAYS] = {
	[CROSSING_GATE] = { cross_gate },
	[CROSSING_SYSTEM] = { cross_system },
	[CROSSING_TRAP] = { cross_trap },
	[CROSSING_BATCH] = { cross_batch, true },
	[CROSSING_RING] = { cross_ring, true, POSTERN_RING_SETUP_FLAGS_POLLED },
	[CROSSING_PORT] = { cross_port },
};

static uint64_t measure(const struct way *way, const struct crossing_question *question)
{
	uint64_t samples[SAMPLE_MOST];

	way->cross(question);
	for (uint32_t i = 0; i < question->samples; i++) {
		uint64_t start = sample_ticks();

		way->cross(question);
		samples[i] = sample_ticks() - start;
	}
	return sample_median(samples, question->samples);
}

static void answer(const struct crossing_question *question)
{
	const struct way *way = &ways[question->way];
	struct crossing_answer result;

	if (way->needs_ring)
		must(guest_ring_init(&ring, RING_ORDER, RING_ORDER, way->flags, POSTERN_NO_HANDLE),
		     "ring.setup");
	result.ticks = measure(way, question);
	if (way->needs_ring) {
		must(guest_ring_close(&ring), "ring.close");
		guest_ring_free(&ring);
	}
	must(guest_write(POSTERN_CONSOLE_STREAM_OUTPUT, &result, sizeof result), "answering");
}

/* ---- starting ---- */

/* Where programs are, for one page. */
static void map(uint64_t from)
{
	const uint64_t mapper = guest_boot()->mapper; /* a call, which would change r10 */
	register uint64_t r10 __asm__("r10") = from;
	int64_t result;

	__asm__ volatile("call *%[mapper]"
			 : "=a"(result)
			 : "a"((uint64_t)MAPPER_MAP), "D"(PROGRAM_AT), "S"(UINT64_C(4096)),
			   "d"((uint64_t)MAPPER_READ_EXECUTE), "r"(r10), [mapper] "r"(mapper)
			 : "rcx", "r11", "cc", "memory");
	must(result, "mapping the program");
}

static void load_program(void)
{
	char *page = guest_pages_alloc(1);

	memcpy(page, crossing_program, (size_t)(crossing_program_limit - crossing_program));
	map(postern_address(page));
}

int main(void)
{
	struct crossing_question question;
	int64_t length;

	guest_on_system_call(serve_system_call);
	load_program();
	while ((length = postern_console_read(&question, sizeof question)) == sizeof question)
		answer(&question);
	must(length, "console.read");
	return 0;
}
