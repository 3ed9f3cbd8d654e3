/* SPDX-License-Identifier: ISC */
/*
 * layout.h - what the monitor and the engine's code inside a guest share: addresses, the registers of the
 * tables that a paravirtual vCPU starts with, and each vCPU's area. Included by C and by assembly.
 *
 * The engine's memory is a slot of its own behind RAM. Its first MiB is mapped at KVM_CODE by the page tables
 * that a vCPU starts with; behind it lie these tables. All of it is within the guest's reach, and hostile:
 * the monitor writes it, but reads nothing there except through hypervisor/memory/'s words, once.
 */
#ifndef POSTERN_KVM_LAYOUT_H
#define POSTERN_KVM_LAYOUT_H

#define KVM_PHYSMAP 0x200000000000
#define KVM_CODE (KVM_PHYSMAP - 0x100000) /* the hypercall page; all offsets below are from here */
#define KVM_CODE_AT 0x1000                /* the engine's code */
#define KVM_CODE_END 0x4000
#define KVM_IDT_AT 0x4000
#define KVM_ROOT_AT 0x5000   /* the highest page table, to read */
#define KVM_AREAS_AT 0x10000 /* one area a vCPU */
#define KVM_AREA_SHIFT 13
#define KVM_AREA_SIZE (1 << KVM_AREA_SHIFT)
#define KVM_TABLES_AT 0x100000 /* page tables, which are mapped nowhere */

/*
 * Ports by which the guest's side of the engine reaches the monitor. They mean this only to a paravirtual
 * guest, which has no devices.
 */
#define KVM_PORT_CALL 0xb0  /* a hypercall, where KVM hands on no better instruction */
#define KVM_PORT_TRAP 0xb1  /* an exception that the guest has no entry for */
#define KVM_PORT_FAULT 0xb2 /* the same, while the guest was not done with the one before */

/* Selectors of the GDT. Those of programs are as SYSRET wants them. */
#define KVM_CS 0x08
#define KVM_SS 0x10
#define KVM_USER_CS32 0x1b
#define KVM_USER_SS 0x23
#define KVM_USER_CS 0x2b
#define KVM_TSS 0x30

/* The IDT has a vector for system calls, beside those of exceptions; the SYSCALL instruction is told by it too. */
#define KVM_VECTOR_SYSTEM_CALL 0x80
#define KVM_VECTORS 0x81
#define KVM_VECTOR_RETURN 0x100 /* of no interrupt: the end of a hypercall, with an event to take */
#define KVM_STUB_SIZE 16

/* Offsets that the assembly needs; asserted below. */
#define KVM_AREA_STACK_END 0
#define KVM_AREA_RSP 8
#define KVM_VCPU_PAGE_PENDING 0
#define KVM_VCPU_PAGE_MASKED 8
#define KVM_VCPU_PAGE_ENABLED 16
#define KVM_VCPU_PAGE_NUMBER 128

/* Steps of the probe, and what it is told of the processor. */
#define KVM_PROBE_BASIC 1
#define KVM_PROBE_X87 2
#define KVM_PROBE_SSE 3
#define KVM_PROBE_AVX 4
#define KVM_PROBE_CMPXCHG16B 5
#define KVM_PROBE_FSGSBASE 6
#define KVM_PROBE_IRETQ 7
#define KVM_PROBE_CALL 8
#define KVM_PROBE_SYSRET 9
#define KVM_PROBE_HAS_AVX 1
#define KVM_PROBE_HAS_FSGSBASE 2

#ifndef __ASSEMBLER__

#include "engine/engine.h"

#include <postern/abi.h>
#include <stddef.h>
#include <stdint.h>

/* A vCPU's area, at KVM_CODE + KVM_AREAS_AT + number * KVM_AREA_SIZE. The rest of it is the stack of the stubs. */
struct kvm_area {
	uint64_t stack_end;                /* guest-virtual; the monitor writes it, once */
	uint64_t rsp;                      /* of whoever executed SYSCALL, for a moment */
	uint64_t vcpu_page;                /* guest-virtual; the monitor writes it, once */
	struct engine_callbacks callbacks; /* the monitor writes them, and: */
	uint16_t cs, ss;                   /* what the guest's kernel had when it set them */
	uint32_t padding;
	uint64_t gdt[8];
	uint8_t tss[104];
};

/* What a stub has on the stack: the registers that C does not keep, and what the processor pushed. */
struct kvm_frame {
	uint64_t r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

_Static_assert(offsetof(struct kvm_area, stack_end) == KVM_AREA_STACK_END, "see the assembly");
_Static_assert(offsetof(struct kvm_area, rsp) == KVM_AREA_RSP, "see the assembly");
_Static_assert(offsetof(struct postern_vcpu_page, pending) == KVM_VCPU_PAGE_PENDING, "see the assembly");
_Static_assert(offsetof(struct postern_vcpu_page, masked) == KVM_VCPU_PAGE_MASKED, "see the assembly");
_Static_assert(offsetof(struct postern_vcpu_page, enabled) == KVM_VCPU_PAGE_ENABLED, "see the assembly");
_Static_assert(offsetof(struct postern_vcpu_page, number) == KVM_VCPU_PAGE_NUMBER, "see the assembly");
_Static_assert(KVM_AREAS_AT + ENGINE_MAX_VCPUS * KVM_AREA_SIZE <= KVM_TABLES_AT,
	       "areas end before the tables");
_Static_assert(KVM_CODE == ENGINE_HYPERCALL_PAGE && KVM_PHYSMAP == ENGINE_PHYSMAP, "as engine.h says");

/* The code, as linked into the monitor: position-independent, copied to KVM_CODE_AT. */
extern const char __start_kvm_code[], __stop_kvm_code[]; /* NOLINT: the linker's names for the section */
#pragma GCC visibility push(hidden)
extern const char kvm_hypercall_port[], kvm_hypercall_vmcall[], kvm_vmcall[], kvm_hypercall_checks[],
	kvm_hypercall_checked[], kvm_stubs[], kvm_system_call[], kvm_probe_code[];
#pragma GCC visibility pop

/* Where a symbol of that code is for a guest. */
static inline uint64_t kvm_code_address(const char *symbol)
{
	return KVM_CODE + KVM_CODE_AT + (uint64_t)(symbol - __start_kvm_code);
}

#endif
#endif
