/* SPDX-License-Identifier: ISC */
/* decode.c - what a guest's privileged instruction asks for: a table by mnemonic, over Zydis' decoder. */
#include "engine/ring3/decode.h"

#include <Zydis/Zydis.h>

#define LOW_HALF UINT64_C(0xffffffff)

struct decoded {
	ZydisDecodedInstruction instruction;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

static void fill_port(const struct decoded *what, const struct engine_state *state, struct engine_exit *exit,
		      bool write)
{
	const ZydisDecodedOperand *port = &what->operands[write ? 0 : 1];
	const ZydisDecodedOperand *data = &what->operands[write ? 1 : 0];

	exit->kind = ENGINE_EXIT_PORT;
	exit->port.write = write;
	exit->port.bytes = (uint8_t)(data->size / 8);
	exit->port.port =
		(uint16_t)(port->type == ZYDIS_OPERAND_TYPE_IMMEDIATE ? port->imm.value.u : state->rdx);
	exit->port.value = (uint32_t)(state->rax & (LOW_HALF >> (32 - data->size)));
}

static enum ring3_effect decode_in(const struct decoded *what, const struct engine_state *state,
				   struct engine_exit *exit)
{
	fill_port(what, state, exit, false);
	return RING3_EFFECT_EXIT;
}

static enum ring3_effect decode_out(const struct decoded *what, const struct engine_state *state,
				    struct engine_exit *exit)
{
	fill_port(what, state, exit, true);
	return RING3_EFFECT_EXIT;
}

static enum ring3_effect decode_halt(const struct decoded *what, const struct engine_state *state,
				     struct engine_exit *exit)
{
	(void)what;
	(void)state;
	exit->kind = ENGINE_EXIT_HALT;
	return RING3_EFFECT_EXIT;
}

static enum ring3_effect decode_cpuid(const struct decoded *what, const struct engine_state *state,
				      struct engine_exit *exit)
{
	(void)what;
	exit->kind = ENGINE_EXIT_CPUID;
	exit->cpuid.leaf = (uint32_t)state->rax;
	exit->cpuid.subleaf = (uint32_t)state->rcx;
	return RING3_EFFECT_EXIT;
}

static enum ring3_effect decode_rdmsr(const struct decoded *what, const struct engine_state *state,
				      struct engine_exit *exit)
{
	(void)what;
	exit->kind = ENGINE_EXIT_MSR;
	exit->msr.number = (uint32_t)state->rcx;
	exit->msr.write = false;
	return RING3_EFFECT_EXIT;
}

static enum ring3_effect decode_wrmsr(const struct decoded *what, const struct engine_state *state,
				      struct engine_exit *exit)
{
	decode_rdmsr(what, state, exit);
	exit->msr.write = true;
	exit->msr.value = (state->rdx & LOW_HALF) << 32 | (state->rax & LOW_HALF);
	return RING3_EFFECT_EXIT;
}

static enum ring3_effect decode_tsc(const struct decoded *what, const struct engine_state *state,
				    struct engine_exit *exit)
{
	(void)what;
	(void)state;
	exit->kind = ENGINE_EXIT_TSC;
	return RING3_EFFECT_EXIT;
}

static enum ring3_effect decode_cli(const struct decoded *what, const struct engine_state *state,
				    struct engine_exit *exit)
{
	(void)what;
	(void)state;
	(void)exit;
	return RING3_EFFECT_MASK;
}

static enum ring3_effect decode_sti(const struct decoded *what, const struct engine_state *state,
				    struct engine_exit *exit)
{
	(void)what;
	(void)state;
	(void)exit;
	return RING3_EFFECT_UNMASK;
}

/* The operand's address, from the registers that it is made of. */
static enum ring3_effect decode_lidt(const struct decoded *what, const struct engine_state *state,
				     struct engine_exit *exit)
{
	const ZydisRegisterContext registers = { .values = {
							 [ZYDIS_REGISTER_RAX] = state->rax,
							 [ZYDIS_REGISTER_RBX] = state->rbx,
							 [ZYDIS_REGISTER_RCX] = state->rcx,
							 [ZYDIS_REGISTER_RDX] = state->rdx,
							 [ZYDIS_REGISTER_RSI] = state->rsi,
							 [ZYDIS_REGISTER_RDI] = state->rdi,
							 [ZYDIS_REGISTER_RBP] = state->rbp,
							 [ZYDIS_REGISTER_RSP] = state->rsp,
							 [ZYDIS_REGISTER_R8] = state->r8,
							 [ZYDIS_REGISTER_R9] = state->r9,
							 [ZYDIS_REGISTER_R10] = state->r10,
							 [ZYDIS_REGISTER_R11] = state->r11,
							 [ZYDIS_REGISTER_R12] = state->r12,
							 [ZYDIS_REGISTER_R13] = state->r13,
							 [ZYDIS_REGISTER_R14] = state->r14,
							 [ZYDIS_REGISTER_R15] = state->r15,
						 } };

	if (!ZYAN_SUCCESS(ZydisCalcAbsoluteAddressEx(&what->instruction, &what->operands[0], state->rip,
						     &registers, &exit->mmio.address)))
		return RING3_EFFECT_UNKNOWN;
	return RING3_EFFECT_TABLE;
}

static enum ring3_effect decode_iretq(const struct decoded *what, const struct engine_state *state,
				      struct engine_exit *exit)
{
	(void)what;
	(void)state;
	(void)exit;
	return RING3_EFFECT_RETURN;
}

static enum ring3_effect decode_nothing(const struct decoded *what, const struct engine_state *state,
					struct engine_exit *exit)
{
	(void)what;
	(void)state;
	(void)exit;
	return RING3_EFFECT_NONE;
}

struct row {
	ZydisMnemonic mnemonic;
	enum ring3_effect (*decode)(const struct decoded *what, const struct engine_state *state,
				    struct engine_exit *exit);
};

static const struct row rows[] = {
	{ ZYDIS_MNEMONIC_IN, decode_in },        { ZYDIS_MNEMONIC_OUT, decode_out },
	{ ZYDIS_MNEMONIC_HLT, decode_halt },     { ZYDIS_MNEMONIC_CPUID, decode_cpuid },
	{ ZYDIS_MNEMONIC_RDMSR, decode_rdmsr },  { ZYDIS_MNEMONIC_WRMSR, decode_wrmsr },
	{ ZYDIS_MNEMONIC_RDTSC, decode_tsc },    { ZYDIS_MNEMONIC_CLI, decode_cli },
	{ ZYDIS_MNEMONIC_STI, decode_sti },      { ZYDIS_MNEMONIC_WBINVD, decode_nothing },
	{ ZYDIS_MNEMONIC_INVD, decode_nothing }, { ZYDIS_MNEMONIC_LIDT, decode_lidt },
	{ ZYDIS_MNEMONIC_IRETQ, decode_iretq },
};

enum ring3_effect ring3_decode(const uint8_t *bytes, size_t size, const struct engine_state *state,
			       struct engine_exit *exit, uint8_t *length)
{
	struct decoded what;
	ZydisDecoder decoder;

	if (!ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)) ||
	    !ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, size, &what.instruction, what.operands)))
		return RING3_EFFECT_UNKNOWN;
	*length = what.instruction.length;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (rows[i].mnemonic == what.instruction.mnemonic)
			return rows[i].decode(&what, state, exit);
	}
	return RING3_EFFECT_UNKNOWN;
}

static void put_pair(struct engine_state *state, uint64_t value)
{
	state->rax = value & LOW_HALF;
	state->rdx = value >> 32;
}

void ring3_apply(const struct engine_exit *exit, struct engine_state *state)
{
	uint64_t kept;

	if (exit->kind == ENGINE_EXIT_PORT && !exit->port.write) {
		/* As the processor does: 32 bits replace the whole register, fewer leave the rest. */
		kept = exit->port.bytes == 4 ? 0 : ~(LOW_HALF >> (32 - 8 * exit->port.bytes));
		state->rax = (state->rax & kept) | (exit->port.value & ~kept & LOW_HALF);
	} else if (exit->kind == ENGINE_EXIT_CPUID) {
		state->rax = exit->cpuid.eax;
		state->rbx = exit->cpuid.ebx;
		state->rcx = exit->cpuid.ecx;
		state->rdx = exit->cpuid.edx;
	} else if (exit->kind == ENGINE_EXIT_MSR && !exit->msr.write) {
		put_pair(state, exit->msr.value);
	} else if (exit->kind == ENGINE_EXIT_TSC) {
		put_pair(state, exit->tsc.value);
	}
}
