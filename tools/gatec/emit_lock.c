/* SPDX-License-Identifier: ISC */
/* emit_lock.c - the contract as `gatec check` keeps it: no prose, everything stated, one order. */
#include "emit.h"
#include "print.h"

void emit_lock(const struct contract *contract, FILE *to)
{
	print_contract(contract, true, to);
}
