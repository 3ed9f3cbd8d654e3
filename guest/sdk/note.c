/* SPDX-License-Identifier: ISC */
/* note.c - the note of an image that says nothing else: what the SDK itself needs. */
#include <postern/guest_note.h>

POSTERN_GUEST_NOTE_WITH(__attribute__((weak)), POSTERN_NEED(ABI, ABI_NOP, ABI_QUERY, ABI_PROBE),
			POSTERN_NEED(VM, VM_EXIT, VM_CRASH), POSTERN_NEED(CONSOLE, CONSOLE_WRITE));
