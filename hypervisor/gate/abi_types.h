/* SPDX-License-Identifier: ISC */
/* abi_types.h - the rows of the tables that gatec generates, and what the generated argument structs hold. */
#ifndef POSTERN_GATE_ABI_TYPES_H
#define POSTERN_GATE_ABI_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gate_frame;

/* How a call came to the gate. */
enum gate_crossing {
	GATE_TRAP,  /* one exit for one call */
	GATE_BATCH, /* an entry that ring.enter took */
	GATE_RING,  /* an entry that the host's poller took */
	GATE_CROSSINGS
};

/* Where in guest memory a struct goes when its call has succeeded. */
struct gate_place {
	uint8_t *host; /* aligned to 8, resolved for writing */
	size_t size;   /* bytes to write: the caller's size or what this level knows, whichever is less */
};

/* One hypercall. What a call needs on its way comes first. */
struct abi_call {
	int64_t (*call)(struct gate_frame *frame,
			const uint64_t args[6]); /* takes, checks, calls the handler */
	void (*give)(struct gate_frame *frame);  /* writes out structs; NULL: there are none */
	uint16_t number;
	uint8_t since;     /* minor version */
	uint8_t crossings; /* 1 << enum gate_crossing */
	bool always;       /* no grant needed */
	bool async;
	bool rate_limited;
	const char *name;
	size_t handler;     /* offset in struct abi_handlers */
	size_t args_size;   /* of the call's struct in union abi_args */
	uint64_t errors[3]; /* bitmap of the errnos that the contract declares for the handler */
};

struct abi_section {
	const char *name;
	uint8_t number;
};

struct abi_handle {
	const char *name;
	uint8_t kind;
	uint32_t max; /* objects of the kind in one VM */
};

struct abi_profile {
	const char *name;
	const uint8_t *calls; /* by ordinal: 1 if granted */
};

#endif
