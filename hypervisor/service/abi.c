/* SPDX-License-Identifier: ISC */
/* abi.c - section abi: what this gate offers this guest. */
#include "service/service.h"

static int64_t serve_nop(struct gate_frame *frame, struct abi_abi_nop *call)
{
	(void)frame;
	(void)call;
	return 0;
}

static int64_t serve_query(struct gate_frame *frame, struct abi_abi_query *call)
{
	const struct gate_vm *vm = gate_frame_vm(frame);
	struct postern_abi_info *info = &call->info;

	info->section = call->section;
	info->major = POSTERN_ABI_MAJOR;
	info->minor = (uint16_t)gate_level(vm);
	for (unsigned ordinal = ABI_NO_CALL + 1; ordinal < ABI_CALLS; ordinal++) {
		unsigned number = abi_calls[ordinal].number;

		if (number >> 8 == call->section && gate_verdict(vm, ordinal) == GATE_REFUSALS)
			info->calls |= UINT64_C(1) << (number & 0xff);
	}
	gate_describe(vm, info);
	return 0;
}

/* Whether the VM's level knows the call, whatever else stands in its way. */
static bool is_known(const struct gate_vm *vm, unsigned ordinal)
{
	return ordinal != ABI_NO_CALL && abi_calls[ordinal].since <= gate_level(vm);
}

static int64_t serve_probe(struct gate_frame *frame, struct abi_abi_probe *call)
{
	const struct gate_vm *vm = gate_frame_vm(frame);
	unsigned ordinal = call->number < ABI_NUMBERS ? abi_ordinals[call->number] : ABI_NO_CALL;
	enum gate_refusal verdict = gate_verdict(vm, ordinal);
	int64_t result = 0;

	if (!is_known(vm, ordinal))
		return 0;
	result = POSTERN_ABI_PROBE_RESULT_KNOWN;
	if (verdict != GATE_UNKNOWN)
		result |= POSTERN_ABI_PROBE_RESULT_HANDLED;
	if (gate_permits(vm, ordinal))
		result |= POSTERN_ABI_PROBE_RESULT_PERMITTED;
	return result;
}

void service_abi(struct abi_handlers *handlers)
{
	handlers->abi_nop = serve_nop;
	handlers->abi_query = serve_query;
	handlers->abi_probe = serve_probe;
}
