/* SPDX-License-Identifier: ISC */
/* ram.c - see ram.h. */
#include "ram.h"

#include <sanitizer/asan_interface.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Code that looks at RAM as it is, and that the gate's instrumented loads lead to. */
#define NOT_INSTRUMENTED __attribute__((no_sanitize("address", "undefined", "coverage")))

enum { WORDS = RAM_SIZE / 8 };

struct guest_memory ram;
void (*ram_written)(uint64_t at, uint64_t size);

static _Alignas(64) uint8_t shadow[RAM_SIZE];
static bool dirty[RAM_PAGES];

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("FOUND: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	abort();
}

void ram_reset(void)
{
	if (!ram.base && memory_create(&ram, RAM_SIZE))
		die("no guest memory");
	for (unsigned i = 0; i < RAM_PAGES; i++) {
		if (!dirty[i])
			continue;
		memset(ram.base + i * MEMORY_PAGE_SIZE, 0, MEMORY_PAGE_SIZE);
		memset(shadow + i * MEMORY_PAGE_SIZE, 0, MEMORY_PAGE_SIZE);
		dirty[i] = false;
	}
	p2m_set(&ram, 0, RAM_PAGES, P2M_OWNED);
}

static void mark(uint64_t at, uint64_t size)
{
	if (!size)
		return;
	for (uint64_t page = at / MEMORY_PAGE_SIZE; page <= (at + size - 1) / MEMORY_PAGE_SIZE; page++)
		dirty[page] = true;
	if (ram_written)
		ram_written(at, size);
}

void ram_store(uint64_t at, const void *from, uint64_t size)
{
	if (at >= RAM_SIZE || !size)
		return;
	if (size > RAM_SIZE - at)
		size = RAM_SIZE - at;
	memcpy(ram.base + at, from, size);
	memcpy(shadow + at, from, size);
	mark(at, size);
}

void ram_expect(const void *host, const void *bytes, uint64_t size)
{
	uint64_t at = (uint64_t)((const uint8_t *)host - ram.base);

	if (!size)
		return;
	if (at >= RAM_SIZE || size > RAM_SIZE - at)
		die("the host writes %llu bytes at %#llx", (unsigned long long)size, (unsigned long long)at);
	memcpy(shadow + at, bytes, size);
	mark(at, size);
}

NOT_INSTRUMENTED void ram_accept(uint64_t at, uint64_t size)
{
	for (uint64_t i = 0; i < size; i++)
		shadow[at + i] = ram.base[at + i];
	for (uint64_t i = 0; i < size; i += 8)
		dirty[(at + i) / MEMORY_PAGE_SIZE] = true;
}

NOT_INSTRUMENTED static bool is_same(size_t page)
{
	const uint64_t *a = (const uint64_t *)(ram.base + page * MEMORY_PAGE_SIZE);
	const uint64_t *b = (const uint64_t *)(shadow + page * MEMORY_PAGE_SIZE);
	uint64_t difference = 0;

	for (size_t i = 0; i < MEMORY_PAGE_SIZE / 8; i++)
		difference |= a[i] ^ b[i];
	return !difference;
}

__attribute__((noreturn)) static void report(size_t page)
{
	for (size_t i = page * MEMORY_PAGE_SIZE;; i++) {
		if (ram.base[i] != shadow[i])
			die("guest memory has changed at %#zx: %02x, not %02x", i, ram.base[i], shadow[i]);
	}
}

void ram_check(void)
{
	for (size_t page = 0; page < RAM_PAGES; page++) {
		if (dirty[page] && !is_same(page))
			report(page);
	}
}

void ram_check_all(void)
{
	for (size_t page = 0; page < RAM_PAGES; page++) {
		if (!is_same(page))
			report(page);
	}
}

void ram_close(void)
{
	for (uint64_t at = 0; at < RAM_SIZE; at += MEMORY_PAGE_SIZE) {
		if (!p2m_page_allows(&ram, at / MEMORY_PAGE_SIZE))
			ASAN_POISON_MEMORY_REGION(ram.base + at, MEMORY_PAGE_SIZE);
	}
}

void ram_open(void)
{
	ASAN_UNPOISON_MEMORY_REGION(ram.base, RAM_SIZE);
}

/* ---- loads ---- */

static struct {
	bool on;
	uint8_t allowed[WORDS];
	uint8_t seen[WORDS];
	size_t touched[WORDS];
	size_t touched_count;
	uint64_t twice; /* where too many were seen, plus 1 */
} loads;

static void touch(size_t word)
{
	if (loads.touched_count < WORDS && !loads.allowed[word] && !loads.seen[word])
		loads.touched[loads.touched_count++] = word;
}

void loads_begin(void)
{
	for (size_t i = 0; i < loads.touched_count; i++)
		loads.allowed[loads.touched[i]] = loads.seen[loads.touched[i]] = 0;
	loads.touched_count = 0;
	loads.twice = 0;
}

void loads_allow(uint64_t at, uint64_t size)
{
	if (!size)
		return;
	for (uint64_t word = at / 8; word <= (at + size - 1) / 8; word++) {
		touch(word);
		loads.allowed[word]++;
	}
}

void loads_start(void)
{
	loads.on = true;
}

void loads_stop(void)
{
	loads.on = false;
	if (loads.twice)
		die("guest memory at %#llx is loaded more than once, or without need",
		    (unsigned long long)loads.twice - 1);
}

NOT_INSTRUMENTED static void loaded(const void *host)
{
	uint64_t at = (uint64_t)((const uint8_t *)host - ram.base);

	if (!loads.on || at >= RAM_SIZE)
		return;
	touch(at / 8);
	if (++loads.seen[at / 8] > loads.allowed[at / 8])
		loads.twice = at + 1;
}

/* Called by the gate's code, which is compiled with -fsanitize-coverage=trace-loads. */
#define LOADED(bytes)                                                       \
	void __sanitizer_cov_load##bytes(const void *host);                 \
	NOT_INSTRUMENTED void __sanitizer_cov_load##bytes(const void *host) \
	{                                                                   \
		loaded(host);                                               \
	}
LOADED(1)
LOADED(2)
LOADED(4)
LOADED(8)
LOADED(16)
