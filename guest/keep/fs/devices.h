/* SPDX-License-Identifier: ISC */
/* devices.h - character devices, by number. */
#ifndef KEEP_FS_DEVICES_H
#define KEEP_FS_DEVICES_H

#include "fs/file.h"

/* As Linux numbers devices in st_rdev, for small numbers. */
#define DEVICE(major, minor) ((uint64_t)(major) << 8 | (minor))

/* Gives an open file the functions of a device. -ENXIO if there is none of that number. */
int device_open(uint64_t number, struct file *file);

/* Puts all devices there are into a directory of tmpfs. */
struct inode;
int devices_make(struct inode *directory);

#endif
