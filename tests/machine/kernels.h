/* SPDX-License-Identifier: ISC */
/* kernels.h - the smallest kernels of each boot protocol that are right, so that tests can spoil each field of them. */
#ifndef POSTERN_TESTS_KERNELS_H
#define POSTERN_TESTS_KERNELS_H

#include <asm/bootparam.h>
#include <elf.h>
#include <stdint.h>

enum { BZ_SECTORS = 1, BZ_KERNEL = 2048 };

/* A bzImage. */
struct bz {
	uint8_t sector[0x1f1];
	struct setup_header header;
	uint8_t rest[(BZ_SECTORS + 1) * 512 - 0x1f1 - sizeof(struct setup_header)];
	uint8_t kernel[BZ_KERNEL]; /* what is loaded: a byte of each is its number */
} __attribute__((packed));

void bz_fill(struct bz *bz);

enum { PVH_PROGRAMS = 3 };
#define PVH_AT UINT64_C(0x200000)

/* An ELF file with a PVH note. */
struct pvh {
	Elf64_Ehdr header;
	Elf64_Phdr programs[PVH_PROGRAMS]; /* code, data, note */
	struct {
		Elf64_Nhdr header;
		char owner[4];
		uint64_t entry;
	} __attribute__((packed)) note;
	uint8_t code[64];
	uint8_t data[32];
} __attribute__((packed));

void pvh_fill(struct pvh *pvh);

#endif
