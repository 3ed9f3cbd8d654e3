/* SPDX-License-Identifier: ISC */
/* service.h - the handlers of each section of the contract, one file a section. */
#ifndef POSTERN_SERVICE_H
#define POSTERN_SERVICE_H

#include "gate/gate.h"

/* Each sets the handlers of its section in a table that is otherwise left as it is. */
void service_abi(struct abi_handlers *handlers);
void service_console(struct abi_handlers *handlers);
void service_vm(struct abi_handlers *handlers);
void service_clock(struct abi_handlers *handlers);
void service_entropy(struct abi_handlers *handlers);
void service_memory(struct abi_handlers *handlers);
void service_ring(struct abi_handlers *handlers);
void service_vcpu(struct abi_handlers *handlers);
void service_event(struct abi_handlers *handlers);
void service_timer(struct abi_handlers *handlers);
void service_file(struct abi_handlers *handlers);

#endif
