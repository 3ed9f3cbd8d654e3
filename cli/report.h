/* SPDX-License-Identifier: ISC */
/* report.h - what a VM's end looks like to people and to programs: crash reports, statistics, JSON. */
#ifndef POSTERN_REPORT_H
#define POSTERN_REPORT_H

#include "machine/machine.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* What ran, for the reports. */
struct report {
	const char *image; /* its file's name */
	const char *engine;
	struct machine *machine;
	const struct machine_result *result;
	int status;     /* the exit status of postern(1) */
	double seconds; /* that the VM ran */
	bool timed;     /* times of calls were measured */
};

/* Says what ended the VM, unless that was its own vm.exit. */
void report_end(FILE *to, const struct report *report);

/* A table of the calls that were made, by crossing. */
void report_stats(FILE *to, const struct report *report);

/* All of it as one JSON object. NULL: no memory. */
json_t *report_json(const struct report *report);

/*
 * Writes text of a guest so that a terminal can show it: printable UTF-8 as it is, everything else as escapes.
 * Never more than size bytes with the NUL.
 */
void report_escape(char *to, size_t size, const char *text);

#endif
