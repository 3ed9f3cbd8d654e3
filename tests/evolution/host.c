/* SPDX-License-Identifier: ISC */
/*
 * host.c - runs a guest image as postern(1) does, on the host that it is linked with: of this version, or of the next.
 *
 *	host IMAGE ENGINE LEVEL
 *
 * ENGINE is a name, as in `postern boot --engine`, and LEVEL the minor version that the gate behaves as. The status is
 * the guest's; 126 with a message for an image that is refused, 125 for what else went wrong.
 */
#include "machine/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FAILED = 125, REFUSED = 126, SECONDS = 60 };

static int fail(int status, const char *what)
{
	printf("%s\n", what);
	return status;
}

/* The next version's section has to be granted; this one does not know it. */
static void grant(struct gate_policy *policy)
{
	char why[256];

	gate_policy_allow(policy, "compute", why, sizeof why);
	gate_policy_allow(policy, "more", why, sizeof why);
}

static int run(struct machine *machine)
{
	struct machine_result result;
	struct message message;

	if (machine_run(machine, &result, &message))
		return fail(FAILED, message.text);
	if (result.end == MACHINE_CRASHED)
		return fail(FAILED, result.crash.cause);
	return result.end == MACHINE_EXITED ? result.code : fail(FAILED, "it did not exit by itself");
}

int main(int argc, char **argv)
{
	struct machine_config config = {
		.command = "",
		.memory = UINT64_C(16) << 20,
		.vcpus = 1,
		.in_flight = 8,
		.timeout = UINT64_C(1000000000) * SECONDS,
		.input = -1,
		.output = STDOUT_FILENO,
		.error = STDOUT_FILENO,
	};
	struct machine *machine = NULL;
	struct message message;
	int error, fd, status;

	signal(SIGPIPE, SIG_IGN);
	setbuf(stdout, NULL);
	if (argc != 4)
		return fail(FAILED, "usage: host IMAGE ENGINE LEVEL");
	config.level = (unsigned)atoi(argv[3]);
	config.engine = machine_find_engine(argv[2], &message);
	if (!config.engine)
		return fail(FAILED, message.text);
	grant(&config.policy);
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || image_read(fd, &config.image, &config.image_size, &message))
		return fail(FAILED, "cannot read the image");
	error = machine_create(&config, &machine, &message);
	if (error)
		return fail(error == -ENOEXEC ? REFUSED : FAILED, message.text);
	status = run(machine);
	machine_destroy(machine);
	return status;
}
