/* SPDX-License-Identifier: ISC */
/*
 * tables.c - the processor walks keep's page tables itself. What it has cached of them must be forgotten, on this vCPU
 * and on all others that use the same.
 *
 * Each change is a generation. A vCPU follows before it enters a program; one that runs a program meanwhile is made to
 * enter the kernel, where nothing of a program's memory is reached by these tables. So whoever changed them waits until
 * all others are out of the program or have followed.
 */
#include "arch/hvm/hvm.h"
#include "task/task.h"

/* From here on it is cheaper to forget all. Linux has the same figure. */
enum { MOST_SINGLE = 33 };

#define ENTRY_ADDRESS UINT64_C(0x000ffffffffff000)

/* Of the highest table: what an entry covers, and the first that is the kernel's. */
enum { ROOT_SHIFT = 39, ROOT_ENTRIES = 512 };
enum { FIRST_OF_KERNEL = ARCH_USER_END >> ROOT_SHIFT };

_Static_assert((uint64_t)FIRST_OF_KERNEL << ROOT_SHIFT == ARCH_USER_END,
	       "a program's part ends with an entry");

static uint64_t host_root;  /* guest-physical: the tables that vCPUs start with */
static uint64_t generation; /* the kernel's lock protects it; read without it */

static uint64_t read_root(void)
{
	uint64_t root;

	__asm__ volatile("movq %%cr3, %0" : "=r"(root));
	return root & ENTRY_ADDRESS;
}

/* Forgets all that is not global, too. */
static void load_root(uint64_t root)
{
	__asm__ volatile("movq %0, %%cr3" : : "r"(root) : "memory");
}

static void forget(uint64_t address)
{
	__asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

void hvm_tables_start(void)
{
	host_root = read_root();
}

/* ---- entering and leaving programs ---- */

void hvm_tables_enter_program(struct hvm_vcpu *vcpu)
{
	uint64_t now;

	__atomic_store_n(&vcpu->in_program, 1, __ATOMIC_SEQ_CST);
	now = __atomic_load_n(&generation, __ATOMIC_SEQ_CST);
	if (vcpu->seen == now)
		return;
	load_root(read_root());
	__atomic_store_n(&vcpu->seen, now, __ATOMIC_RELEASE);
}

void hvm_tables_leave_program(struct hvm_vcpu *vcpu)
{
	__atomic_store_n(&vcpu->in_program, 0, __ATOMIC_RELEASE);
}

/* ---- changes ---- */

static void forget_here(const uint64_t *root, uint64_t address, size_t pages)
{
	if (hvm_vcpu()->root != root)
		return;
	if (pages > MOST_SINGLE) {
		load_root(read_root());
		return;
	}
	for (size_t i = 0; i < pages; i++)
		forget(address + (i << PAGE_SHIFT));
}

static bool has_to_follow(const struct hvm_vcpu *vcpu, uint64_t change)
{
	return __atomic_load_n(&vcpu->in_program, __ATOMIC_SEQ_CST) &&
	       __atomic_load_n(&vcpu->seen, __ATOMIC_ACQUIRE) < change;
}

static void make_others_follow(const uint64_t *root, uint64_t change)
{
	const unsigned self = guest_vcpu_number();

	for (unsigned i = 0; i < guest_boot()->vcpus; i++) {
		const struct hvm_vcpu *other = hvm_vcpu_of(i);

		if (i == self || !other || other->root != root || !has_to_follow(other, change))
			continue;
		schedule_interrupt(i);
		while (has_to_follow(other, change))
			(void)postern_vcpu_yield(i);
	}
}

/* Where more is allowed than before, and nothing else, others find that out: their fault is then for nothing. */
int hvm_tables_changed(const uint64_t *root, uint64_t address, size_t pages, bool added)
{
	forget_here(root, address, pages);
	if (added || guest_boot()->vcpus == 1)
		return 0;
	/* This vCPU has followed, so it need not on its way out; unless it had missed one before. */
	if (hvm_vcpu()->seen == generation)
		hvm_vcpu()->seen++;
	make_others_follow(root, __atomic_add_fetch(&generation, 1, __ATOMIC_SEQ_CST));
	return 0;
}

/* ---- which tables ---- */

void hvm_tables_begin(uint64_t *root)
{
	const uint64_t *host = (const uint64_t *)guest_boot()->page_table;

	for (unsigned i = FIRST_OF_KERNEL; i < ROOT_ENTRIES; i++)
		root[i] = host[i];
}

void hvm_tables_end(uint64_t *root)
{
	if (hvm_vcpu()->root == root)
		hvm_tables_use_none();
	for (unsigned i = FIRST_OF_KERNEL; i < ROOT_ENTRIES; i++)
		root[i] = 0;
}

static void use(const uint64_t *root, uint64_t address)
{
	struct hvm_vcpu *vcpu = hvm_vcpu();

	if (vcpu->root == root)
		return;
	vcpu->root = root;
	load_root(address);
	vcpu->seen = generation;
}

void hvm_tables_use(const uint64_t *root)
{
	use(root, postern_address(root));
}

void hvm_tables_use_none(void)
{
	use(NULL, host_root);
}
