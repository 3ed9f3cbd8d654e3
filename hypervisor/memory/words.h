/* SPDX-License-Identifier: ISC */
/*
 * words.h - single loads and stores of memory that a guest can change at any moment. Each function
 * touches each word exactly once: the compiler may not repeat, split, merge or invent an access.
 *
 * `host` is a host address that memory_span() has resolved, aligned to the width of the access; see
 * that an address from a guest is aligned before resolving it. These functions check nothing.
 */
#ifndef POSTERN_MEMORY_WORDS_H
#define POSTERN_MEMORY_WORDS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Guest memory has no declared type, and structs are read through these: may_alias keeps that defined.
 * The builtins are used because C11's atomic_load() wants an _Atomic object, and guest memory has none.
 */
typedef uint64_t __attribute__((may_alias)) memory_word;
typedef uint32_t __attribute__((may_alias)) memory_half_word;

_Static_assert(__atomic_always_lock_free(sizeof(memory_word), 0), "a word must be accessed in one piece");
_Static_assert(__atomic_always_lock_free(sizeof(memory_half_word), 0), "as must half a word");

/* Returns the value at `host`, in one relaxed load: no order with regard to other accesses. */
static inline uint64_t memory_load_u64(const void *host)
{
	return __atomic_load_n((const memory_word *)host, __ATOMIC_RELAXED);
}

static inline uint32_t memory_load_u32(const void *host)
{
	return __atomic_load_n((const memory_half_word *)host, __ATOMIC_RELAXED);
}

/* Puts `value` at `host` in one relaxed store. */
static inline void memory_store_u64(void *host, uint64_t value)
{
	__atomic_store_n((memory_word *)host, value, __ATOMIC_RELAXED);
}

static inline void memory_store_u32(void *host, uint32_t value)
{
	__atomic_store_n((memory_half_word *)host, value, __ATOMIC_RELAXED);
}

/*
 * Loads the index that the other side of a ring advances: entries that it wrote before its release
 * store of the index are seen by loads that come after this one.
 */
static inline uint32_t memory_load_acquire_u32(const void *host)
{
	return __atomic_load_n((const memory_half_word *)host, __ATOMIC_ACQUIRE);
}

/* Stores the index that this side of a ring advances: entries read or written before are done with. */
static inline void memory_store_release_u32(void *host, uint32_t value)
{
	__atomic_store_n((memory_half_word *)host, value, __ATOMIC_RELEASE);
}

/*
 * Copies `words` 8-byte words of guest memory at `host` to the private buffer `to`, from the lowest
 * address up, each in one relaxed load. Both are aligned to 8 bytes. The way to read a struct.
 */
static inline void memory_load_words(void *to, const void *host, size_t words)
{
	memory_word *copy = to;
	const memory_word *from = host;

	for (size_t i = 0; i < words; i++)
		copy[i] = memory_load_u64(&from[i]);
}

/*
 * Copies 64 bytes of guest memory at `host` to the private buffer `to`, in as few loads as the processor
 * has. The barrier makes the copy final: the compiler can neither put it off nor look into guest memory
 * again in place of the copy. Words may be torn, but only where the guest breaks the protocol by which
 * it hands such a line over.
 */
static inline void memory_load_line(void *to, const void *host)
{
	memcpy(to, host, 64);
	__asm__ volatile("" : : "r"(to) : "memory");
}

/* Copies `words` 8-byte words from the private buffer `from` to guest memory; as memory_load_words(). */
static inline void memory_store_words(void *host, const void *from, size_t words)
{
	memory_word *to = host;
	const memory_word *copy = from;

	for (size_t i = 0; i < words; i++)
		memory_store_u64(&to[i], copy[i]);
}

#endif
