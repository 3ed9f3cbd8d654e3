/* SPDX-License-Identifier: ISC */
/*
 * errno.h - Linux's error numbers, for guests, which have no libc to take them from: those that the contract
 * names, and EPROTO and ENODATA, which are the SDK's own. The values are the same as in Linux's <errno.h>,
 * so a file may include both.
 */
#ifndef POSTERN_ERRNO_H
#define POSTERN_ERRNO_H

#define EPERM 1
#define ENOENT 2
#define EIO 5
#define ENXIO 6
#define E2BIG 7
#define EBADF 9
#define EAGAIN 11
#define ENOMEM 12
#define EACCES 13
#define EFAULT 14
#define EBUSY 16
#define EEXIST 17
#define EXDEV 18
#define ENODEV 19
#define ENOTDIR 20
#define EISDIR 21
#define EINVAL 22
#define ENFILE 23
#define ENOTTY 25
#define ETXTBSY 26
#define EFBIG 27
#define ENOSPC 28
#define EROFS 30
#define EMLINK 31
#define EPIPE 32
#define ERANGE 34
#define EDEADLK 35
#define ENAMETOOLONG 36
#define ENOSYS 38
#define ENOTEMPTY 39
#define ELOOP 40
#define ENODATA 61
#define EPROTO 71
#define EOVERFLOW 75
#define EOPNOTSUPP 95
#define EALREADY 114
#define EDQUOT 122
#define ECANCELED 125

#endif
