/* SPDX-License-Identifier: ISC */
/* clock.h - what the other services need of the VM's clocks. */
#ifndef POSTERN_SERVICE_CLOCK_H
#define POSTERN_SERVICE_CLOCK_H

#include <stdint.h>

struct services;

/* Takes the reading of counter and clock together, from which scales are reckoned. */
void clock_start(struct services *services);

/* The first time of the VM's resolution that is not before a deadline, ns. What is too large for that is never. */
uint64_t clock_round_up(const struct services *services, uint64_t nanoseconds);

#endif
