/* SPDX-License-Identifier: ISC */
/* file.c - system calls on descriptors: opening, reading, writing, seeking, duplicating; and files without names. */
#include "syscall/file.h"
#include "fs/descriptors.h"
#include "fs/inode.h"
#include "fs/locks.h"
#include "fs/pipe.h"
#include "syscall/path.h"
#include "syscall/syscall.h"
#include "syscall/vector.h"
#include "task/task.h"

#include <asm/ioctls.h>
#include <asm/unistd_64.h>
#include <linux/fcntl.h>

enum { VECTORS_MOST = 1024, TRANSFER_MOST = 0x7ffff000, COPY_SIZE = 65536 };

/* Flags of open(2) that mean something here; the others are ignored, as Linux does. */
#define OPEN_FLAGS                                                                                   \
	(O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC | O_APPEND | O_NONBLOCK | O_DIRECTORY | O_NOFOLLOW | \
	 O_PATH | O_CLOEXEC)
#define TEMPORARY_FILE (__O_TMPFILE | O_DIRECTORY)

/* ---- opening and closing ---- */

static int64_t open_temporary(const uint64_t argument[6], unsigned flags)
{
	struct directory_entry *directory;
	struct file *file;
	int error;

	if ((flags & O_ACCMODE) == O_RDONLY)
		return -EINVAL;
	error = path_find(argument[0], argument[1], 0, &directory);
	if (error)
		return error;
	/* Without a name, it is a file in memory; the host's file systems have none such. */
	error = strcmp(directory->inode->functions->type, "tmpfs") ? -EOPNOTSUPP : 0;
	entry_drop(directory);
	if (error)
		return error;
	file = file_anonymous("tmpfile", 0);
	if (!file)
		return -ENOMEM;
	file->flags = flags & (O_ACCMODE | SETTABLE_FLAGS);
	return descriptor_add(file, 0, flags & O_CLOEXEC);
}

static int64_t open_at(const uint64_t argument[6])
{
	const unsigned flags = (unsigned)argument[2];
	struct directory_entry *start;
	struct file *file;
	char *path;
	int error;

	if ((flags & TEMPORARY_FILE) == TEMPORARY_FILE)
		return open_temporary(argument, flags);
	error = path_copy(argument[1], &path);
	if (error)
		return error;
	error = start_of(*path == '/' ? (uint64_t)AT_FDCWD : argument[0], &start);
	if (!error) {
		error = file_open_from(start, path, flags & OPEN_FLAGS, (unsigned)argument[3], &file);
		entry_drop(start);
	}
	free(path);
	return error ? error : descriptor_add(file, 0, flags & O_CLOEXEC);
}

static int64_t open_here(const uint64_t argument[6])
{
	const uint64_t all[6] = { (uint64_t)AT_FDCWD, argument[0], argument[1], argument[2] };

	return open_at(all);
}

static int64_t create(const uint64_t argument[6])
{
	const uint64_t all[6] = { (uint64_t)AT_FDCWD, argument[0], O_CREAT | O_WRONLY | O_TRUNC,
				  argument[1] };

	return open_at(all);
}

static int64_t close_one(const uint64_t argument[6])
{
	return descriptor_close(argument[0]);
}

enum { RANGE_UNSHARE = 2, RANGE_CLOEXEC = 4 };

static int64_t close_range(const uint64_t argument[6])
{
	const uint64_t first = (uint32_t)argument[0];
	const uint64_t last = (uint32_t)argument[1];

	if (first > last || argument[2] & ~(uint64_t)(RANGE_UNSHARE | RANGE_CLOEXEC))
		return -EINVAL;
	for (int64_t number = (int64_t)first;
	     (number = descriptor_next((unsigned)number)) >= 0 && (uint64_t)number <= last; number++) {
		if (argument[2] & RANGE_CLOEXEC)
			(void)descriptor_set_flag((uint64_t)number, true);
		else
			(void)descriptor_close((uint64_t)number);
	}
	return 0;
}

/* ---- reading and writing ---- */

enum direction { READ, WRITE };

/* The file of a descriptor, held, if it may be read or written. */
static struct file *file_for(uint64_t descriptor, enum direction direction, int *error)
{
	struct file *file = descriptor_file(descriptor);

	*error = -EBADF;
	if (!file)
		return NULL;
	if (direction == READ && (file->inode && inode_is(file->inode, MODE_DIRECTORY)))
		*error = -EISDIR;
	else if ((file->flags & O_PATH) || (direction == READ ? !file_may_read(file) : !file_may_write(file)))
		*error = -EBADF;
	else if (direction == READ ? !file->functions->read : !file->functions->write)
		*error = -EINVAL;
	else
		return file;
	file_drop(file);
	return NULL;
}

static int64_t transfer_with(struct file *file, enum direction direction, struct transfer *transfer,
			     uint64_t *position)
{
	return direction == READ ? file->functions->read(file, transfer, position)
				 : file->functions->write(file, transfer, position);
}

/* position: NULL for the file's own. */
static int64_t transfer_file(uint64_t descriptor, enum direction direction, struct transfer *transfer,
			     uint64_t *position)
{
	int error;
	struct file *file = file_for(descriptor, direction, &error);
	int64_t result;

	if (!file)
		return error;
	if (position && !file->functions->seek)
		result = -ESPIPE;
	else
		result = transfer_with(file, direction, transfer, position ? position : &file->position);
	file_drop(file);
	return result;
}

static int64_t transfer_one(const uint64_t argument[6], enum direction direction, uint64_t *position)
{
	struct user_vector piece;
	struct transfer transfer;

	transfer_of_user(&transfer, &piece, argument[1], least(argument[2], TRANSFER_MOST));
	return transfer_file(argument[0], direction, &transfer, position);
}

static int64_t read_file(const uint64_t argument[6])
{
	return transfer_one(argument, READ, NULL);
}

static int64_t write_file(const uint64_t argument[6])
{
	return transfer_one(argument, WRITE, NULL);
}

static int64_t read_at(const uint64_t argument[6])
{
	uint64_t position = argument[3];

	return (int64_t)position < 0 ? -EINVAL : transfer_one(argument, READ, &position);
}

static int64_t write_at(const uint64_t argument[6])
{
	uint64_t position = argument[3];

	return (int64_t)position < 0 ? -EINVAL : transfer_one(argument, WRITE, &position);
}

/* Checks a copy of a vector, and cuts it where it is longer than one transfer. */
static int check_vector(struct user_vector *pieces, size_t count)
{
	uint64_t total = 0;

	for (size_t i = 0; i < count; i++) {
		if ((int64_t)pieces[i].length < 0)
			return -EINVAL;
		pieces[i].length = least(pieces[i].length, TRANSFER_MOST - total);
		total += pieces[i].length;
	}
	return 0;
}

int vector_copy(uint64_t address, uint64_t count, struct user_vector **pieces)
{
	int error;

	if (count > VECTORS_MOST)
		return -EINVAL;
	*pieces = malloc((count + 1) * sizeof **pieces);
	if (!*pieces)
		return -ENOMEM;
	error = user_read(*pieces, address, count * sizeof **pieces);
	if (!error)
		error = check_vector(*pieces, count);
	if (error)
		free(*pieces);
	return error;
}

static int64_t transfer_vector(const uint64_t argument[6], enum direction direction, uint64_t *position)
{
	struct user_vector *pieces;
	struct transfer transfer;
	int64_t result = vector_copy(argument[1], argument[2], &pieces);

	if (result)
		return result;
	transfer_of_pieces(&transfer, pieces, argument[2]);
	result = transfer_file(argument[0], direction, &transfer, position);
	free(pieces);
	return result;
}

static int64_t read_vector(const uint64_t argument[6])
{
	return transfer_vector(argument, READ, NULL);
}

static int64_t write_vector(const uint64_t argument[6])
{
	return transfer_vector(argument, WRITE, NULL);
}

static int64_t transfer_vector_at(const uint64_t argument[6], enum direction direction)
{
	uint64_t position = argument[3];

	return (int64_t)position < 0 ? -EINVAL : transfer_vector(argument, direction, &position);
}

static int64_t read_vector_at(const uint64_t argument[6])
{
	return transfer_vector_at(argument, READ);
}

static int64_t write_vector_at(const uint64_t argument[6])
{
	return transfer_vector_at(argument, WRITE);
}

/* With flags (argument 5), of which there are none here; an offset of -1 is the file's own position. */
static int64_t transfer_vector_2(const uint64_t argument[6], enum direction direction)
{
	if (argument[5])
		return -EOPNOTSUPP;
	return (int64_t)argument[3] == -1 ? transfer_vector(argument, direction, NULL)
					  : transfer_vector_at(argument, direction);
}

static int64_t read_vector_2(const uint64_t argument[6])
{
	return transfer_vector_2(argument, READ);
}

static int64_t write_vector_2(const uint64_t argument[6])
{
	return transfer_vector_2(argument, WRITE);
}

static int64_t seek(const uint64_t argument[6])
{
	struct file *file = descriptor_file(argument[0]);
	int64_t result;

	if (!file)
		return -EBADF;
	result = file->flags & O_PATH    ? -EBADF
		 : file->functions->seek ? file->functions->seek(file, (int64_t)argument[1], (int)argument[2])
					 : -ESPIPE;
	file_drop(file);
	return result;
}

int64_t with_file(uint64_t descriptor, int64_t (*run)(struct file *file, const uint64_t *argument),
		  const uint64_t *argument)
{
	struct file *file = descriptor_file(descriptor);
	int64_t result;

	if (!file)
		return -EBADF;
	result = file->flags & O_PATH ? -EBADF : run(file, argument);
	file_drop(file);
	return result;
}

/* ---- from file to file ---- */

/* One side of a copy: a file, and the position in it that moves. */
struct side {
	struct file *file;
	uint64_t *position;
};

/* Copies at most `length` bytes through the kernel. Returns how many. */
static int64_t copy_step(const struct side *from, const struct side *to, char *bytes, size_t length)
{
	const uint64_t begin = *from->position;
	struct transfer transfer;
	int64_t count, result;

	transfer_of_kernel(&transfer, bytes, length);
	count = from->file->functions->read(from->file, &transfer, from->position);
	if (count <= 0)
		return count;
	transfer_of_kernel(&transfer, bytes, (size_t)count);
	result = to->file->functions->write(to->file, &transfer, to->position);
	/* What was not written was not read. */
	if (result < count)
		*from->position = begin + (uint64_t)(result > 0 ? result : 0);
	return result;
}

static int64_t copy(const struct side *from, const struct side *to, uint64_t length)
{
	char *bytes = guest_pages_alloc(COPY_SIZE / PAGE_SIZE);
	uint64_t done = 0;
	int64_t result = bytes ? 1 : -ENOMEM;

	while (result > 0 && done < length) {
		result = copy_step(from, to, bytes, least(length - done, COPY_SIZE));
		if (result > 0)
			done += (uint64_t)result;
		if (result > 0 && task_breathe())
			break;
	}
	guest_pages_free(bytes, COPY_SIZE / PAGE_SIZE);
	return done ? (int64_t)done : result < 0 ? result : 0;
}

static int read_position(uint64_t address, uint64_t *position)
{
	if (user_read(position, address, sizeof *position))
		return -EFAULT;
	return (int64_t)*position < 0 ? -EINVAL : 0;
}

/* A copy that is asked for: descriptors, addresses of positions that the program keeps (0: the files' own), bytes. */
struct copy_request {
	uint64_t in, in_address, out, out_address, length;
	bool is_range; /* copy_file_range(2): from one regular file to another */
};

static bool is_regular(const struct file *file)
{
	return file->inode && inode_is(file->inode, MODE_REGULAR);
}

/* What can be read at a position is not lost when it cannot be written. A file is not copied into what is read of it. */
static int check_copy(const struct side *from, const struct side *to, const struct copy_request *request)
{
	const uint64_t a = *from->position;
	const uint64_t b = *to->position;

	if (!from->file->functions->seek || (request->out_address && !to->file->functions->seek))
		return -EINVAL;
	if (!request->is_range)
		return 0;
	if (!is_regular(from->file) || !is_regular(to->file))
		return -EINVAL;
	if (to->file->flags & O_APPEND)
		return -EBADF;
	return from->file->inode == to->file->inode && a < b + request->length && b < a + request->length
		       ? -EINVAL
		       : 0;
}

static int64_t copy_files(struct file *in, struct file *out, const struct copy_request *request)
{
	uint64_t positions[2];
	const struct side from = { in, request->in_address ? &positions[0] : &in->position };
	const struct side to = { out, request->out_address ? &positions[1] : &out->position };
	int64_t result = 0;

	if (request->in_address)
		result = read_position(request->in_address, &positions[0]);
	if (!result && request->out_address)
		result = read_position(request->out_address, &positions[1]);
	if (!result)
		result = check_copy(&from, &to, request);
	if (!result)
		result = copy(&from, &to, request->length);
	if (result > 0 && request->in_address &&
	    user_write(request->in_address, &positions[0], sizeof *positions))
		result = -EFAULT;
	if (result > 0 && request->out_address &&
	    user_write(request->out_address, &positions[1], sizeof *positions))
		result = -EFAULT;
	return result;
}

static int64_t copy_between(const struct copy_request *request)
{
	int error = 0;
	struct file *in = file_for(request->in, READ, &error);
	struct file *out = in ? file_for(request->out, WRITE, &error) : NULL;
	int64_t result = out ? copy_files(in, out, request) : error;

	if (out)
		file_drop(out);
	if (in)
		file_drop(in);
	return result;
}

static int64_t send_file(const uint64_t argument[6])
{
	return copy_between(&(struct copy_request){ argument[1], argument[2], argument[0], 0,
						    least(argument[3], TRANSFER_MOST), false });
}

static int64_t copy_file_range(const uint64_t argument[6])
{
	if (argument[5])
		return -EINVAL;
	return copy_between(&(struct copy_request){ argument[0], argument[1], argument[2], argument[3],
						    least(argument[4], TRANSFER_MOST), true });
}

/* ---- sizes and disks ---- */

static int64_t do_sync(struct file *file, const uint64_t *argument)
{
	return file->functions->sync ? file->functions->sync(file, argument[0]) : -EINVAL;
}

static int64_t sync_all(const uint64_t argument[6])
{
	return with_file(argument[0], do_sync, &(uint64_t){ 0 });
}

static int64_t sync_data(const uint64_t argument[6])
{
	return with_file(argument[0], do_sync, &(uint64_t){ 1 });
}

/* Everything that was written is with the host already; what is open for mappings is written when that ends. */
static int64_t sync_everything(const uint64_t argument[6])
{
	(void)argument;
	for (int64_t number = 0; (number = descriptor_next((unsigned)number)) >= 0; number++) {
		struct file *file = descriptor_file((uint64_t)number);

		if (file->functions->sync && file_may_write(file))
			(void)file->functions->sync(file, false);
		file_drop(file);
	}
	return 0;
}

static int64_t do_resize(struct file *file, const uint64_t *argument)
{
	if ((int64_t)argument[1] < 0 || !file_may_write(file) || !file->functions->resize)
		return -EINVAL;
	return file_resize(file, argument[1]);
}

static int64_t resize(const uint64_t argument[6])
{
	return with_file(argument[0], do_resize, argument);
}

static int64_t resize_path(const uint64_t argument[6])
{
	struct file *file;
	char *path;
	int64_t result;

	if ((int64_t)argument[1] < 0)
		return -EINVAL;
	result = path_copy(argument[0], &path);
	if (result)
		return result;
	result = file_open(path, O_WRONLY | O_NONBLOCK, 0, &file); /* a fifo is not waited for */
	free(path);
	if (result)
		return result;
	result = do_resize(file, argument);
	file_drop(file);
	return result;
}

static int64_t do_allocate(struct file *file, const uint64_t *argument)
{
	if ((int64_t)argument[2] < 0 || (int64_t)argument[3] <= 0)
		return -EINVAL;
	if (!file_may_write(file))
		return -EBADF;
	return file->functions->allocate
		       ? file->functions->allocate(file, (int)argument[1], argument[2], argument[3])
		       : -ENODEV;
}

static int64_t allocate(const uint64_t argument[6])
{
	return with_file(argument[0], do_allocate, argument);
}

/* A hint, which changes nothing. */
static int64_t do_advise(struct file *file, const uint64_t *argument)
{
	if (argument[3] > 5)
		return -EINVAL;
	return file->functions->seek ? 0 : -ESPIPE;
}

static int64_t advise(const uint64_t argument[6])
{
	return with_file(argument[0], do_advise, argument);
}

static int64_t do_read_ahead(struct file *file, const uint64_t *argument)
{
	(void)argument;
	return file->functions->page ? 0 : -EINVAL;
}

static int64_t read_ahead(const uint64_t argument[6])
{
	return with_file(argument[0], do_read_ahead, argument);
}

/* ---- descriptors ---- */

static int64_t duplicate(const uint64_t argument[6])
{
	struct file *file = descriptor_file(argument[0]);

	return file ? descriptor_add(file, 0, false) : -EBADF;
}

static int64_t duplicate_to(const uint64_t argument[6])
{
	struct file *file = descriptor_file(argument[0]);

	if (!file)
		return -EBADF;
	if ((uint32_t)argument[0] == (uint32_t)argument[1]) {
		file_drop(file);
		return (int64_t)(uint32_t)argument[1];
	}
	return descriptor_put(file, (unsigned)argument[1], false);
}

static int64_t duplicate_3(const uint64_t argument[6])
{
	struct file *file;

	if ((uint32_t)argument[0] == (uint32_t)argument[1] || argument[2] & ~(uint64_t)O_CLOEXEC)
		return -EINVAL;
	file = descriptor_file(argument[0]);
	return file ? descriptor_put(file, (unsigned)argument[1], argument[2] & O_CLOEXEC) : -EBADF;
}

/* ---- files without names ---- */

static int64_t make_pipe(const uint64_t argument[6])
{
	const unsigned flags = (unsigned)argument[1];
	struct file *reader;
	struct file *writer;
	int32_t numbers[2];
	int64_t result;

	if (flags & ~(unsigned)(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	result = pipe_create(flags & O_NONBLOCK, &reader, &writer);
	if (result)
		return result;
	result = descriptor_add(reader, 0, flags & O_CLOEXEC);
	if (result < 0) {
		file_drop(writer);
		return result;
	}
	numbers[0] = (int32_t)result;
	result = descriptor_add(writer, 0, flags & O_CLOEXEC);
	numbers[1] = (int32_t)result;
	if (result >= 0) {
		result = user_write(argument[0], numbers, sizeof numbers);
		if (!result)
			return 0;
		(void)descriptor_close((uint64_t)numbers[1]);
	}
	(void)descriptor_close((uint64_t)numbers[0]);
	return result;
}

static int64_t make_plain_pipe(const uint64_t argument[6])
{
	const uint64_t all[6] = { argument[0] };

	return make_pipe(all);
}

enum { MEMFD_CLOEXEC = 1, MEMFD_NOEXEC = 8, MEMFD_EXEC = 16 };

/* Without seals and huge pages. */
static int64_t make_memory_file(const uint64_t argument[6])
{
	char name[256];
	struct file *file;
	int64_t length = user_string(name, argument[0], sizeof name);

	if (length < 0)
		return length == -ENAMETOOLONG ? -EINVAL : length;
	if (argument[1] & ~(uint64_t)(MEMFD_CLOEXEC | MEMFD_NOEXEC | MEMFD_EXEC))
		return -EINVAL;
	file = file_anonymous("memfd", 0);
	return file ? descriptor_add(file, 0, argument[1] & MEMFD_CLOEXEC) : -ENOMEM;
}

const struct system_call_row system_calls_file[] = {
	{ __NR_open, "open", open_here },
	{ __NR_openat, "openat", open_at },
	{ __NR_creat, "creat", create },
	{ __NR_close, "close", close_one },
	{ __NR_close_range, "close_range", close_range },
	{ __NR_read, "read", read_file },
	{ __NR_write, "write", write_file },
	{ __NR_pread64, "pread64", read_at },
	{ __NR_pwrite64, "pwrite64", write_at },
	{ __NR_readv, "readv", read_vector },
	{ __NR_writev, "writev", write_vector },
	{ __NR_preadv, "preadv", read_vector_at },
	{ __NR_pwritev, "pwritev", write_vector_at },
	{ __NR_preadv2, "preadv2", read_vector_2 },
	{ __NR_pwritev2, "pwritev2", write_vector_2 },
	{ __NR_lseek, "lseek", seek },
	{ __NR_sendfile, "sendfile", send_file },
	{ __NR_copy_file_range, "copy_file_range", copy_file_range },
	{ __NR_fsync, "fsync", sync_all },
	{ __NR_fdatasync, "fdatasync", sync_data },
	{ __NR_sync, "sync", sync_everything },
	{ __NR_syncfs, "syncfs", sync_all },
	{ __NR_ftruncate, "ftruncate", resize },
	{ __NR_truncate, "truncate", resize_path },
	{ __NR_fallocate, "fallocate", allocate },
	{ __NR_fadvise64, "fadvise64", advise },
	{ __NR_readahead, "readahead", read_ahead },
	{ __NR_dup, "dup", duplicate },
	{ __NR_dup2, "dup2", duplicate_to },
	{ __NR_dup3, "dup3", duplicate_3 },
	{ __NR_pipe, "pipe", make_plain_pipe },
	{ __NR_pipe2, "pipe2", make_pipe },
	{ __NR_memfd_create, "memfd_create", make_memory_file },
	{ 0 },
};
