/* SPDX-License-Identifier: ISC */
/*
 * vm.h - VMs for tests from outside: starts postern(1) with a guest of tests/guests, and says how that ended. What a VM
 * prints goes to a file without a name, so nobody has to read it meanwhile.
 */
#ifndef TEST_HOSTILE_VM_H
#define TEST_HOSTILE_VM_H

#include <stdbool.h>
#include <sys/types.h>

struct vm {
	pid_t pid; /* of its monitor */
	int output;
};

enum { VM_TEXT = 1 << 20, VM_CRASHED = 134, VM_TIMED_OUT = 124, VM_SIGNALLED = 128 };

/* How a VM ended. */
struct vm_end {
	int status;         /* of the command; or 256 and the number of the signal that killed it */
	char text[VM_TEXT]; /* the beginning of all that it printed */
};

/*
 * Before any other: whatever VMs leave behind becomes this process's child. Returns whether the engine ring3 works on
 * this host.
 */
bool vm_prepare(void);

/* Boots a guest on the engine ring3, with words for postern, apart by single blanks; in `folder`, if that is not NULL. */
struct vm vm_start(const char *guest, const char *words, const char *folder);

/* Waits for the end. */
void vm_wait(struct vm *vm, struct vm_end *end);

/* Both, with words as printf() makes them. */
void vm_run(struct vm_end *end, const char *guest, const char *folder, const char *words, ...)
	__attribute__((format(printf, 4, 5)));

/* What a VM that runs has printed up to now: its beginning, as in struct vm_end. */
void vm_look(const struct vm *vm, char text[VM_TEXT]);

/* Waits until a VM that runs has printed a text. Fails when it ends before. */
void vm_expect(struct vm *vm, const char *text);

/* The first child of a process, such as a monitor's guest process; 0: it has none. */
pid_t vm_child_of(pid_t pid);

/* Whether this process has children other than `count` ones. */
bool vm_has_strangers(const pid_t *known, unsigned count);

#endif
