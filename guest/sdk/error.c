/* SPDX-License-Identifier: ISC */
/* error.c - the names of the errors in <postern/errno.h>. */
#include "internal.h"

#define NAME(error) [error] = #error

static const char *const names[] = {
	NAME(EPERM),  NAME(ENOENT),    NAME(EIO),     NAME(ENXIO),        NAME(E2BIG),      NAME(EBADF),
	NAME(EAGAIN), NAME(ENOMEM),    NAME(EACCES),  NAME(EFAULT),       NAME(EBUSY),      NAME(EEXIST),
	NAME(EXDEV),  NAME(ENODEV),    NAME(ENOTDIR), NAME(EISDIR),       NAME(EINVAL),     NAME(ENFILE),
	NAME(ENOTTY), NAME(ETXTBSY),   NAME(EFBIG),   NAME(ENOSPC),       NAME(EROFS),      NAME(EMLINK),
	NAME(EPIPE),  NAME(ERANGE),    NAME(EDEADLK), NAME(ENAMETOOLONG), NAME(ENOSYS),     NAME(ENOTEMPTY),
	NAME(ELOOP),  NAME(ENODATA),   NAME(EPROTO),  NAME(EOVERFLOW),    NAME(EOPNOTSUPP), NAME(EALREADY),
	NAME(EDQUOT), NAME(ECANCELED),
};

const char *guest_error_name(int64_t result)
{
	uint64_t error = -(uint64_t)result;

	if (result >= 0)
		return "success";
	return error < sizeof names / sizeof *names && names[error] ? names[error] : "unknown error";
}
