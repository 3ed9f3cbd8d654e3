/* SPDX-License-Identifier: ISC */
/*
 * probe.S - what the probe has a throw-away VM execute: instructions that kernels need, in ring 0, one step after the
 * other, with the step's number in ebx; see probe.c, which has the words for them.
 */
#include "layout.h"

	.section kvm_code, "ax", @progbits

	.macro step number
	movl $\number, %ebx
	.endm

/* rdi: where some bytes of RAM are, aligned to 64; rsi: bits of KVM_PROBE_HAS_. */
	.globl kvm_probe_code
kvm_probe_code:
	step KVM_PROBE_BASIC
	movq %rdi, %rsp
	pushq $1
	popq %rax
	movq %cr3, %rax
	movq %rax, %cr3
	step KVM_PROBE_X87
	fninit
	fld1
	fstpl (%rdi)
	step KVM_PROBE_SSE
	movq %rdi, %xmm0
	movdqa %xmm0, %xmm1
	paddq %xmm1, %xmm0
	movdqa %xmm0, (%rdi)
	fxsave64 64(%rdi)
	fxrstor64 64(%rdi)
	testl $KVM_PROBE_HAS_AVX, %esi
	jz 1f
	step KVM_PROBE_AVX
	vpxor %xmm2, %xmm2, %xmm2
	vmovdqa %ymm2, (%rdi)
1:	step KVM_PROBE_CMPXCHG16B
	xorl %eax, %eax
	xorl %edx, %edx
	xorl %ecx, %ecx
	pushq %rbx
	lock cmpxchg16b (%rdi)
	popq %rbx
	testl $KVM_PROBE_HAS_FSGSBASE, %esi
	jz 1f
	step KVM_PROBE_FSGSBASE
	wrfsbase %rdi
	rdfsbase %rax
1:	step KVM_PROBE_IRETQ
	movl %ss, %eax
	pushq %rax
	pushq %rdi
	pushq $0x202
	movl %cs, %eax
	pushq %rax
	leaq 1f(%rip), %rax
	pushq %rax
	iretq
1:	step KVM_PROBE_CALL
	movl $KVM_PROBE_CALL, %eax
	movabsq $KVM_CODE, %rcx
	call *%rcx
	cmpl $KVM_PROBE_SYSRET, %eax
	jne 1f
	step KVM_PROBE_SYSRET
	xorl %ecx, %ecx
	movl $0x202, %r11d
	sysretq /* to a program, which faults at its first instruction: there is none */
1:	ud2

	.section .note.GNU-stack, "", @progbits
