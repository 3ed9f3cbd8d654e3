/* SPDX-License-Identifier: ISC */
/* ring3.h - what the files of this folder share. */
#ifndef KEEP_ARCH_RING3_RING3_H
#define KEEP_ARCH_RING3_RING3_H

#include "arch/engine.h"

int ring3_tables_changed(const uint64_t *root, uint64_t address, size_t pages, bool added);
void ring3_tables_begin(uint64_t *root);
void ring3_tables_end(uint64_t *root);
void ring3_tables_use(const uint64_t *root);

#endif
