/* SPDX-License-Identifier: ISC */
/* keep_image.h - the image of keep, the guest kernel, as it is in this program. */
#ifndef POSTERN_KEEP_IMAGE_H
#define POSTERN_KEEP_IMAGE_H

#include <stdint.h>

extern const uint8_t keep_image[];
extern const uint64_t keep_image_size;

#endif
