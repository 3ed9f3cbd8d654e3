/* SPDX-License-Identifier: ISC */
/* guest.c - runs a benchmark's guest in a child process, as postern boot runs any. */
#include "guest.h"

#include "vm.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- in the child ---- */

static void use_processor(pid_t thread, int number)
{
	cpu_set_t set;

	if (number < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((size_t)number, &set);
	sched_setaffinity(thread, sizeof set, &set);
}

static int run(const struct bench_guest_config *config, int console)
{
	struct vm_settings settings = { .name = "the benchmark's guest" };

	vm_settings_init(&settings, config->memory, "all");
	settings.machine.image = malloc(config->image_size);
	if (!settings.machine.image) {
		fprintf(stderr, "postern bench: %s\n", strerror(ENOMEM));
		return EXIT_FAILURE;
	}
	memcpy(settings.machine.image, config->image, config->image_size);
	settings.machine.image_size = config->image_size;
	settings.machine.command = config->command ? config->command : "";
	settings.machine.ports = config->ports;
	settings.machine.input = settings.machine.output = console;
	if (config->error)
		settings.machine.error = config->error;
	settings.json = config->json;
	if (config->file && !vm_add_mount(&settings, config->file, "/file", true))
		return EXIT_FAILURE;
	settings.machine.resolution = 1; /* the guest reads the processor's counter, and that does not trap */
	return vm_run(&settings);
}

/* ---- in the benchmark ---- */

int bench_guest_start(const struct bench_guest_config *config, struct bench_guest *guest)
{
	int ends[2];

	*guest = (struct bench_guest){ 0 };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) {
		fprintf(stderr, "postern bench: cannot make a console for a guest: %s\n", strerror(errno));
		return EXIT_FAILURE;
	}
	fflush(NULL);
	guest->pid = fork();
	if (guest->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		use_processor(0, config->processor);
		_exit(run(config, ends[1]));
	}
	close(ends[1]);
	guest->to = guest->from = ends[0];
	if (guest->pid > 0)
		return EXIT_SUCCESS;
	fprintf(stderr, "postern bench: cannot start a process for a guest: %s\n", strerror(errno));
	close(ends[0]);
	*guest = (struct bench_guest){ 0 };
	return EXIT_FAILURE;
}

/* The whole of it. Returns false at the end of what there is. */
static bool read_all(int fd, char *to, size_t size)
{
	while (size) {
		ssize_t got = read(fd, to, size);

		if (got == 0 || (got < 0 && errno != EINTR))
			return false;
		to += got > 0 ? got : 0;
		size -= got > 0 ? (size_t)got : 0;
	}
	return true;
}

bool bench_guest_ask(struct bench_guest *guest, const void *question, size_t question_size, void *answer,
		     size_t answer_size)
{
	if (write(guest->to, question, question_size) == (ssize_t)question_size &&
	    read_all(guest->from, answer, answer_size))
		return true;
	fprintf(stderr, "postern bench: the guest gives no answer\n");
	kill(guest->pid, SIGKILL);
	return false;
}

/* Its first word, or "". */
static void read_word(const char *path, char word[32])
{
	FILE *file = fopen(path, "re");

	*word = '\0';
	if (!file)
		return;
	if (fscanf(file, "%31s", word) != 1)
		*word = '\0';
	fclose(file);
}

void bench_guest_part(struct bench_guest *guest, int vcpu, int monitor)
{
	char path[64];
	char word[32];
	DIR *threads;

	snprintf(path, sizeof path, "/proc/%d/task", (int)guest->pid);
	threads = opendir(path);
	if (!threads)
		return;
	for (struct dirent *entry; (entry = readdir(threads)) != NULL;) {
		const pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);

		snprintf(path, sizeof path, "/proc/%d/task/%d/comm", (int)guest->pid, (int)thread);
		read_word(path, word);
		if (!strcmp(word, "vcpu0") || !strcmp(word, "rings"))
			use_processor(thread, monitor);
		/* What a monitor has of children is its guest's process, whose first thread is vCPU 0. */
		snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)guest->pid, (int)thread);
		read_word(path, word);
		if (*word)
			use_processor((pid_t)strtol(word, NULL, 10), vcpu);
	}
	closedir(threads);
}

void bench_guest_end(struct bench_guest *guest)
{
	if (guest->pid <= 0)
		return;
	/* The guest reads the end of its input, and ends; also where a guest that was started later has our end, too. */
	shutdown(guest->to, SHUT_WR);
	while (waitpid(guest->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(guest->to);
	*guest = (struct bench_guest){ 0 };
}
