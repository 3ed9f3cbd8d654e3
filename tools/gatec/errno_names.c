/* SPDX-License-Identifier: ISC */
/* errno_names.c - the errors that a call may answer. The numbers are Linux's for x86-64 and arm64. */
#include "model.h"

#include <errno.h>
#include <string.h>

struct errno_name {
	const char *name;
	int number;
};

#define ROW(name)           \
	{                   \
#name, name \
	}

/* clang-format off */
static const struct errno_name errno_names[] = {
	ROW(EPERM),     ROW(ENOENT),     ROW(EINTR),    ROW(EIO),          ROW(ENXIO),      ROW(E2BIG),
	ROW(ENOEXEC),   ROW(EBADF),      ROW(EAGAIN),   ROW(ENOMEM),       ROW(EACCES),     ROW(EFAULT),
	ROW(EBUSY),     ROW(EEXIST),     ROW(EXDEV),    ROW(ENODEV),       ROW(ENOTDIR),    ROW(EISDIR),
	ROW(EINVAL),    ROW(ENFILE),     ROW(EMFILE),   ROW(ENOTTY),       ROW(ETXTBSY),    ROW(EFBIG),
	ROW(ENOSPC),    ROW(ESPIPE),     ROW(EROFS),    ROW(EMLINK),       ROW(EPIPE),      ROW(EDOM),
	ROW(ERANGE),    ROW(EDEADLK),    ROW(ENAMETOOLONG), ROW(ENOSYS),   ROW(ENOTEMPTY),  ROW(ELOOP),
	ROW(ENODATA),   ROW(ETIME),      ROW(EPROTO),   ROW(EBADMSG),      ROW(EOVERFLOW),  ROW(EBADFD),
	ROW(EILSEQ),    ROW(EMSGSIZE),   ROW(EOPNOTSUPP), ROW(EADDRINUSE), ROW(ENOBUFS),    ROW(ETIMEDOUT),
	ROW(EALREADY),  ROW(EINPROGRESS), ROW(ESTALE),  ROW(EDQUOT),       ROW(ECANCELED),
};
/* clang-format on */

int errno_number(const char *name)
{
	for (size_t i = 0; i < sizeof errno_names / sizeof *errno_names; i++) {
		if (!strcmp(errno_names[i].name, name))
			return errno_names[i].number;
	}
	return 0;
}
