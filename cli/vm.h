/* SPDX-License-Identifier: ISC */
/* vm.h - what the commands share that run a VM: options, exit statuses, running it, and its reports. */
#ifndef POSTERN_VM_H
#define POSTERN_VM_H

#include "machine/machine.h"

#include <stdbool.h>

/* Beside the guest's own: as timeout(1) and shells have them, so that scripts can tell whose failure it was. */
enum {
	STATUS_RESET = 123, /* an unmodified guest has reset itself */
	STATUS_TIMED_OUT = 124,
	STATUS_POSTERN = 125, /* wrong command line, or this host could not do it */
	STATUS_REFUSED = 126, /* the image */
	STATUS_SIGNALLED = 128,
	STATUS_CRASHED = 134,
};

struct vm_settings {
	const char *name;   /* of what runs, for messages */
	const char *order;  /* for getopt_long(): "+" if options end at the first word that is none */
	const char *json;   /* NULL: none */
	const char *kernel; /* of `boot`: files, and the command line; NULL: none */
	const char *initrd;
	const char *append;
	bool stats;
	bool trace;
	struct service_mount mounts[SERVICE_MOUNTS_MAX]; /* machine.mounts, once there are any */
	struct machine_config machine;
};

/* An option; a table of them ends with a row without a name. set() says what is wrong with a value: vm_wrong(). */
struct vm_option {
	const char *name;
	bool has_value;
	bool (*set)(struct vm_settings *settings, const char *value);
};

/* Says what is wrong with an option's value; returns false. */
bool vm_wrong(const char *option, const char *value, const char *why);

/* Sets defaults. What was set before stays, if it is none of these. memory: bytes; profile: what the VM may do. */
void vm_settings_init(struct vm_settings *settings, uint64_t memory, const char *profile);

/*
 * Gives the VM a directory or a regular file of the host, for its guest to mount at path, which has to last. Whether it
 * may use files at all is up to its policy. Returns false after a message.
 */
bool vm_add_mount(struct vm_settings *settings, const char *source, const char *path, bool read_only);

enum { VM_HELP = -1, VM_WRONG = -2 };

/*
 * Reads the options that all such commands have, and the command's own. Returns the index of the first argument that is
 * no option; VM_HELP when help was asked for and printed; VM_WRONG after a message.
 */
int vm_read_options(struct vm_settings *settings, const struct vm_option *own, const char *help, int argc,
		    char **argv);

/* Runs the VM to its end, with its reports. Takes machine.image. Returns the exit status. */
int vm_run(struct vm_settings *settings);

#endif
