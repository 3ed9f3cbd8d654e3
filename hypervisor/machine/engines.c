/* SPDX-License-Identifier: ISC */
/* engines.c - the engines of this build. The only file of the machine that names one. */
#include "machine/machine.h"

#include <errno.h>
#include <string.h>

const struct engine *const machine_engines[] = { &engine_kvm, &engine_ring3, NULL };

static const struct engine *find_best(struct message *message)
{
	char reason[256] = "";

	for (const struct engine *const *engine = machine_engines; *engine; engine++) {
		if ((*engine)->is_likely() && !(*engine)->probe(reason, sizeof reason))
			return *engine;
	}
	message_say(message, -ENOTSUP, "no engine works on this host; 'postern doctor' says why");
	return NULL;
}

const struct engine *machine_find_engine(const char *name, struct message *message)
{
	char reason[256] = "";

	if (!strcmp(name, "auto"))
		return find_best(message);
	for (const struct engine *const *engine = machine_engines; *engine; engine++) {
		if (strcmp((*engine)->name, name) != 0)
			continue;
		if (!(*engine)->probe(reason, sizeof reason))
			return *engine;
		message_say(message, -ENOTSUP, "engine %s does not work here: %s", name, reason);
		return NULL;
	}
	message_say(message, -EINVAL, "engine %s does not exist; 'postern doctor' lists those that do", name);
	return NULL;
}
