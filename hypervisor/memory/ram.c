/* SPDX-License-Identifier: ISC */
/*
 * ram.c - the life of a guest's RAM: a memfd that nobody can resize, mapped once between two guards, and
 * a p2m that starts with every page owned by the guest.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory/memory.h"

/* Since Linux 6.3; Debian 12's headers are older than kernels that it runs on. */
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

/*
 * The ring3 engine executes guest code from further mappings of this file, so we ask for an executable
 * one by name. A kernel before 6.3 does not know the flag (EINVAL), and one with vm.memfd_noexec = 2 does not
 * grant it (EACCES); the kernel's default does in both cases, as a file that is not executable
 * can still be mapped with PROT_EXEC. It could just not be given to execve(2), which nobody wants to.
 */
static int open_file(void)
{
	const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create("postern-ram", flags | MFD_EXEC);

	if (fd < 0 && (errno == EINVAL || errno == EACCES))
		fd = memfd_create("postern-ram", flags);
	return fd < 0 ? -errno : fd;
}

/*
 * A guest's process holds this file too: were it to shrink, the host's next access would be a SIGBUS.
 * Writing and punching holes stay allowed; F_SEAL_EXEC would forbid writing to an executable file.
 */
static int create_file(uint64_t size)
{
	int fd = open_file();
	int error;

	if (fd < 0)
		return fd;
	if (ftruncate(fd, (off_t)size) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static void unmap_ram(uint8_t *base, uint64_t size)
{
	munmap(base - MEMORY_GUARD_SIZE, MEMORY_GUARD_SIZE + size + MEMORY_GUARD_SIZE);
}

/* Reserves room for RAM and both guards, without access, then puts the file in the middle of it. */
static int map_ram(int fd, uint64_t size, uint8_t **base)
{
	uint8_t *room = mmap(NULL, MEMORY_GUARD_SIZE + size + MEMORY_GUARD_SIZE, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint8_t *ram;
	int error;

	if (room == MAP_FAILED)
		return -errno;
	ram = room + MEMORY_GUARD_SIZE;
	if (mmap(ram, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | MAP_FIXED, fd, 0) !=
		    MAP_FAILED &&
	    madvise(ram, size, MADV_DONTDUMP) == 0) {
		*base = ram;
		return 0;
	}
	error = -errno;
	unmap_ram(ram, size);
	return error;
}

static int map_states(uint64_t pages, uint8_t **states)
{
	void *bytes =
		mmap(NULL, pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (bytes == MAP_FAILED)
		return -errno;
	*states = memset(bytes, P2M_OWNED, pages);
	return 0;
}

int memory_create(struct guest_memory *mem, uint64_t size)
{
	struct guest_memory made = { .size = size };
	int error;

	*mem = (struct guest_memory){ .fd = -1 };
	if (size == 0 || size > MEMORY_MAX_SIZE || size % MEMORY_PAGE_SIZE != 0)
		return -EINVAL;

	made.fd = create_file(size);
	if (made.fd < 0)
		return made.fd;
	error = map_ram(made.fd, size, &made.base);
	if (error)
		goto close_file;
	error = map_states(size / MEMORY_PAGE_SIZE, &made.states);
	if (error)
		goto unmap;
	*mem = made;
	return 0;

unmap:
	unmap_ram(made.base, size);
close_file:
	close(made.fd);
	return error;
}

void memory_destroy(struct guest_memory *mem)
{
	if (mem->base) {
		munmap(mem->states, mem->size / MEMORY_PAGE_SIZE);
		unmap_ram(mem->base, mem->size);
		close(mem->fd);
	}
	*mem = (struct guest_memory){ .fd = -1 };
}

int64_t memory_resident(const struct guest_memory *mem)
{
	struct stat status;

	if (fstat(mem->fd, &status) != 0)
		return -errno;
	return (int64_t)status.st_blocks * 512; /* stat(2): the unit is 512 bytes, whatever the block size */
}
