/* SPDX-License-Identifier: ISC */
/* message.h - why something could not be done, in words for the user: the part of a line behind `what: `. */
#ifndef POSTERN_MACHINE_MESSAGE_H
#define POSTERN_MACHINE_MESSAGE_H

struct message {
	char text[512];
};

/* Formats the message, cut where it is too long, and returns `error`, so that it can end a function. */
int message_say(struct message *message, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
