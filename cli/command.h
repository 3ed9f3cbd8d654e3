/* SPDX-License-Identifier: ISC */
/* command.h - the commands of postern(1). Each gets "postern NAME" as argv[0], and returns an exit status. */
#ifndef POSTERN_COMMAND_H
#define POSTERN_COMMAND_H

/* The exit statuses that the manual promises. */
enum { STATUS_DONE = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

/* Writes to stdout need not be checked: main() does when the command has returned. */
int command_abi(int argc, char **argv);
int command_boot(int argc, char **argv);
int command_doctor(int argc, char **argv);
int command_run(int argc, char **argv);
int command_trace(int argc, char **argv);

#endif
