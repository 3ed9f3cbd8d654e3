/* SPDX-License-Identifier: ISC */
/* main.c - postern(1): finds the command in a table, runs it, and answers for what it wrote to stdout. */
#include "bench.h"
#include "command.h"
#include "nearest.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *arguments;
	const char *what;
};

static const struct command commands[] = {
	{ "abi", command_abi, "[--json] [NAME]...",
	  "show the contract between guest and host, or parts of it" },
	{ "bench", command_bench, "NAME [--json]", "measure on this machine, in this run" },
	{ "boot", command_boot, "[OPTION]... IMAGE", "run a guest image in a VM of its own" },
	{ "doctor", command_doctor, "[--reach] [--json]",
	  "tell which engines this host can use, and why not" },
	{ "run", command_run, "[OPTION]... PROGRAM", "run an ordinary Linux program in a VM of its own" },
	{ "trace", command_trace, "[OPTION]... IMAGE",
	  "run a guest image, and show the calls that it makes" },
};

enum { COMMANDS = sizeof commands / sizeof *commands };

static void print_help(FILE *to)
{
	fputs("usage: postern COMMAND [ARGUMENT]...\n"
	      "       postern --help | --version\n"
	      "\n"
	      "A paravirtual hypervisor for Linux.\n"
	      "\n"
	      "commands:\n",
	      to);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-6s %-20s %s\n", commands[i].name, commands[i].arguments, commands[i].what);
	fputs("\n"
	      "options:\n"
	      "  --help      print this, or, after a command, what that command does\n"
	      "  --version   print the version\n"
	      "\n"
	      "exit status: 0 done, 1 failed, 2 wrong command line\n",
	      to);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	}
	return NULL;
}

static int no_such_command(const char *name)
{
	struct nearest nearest = nearest_start(name);

	for (size_t i = 0; i < COMMANDS; i++)
		nearest_offer(&nearest, commands[i].name);
	fprintf(stderr, "postern: %s: no such command", name);
	nearest_print(&nearest, "'postern --help' lists them", stderr);
	fputc('\n', stderr);
	return STATUS_USAGE;
}

static int run_command(int argc, char **argv)
{
	const struct command *command = find_command(argv[0]);
	char title[64];

	if (!command)
		return no_such_command(argv[0]);
	snprintf(title, sizeof title, "postern %s", command->name);
	argv[0] = title;
	optind = 0; /* the command's own getopt starts afresh */
	return command->run(argc, argv);
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ 0 },
	};
	static char name[] = "postern";

	if (argc > 0)
		argv[0] = name; /* messages are the same however the program was called */
	switch (getopt_long(argc, argv, "+", options, NULL)) {
	case 'h':
		print_help(stdout);
		return STATUS_DONE;
	case 'v':
		puts("postern " POSTERN_VERSION);
		return STATUS_DONE;
	case -1:
		break;
	default:
		fputs("'postern --help' tells what it takes\n", stderr);
		return STATUS_USAGE;
	}
	if (optind < argc)
		return run_command(argc - optind, argv + optind);
	print_help(stderr);
	return STATUS_USAGE;
}

/* Ends standard output. What could not be written is a failure like any other. */
static int close_stdout(void)
{
	int failed = ferror(stdout);

	if (!fclose(stdout) && !failed)
		return STATUS_DONE;
	fprintf(stderr, "postern: standard output: cannot write: %s\n", strerror(errno));
	return STATUS_FAILED;
}

int main(int argc, char **argv)
{
	/*
	 * Larger than what the commands print: it is all written at the end, so that errno is the write's if
	 * that fails. A terminal gets its lines as they come.
	 */
	static char buffer[1 << 20];
	int status;

	signal(SIGPIPE, SIG_IGN); /* a reader that has gone away is an error of the write, and reported */
	signal(SIGXFSZ, SIG_IGN); /* as is a file that would become longer than the user allows */
	if (!isatty(STDOUT_FILENO))
		setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
	status = run(argc, argv);
	return status ? status : close_stdout();
}
