/* SPDX-License-Identifier: ISC */
/*
 * emit.h - one function per output. Each reads a checked contract and writes to a stream; the
 * output depends on the contract alone, so that two runs give the same bytes. Write errors are
 * found by the caller, with ferror().
 */
#ifndef GATEC_EMIT_H
#define GATEC_EMIT_H

#include "model.h"

#include <stdio.h>

void emit_header(const struct contract *contract, FILE *to);      /* postern/abi.h */
void emit_stubs(const struct contract *contract, FILE *to);       /* postern/stubs.h */
void emit_host_header(const struct contract *contract, FILE *to); /* abi_host.h */
void emit_host(const struct contract *contract, FILE *to);        /* abi_host.c */
void emit_trace(const struct contract *contract, FILE *to);       /* abi_trace.c */
void emit_fuzz(const struct contract *contract, FILE *to);        /* abi_fuzz.c */
void emit_json(const struct contract *contract, FILE *to);        /* abi.json */
void emit_markdown(const struct contract *contract, FILE *to);    /* abi.md */
void emit_man(const struct contract *contract, FILE *to);         /* postern-abi.7 */
void emit_lock(const struct contract *contract, FILE *to); /* the contract without prose, offsets stated */
void emit_next(const struct contract *contract, FILE *to); /* the next minor version, everything grown */

#endif
