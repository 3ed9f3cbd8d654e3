/* SPDX-License-Identifier: ISC */
/* message.c - formats messages. */
#include "machine/message.h"

#include <stdarg.h>
#include <stdio.h>

int message_say(struct message *message, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message->text, sizeof message->text, format, arguments);
	va_end(arguments);
	return error;
}
