/* SPDX-License-Identifier: ISC */
/* images.h - the guest images that are part of this program. */
#ifndef POSTERN_IMAGES_H
#define POSTERN_IMAGES_H

#include <stdint.h>

/* keep, the guest kernel. */
extern const uint8_t keep_image[];
extern const uint64_t keep_image_size;

/* The guests of postern bench start, guest/examples/hello.c, and of postern bench crossing. */
extern const uint8_t hello_image[];
extern const uint64_t hello_image_size;
extern const uint8_t crossing_image[];
extern const uint64_t crossing_image_size;

/* The guests of postern bench economics and of postern bench translation. */
extern const uint8_t economics_image[];
extern const uint64_t economics_image_size;
extern const uint8_t translation_image[];
extern const uint64_t translation_image_size;

#endif
