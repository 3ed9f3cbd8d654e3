/* SPDX-License-Identifier: ISC */
/* change.h - small changes to a file that is right: few random bytes are nearly one. */
#ifndef POSTERN_FUZZ_CHANGE_H
#define POSTERN_FUZZ_CHANGE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Eight bytes of the input a change: where in the file, how many bytes (1, 2, 4 or 8), and what they become. */
static inline void change_file(void *file, size_t file_size, const uint8_t *data, size_t size)
{
	for (; size >= 8; data += 8, size -= 8) {
		const size_t width = (size_t)1 << (data[2] & 3);
		uint64_t value = 0;
		uint16_t at;

		memcpy(&at, data, sizeof at);
		memcpy(&value, data + 3, 5);
		/* Small numbers, large ones, and those that are nearly an overflow. */
		if (data[2] & 0x80)
			value = ~value;
		if (data[2] & 0x40)
			value = (uint64_t)1 << (value & 63);
		at %= file_size;
		if (width <= file_size - at)
			memcpy((uint8_t *)file + at, &value, width);
	}
}

#endif
