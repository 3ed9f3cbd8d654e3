/* SPDX-License-Identifier: ISC */
/* contract.c - reading the contract's JSON, and asking the host side which of its calls are served. */
#include "contract.h"

#include "page.h"
#include "service/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What serves the calls of a VM in this build; see service/service.h. */
static void (*const services[])(struct abi_handlers *handlers) = {
	service_abi,  service_console, service_vm,    service_clock, service_entropy, service_memory,
	service_ring, service_vcpu,    service_event, service_timer, service_file,
};

json_t *contract_load(void)
{
	json_error_t error;
	json_t *contract = json_loadb(contract_text, contract_text_size, 0, &error);

	if (!contract)
		fprintf(stderr, "postern: the contract in this program: cannot parse: %s\n", error.text);
	return contract;
}

json_t *contract_find(const json_t *contract, const char *list, const char *name)
{
	const json_t *parts = json_object_get(contract, list);

	for (size_t i = 0; i < json_array_size(parts); i++) {
		json_t *part = json_array_get(parts, i);

		if (!strcmp(text_of(part, "name"), name))
			return part;
	}
	return NULL;
}

const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* Above 2^63 - 1 a number is a string in hexadecimal. */
uint64_t number_of(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_string(value))
		return strtoull(json_string_value(value), NULL, 16);
	return (uint64_t)json_integer_value(value);
}

bool is_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static bool ends_sentence(const char *end)
{
	return strchr(".?!", *end) && (!end[1] || end[1] == ' ' || end[1] == '\n');
}

char *summary_of(const json_t *object)
{
	const char *prose = text_of(object, "prose"), *end = prose;

	while (*end && *end != '\n' && !ends_sentence(end))
		end++;
	return text_format("%.*s", (int)(end - prose) + (*end && *end != '\n'), prose);
}

static unsigned ordinal_of(const char *call)
{
	for (unsigned ordinal = ABI_NO_CALL + 1; ordinal < ABI_CALLS; ordinal++) {
		if (!strcmp(abi_calls[ordinal].name, call))
			return ordinal;
	}
	return ABI_NO_CALL;
}

bool has_handler(const char *call)
{
	struct abi_handlers handlers = { 0 };
	unsigned ordinal = ordinal_of(call);
	void (*handler)(void);

	if (ordinal == ABI_NO_CALL)
		return false;
	for (size_t i = 0; i < sizeof services / sizeof *services; i++)
		services[i](&handlers);
	memcpy(&handler, (const char *)&handlers + abi_calls[ordinal].handler, sizeof handler);
	return handler;
}
