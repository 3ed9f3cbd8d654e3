/* SPDX-License-Identifier: ISC */
/* print.h - a contract as text of its own language; parsing the text gives the contract again. */
#ifndef GATEC_PRINT_H
#define GATEC_PRINT_H

#include "model.h"

#include <stdio.h>

/*
 * Writes the contract with every default stated. As a lock, without prose and with the offsets of fields,
 * its declarations in the order of their numbers and names, so that what says the same is the same
 * bytes; otherwise with prose, declarations in the order of the file.
 */
void print_contract(const struct contract *contract, bool lock, FILE *to);

#endif
