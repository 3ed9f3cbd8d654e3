/* SPDX-License-Identifier: ISC */
/* options.c - takes the module of boot information apart. */
#include "options.h"

#include <postern/keep_module.h>

/* The strings that are left. */
struct strings {
	const char *at;
	uint64_t left;
};

/* NULL when there is no whole string left. */
static const char *next(struct strings *strings)
{
	const char *string = strings->at;

	for (uint64_t i = 0; i < strings->left; i++) {
		if (string[i])
			continue;
		strings->at += i + 1;
		strings->left -= i + 1;
		return string;
	}
	return NULL;
}

static const char *const *take(struct strings *strings, size_t count)
{
	const char **array = count <= strings->left ? calloc(count + 1, sizeof *array) : NULL;

	for (size_t i = 0; array && i < count; i++) {
		array[i] = next(strings);
		if (!array[i])
			return NULL;
	}
	return array;
}

bool options_read(struct keep_options *options)
{
	const struct postern_boot_info *boot = guest_boot();
	const struct postern_keep_module *module = guest_pointer(boot->module);
	struct strings strings;

	if (!boot->module || boot->module_size < sizeof *module || module->magic != POSTERN_KEEP_MAGIC ||
	    module->strings > boot->module_size - sizeof *module)
		return false;
	strings = (struct strings){ (const char *)(module + 1), module->strings };
	*options = (struct keep_options){
		.argument_count = module->arguments,
		.environment_count = module->environment,
		.user = module->user,
		.group = module->group,
		.report = module->flags & POSTERN_KEEP_REPORT,
	};
	options->program = next(&strings);
	options->directory = next(&strings);
	options->host_name = next(&strings);
	options->arguments = take(&strings, module->arguments);
	options->environment = take(&strings, module->environment);
	return options->host_name && options->arguments && options->environment;
}
