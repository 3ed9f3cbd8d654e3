/* SPDX-License-Identifier: ISC */
/* squeeze.c - zstd: squeeze FROM TO compresses by stream and at several levels, and checks the way back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

static unsigned char *read_file(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	unsigned char *content = malloc(1 << 24);

	if (!file || !content) {
		perror(path);
		exit(1);
	}
	*size = fread(content, 1, 1 << 24, file);
	fclose(file);
	return content;
}

static size_t must(size_t result)
{
	if (ZSTD_isError(result)) {
		printf("zstd: %s\n", ZSTD_getErrorName(result));
		exit(1);
	}
	return result;
}

static void round_trip(const unsigned char *content, size_t size, int level)
{
	const size_t bound = ZSTD_compressBound(size);
	ZSTD_CCtx *context = ZSTD_createCCtx();
	unsigned char *packed = malloc(bound);
	unsigned char *unpacked = malloc(size + 1);
	size_t length;

	must(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level));
	must(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1));
	length = must(ZSTD_compress2(context, packed, bound, content, size));
	must(ZSTD_decompress(unpacked, size, packed, length));
	printf("level %d: %zu to %zu, %s\n", level, size, length,
	       memcmp(content, unpacked, size) ? "different" : "the same");
	packed[length / 2] ^= 0x10;
	printf("damaged: %s\n",
	       ZSTD_isError(ZSTD_decompress(unpacked, size, packed, length)) ? "noticed" : "unnoticed");
	ZSTD_freeCCtx(context);
	free(packed);
	free(unpacked);
}

static void by_stream(const char *from, const char *to)
{
	ZSTD_CCtx *context = ZSTD_createCCtx();
	static char input[70001];
	static char output[50021];
	FILE *in = fopen(from, "rb");
	FILE *out = fopen(to, "wb");
	size_t length;

	if (!in || !out) {
		perror(to);
		exit(1);
	}
	do {
		ZSTD_inBuffer source = { input, length = fread(input, 1, sizeof input, in), 0 };
		size_t left;

		do {
			ZSTD_outBuffer target = { output, sizeof output, 0 };

			left = must(
				ZSTD_compressStream2(context, &target, &source,
						     length < sizeof input ? ZSTD_e_end : ZSTD_e_continue));
			fwrite(output, 1, target.pos, out);
		} while (length < sizeof input ? left : source.pos < source.size);
	} while (length == sizeof input);
	fclose(in);
	printf("stream: %s\n", fclose(out) ? "failed" : "good");
	ZSTD_freeCCtx(context);
}

int main(int count, char **arguments)
{
	unsigned char *content;
	size_t size;

	if (count < 3)
		return 2;
	content = read_file(arguments[1], &size);
	/* The file and its reverse, several times: something to find. */
	for (size_t i = 1; i < 6 && size * (i + 1) <= 1 << 24; i++) {
		for (size_t j = 0; j < size; j++)
			content[i * size + j] = content[i % 2 ? size - 1 - j : j];
	}
	round_trip(content, size * 6, 1);
	round_trip(content, size * 6, 9);
	by_stream(arguments[1], arguments[2]);
	free(content);
	return 0;
}
