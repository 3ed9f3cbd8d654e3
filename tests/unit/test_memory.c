/* SPDX-License-Identifier: ISC */
/*
 * test_memory.c - guest RAM, the p2m and checked access, as the rest of the hypervisor sees them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "memory/memory.h"

#define PAGE MEMORY_PAGE_SIZE
#define PAGES UINT64_C(64)
#define SIZE (PAGES * PAGE)
#define READ_WRITE ((unsigned)MEMORY_READ | MEMORY_WRITE)

static gpa_t gpa(uint64_t value)
{
	return (gpa_t){ .value = value };
}

static int make_memory(void **state)
{
	struct guest_memory *mem = malloc(sizeof(*mem));

	*state = mem;
	return mem ? memory_create(mem, SIZE) : -ENOMEM;
}

static int drop_memory(void **state)
{
	memory_destroy(*state);
	free(*state);
	return 0;
}

/* Asks for a span and holds it to what the header promises about it, given and refused. */
static bool span_is_given(const struct guest_memory *mem, uint64_t at, uint64_t length, unsigned access)
{
	char nowhere;
	struct iovec span = { .iov_base = &nowhere, .iov_len = 12345 };

	if (!memory_span(mem, gpa(at), length, access, &span)) {
		assert_ptr_equal(span.iov_base, &nowhere);
		assert_int_equal(span.iov_len, 12345);
		return false;
	}
	assert_ptr_equal(span.iov_base, length ? mem->base + at : mem->base);
	assert_int_equal(span.iov_len, length);
	return true;
}

static void set_page(struct guest_memory *mem, uint64_t page, enum p2m_state state)
{
	assert_int_equal(p2m_set(mem, page, 1, state), 0);
}

static enum p2m_state page_state(const struct guest_memory *mem, uint64_t page)
{
	return p2m_get(mem, gpa(page * PAGE));
}

/* Makes each of `count` pages resident, with its own number as content. */
static void touch_pages(struct guest_memory *mem, uint64_t first, uint64_t count)
{
	for (uint64_t page = first; page < first + count; page++)
		assert_true(memory_copy_out(mem, gpa(page * PAGE + 8), &page, sizeof(page)));
}

static uint64_t page_content(const struct guest_memory *mem, uint64_t page)
{
	uint64_t content;

	assert_true(memory_copy_in(mem, &content, gpa(page * PAGE + 8), sizeof(content)));
	return content;
}

/*
 * Creation
 */

static void a_new_guest_owns_all_its_ram_and_it_is_zero(void **state)
{
	struct guest_memory *mem = *state;
	static uint8_t content[SIZE];
	static const uint8_t zero[SIZE];

	assert_int_equal(mem->size, SIZE);
	for (uint64_t page = 0; page < PAGES; page++)
		assert_int_equal(page_state(mem, page), P2M_OWNED);
	assert_true(memory_copy_in(mem, content, gpa(0), SIZE));
	assert_memory_equal(content, zero, SIZE);
}

static void sizes_that_cannot_be_are_refused(void **state)
{
	static const uint64_t sizes[] = {
		0,
		1,
		PAGE - 1,
		PAGE + 1,
		MEMORY_MAX_SIZE - 1,
		MEMORY_MAX_SIZE + PAGE,
		UINT64_MAX,
		UINT64_MAX - PAGE + 1,
		UINT64_C(1) << 63,
	};
	struct guest_memory mem;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		memset(&mem, 0xff, sizeof(mem));
		assert_int_equal(memory_create(&mem, sizes[i]), -EINVAL);
		assert_null(mem.base);
		assert_int_equal(mem.size, 0);
		assert_false(span_is_given(&mem, 0, 1, MEMORY_READ));
		assert_true(span_is_given(&mem, 0, 0, MEMORY_READ));
		memory_destroy(&mem);
	}
}

/* Uses the last bytes of RAM of `mem`, and destroys it; then once more, which must do no harm. */
static void use_and_destroy(struct guest_memory *mem)
{
	uint64_t last = mem->size - 4;

	assert_true(memory_copy_out(mem, gpa(last), "last", 4));
	assert_memory_equal(mem->base + last, "last", 4);
	assert_false(span_is_given(mem, last, 5, MEMORY_READ));
	assert_in_range(memory_resident(mem), 1, UINT64_C(2) << 20); /* at most a huge page */
	memory_destroy(mem);
	assert_null(mem->base);
	memory_destroy(mem);
}

static void a_guest_of_one_page_works(void **state)
{
	struct guest_memory mem;

	(void)state;
	assert_int_equal(memory_create(&mem, PAGE), 0);
	use_and_destroy(&mem);
}

static void a_guest_of_the_largest_size_works(void **state)
{
	struct guest_memory mem;
	int error;

	(void)state;
	error = memory_create(&mem, MEMORY_MAX_SIZE);
	if (error == -ENOMEM) {
		print_message("# skipped: this process has no address space for the largest guest\n");
		skip(); /* ThreadSanitizer leaves too little of it */
	}
	assert_int_equal(error, 0);
	use_and_destroy(&mem);
}

static void the_file_cannot_be_resized(void **state)
{
	struct guest_memory *mem = *state;

	assert_int_equal(ftruncate(mem->fd, (off_t)(SIZE - PAGE)), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(mem->fd, (off_t)(SIZE + PAGE)), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(fcntl(mem->fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(fcntl(mem->fd, F_GET_SEALS) & (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL),
			 F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	assert_int_equal(fcntl(mem->fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

static void an_engine_can_map_guest_code_and_execute_it(void **state)
{
#if defined(__x86_64__)
	static const uint8_t code[] = { 0xb8, 0x2a, 0x00, 0x00, 0x00, 0xc3 }; /* mov $42, %eax; ret */
#elif defined(__aarch64__)
	static const uint32_t code[] = { 0x52800540, 0xd65f03c0 }; /* mov w0, #42; ret */
#endif
	struct guest_memory *mem = *state;
	union {
		void *address;
		int (*function)(void);
	} guest;

	assert_true(memory_copy_out(mem, gpa(PAGE), code, sizeof(code)));
	guest.address = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, mem->fd, (off_t)PAGE);
	assert_ptr_not_equal(guest.address, MAP_FAILED);
	__builtin___clear_cache(guest.address, (char *)guest.address + sizeof(code));
	assert_int_equal(guest.function(), 42);
	munmap(guest.address, PAGE);
}

/* Returns the signal that a child dies of when it reads `address`, or 0 if it lives. */
static int signal_of_touching(const volatile uint8_t *address)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		(void)*address;
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void ram_lies_between_guards(void **state)
{
	struct guest_memory *mem = *state;

	assert_int_equal(signal_of_touching(mem->base), 0);
	assert_int_equal(signal_of_touching(mem->base + SIZE - 1), 0);
	assert_int_equal(signal_of_touching(mem->base + SIZE), SIGSEGV);
	assert_int_equal(signal_of_touching(mem->base + SIZE + 65535), SIGSEGV);
	assert_int_equal(signal_of_touching(mem->base - 1), SIGSEGV);
	assert_int_equal(signal_of_touching(mem->base - 65536), SIGSEGV);
}

/* Whether the VmFlags (proc(5)) of the mapping that starts at `address` have `flag`. */
static bool mapping_has(const void *address, const char *flag)
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	char line[512];
	bool ours = false;
	bool found = false;

	assert_non_null(smaps);
	while (fgets(line, sizeof(line), smaps)) {
		unsigned long start;
		unsigned long end;

		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			ours = start == (unsigned long)address;
		else if (ours && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line, flag) != NULL;
	}
	fclose(smaps);
	return found;
}

static void ram_stays_out_of_core_dumps(void **state)
{
	struct guest_memory *mem = *state;

	assert_true(mapping_has(mem->base, " sh"));
	assert_true(mapping_has(mem->base, " dd"));
}

struct usage {
	unsigned descriptors;
	unsigned long mapped; /* pages */
};

static struct usage usage_now(void)
{
	struct usage usage = { 0 };
	DIR *directory = opendir("/proc/self/fd");
	char text[64] = "";
	int fd;

	assert_non_null(directory);
	while (readdir(directory))
		usage.descriptors++;
	closedir(directory);

	fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	usage.mapped = strtoul(text, NULL, 10);
	return usage;
}

/*
 * The C library and the sanitizers may map a little for themselves. What a guest could leave shows above
 * that: a thousand guests a page each, or the RAM of one in a_failed_creation_leaves_nothing().
 */
static void assert_nothing_leaked(struct usage before)
{
	struct usage after = usage_now();

	assert_int_equal(after.descriptors, before.descriptors);
	assert_in_range(after.mapped, 0, before.mapped + 999);
}

static void nothing_is_left_of_a_thousand_guests(void **state)
{
	struct guest_memory mem;
	struct usage before;

	(void)state;
	usage_now(); /* the first call makes the C library grow its heap */
	before = usage_now();
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(memory_create(&mem, 64 * SIZE), 0);
		assert_true(memory_copy_out(&mem, gpa(SIZE), "content", 7));
		memory_destroy(&mem);
	}
	assert_nothing_leaked(before);
}

/* Tries to create a guest while `resource` is limited to `limit`. */
static int create_within(__rlimit_resource_t resource, rlim_t limit, uint64_t size)
{
	struct guest_memory mem;
	struct rlimit old;
	struct rlimit now;
	int error;

	assert_int_equal(getrlimit(resource, &old), 0);
	now = (struct rlimit){ .rlim_cur = limit, .rlim_max = old.rlim_max };
	assert_int_equal(setrlimit(resource, &now), 0);
	error = memory_create(&mem, size);
	assert_int_equal(setrlimit(resource, &old), 0);
	memory_destroy(&mem);
	return error;
}

static void a_failed_creation_leaves_nothing(void **state)
{
	const uint64_t size = UINT64_C(1) << 32; /* its p2m is 1 MiB */
	struct usage before;
	rlim_t mapped;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	usage_now();
	before = usage_now();
	mapped = before.mapped * PAGE;

	/* No descriptor; no file that long; no room for the guards; no room for the p2m after them. */
	assert_int_equal(create_within(RLIMIT_NOFILE, 0, size), -EMFILE);
	assert_int_equal(create_within(RLIMIT_FSIZE, size - 1, size), -EFBIG);
	assert_int_equal(create_within(RLIMIT_AS, mapped + size, size), -ENOMEM);
	assert_int_equal(create_within(RLIMIT_AS, mapped + size + (UINT64_C(512) << 10), size), -ENOMEM);
	assert_nothing_leaked(before);
	assert_int_equal(create_within(RLIMIT_AS, mapped + size + (UINT64_C(16) << 20), size), 0);
	assert_nothing_leaked(before);
}

/*
 * The p2m
 */

static void p2m_set_takes_only_pages_and_states_that_exist(void **state)
{
	struct guest_memory *mem = *state;

	assert_int_equal(p2m_set(mem, 3, 2, P2M_DEVICE), 0);
	assert_int_equal(page_state(mem, 2), P2M_OWNED);
	assert_int_equal(page_state(mem, 3), P2M_DEVICE);
	assert_int_equal(p2m_set(mem, PAGES - 1, 1, P2M_HOLE), 0);
	assert_int_equal(page_state(mem, PAGES - 1), P2M_HOLE);

	assert_int_equal(p2m_set(mem, 0, PAGES + 1, P2M_SHARED), -EFAULT);
	assert_int_equal(p2m_set(mem, PAGES, 1, P2M_SHARED), -EFAULT);
	assert_int_equal(p2m_set(mem, PAGES - 1, 2, P2M_SHARED), -EFAULT);
	assert_int_equal(p2m_set(mem, 1, UINT64_MAX, P2M_SHARED), -EFAULT);
	assert_int_equal(p2m_set(mem, UINT64_MAX, 1, P2M_SHARED), -EFAULT);
	assert_int_equal(p2m_set(mem, UINT64_MAX, UINT64_MAX, P2M_SHARED), -EFAULT);
	assert_int_equal(p2m_set(mem, 0, 1, P2M_STATES), -EINVAL);
	assert_int_equal(p2m_set(mem, 0, 1, (enum p2m_state)256), -EINVAL);
	assert_int_equal(page_state(mem, 0), P2M_OWNED);
	assert_int_equal(page_state(mem, PAGES - 1), P2M_HOLE);

	assert_int_equal(p2m_set(mem, PAGES, 0, P2M_SHARED), 0);
	assert_int_equal(p2m_set(mem, UINT64_MAX, 0, P2M_SHARED), 0);
}

static void p2m_get_takes_any_byte_of_a_page_and_any_address(void **state)
{
	struct guest_memory *mem = *state;

	set_page(mem, 5, P2M_SHARED);
	memset(mem->states + PAGES, P2M_OWNED, PAGES); /* the rest of their mapping, which says nothing */
	assert_int_equal(p2m_get(mem, gpa(5 * PAGE - 1)), P2M_OWNED);
	assert_int_equal(p2m_get(mem, gpa(5 * PAGE)), P2M_SHARED);
	assert_int_equal(p2m_get(mem, gpa(6 * PAGE - 1)), P2M_SHARED);
	assert_int_equal(p2m_get(mem, gpa(6 * PAGE)), P2M_OWNED);
	assert_int_equal(p2m_get(mem, gpa(SIZE - 1)), P2M_OWNED);
	assert_int_equal(p2m_get(mem, gpa(SIZE)), P2M_HOLE);
	assert_int_equal(p2m_get(mem, gpa(UINT64_C(1) << 63)), P2M_HOLE);
	assert_int_equal(p2m_get(mem, gpa(UINT64_MAX)), P2M_HOLE);
}

static void p2m_change_is_a_compare_and_exchange(void **state)
{
	struct guest_memory *mem = *state;

	assert_true(p2m_change(mem, 7, P2M_OWNED, P2M_SHARED));
	assert_false(p2m_change(mem, 7, P2M_OWNED, P2M_RELEASED));
	assert_int_equal(page_state(mem, 7), P2M_SHARED);
	assert_int_equal(page_state(mem, 6), P2M_OWNED);
	assert_int_equal(page_state(mem, 8), P2M_OWNED);
	assert_true(p2m_change(mem, 7, P2M_SHARED, P2M_OWNED));

	assert_true(p2m_change(mem, PAGES - 1, P2M_OWNED, P2M_DEVICE));
	assert_false(p2m_change(mem, PAGES, P2M_OWNED, P2M_SHARED));
	assert_false(p2m_change(mem, PAGES, P2M_HOLE, P2M_SHARED));
	assert_false(p2m_change(mem, UINT64_MAX, P2M_OWNED, P2M_SHARED));
	assert_false(p2m_change(mem, 7, P2M_OWNED, P2M_STATES));
	assert_false(p2m_change(mem, 7, (enum p2m_state)(256 + P2M_OWNED), P2M_SHARED));
	assert_int_equal(page_state(mem, 7), P2M_OWNED);
}

/*
 * Spans
 */

static void rights_are_those_of_the_page(void **state)
{
	static const unsigned rights[P2M_STATES] = {
		[P2M_OWNED] = READ_WRITE,
		[P2M_SHARED] = READ_WRITE,
	};
	struct guest_memory *mem = *state;

	for (unsigned is = 0; is < P2M_STATES; is++) {
		set_page(mem, 9, (enum p2m_state)is);
		assert_int_equal(p2m_allows[is], rights[is]);
		for (unsigned access = 1; access <= 3; access++) {
			bool allowed = (access & ~rights[is]) == 0;

			assert_int_equal(span_is_given(mem, 9 * PAGE, PAGE, access), allowed);
			assert_int_equal(span_is_given(mem, 9 * PAGE + 5, 1, access), allowed);
			assert_int_equal(span_is_given(mem, 8 * PAGE, 20 * PAGE, access), allowed);
		}
	}
}

static void an_access_that_is_no_right_is_never_given(void **state)
{
	static const unsigned accesses[] = { 0, 4, 4 | MEMORY_READ, 8 | READ_WRITE, 1U << 31, ~0U };
	struct guest_memory *mem = *state;

	for (size_t i = 0; i < sizeof(accesses) / sizeof(*accesses); i++) {
		assert_false(span_is_given(mem, 0, 1, accesses[i]));
		assert_false(span_is_given(mem, 0, 32 * PAGE, accesses[i]));
	}
}

static void ram_ends_at_its_last_byte(void **state)
{
	struct guest_memory *mem = *state;

	assert_true(span_is_given(mem, SIZE - 1, 1, READ_WRITE));
	assert_true(span_is_given(mem, 0, SIZE, READ_WRITE));
	assert_true(span_is_given(mem, 1, SIZE - 1, READ_WRITE));
	assert_true(span_is_given(mem, SIZE - PAGE, PAGE, READ_WRITE));
	assert_true(span_is_given(mem, SIZE - 2 * PAGE, 2 * PAGE, READ_WRITE));

	assert_false(span_is_given(mem, SIZE, 1, MEMORY_READ));
	assert_false(span_is_given(mem, SIZE - 1, 2, MEMORY_READ));
	assert_false(span_is_given(mem, 0, SIZE + 1, MEMORY_READ));
	assert_false(span_is_given(mem, 1, SIZE, MEMORY_READ));
	assert_false(span_is_given(mem, SIZE - PAGE, PAGE + 1, MEMORY_READ));
	assert_false(span_is_given(mem, SIZE + 1, UINT64_MAX - SIZE + 1, MEMORY_READ));
}

static void no_range_overflows(void **state)
{
	static const uint64_t edges[] = {
		1,
		PAGE - 1,
		PAGE,
		SIZE - PAGE,
		SIZE - 1,
		SIZE,
		SIZE + 1,
		UINT64_C(1) << 32,
		MEMORY_MAX_SIZE,
		(UINT64_C(1) << 62) - 1,
		UINT64_C(1) << 62,
		(UINT64_C(1) << 63) - SIZE,
		(UINT64_C(1) << 63) - 1,
		UINT64_C(1) << 63,
		(UINT64_C(1) << 63) + 1,
		(UINT64_C(1) << 63) + SIZE,
		UINT64_MAX - SIZE,
		UINT64_MAX - SIZE + 1,
		UINT64_MAX - SIZE + 2,
		UINT64_MAX - PAGE,
		UINT64_MAX - 1,
		UINT64_MAX,
	};
	const size_t count = sizeof(edges) / sizeof(*edges);
	struct guest_memory *mem = *state;

	for (size_t i = 0; i < count; i++) {
		assert_int_equal(span_is_given(mem, 0, edges[i], MEMORY_READ), edges[i] <= SIZE);
		for (size_t j = 0; j < count; j++) {
			bool inside = edges[i] <= SIZE && edges[j] <= SIZE && edges[i] + edges[j] <= SIZE;

			assert_int_equal(span_is_given(mem, edges[i], edges[j], MEMORY_READ), inside);
		}
	}
}

static void no_bytes_are_right_anywhere(void **state)
{
	static const uint64_t addresses[] = { 0, 1, 10 * PAGE, SIZE - 1, SIZE, SIZE + 1, UINT64_MAX };
	struct guest_memory *mem = *state;

	assert_int_equal(p2m_set(mem, 0, PAGES, P2M_HOLE), 0);
	for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
		assert_true(span_is_given(mem, addresses[i], 0, READ_WRITE));
		assert_true(memory_copy_in(mem, NULL, gpa(addresses[i]), 0));
		assert_true(memory_copy_out(mem, gpa(addresses[i]), NULL, 0));
	}
}

static void a_range_may_cross_pages_but_not_into_a_hole(void **state)
{
	struct guest_memory *mem = *state;

	assert_true(span_is_given(mem, 20 * PAGE - 1, 2, READ_WRITE));
	set_page(mem, 20, P2M_HOLE);
	assert_true(span_is_given(mem, 20 * PAGE - 1, 1, READ_WRITE));
	assert_false(span_is_given(mem, 20 * PAGE - 1, 2, MEMORY_READ));
	assert_false(span_is_given(mem, 20 * PAGE - 16, 32, MEMORY_WRITE));
	assert_false(span_is_given(mem, 20 * PAGE, 1, MEMORY_READ));
	assert_false(span_is_given(mem, 21 * PAGE - 1, 1, MEMORY_READ));
	assert_false(span_is_given(mem, 21 * PAGE - 1, 2, MEMORY_READ));
	assert_true(span_is_given(mem, 21 * PAGE, 2, READ_WRITE));
	assert_false(span_is_given(mem, 19 * PAGE + 1, 2 * PAGE, MEMORY_READ)); /* the hole in the middle */
}

/* From the last byte of page `first` to the first byte of page `last`: as little as lies in all of them. */
static bool run_is_given(const struct guest_memory *mem, uint64_t first, uint64_t last)
{
	uint64_t at = first * PAGE + PAGE - 1;

	return span_is_given(mem, at, first == last ? 1 : last * PAGE - at + 1, MEMORY_READ);
}

/* One bad page spoils every range that it is in, wherever in it, and no other. */
static void try_each_run_around(const struct guest_memory *mem, uint64_t bad)
{
	for (uint64_t first = 0; first < PAGES; first++) {
		for (uint64_t last = first; last < PAGES; last++)
			assert_int_equal(run_is_given(mem, first, last), bad < first || bad > last);
	}
}

static void one_bad_page_spoils_a_long_range(void **state)
{
	struct guest_memory *mem = *state;

	for (uint64_t bad = 0; bad < PAGES; bad++) {
		set_page(mem, bad, P2M_DEVICE);
		try_each_run_around(mem, bad);
		set_page(mem, bad, P2M_OWNED);
	}
}

static void shared_pages_do_not_spoil_a_long_range(void **state)
{
	struct guest_memory *mem = *state;

	for (uint64_t page = 0; page < PAGES; page += 3)
		set_page(mem, page, P2M_SHARED);
	try_each_run_around(mem, PAGES); /* no page is bad */
	for (uint64_t bad = 0; bad < PAGES; bad += 7) {
		enum p2m_state old = page_state(mem, bad);

		set_page(mem, bad, P2M_HOLE);
		try_each_run_around(mem, bad);
		set_page(mem, bad, old);
	}
}

/*
 * Spans against a model that looks at one page after the other and knows no trick
 */

#define SEED UINT64_C(0x706f737465726e31)
#define CASES 100000

static uint64_t random_state;

/* splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014. */
static uint64_t random_below(uint64_t limit)
{
	uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return limit ? z % limit : z;
}

static bool model_gives(const uint8_t *states, uint64_t at, uint64_t length, unsigned access)
{
	unsigned __int128 end = (unsigned __int128)at + length;

	if (length == 0)
		return true;
	if (end > SIZE || access == 0 || access > 3)
		return false;
	for (uint64_t page = at / PAGE; page <= (uint64_t)(end - 1) / PAGE; page++) {
		if (states[page] != P2M_OWNED && states[page] != P2M_SHARED)
			return false;
	}
	return true;
}

/* Between nearly no page and nearly every page accessible, in runs, so that long ranges have a chance. */
static void random_pattern(struct guest_memory *mem, uint8_t *states)
{
	uint64_t one_in = 1 + random_below(64);

	for (uint64_t page = 0; page < PAGES; page++) {
		states[page] = random_below(8) ? P2M_OWNED : P2M_SHARED;
		if (random_below(one_in) == 0)
			states[page] = (uint8_t)random_below(P2M_STATES);
		set_page(mem, page, (enum p2m_state)states[page]);
	}
}

/* A number that likes the edges of pages, of RAM, and of the type. */
static uint64_t random_number(void)
{
	switch (random_below(6)) {
	case 0:
		return random_below(SIZE + 2 * PAGE);
	case 1:
		return random_below(64);
	case 2:
		return random_below(0) >> random_below(64);
	case 3:
		return 0 - random_below(2 * SIZE);
	default:
		return random_below(PAGES + 2) * PAGE + random_below(5) - 2;
	}
}

static void spans_agree_with_a_naive_model(void **state)
{
	struct guest_memory *mem = *state;
	unsigned given = 0;
	uint8_t states[PAGES];

	print_message("# seed %#llx, %d cases\n", (unsigned long long)SEED, CASES);
	random_state = SEED;
	for (int i = 0; i < CASES; i++) {
		uint64_t at = random_number();
		uint64_t length = random_number();
		unsigned access = (unsigned)(random_below(16) ? 1 + random_below(3) : random_below(6));
		bool expected;

		if (i % 20 == 0)
			random_pattern(mem, states);
		expected = model_gives(states, at, length, access);
		if (span_is_given(mem, at, length, access) != expected)
			fail_msg("case %d: %#llx + %#llx, access %u: expected %d", i, (unsigned long long)at,
				 (unsigned long long)length, access, expected);
		given += expected;
	}
	assert_in_range(given, CASES / 10, CASES - CASES / 10); /* else it has shown little */
}

/*
 * Copies and words
 */

static void copies_move_the_bytes_asked_for_and_no_other(void **state)
{
	static const size_t lengths[] = { 1, 2, 3, 7, 8, 15, 31, 32, 33, 64, PAGE, PAGE + 1, 3 * PAGE + 5 };
	struct guest_memory *mem = *state;
	static uint8_t sent[4 * PAGE];
	static uint8_t back[4 * PAGE];

	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 7 + i / 256 + 1);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		uint64_t at = 10 * PAGE - 3;
		size_t length = lengths[i];

		memset(mem->base + at - 8, 0xaa, length + 16);
		memset(back, 0x55, sizeof(back));
		assert_true(memory_copy_out(mem, gpa(at), sent, length));
		assert_memory_equal(mem->base + at, sent, length);
		assert_int_equal(mem->base[at - 1], 0xaa);
		assert_int_equal(mem->base[at + length], 0xaa);
		assert_true(memory_copy_in(mem, back, gpa(at), length));
		assert_memory_equal(back, sent, length);
		assert_int_equal(back[length], 0x55);
	}
}

static void refused_copies_move_nothing(void **state)
{
	static const uint8_t zero[2 * PAGE];
	static uint8_t back[2 * PAGE];
	static uint8_t untouched[2 * PAGE];
	struct guest_memory *mem = *state;

	memset(untouched, 0x55, sizeof(untouched));
	memcpy(back, untouched, sizeof(back));
	set_page(mem, 31, P2M_HOLE);
	assert_false(memory_copy_out(mem, gpa(30 * PAGE), untouched, sizeof(untouched)));
	assert_memory_equal(mem->base + 30 * PAGE, zero, sizeof(zero));
	assert_false(memory_copy_in(mem, back, gpa(30 * PAGE), sizeof(back)));
	assert_false(memory_copy_in(mem, back, gpa(SIZE - 1), 2));
	assert_false(memory_copy_in(mem, back, gpa(0), SIZE_MAX));
	assert_memory_equal(back, untouched, sizeof(back));
}

static void words_go_both_ways(void **state)
{
	struct guest_memory *mem = *state;
	uint64_t sent[8] = { 1, UINT64_MAX, 0x0123456789abcdef, 4, 5, 6, 7, 8 };
	uint64_t back[9] = { 0 };
	struct iovec span = { 0 };

	assert_true(memory_span(mem, gpa(2 * PAGE - 32), 128, READ_WRITE, &span));
	memory_store_words(span.iov_base, sent, 8);
	assert_memory_equal(mem->base + 2 * PAGE - 32, sent, sizeof(sent));
	assert_int_equal(memory_load_u64(mem->base + 2 * PAGE + 32), 0);
	back[8] = 99;
	memory_load_words(back, span.iov_base, 8);
	assert_memory_equal(back, sent, sizeof(sent));
	assert_int_equal(back[8], 99);
	memory_load_words(NULL, NULL, 0);
	memory_store_words(NULL, NULL, 0);
}

static void single_values_go_both_ways(void **state)
{
	struct guest_memory *mem = *state;
	uint8_t *at = mem->base + PAGE;

	memory_store_u64(at, 0x1122334455667788);
	assert_int_equal(memory_load_u64(at), 0x1122334455667788);
	memory_store_u32(at + 4, 0xdeadbeef);
	assert_int_equal(memory_load_u32(at + 4), 0xdeadbeef);
	memory_store_release_u32(at + 8, 0xcafef00d);
	assert_int_equal(memory_load_acquire_u32(at + 8), 0xcafef00d);
	assert_int_equal(memory_load_u64(at + 8), 0xcafef00d);
}

/*
 * Releasing and populating
 */

static void released_memory_goes_back_to_the_host(void **state)
{
	struct guest_memory *mem = *state;

	touch_pages(mem, 0, PAGES);
	assert_int_equal(memory_resident(mem), SIZE);
	assert_int_equal(memory_release(mem, 16, 8), 0);
	assert_int_equal(memory_resident(mem), SIZE - 8 * PAGE);
	for (uint64_t page = 0; page < PAGES; page++) {
		bool released = page >= 16 && page < 24;

		assert_int_equal(page_state(mem, page), released ? P2M_RELEASED : P2M_OWNED);
		assert_int_equal(span_is_given(mem, page * PAGE, PAGE, MEMORY_READ), !released);
		if (!released)
			assert_int_equal(page_content(mem, page), page);
	}
}

static void populated_memory_is_owned_and_zero(void **state)
{
	static const uint8_t zero[PAGE];
	struct guest_memory *mem = *state;

	touch_pages(mem, 0, PAGES);
	assert_int_equal(memory_release(mem, 0, PAGES), 0);
	assert_int_equal(memory_resident(mem), 0);
	memory_store_u64(mem->base + 4 * PAGE, 1); /* an access that was still under way */
	assert_int_equal(memory_populate(mem, 4, 1), 0);
	assert_int_equal(page_state(mem, 3), P2M_RELEASED);
	assert_int_equal(page_state(mem, 4), P2M_OWNED);
	assert_int_equal(page_state(mem, 5), P2M_RELEASED);
	assert_memory_equal(mem->base + 4 * PAGE, zero, PAGE);

	touch_pages(mem, 4, 1);
	assert_int_equal(page_content(mem, 4), 4);
	assert_int_equal(memory_release(mem, 4, 1), 0);
	assert_int_equal(memory_populate(mem, 0, PAGES), 0);
	assert_int_equal(page_content(mem, 4), 0);
	assert_int_equal(memory_populate(mem, 0, 1), -EBUSY); /* is owned already */
}

/* Both calls refuse the run [first, first + count) with `error`, and change nothing by it. */
static void both_refuse(struct guest_memory *mem, uint64_t first, uint64_t count, int error)
{
	uint8_t before[PAGES];
	int64_t resident = memory_resident(mem);

	memcpy(before, mem->states, PAGES);
	assert_int_equal(memory_release(mem, first, count), error);
	assert_int_equal(memory_populate(mem, first, count), error);
	assert_memory_equal(mem->states, before, PAGES);
	assert_int_equal(memory_resident(mem), resident);
}

static void one_wrong_page_and_nothing_is_released(void **state)
{
	static const struct {
		enum p2m_state state;
		int error;
	} wrong[] = {
		{ P2M_HOLE, -EFAULT },
		{ P2M_RELEASED, -EFAULT },
		{ P2M_DEVICE, -EFAULT },
		{ P2M_SHARED, -EBUSY },
	};
	struct guest_memory *mem = *state;
	uint8_t before[PAGES];

	touch_pages(mem, 0, PAGES);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		set_page(mem, 12, wrong[i].state);
		memcpy(before, mem->states, PAGES);
		assert_int_equal(memory_release(mem, 10, 3), wrong[i].error);
		assert_int_equal(memory_release(mem, 12, 1), wrong[i].error);
		assert_int_equal(memory_release(mem, 12, 5), wrong[i].error);
		assert_memory_equal(mem->states, before, PAGES);
		assert_int_equal(memory_resident(mem), SIZE);
	}
	set_page(mem, 12, P2M_OWNED);
	for (uint64_t page = 0; page < PAGES; page++)
		assert_int_equal(page_content(mem, page), page);
}

static void one_wrong_page_and_nothing_is_populated(void **state)
{
	static const struct {
		enum p2m_state state;
		int error;
	} wrong[] = {
		{ P2M_HOLE, -EFAULT },
		{ P2M_OWNED, -EBUSY },
		{ P2M_DEVICE, -EFAULT },
		{ P2M_SHARED, -EBUSY },
	};
	struct guest_memory *mem = *state;
	uint8_t before[PAGES];

	touch_pages(mem, 0, PAGES);
	assert_int_equal(memory_release(mem, 8, 8), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		set_page(mem, 12, wrong[i].state);
		memcpy(before, mem->states, PAGES);
		assert_int_equal(memory_populate(mem, 10, 3), wrong[i].error);
		assert_int_equal(memory_populate(mem, 12, 3), wrong[i].error);
		assert_memory_equal(mem->states, before, PAGES);
	}
}

static void pages_beyond_ram_are_neither_released_nor_populated(void **state)
{
	struct guest_memory *mem = *state;

	touch_pages(mem, 0, PAGES);
	both_refuse(mem, PAGES, 1, -EFAULT);
	both_refuse(mem, PAGES - 1, 2, -EFAULT);
	both_refuse(mem, 0, PAGES + 1, -EFAULT);
	both_refuse(mem, 1, UINT64_MAX, -EFAULT);
	both_refuse(mem, UINT64_MAX, 1, -EFAULT);
	both_refuse(mem, UINT64_MAX, UINT64_MAX, -EFAULT);
	both_refuse(mem, UINT64_C(1) << 52, 1, -EFAULT); /* times the page size, it is 0 */
	both_refuse(mem, 0, UINT64_C(1) << 52, -EFAULT);
	both_refuse(mem, UINT64_MAX, 0, 0);
	both_refuse(mem, 0, 0, 0);
}

static void the_last_page_can_be_released(void **state)
{
	struct guest_memory *mem = *state;

	assert_int_equal(memory_release(mem, PAGES - 1, 1), 0);
	assert_false(span_is_given(mem, SIZE - 1, 1, MEMORY_READ));
	assert_true(span_is_given(mem, 0, SIZE - PAGE, READ_WRITE));
	assert_int_equal(memory_populate(mem, PAGES - 1, 1), 0);
	assert_true(span_is_given(mem, 0, SIZE, READ_WRITE));
}

static void memory_that_cannot_be_freed_stays_owned(void **state)
{
	struct guest_memory *mem = *state;
	int file = mem->fd;

	touch_pages(mem, 0, PAGES);
	mem->fd = open("/dev/null", O_RDWR | O_CLOEXEC); /* has no holes */
	assert_int_equal(memory_release(mem, 3, 4), -ENODEV);
	close(mem->fd);
	mem->fd = file;
	for (uint64_t page = 0; page < PAGES; page++) {
		assert_int_equal(page_state(mem, page), P2M_OWNED);
		assert_int_equal(page_content(mem, page), page);
	}
}

/*
 * Several threads. Assertions leave a test by longjmp(), so all threads are joined before any is made.
 */

struct racer {
	pthread_t thread;
	atomic_int *waiting; /* how many the others still wait for */
	struct guest_memory *mem;
	uint64_t first;
	uint64_t count;
	uint64_t number;
	int rounds;
	int result;
};

static void start_racer(struct racer *racer, void *(*body)(void *))
{
	assert_int_equal(pthread_create(&racer->thread, NULL, body, racer), 0);
}

static void join_racer(struct racer *racer)
{
	assert_int_equal(pthread_join(racer->thread, NULL), 0);
}

static void *release_once(void *argument)
{
	struct racer *racer = argument;

	atomic_fetch_sub(racer->waiting, 1);
	while (atomic_load(racer->waiting) != 0)
		sched_yield(); /* not a barrier: it wakes one long after the other */
	racer->result = memory_release(racer->mem, racer->first, racer->count);
	return NULL;
}

static bool run_has(const struct racer *racer, uint64_t page)
{
	return page >= racer->first && page < racer->first + racer->count;
}

static void see_that_one_won(struct guest_memory *mem, const struct racer *one, const struct racer *other)
{
	const struct racer *winner = one->result == 0 ? one : other;
	const struct racer *loser = winner == one ? other : one;

	assert_int_equal(winner->result, 0);
	assert_true(loser->result == -EFAULT || loser->result == -EBUSY);
	for (uint64_t page = 0; page < PAGES; page++) {
		assert_int_equal(page_state(mem, page), run_has(winner, page) ? P2M_RELEASED : P2M_OWNED);
		if (!run_has(winner, page))
			assert_int_equal(page_content(mem, page), page);
	}
	assert_int_equal(memory_resident(mem), SIZE - winner->count * PAGE);
	assert_int_equal(memory_populate(mem, winner->first, winner->count), 0);
}

/* Two vCPUs release runs that overlap: one has its way, and the other loses nothing. */
static void one_of_two_racing_releases_wins(void **state)
{
	struct guest_memory *mem = *state;
	atomic_int waiting;
	struct racer one = { .waiting = &waiting, .mem = mem, .first = 0, .count = 32 };
	struct racer other = { .waiting = &waiting, .mem = mem, .first = 16, .count = 32 };

	for (int i = 0; i < 3000; i++) {
		touch_pages(mem, 0, PAGES);
		atomic_store(&waiting, 2);
		start_racer(&one, release_once);
		start_racer(&other, release_once);
		join_racer(&one);
		join_racer(&other);
		see_that_one_won(mem, &one, &other);
	}
}

/* Returns whether each page of the run is zero, then stays what this thread makes it. */
static bool run_is_ours(const struct racer *racer)
{
	bool ours = true;

	for (uint64_t page = racer->first; page < racer->first + racer->count; page++) {
		struct iovec span;

		if (!memory_span(racer->mem, gpa(page * PAGE), 8, READ_WRITE, &span))
			return false;
		ours &= memory_load_u64(span.iov_base) == 0;
		memory_store_u64(span.iov_base, racer->number);
	}
	for (uint64_t page = racer->first; page < racer->first + racer->count; page++)
		ours &= memory_load_u64(racer->mem->base + page * PAGE) == racer->number;
	return ours;
}

/*
 * Uses populate and release as lock and unlock: whoever has populated the run has it alone. Counts the turns
 * that went well; gives up at the first that did not, or when it gets none.
 */
static void *take_turns(void *argument)
{
	struct racer *racer = argument;
	int turns = 0;

	for (unsigned i = 1; i < 1U << 28 && turns < racer->rounds; i++) {
		if (memory_populate(racer->mem, racer->first, racer->count) != 0) {
			if (i % 1024 == 0)
				sched_yield(); /* the other has it, but no processor perhaps */
			continue;
		}
		if (!run_is_ours(racer) || memory_release(racer->mem, racer->first, racer->count) != 0)
			break;
		turns++;
	}
	racer->result = turns;
	return NULL;
}

static void memory_is_never_freed_under_its_new_owner(void **state)
{
	enum { ROUNDS = 10000 };
	struct guest_memory *mem = *state;
	struct racer one = { .mem = mem, .first = 0, .count = 4, .number = 1, .rounds = ROUNDS };
	struct racer other = { .mem = mem, .first = 2, .count = 4, .number = 2, .rounds = ROUNDS };

	assert_int_equal(memory_release(mem, 0, PAGES), 0);
	start_racer(&one, take_turns);
	start_racer(&other, take_turns);
	join_racer(&one);
	join_racer(&other);
	assert_int_equal(one.result, ROUNDS);
	assert_int_equal(other.result, ROUNDS);
}

static void *watch_a_page(void *argument)
{
	struct racer *racer = argument;

	while (atomic_load(racer->waiting) != 0) {
		if (page_state(racer->mem, racer->first) != P2M_OWNED)
			racer->result = -1;
	}
	return NULL;
}

/* All pages are looked at before the first is changed, so no other vCPU sees anything of a refused call. */
static void a_refused_release_does_not_even_begin(void **state)
{
	struct guest_memory *mem = *state;
	atomic_int waiting = 1;
	struct racer watcher = { .waiting = &waiting, .mem = mem, .first = 10 };

	set_page(mem, 40, P2M_SHARED);
	start_racer(&watcher, watch_a_page);
	for (int i = 0; i < 100000; i++)
		memory_release(mem, 10, 31);
	atomic_store(&waiting, 0);
	join_racer(&watcher);
	assert_int_equal(watcher.result, 0);
}

static void *flip_a_word(void *argument)
{
	struct racer *racer = argument;

	for (uint64_t word = 0; atomic_load(racer->waiting) != 0; word = ~word)
		memory_store_u64(racer->mem->base, word);
	return NULL;
}

static void a_word_is_never_torn(void **state)
{
	struct guest_memory *mem = *state;
	atomic_int waiting = 1;
	struct racer writer = { .waiting = &waiting, .mem = mem };
	uint64_t last = 0;
	int changes = 0;
	int torn = 0;

	start_racer(&writer, flip_a_word);
	for (int i = 0; i < 100000000 && changes < 100000; i++) { /* on one processor, changes are rare */
		uint64_t word;

		memory_load_words(&word, mem->base, 1);
		changes += word != last;
		torn += word != 0 && word != UINT64_MAX;
		last = word;
	}
	atomic_store(&waiting, 0);
	join_racer(&writer);
	assert_int_equal(torn, 0);
}

#define WITH_MEMORY(test) cmocka_unit_test_setup_teardown(test, make_memory, drop_memory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MEMORY(a_new_guest_owns_all_its_ram_and_it_is_zero),
		cmocka_unit_test(sizes_that_cannot_be_are_refused),
		cmocka_unit_test(a_guest_of_one_page_works),
		cmocka_unit_test(a_guest_of_the_largest_size_works),
		WITH_MEMORY(the_file_cannot_be_resized),
		WITH_MEMORY(an_engine_can_map_guest_code_and_execute_it),
		WITH_MEMORY(ram_lies_between_guards),
		WITH_MEMORY(ram_stays_out_of_core_dumps),
		cmocka_unit_test(nothing_is_left_of_a_thousand_guests),
		cmocka_unit_test(a_failed_creation_leaves_nothing),
		WITH_MEMORY(p2m_set_takes_only_pages_and_states_that_exist),
		WITH_MEMORY(p2m_get_takes_any_byte_of_a_page_and_any_address),
		WITH_MEMORY(p2m_change_is_a_compare_and_exchange),
		WITH_MEMORY(rights_are_those_of_the_page),
		WITH_MEMORY(an_access_that_is_no_right_is_never_given),
		WITH_MEMORY(ram_ends_at_its_last_byte),
		WITH_MEMORY(no_range_overflows),
		WITH_MEMORY(no_bytes_are_right_anywhere),
		WITH_MEMORY(a_range_may_cross_pages_but_not_into_a_hole),
		WITH_MEMORY(one_bad_page_spoils_a_long_range),
		WITH_MEMORY(shared_pages_do_not_spoil_a_long_range),
		WITH_MEMORY(spans_agree_with_a_naive_model),
		WITH_MEMORY(copies_move_the_bytes_asked_for_and_no_other),
		WITH_MEMORY(refused_copies_move_nothing),
		WITH_MEMORY(words_go_both_ways),
		WITH_MEMORY(single_values_go_both_ways),
		WITH_MEMORY(released_memory_goes_back_to_the_host),
		WITH_MEMORY(populated_memory_is_owned_and_zero),
		WITH_MEMORY(one_wrong_page_and_nothing_is_released),
		WITH_MEMORY(one_wrong_page_and_nothing_is_populated),
		WITH_MEMORY(pages_beyond_ram_are_neither_released_nor_populated),
		WITH_MEMORY(the_last_page_can_be_released),
		WITH_MEMORY(memory_that_cannot_be_freed_stays_owned),
		WITH_MEMORY(one_of_two_racing_releases_wins),
		WITH_MEMORY(memory_is_never_freed_under_its_new_owner),
		WITH_MEMORY(a_refused_release_does_not_even_begin),
		WITH_MEMORY(a_word_is_never_torn),
	};

	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
