/* SPDX-License-Identifier: ISC */
/* console.h - the console's part in the life of a VM's services; see services.h for the order. */
#ifndef POSTERN_SERVICE_CONSOLE_H
#define POSTERN_SERVICE_CONSOLE_H

struct gate_vcpu;
struct services;

/* Looks at the descriptors of the config, and remembers the terminal's mode. Errors: -ENOMEM. */
int console_create(struct services *services);
/* Starts the thread that waits for descriptors. Errors: of eventfd(2) and pthread_create(3), negative. */
int console_start(struct services *services);
/* Completes the calls of a vCPU that wait, ECANCELED. NULL: those of all, and none waits from here on. */
void console_cancel(struct services *services, struct gate_vcpu *vcpu);
/* Ends the thread, if there is one. After console_cancel(services, NULL). */
void console_join(struct services *services);
void console_destroy(struct services *services);
/* The terminal may have another size: completes the calls that wait for that. By any thread. */
void console_look_again(struct services *services);
/* Sets the terminal's mode as with none of the contract's flags. Does nothing without a terminal. */
void console_make_terminal_raw(struct services *services);
/* Gives the terminal its mode back, if the guest has changed it. May be called from a signal's handler. */
void console_restore_terminal(struct services *services);

#endif
