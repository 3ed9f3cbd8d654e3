/* SPDX-License-Identifier: ISC */
/* entropy.c - section entropy: random bytes of the host's kernel, straight into the guest's memory. */
#include "service/service.h"

#include <errno.h>
#include <sys/random.h>

static int64_t serve_read(struct gate_frame *frame, struct abi_entropy_read *call)
{
	uint8_t *to = call->data.iov_base;
	size_t left = call->data.iov_len;

	(void)frame;
	while (left) {
		/* It cannot fail but for a signal: the generator has been ready since the host started. */
		const ssize_t got = getrandom(to, left, 0);

		if (got < 0 && errno != EINTR)
			return -EAGAIN;
		if (got > 0) {
			to += got;
			left -= (size_t)got;
		}
	}
	return (int64_t)call->data.iov_len;
}

void service_entropy(struct abi_handlers *handlers)
{
	handlers->entropy_read = serve_read;
}
