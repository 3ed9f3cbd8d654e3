/* SPDX-License-Identifier: ISC */
/*
 * guests.S - what the tests of an engine run: a blob that is copied to guest memory, and in it one label a
 * guest. Each begins with rdi = whatever the test gave it, rbx = where the hypercall page is, and a stack.
 */
	.section .rodata
	.balign 16
	.globl guests_start, guests_end
guests_start:

/* The vCPU's page, by the GS base. */
#define PENDING %gs:0
#define ENABLED %gs:16
#define TAKEN %gs:20
#define ENTRY_STACK %gs:24
#define DELIVERED %gs:64
#define CAUSE %gs:68
#define VECTOR %gs:76
#define ERROR %gs:80
#define ADDRESS %gs:88
#define INSTRUCTION %gs:96
#define STACK %gs:104

	.macro guest name
	.balign 16
	.globl guest_\name
guest_\name:
	.endm

	.macro hypercall number
	movl $\number, %eax
	call *%rbx
	.endm

/*
 * Maps the page of RAM whose address is in rbp where rdi says, and writes there; then for reading only, and writes
 * again. Answers of the mapper are given to hypercalls.
 */
	guest map
	movq %rdi, %r12
	movl $4096, %esi
	movl $3, %edx
	movl $0x30000, %r10d
	movl $0x108, %r8d
	movl $0x109, %r9d
	movl $1, %eax
	leaq 0x40(%rbx), %r13
	call *%r13
	movq %rax, %rdi
	hypercall 1
	movq $0x1234, (%r12)
	movq %r12, %rdi
	movl $1, %edx
	movl $2, %eax
	call *%r13
	movq %rax, %rdi
	hypercall 2
	movq (%r12), %rdi
	hypercall 3
	movq %rsi, (%r12)
	ud2

/* Hypercalls 1, 2, 3 ... with recognizable arguments; each result must come back, and nothing else change. */
	guest calls
	movl $0x101, %edi
	movl $0x102, %esi
	movl $0x103, %edx
	movl $0x104, %r10d
	movl $0x105, %r8d
	movl $0x106, %r9d
	movl $0x107, %r12d
	xorl %eax, %eax
1:	incl %eax
	movq %rax, %rbp
	call *%rbx
	addq %rbp, %rbp
	cmpq %rbp, %rax
	jne 2f
	shrq $1, %rbp
	cmpl $0x101, %edi
	jne 2f
	cmpl $0x102, %esi
	jne 2f
	cmpl $0x103, %edx
	jne 2f
	cmpl $0x104, %r10d
	jne 2f
	cmpl $0x105, %r8d
	jne 2f
	cmpl $0x106, %r9d
	jne 2f
	movq %rbp, %rax
	jmp 1b
2:	hypercall 999

/* Privileged instructions, one after the other, with what they answer as arguments of a hypercall. */
	guest privileged
	movw $0x3f8, %dx
	movl $0xabcdef12, %eax
	outb %al, %dx
	outw %ax, %dx
	outl %eax, %dx
	movq $-1, %rax
	inb $0x60, %al
	movq %rax, %rdi
	movq $-1, %rax
	inl %dx, %eax
	movq %rax, %rsi
	hypercall 1
	movl $0x1b, %ecx
	rdmsr
	movl %eax, %edi
	movl %edx, %esi
	hypercall 2
	movl $0x11, %eax
	movl $0x22, %edx
	movl $0x33, %ecx
	wrmsr
	hlt
	sti
	movl ENABLED, %edi
	cli
	movl ENABLED, %esi
	wbinvd
	hypercall 3
	ud2

/* Ports in all widths, and HLT. */
	guest ports
	movw $0x3f8, %dx
	movl $0xabcdef12, %eax
	outb %al, %dx
	outw %ax, %dx
	outl %eax, %dx
	movq $-1, %rax
	inb $0x60, %al
	movq %rax, %rdi
	movq $-1, %rax
	inl %dx, %eax
	movq %rax, %rsi
	hypercall 1
	hlt
	hypercall 2
	ud2

/* 100 bytes from rdi to a port, and 10 words from there to 256 bytes behind it. */
	guest strings
	movq %rdi, %rsi
	movq %rdi, %r12
	movl $100, %ecx
	movw $0x3f8, %dx
	rep outsb
	leaq 0x100(%r12), %rdi
	movl $10, %ecx
	rep insw
	hypercall 1
	ud2

/* Exceptions that are not page faults. */
	guest fault_msr
	movl $0xbad, %ecx
	rdmsr
	ud2
	guest fault_undefined
	ud2
	guest fault_divide
	xorl %edx, %edx
	xorl %ecx, %ecx
	divl %ecx
	ud2
	guest fault_breakpoint
	int3
	ud2

	guest cr3
	movq %cr3, %rdi
	hypercall 1
	ud2

/* Goes to the program at rdi in the address space rsi. */
	guest enter_program
	movq %rsi, %cr3
	pushq $0x23
	pushq $0x70000
	pushq $0x202
	pushq $0x2b
	pushq %rdi
	iretq

/* A program: makes a system call, or spins if rdx says so. */
	guest program
	movl $0x12345000, %eax
	wrgsbase %rax
	testl %edx, %edx
	jnz 1f
	syscall
1:	jmp 1b

/* Of Linux's 64-bit boot protocol: tells its segments and rsi by a port. */
	guest linux64
	movl %cs, %eax
	outw %ax, $0x10
	movl %ds, %eax
	outw %ax, $0x10
	movl %ss, %eax
	outw %ax, $0x10
	movl %esi, %eax
	outl %eax, $0x10
	movl $0x18, %eax
	movl %eax, %ds /* from the GDT */
	pushfq
	popq %rax
	outl %eax, $0x10
	hlt

	.code32
/* Of PVH: tells ebx by a port, and meets a device in memory. */
	guest pvh
	movl %ebx, %eax
	outl %eax, $0x10
	movl $0xd0000000, %edi
	movl $0x11223344, (%edi)
	movb 3(%edi), %al
	outb %al, $0x10
	movl $0x40000000, %eax
	cpuid
	outl %eax, $0x10
	hlt
	.code64

	guest tsc
	rdtsc
	movl %eax, %edi
	movl %edx, %esi
	hypercall 1
	ud2

	guest cpuid
	movl $0x40000000, %eax
	movl $7, %ecx
	movq %rbx, %r12
	cpuid
	movl %eax, %edi
	movl %ebx, %esi
	movq %r12, %rbx
	hypercall 1
	ud2

/* rdi: an address to read. */
	guest read
	movq (%rdi), %rax
	hypercall 1
	ud2

/* An entry for all that a guest is told of; it tells the monitor, and goes back. */
	.balign 16
	.globl guest_entry
guest_entry:
	pushq %rax
	pushq %rcx
	pushq %rdx
	pushq %rdi
	pushq %rsi
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushfq
	movl $0, ENABLED
	movl CAUSE, %edi
	movl VECTOR, %esi
	movq ADDRESS, %rdx
	movq INSTRUCTION, %r10
	movq STACK, %r8
	movq PENDING, %r9
	pushq %r10
	movl DELIVERED, %eax
	movl %eax, TAKEN
	movq $0, PENDING
	hypercall 77
	popq %rcx
	movq %rcx, 80(%rsp) /* in the gap that was left below the interrupted stack */
	popfq
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rsi
	popq %rdi
	popq %rdx
	popq %rcx
	popq %rax
	jmp *0(%rsp)

/* Never gives its state up to be overwritten. */
	.balign 16
	.globl guest_bad_entry
guest_bad_entry:
	ud2

/* Spins, and counts in the quadword that rdi points to. */
	guest spin
1:	incq (%rdi)
	jmp 1b

/* The same, with events enabled. */
	guest spin_enabled
	movl $1, ENABLED
1:	incq (%rdi)
	jmp 1b

/* A hypercall with events enabled, again and again. */
	guest calls_enabled
1:	movl $1, ENABLED
	hypercall 5
	jmp 1b

/* Blocks every signal, with a frame of its own for rt_sigreturn at rdi, whose end is the instruction rsi. */
	guest deaf
	movq %rdi, %rsp
	movl $15, %eax
	jmp *%rsi

/* System calls by all ways there are. */
	guest system_calls
	movl $39, %eax
	syscall
	movl $20, %eax
	int $0x80
	movl $96, %eax
	movq $0xffffffffff600000, %rcx
	call *%rcx
	hypercall 1
	ud2

/* Tells what it finds in registers that no state names. */
	guest registers
	stmxcsr -8(%rsp)
	movl -8(%rsp), %edi
	movq %xmm0, %rsi
	movq %xmm15, %rdx
	fnstcw -8(%rsp)
	movzwl -8(%rsp), %r10d
	movq %rdi, %xmm0
	movq %rdi, %xmm15
	xorl %r8d, %r8d
	xorl %r9d, %r9d
	hypercall 1
1:	jmp 1b

	.globl guests_end
guests_end:
	.section .note.GNU-stack, "", @progbits
