/* SPDX-License-Identifier: ISC */
/* socket.h - pairs of connected sockets: streams of bytes in both directions, between those in the guest. */
#ifndef KEEP_FS_SOCKET_H
#define KEEP_FS_SOCKET_H

#include "fs/file.h"

/* Two sockets, each the other's peer, with these flags (O_NONBLOCK) on both. Errors: -ENOMEM. */
int socket_pair(unsigned flags, struct file *ends[2]);

bool socket_is(const struct file *file);

/* As read(2) and write(2), with flags of recv(2) and send(2). -EOPNOTSUPP for those that are not there. */
int64_t socket_receive(struct file *file, struct transfer *to, unsigned flags);
int64_t socket_send(struct file *file, struct transfer *from, unsigned flags);

/* As shutdown(2): no more input, no more output, or neither. */
int socket_shutdown(struct file *file, int how);

#endif
