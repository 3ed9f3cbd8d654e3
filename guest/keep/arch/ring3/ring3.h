/* SPDX-License-Identifier: ISC */
/* ring3.h - what the files of this folder share. */
#ifndef KEEP_ARCH_RING3_RING3_H
#define KEEP_ARCH_RING3_RING3_H

#include "arch/engine.h"

int ring3_tables_changed(const uint64_t *root, uint64_t address, size_t pages, bool added);
void ring3_tables_begin(uint64_t *root);
void ring3_tables_end(uint64_t *root);
void ring3_tables_use(const uint64_t *root);

/* sites.c: a program has made a system call by trap; if it often does there, it need not any more. */
void ring3_system_call(struct registers *registers);
void ring3_forget_sites(void); /* another program begins */
bool ring3_keeps(uint64_t address, uint64_t length);

/* entry.S: where rewritten sites lead to. */
extern const char ring3_gate[] __attribute__((visibility("hidden")));
extern const char ring3_gate_end[] __attribute__((visibility("hidden")));

#endif
