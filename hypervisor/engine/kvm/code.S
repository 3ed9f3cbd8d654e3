/* SPDX-License-Identifier: ISC */
/*
 * code.S - the engine's code inside a paravirtual guest, as far as no compiler can write it: the hypercall, and
 * where the processor goes for exceptions and system calls as long as the guest has no tables of its own. It
 * is copied behind the hypercall page and runs as the guest's kernel: a guest that misuses it gains nothing.
 */
#include "layout.h"

#define KVM_HC_MAP_GPA_RANGE 12 /* as in linux/kvm_para.h, which is for C */

	.section kvm_code, "ax", @progbits
	.balign 64

/*
 * Where the hypercall page jumps to: the number in rax, arguments in rdi, rsi, rdx, r10, r8, r9; the result in rax.
 * Only rcx and r11 change. One entry for each way to the monitor. The monitor delivers no event up to
 * kvm_hypercall_checks, since what follows looks for them; nor from kvm_hypercall_checked on.
 */
	.globl kvm_hypercall_port
kvm_hypercall_port:
	outb %al, $KVM_PORT_CALL
	jmp kvm_hypercall_checks

	/*
	 * The one hypercall of KVM's own that it hands to its user: with a page and a number of pages that it finds
	 * nothing wrong with, and our registers beside them.
	 */
	.globl kvm_hypercall_vmcall, kvm_vmcall
kvm_hypercall_vmcall:
	movq %rax, %r11
	pushq %rbx
	movl $KVM_HC_MAP_GPA_RANGE, %eax
	movl $0x1000, %ebx
	movl $1, %ecx
kvm_vmcall:
	.byte 0x0f, 0x01, 0xc1 /* VMCALL; where the processor has VMMCALL instead, the monitor writes that */
	popq %rbx

	.globl kvm_hypercall_checks
kvm_hypercall_checks:
	cmpl $0, %gs:KVM_VCPU_PAGE_ENABLED
	je 1f
	movq %gs:KVM_VCPU_PAGE_MASKED, %r11
	notq %r11
	testq %r11, %gs:KVM_VCPU_PAGE_PENDING
	jnz kvm_hypercall_checked
1:	ret
	.globl kvm_hypercall_checked
kvm_hypercall_checked:
	/* As if the processor had interrupted us: kvm_trap() returns for us, and delivers the event. */
	movl %gs:KVM_VCPU_PAGE_NUMBER, %ecx
	shlq $KVM_AREA_SHIFT, %rcx
	movabsq $(KVM_CODE + KVM_AREAS_AT), %r11
	addq %r11, %rcx
	movq %rsp, %r11
	movq KVM_AREA_STACK_END(%rcx), %rsp
	movl %ss, %ecx
	pushq %rcx
	pushq %r11
	pushfq
	movl %cs, %ecx
	pushq %rcx
	pushq $0
	pushq $0
	pushq $KVM_VECTOR_RETURN
	jmp trap

/*
 * An entry for each vector, KVM_STUB_SIZE bytes apart, on the stack of the vCPU's area (IST 1). Some exceptions
 * push an error code; the others get a zero in its place.
 */
	.globl kvm_stubs
	.balign KVM_STUB_SIZE
kvm_stubs:
	.set vector, 0
	.rept KVM_VECTORS
	.balign KVM_STUB_SIZE
	.if vector != 8 && vector != 10 && vector != 11 && vector != 12 && vector != 13 && vector != 14 && vector != 17 && vector != 21 && vector != 29 && vector != 30
	pushq $0
	.endif
	pushq $vector
	jmp trap
	.set vector, vector + 1
	.endr

/* The same for SYSCALL, which leaves the stack pointer and the GS base as they were. */
	.globl kvm_system_call
kvm_system_call:
	swapgs /* to the vCPU's area */
	movq %rsp, %gs:KVM_AREA_RSP
	movq %gs:KVM_AREA_STACK_END, %rsp
	pushq $KVM_SS
	pushq %gs:KVM_AREA_RSP
	pushq %r11
	pushq $KVM_CS
	pushq %rcx
	pushq $0
	pushq $KVM_VECTOR_SYSTEM_CALL
	swapgs

/* struct kvm_frame is made, and says afterwards where to go on; a port first, if the monitor is to know. */
trap:
	pushq %rax
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	cld
	movq %rsp, %rdi
	call kvm_trap
	movl %eax, %r11d
	cmpl $KVM_PORT_TRAP, %r11d
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rdi
	popq %rsi
	popq %rdx
	popq %rcx
	popq %rax
	jb 1f
	ja 2f
	outb %al, $KVM_PORT_TRAP
1:	leaq 16(%rsp), %rsp
	iretq
2:	outb %al, $KVM_PORT_FAULT
	jmp 2b

	.section .note.GNU-stack, "", @progbits
