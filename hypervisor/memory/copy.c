/* SPDX-License-Identifier: ISC */
/*
 * copy.c - bulk copies between guest memory and private buffers of the host.
 *
 * memcpy() may be used on memory that changes meanwhile, if the compiler cannot see through it. The barrier
 * below takes the buffer's address and may, for all that the compiler knows, have changed both the buffer
 * and guest memory: so the copy is really made before it, no matter how much is inlined, and whoever looks at
 * the buffer later finds the one value that each byte has there, never the guest's memory again. (Inside
 * memcpy() a byte can be moved twice where wide moves overlap. The last move makes the value.)
 */
#include <string.h>
#include <unistd.h>

#include "memory/memory.h"

static inline void settle(const void *buffer)
{
	__asm__ volatile("" : : "r"(buffer) : "memory");
}

bool memory_copy_in(const struct guest_memory *mem, void *to, gpa_t from, size_t length)
{
	struct iovec span;

	if (!memory_span(mem, from, length, MEMORY_READ, &span))
		return false;
	if (span.iov_len != 0) /* memcpy() wants real pointers even for no bytes */
		memcpy(to, span.iov_base, span.iov_len);
	settle(to);
	return true;
}

bool memory_copy_out(const struct guest_memory *mem, gpa_t to, const void *from, size_t length)
{
	struct iovec span;

	if (!memory_span(mem, to, length, MEMORY_WRITE, &span))
		return false;
	if (span.iov_len != 0)
		memcpy(span.iov_base, from, span.iov_len);
	settle(span.iov_base);
	return true;
}

bool memory_fill(const struct guest_memory *mem, gpa_t to, const void *from, size_t length)
{
	const char *bytes = from;
	struct iovec span;
	ssize_t done;

	if (!memory_span(mem, to, length, MEMORY_WRITE, &span))
		return false;
	done = pwrite(mem->fd, bytes, length, (off_t)to.value);
	if (done < 0)
		done = 0;
	/* What the host had no memory for, it says when it is touched. */
	return memory_copy_out(mem, (gpa_t){ to.value + (uint64_t)done }, bytes + done,
			       length - (size_t)done);
}
