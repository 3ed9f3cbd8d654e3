/* SPDX-License-Identifier: ISC */
/*
 * file_fuzz.c - fuzzes the calls on files of the host: an input is a row of calls, by trap and in batches, on a directory
 * that is given to a VM. Beside it lies another, to which links lead. Whatever the calls are, that one stays as it is, and
 * nothing is answered that the contract does not declare.
 */
#include "input.h"

#include "gate/gate.h"
#include "gate/ring.h"
#include "service/service.h"
#include "service/services.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	RAM = 1 << 20,
	PAGES_AT = 0x2000,
	STRUCT_AT = 0x8000,
	PATHS_AT = 0x9000, /* two, 0x1000 apart */
	RING_AT = 0x10000,
	SEGMENTS_AT = 0x20000,
	DATA_AT = 0x30000,
	DATA_SIZE = 0x20000,
	ORDER = 3,
	MOST_HANDLES = 32,
};

static struct guest_memory memory;
static struct services services;
static struct gate_vm *gate;
static struct abi_handlers handlers;
static char top[64]; /* of the host: has `shared`, which the guest has, and `outside` */
static int top_fd;
static postern_handle_t root;
static postern_handle_t opened[MOST_HANDLES];
static unsigned opened_count;

/* ---- the host ---- */

static void write_file(const char *path, const char *text)
{
	int fd = openat(top_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert(fd >= 0);
	assert(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void fill_shared(void)
{
	assert(!mkdirat(top_fd, "shared/a", 0755) && !mkdirat(top_fd, "shared/a/b", 0755));
	write_file("shared/file", "inside");
	assert(!symlinkat("../outside", top_fd, "shared/evil") &&
	       !symlinkat("../file", top_fd, "shared/a/link"));
	assert(!symlinkat("..", top_fd, "shared/up") && !symlinkat("loop", top_fd, "shared/loop"));
	assert(!mkfifoat(top_fd, "shared/fifo", 0644));
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
	(void)status;
	(void)kind;
	return place->level ? remove(path) : 0;
}

/* Directories that nobody may enter are opened again first. */
static int open_up(const char *path, const struct stat *status, int kind, struct FTW *place)
{
	(void)place;
	return kind == FTW_D || kind == FTW_DNR ? chmod(path, status->st_mode | 0700) : 0;
}

static void empty_shared(void)
{
	char path[96];

	snprintf(path, sizeof path, "%s/shared", top);
	nftw(path, open_up, 8, FTW_PHYS);
	assert(!nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS));
}

static void check_outside(void)
{
	int fd = openat(top_fd, "outside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fdopendir(fd);
	const struct dirent *entry;
	struct stat status;
	unsigned names = 0;

	assert(directory);
	while ((entry = readdir(directory))) {
		assert(entry->d_name[0] == '.' || !strcmp(entry->d_name, "file") ||
		       !strcmp(entry->d_name, "b"));
		names += entry->d_name[0] != '.';
	}
	closedir(directory);
	assert(names == 2 && !fstatat(top_fd, "outside/file", &status, AT_SYMLINK_NOFOLLOW));
	assert(status.st_size == 7 && status.st_nlink == 1 && (status.st_mode & 07777) == 0644);
}

/* ---- the VM ---- */

static void on_exit_call(void *owner, int code)
{
	(void)owner;
	(void)code;
}

static void create_vm(void)
{
	const struct service_mount mount = { openat(top_fd, "shared", O_PATH | O_DIRECTORY | O_CLOEXEC),
					     "/shared", false };
	const struct services_config config = {
		.hooks = { .exit = on_exit_call },
		.vcpus = 1,
		.in_flight = 8,
		.vcpu_pages = PAGES_AT,
		.input = -1,
		.output = -1,
		.error = -1,
		.resolution = 1,
		.mounts = &mount,
		.mount_count = 1,
	};
	struct gate_config gate_config = {
		.memory = &memory,
		.handlers = &handlers,
		.level = ABI_LEVELS - 1,
		.vcpus = 1,
		.in_flight = 8,
		.owner = &services,
		.notify = services_notify,
		.cancel = services_cancel,
		.interrupted = services_interrupted,
		.describe = services_describe,
	};
	char error[128];

	assert(!memory_create(&memory, RAM));
	assert(!p2m_set(&memory, PAGES_AT / MEMORY_PAGE_SIZE, 1, P2M_SHARED));
	service_all(&handlers);
	assert(!services_create(&services, &config));
	assert(!gate_policy_allow(&gate_config.policy, "all", error, sizeof error));
	assert(!gate_create(&gate_config, &gate) && !services_start(&services, gate));
}

static int64_t trap(uint64_t number, const uint64_t args[6])
{
	return gate_call(gate, gate_vcpu(gate, 0), number, args);
}

static void open_ring(void)
{
	struct postern_ring_setup *setup = (void *)(memory.base + STRUCT_AT);
	const uint64_t args[6] = { STRUCT_AT };

	*setup = (struct postern_ring_setup){ .size = sizeof *setup,
					      .base = RING_AT,
					      .submit_order = ORDER,
					      .complete_order = ORDER,
					      .event = POSTERN_NO_HANDLE };
	assert(!trap(POSTERN_CALL_RING_SETUP, args));
}

/* In a batch; the fuzzer is the I/O thread. */
static int64_t enter(uint64_t number, const uint64_t call[6])
{
	struct postern_ring_guest *guest = (void *)(memory.base + RING_AT);
	struct postern_ring_host *host = (void *)(memory.base + RING_AT + 64);
	struct postern_ring_entry *entries = (void *)(memory.base + RING_AT + 128);
	const struct postern_ring_completion *completions = (const void *)(entries + (1 << ORDER));
	const uint32_t at = guest->submit_tail;
	const uint64_t args[6] = { 1 };

	entries[at % (1 << ORDER)] = (struct postern_ring_entry){ .call = (uint16_t)number };
	memcpy(entries[at % (1 << ORDER)].args, call, 6 * sizeof *call);
	guest->submit_tail = at + 1;
	assert(trap(POSTERN_CALL_RING_ENTER, args) == 1);
	while (memory_load_acquire_u32(&host->complete_tail) != at + 1)
		services_serve_io(&services);
	guest->complete_head = at + 1;
	return completions[at % (1 << ORDER)].result;
}

static void begin(void)
{
	struct postern_file_mount *info;
	const uint64_t args[6] = { 0, STRUCT_AT };
	int64_t handle;

	umask(0);
	/* In memory, if there is such a place: a disk's journal would take most of the time. */
	strcpy(top, access("/dev/shm", W_OK) ? "/tmp/postern-fuzz-XXXXXX" : "/dev/shm/postern-fuzz-XXXXXX");
	assert(mkdtemp(top));
	top_fd = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert(!mkdirat(top_fd, "shared", 0755) && !mkdirat(top_fd, "outside", 0755));
	assert(!mkdirat(top_fd, "outside/b", 0755));
	write_file("outside/file", "outside");
	create_vm();
	open_ring();
	info = (void *)(memory.base + STRUCT_AT);
	*info = (struct postern_file_mount){ .size = sizeof *info };
	handle = trap(POSTERN_CALL_FILE_ROOT, args);
	assert(handle >= 0);
	root = (postern_handle_t)handle;
}

static void end(void)
{
	char path[96];

	empty_shared();
	services_stop(&services);
	services_join(&services);
	gate_destroy(gate);
	services_destroy(&services);
	memory_destroy(&memory);
	snprintf(path, sizeof path, "rm -rf %s", top);
	(void)!system(path);
}

/* ---- calls ---- */

/* Puts a path into guest memory. Returns its length. */
static uint64_t put_path(struct input *input, unsigned which)
{
	static const char *const names[] = { "a",    "b",  "file", "link", "evil", "up",   "loop",
					     "fifo", "..", ".",    "",     "new",  "new2", "outside" };
	char *path = (char *)memory.base + PATHS_AT + which * 0x1000;
	size_t length = 0;

	for (unsigned left = 1 + input_byte(input) % 4; left; left--) {
		const uint8_t choice = input_byte(input);
		const char *name = names[choice % (sizeof names / sizeof *names)];

		memcpy(path + length, name, strlen(name));
		length += strlen(name);
		if (left > 1 || choice >= 224)
			path[length++] = '/';
	}
	return length;
}

static uint64_t pick_handle(struct input *input)
{
	const uint8_t choice = input_byte(input);

	return opened_count && choice % 4 ? opened[choice / 4 % opened_count] : root;
}

/* The struct of a call, with its size set and the rest of the input's choosing. */
static void put_struct(struct input *input, size_t size, uint64_t first, uint64_t second)
{
	uint64_t words[40] = { 0 };

	words[0] = size | first << 32;
	words[1] = second;
	if (input_chance(input, 8))
		words[input_byte(input) % (size / 8)] ^= 1ULL << (input_byte(input) % 64);
	memcpy(memory.base + STRUCT_AT, words, size);
}

static void put_segments(struct input *input, unsigned count)
{
	struct postern_segment *segments = (void *)(memory.base + SEGMENTS_AT);

	for (unsigned i = 0; i < count; i++)
		segments[i] = (struct postern_segment){ DATA_AT + input_byte(input) * 16U,
							input_number(input, DATA_SIZE / 4) };
}

static void remember(int64_t handle)
{
	if (handle < 0)
		return;
	if (opened_count == MOST_HANDLES) {
		const uint64_t args[6] = { opened[--opened_count] };

		trap(POSTERN_CALL_FILE_CLOSE, args); /* it may be closed already */
	}
	opened[opened_count++] = (postern_handle_t)handle;
}

static int64_t cross(struct input *input, uint64_t number, const uint64_t args[6])
{
	return input_byte(input) & 1 ? enter(number, args) : trap(number, args);
}

/* Prepares the call of a number of the section: its arguments. */
static void prepare(struct input *input, unsigned which, uint64_t args[6])
{
	const uint64_t first = which == 0x0a || which == 0x0b ? STRUCT_AT : pick_handle(input);
	const uint64_t length = put_path(input, 0);
	const uint64_t call[6] = { first, PATHS_AT, length };
	const unsigned segments = input_byte(input) % 4;

	memcpy(args, call, sizeof call);
	switch (POSTERN_CALL_FILE_ROOT + which) {
	case POSTERN_CALL_FILE_OPEN:
		put_struct(input, sizeof(struct postern_file_open), input_word(input) & 0x3ff,
			   input_byte(input) & 1 ? 0600 : 0);
		args[3] = STRUCT_AT;
		break;
	case POSTERN_CALL_FILE_READ:
	case POSTERN_CALL_FILE_WRITE:
		put_segments(input, segments);
		args[1] = input_number(input, 1 << 20);
		args[2] = SEGMENTS_AT;
		args[3] = segments;
		break;
	case POSTERN_CALL_FILE_INFO:
		put_struct(input, sizeof(struct postern_file_info), 0, 0);
		args[1] = STRUCT_AT;
		args[2] = 0;
		break;
	case POSTERN_CALL_FILE_LOOK:
		put_struct(input, sizeof(struct postern_file_info), 0, 0);
		args[3] = input_byte(input) % 4;
		args[4] = STRUCT_AT;
		break;
	case POSTERN_CALL_FILE_LIST:
		args[1] = input_byte(input) & 1 ? input_word(input) : 0;
		args[2] = DATA_AT;
		args[3] = 4096 + input_byte(input) * 64U;
		break;
	case POSTERN_CALL_FILE_MAKE:
		put_struct(input, sizeof(struct postern_file_make), input_byte(input) % 8, 0700);
		args[3] = STRUCT_AT;
		break;
	case POSTERN_CALL_FILE_SYMLINK:
		args[3] = PATHS_AT + 0x1000;
		args[4] = put_path(input, 1);
		break;
	case POSTERN_CALL_FILE_LINK:
	case POSTERN_CALL_FILE_RENAME:
		put_struct(input, sizeof(struct postern_file_rename), input_byte(input) % 4,
			   pick_handle(input) | pick_handle(input) << 32);
		args[3] = PATHS_AT + 0x1000;
		args[4] = put_path(input, 1);
		break;
	case POSTERN_CALL_FILE_REMOVE:
		args[3] = input_byte(input) & 1;
		break;
	case POSTERN_CALL_FILE_TARGET:
		args[3] = DATA_AT;
		args[4] = input_byte(input) * 16U;
		break;
	case POSTERN_CALL_FILE_RESIZE:
		args[1] = input_number(input, 1 << 20);
		args[2] = 0;
		break;
	case POSTERN_CALL_FILE_SYNC:
		args[1] = input_byte(input) & 1;
		args[2] = 0;
		break;
	case POSTERN_CALL_FILE_CHANGE:
		put_struct(input, sizeof(struct postern_file_change), 1U << (input_byte(input) % 7), 0700);
		args[1] = STRUCT_AT;
		args[2] = 0;
		break;
	default: /* close */
		args[1] = args[2] = 0;
		break;
	}
}

static void make_call(struct input *input)
{
	enum { OPEN = 0x01, CALLS = 0x11 };
	/* What opens is the most frequent. */
	const uint8_t choice = input_byte(input);
	const unsigned which = choice % 3 ? 1 + choice / 3 % (CALLS - 1) : OPEN;
	uint64_t args[6];
	int64_t result;

	prepare(input, which, args);
	if (args[0] == root && which == POSTERN_CALL_FILE_CLOSE - POSTERN_CALL_FILE_ROOT)
		return;
	result = cross(input, POSTERN_CALL_FILE_ROOT + which, args);
	if (which == OPEN)
		remember(result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, data + size };
	struct gate_stats stats;

	if (!gate) {
		begin();
		atexit(end);
	}
	fill_shared();
	while (!input_is_used_up(&input))
		make_call(&input);
	while (opened_count) {
		const uint64_t args[6] = { opened[--opened_count] };

		trap(POSTERN_CALL_FILE_CLOSE, args); /* it may be closed already */
	}
	gate_read_stats(gate, &stats);
	assert(!stats.undeclared);
	check_outside();
	empty_shared();
	return 0;
}
