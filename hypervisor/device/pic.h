/* SPDX-License-Identifier: ISC */
/*
 * pic.h - the two 8259 interrupt controllers of a PC, for engines that have none of their own: edge-triggered, fully
 * nested, the second behind line 2 of the first.
 */
#ifndef POSTERN_DEVICE_PIC_H
#define POSTERN_DEVICE_PIC_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum { PIC_FIRST = 0x20, PIC_SECOND = 0xa0, PIC_PORTS = 2, PIC_LINES = 16 };

struct pic_chip {
	uint8_t requested, served, masked, levels; /* a bit a line */
	uint8_t base;                              /* the vector of line 0 */
	uint8_t expected;                          /* the next initialization word, 2 to 4; 0: none */
	bool has_fourth, reads_served, ends_itself;
};

struct pic {
	pthread_mutex_t mutex; /* protects the chips */
	struct pic_chip chips[2];
};

void pic_create(struct pic *pic);
void pic_destroy(struct pic *pic);

/* Drives a line. Returns whether the processor is to be interrupted. */
bool pic_line(struct pic *pic, unsigned line, bool level);
bool pic_is_pending(struct pic *pic);
/* The processor takes the interrupt. Returns its vector; -1: there is none. */
int pic_acknowledge(struct pic *pic);

/* Registers, for the bus; pic is a struct pic. */
uint8_t pic_read_first(void *pic, uint64_t offset);
uint8_t pic_read_second(void *pic, uint64_t offset);
void pic_write_first(void *pic, uint64_t offset, uint8_t value);
void pic_write_second(void *pic, uint64_t offset, uint8_t value);

#endif
