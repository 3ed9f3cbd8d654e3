/* SPDX-License-Identifier: ISC */
/*
 * ram.h - guest memory under test, beside a shadow of what has to be in it. Whoever writes for the guest, or
 * expects the host to write, says so here; whatever else changes is found. While the gate runs, pages that
 * the guest does not own are poisoned, and loads are counted.
 */
#ifndef POSTERN_FUZZ_RAM_H
#define POSTERN_FUZZ_RAM_H

#include "memory/memory.h"

enum { RAM_PAGES = 128, RAM_SIZE = RAM_PAGES * 4096 };

extern struct guest_memory ram;

/* Ends the program with a message: a bug was found. */
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);

/* Makes all of it owned and zero. */
void ram_reset(void);

/* A store by the guest. What would be outside RAM is left out. */
void ram_store(uint64_t at, const void *from, uint64_t size);

/* The host is to have written these bytes to host memory of the guest. */
void ram_expect(const void *host, const void *bytes, uint64_t size);

/* Whatever is there is right. */
void ram_accept(uint64_t at, uint64_t size);

/* Ends the program if RAM is not as it should be: where it has been written to, or anywhere. */
void ram_check(void);
void ram_check_all(void);

/* Called for each range that is stored or expected. */
extern void (*ram_written)(uint64_t at, uint64_t size);

/* Around the gate's work: closed, pages without access are poisoned. */
void ram_close(void);
void ram_open(void);

/*
 * Loads of guest memory by the gate. It may load each byte as often as it was allowed since the beginning:
 * otherwise it looks twice at what a guest may have changed between.
 */
void loads_begin(void);
void loads_allow(uint64_t at, uint64_t size);
void loads_start(void);
void loads_stop(void);

#endif
