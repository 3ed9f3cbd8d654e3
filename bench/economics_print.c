/* SPDX-License-Identifier: ISC */
/* economics_print.c - the results of `postern bench economics` as a table, as JSON, and, by gnuplot, as a picture. */
#include "economics.h"

#include <errno.h>
#include <jansson.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char *const work_names[ECONOMICS_WORKS] = {
	[ECONOMICS_CONSOLE] = "console",
	[ECONOMICS_FILE] = "file",
};

static const char *const work_texts[ECONOMICS_WORKS] = {
	[ECONOMICS_CONSOLE] = "a byte to the console",
	[ECONOMICS_FILE] = "4 bytes of a file",
};

static const char *const way_names[ECONOMICS_WAYS] = {
	[ECONOMICS_PORT] = "port",
	[ECONOMICS_CALL] = "call",
	[ECONOMICS_BATCH] = "batch",
	[ECONOMICS_RING] = "ring",
};

static const char *const way_texts[ECONOMICS_WAYS] = {
	[ECONOMICS_PORT] = "port I/O, trapped and emulated",
	[ECONOMICS_CALL] = "a hypercall each",
	[ECONOMICS_BATCH] = "batches of",
	[ECONOMICS_RING] = "polled ring, under way:",
};

/* ---- text ---- */

static void print_fit(const struct economics_fit *fit)
{
	printf("t_e = %.0f ns, t_h = %.0f ns, %.0f ns an entry: ", fit->trap, fit->hypercall, fit->entry);
	if (fit->wins_from)
		printf("a batch wins from n = %u on\n\n", fit->wins_from);
	else
		printf("a batch never wins\n\n");
}

void economics_print(const struct economics_case *cases, size_t count, const struct economics_fit *fits,
		     unsigned rounds)
{
	for (unsigned work = 0; work < ECONOMICS_WORKS; work++) {
		const double trap = fits[work].trap;

		printf("%-38s %10s %10s %10s %10s %10s\n", work_texts[work], "median ns", "least", "most",
		       "exits", "x trap");
		for (size_t i = 0; i < count; i++) {
			char text[64];

			if (cases[i].work != work)
				continue;
			snprintf(text, sizeof text,
				 cases[i].batch > 1 || cases[i].way == ECONOMICS_BATCH ? "%s %u" : "%s",
				 way_texts[cases[i].way], cases[i].batch);
			printf("  %-36s %10.0f %10.0f %10.0f %10.4f %10.3f\n", text, cases[i].ns,
			       cases[i].least, cases[i].most, cases[i].exits, cases[i].ns / trap);
		}
		print_fit(&fits[work]);
	}
	printf("an operation each; medians of %u interleaved rounds; t_h and the cost of an entry are fitted to the "
	       "batches\n",
	       rounds);
}

/* ---- JSON ---- */

bool economics_print_json(const struct economics_case *cases, size_t count, const struct economics_fit *fits,
			  unsigned rounds)
{
	json_t *list = json_array();
	json_t *fit_list = json_array();
	json_t *whole = json_pack("{s:s, s:i, s:o, s:o}", "benchmark", "economics", "rounds", (int)rounds,
				  "cases", list, "fits", fit_list);
	int error;

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:f, s:f, s:f, s:f}", "work",
						      work_names[cases[i].work], "way",
						      way_names[cases[i].way], "batch", (int)cases[i].batch,
						      "ns", cases[i].ns, "least_ns", cases[i].least,
						      "most_ns", cases[i].most, "exits", cases[i].exits));
	for (unsigned i = 0; i < ECONOMICS_WORKS; i++)
		json_array_append_new(fit_list,
				      json_pack("{s:s, s:f, s:f, s:f, s:i}", "work", work_names[i], "trap_ns",
						fits[i].trap, "hypercall_ns", fits[i].hypercall, "entry_ns",
						fits[i].entry, "wins_from", (int)fits[i].wins_from));
	error = json_dumpf(whole, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(whole);
	return !error;
}

/* ---- the plot ---- */

/* gnuplot with a script on its standard input. Returns its exit status, or -1 with errno. */
static int run_gnuplot(const char *script)
{
	static char name[] = "gnuplot", dash[] = "-";
	char *const words[] = { name, dash, NULL };
	posix_spawn_file_actions_t actions;
	int ends[2];
	int status = -1;
	int error;
	pid_t pid;

	if (pipe(ends))
		return -1;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
	posix_spawn_file_actions_addclose(&actions, ends[1]);
	posix_spawn_file_actions_addclose(&actions, ends[0]);
	error = posix_spawnp(&pid, name, &actions, NULL, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[0]);
	if (!error)
		(void)!write(ends[1], script, strlen(script));
	close(ends[1]);
	if (!error && waitpid(pid, &status, 0) == pid)
		return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	errno = error ? error : errno;
	return -1;
}

bool economics_can_plot(void)
{
	const int status = run_gnuplot("exit\n");

	if (status == 0)
		return true;
	if (status < 0)
		fprintf(stderr,
			"postern bench economics: gnuplot: cannot run: %s; it draws the plot, and is in the package "
			"gnuplot-nox\n",
			strerror(errno));
	else
		fprintf(stderr, "postern bench economics: gnuplot: failed with exit status %d\n", status);
	return false;
}

static void write_data(FILE *to, const struct economics_case *cases, size_t count)
{
	for (unsigned work = 0; work < ECONOMICS_WORKS; work++) {
		fprintf(to, "$%s << END\n", work_names[work]);
		for (size_t i = 0; i < count; i++) {
			if (cases[i].work == work && cases[i].way == ECONOMICS_BATCH)
				fprintf(to, "%u %f %f %f\n", cases[i].batch, cases[i].ns, cases[i].least,
					cases[i].most);
		}
		fprintf(to, "END\n");
	}
}

static void write_panel(FILE *to, const struct economics_case *cases, size_t count,
			const struct economics_fit *fit)
{
	const struct economics_case *call = economics_find(cases, count, fit->work, ECONOMICS_CALL);
	const struct economics_case *ring = economics_find(cases, count, fit->work, ECONOMICS_RING);

	fprintf(to, "set title '%s'\n", work_texts[fit->work]);
	fprintf(to, "plot %f title 'trap and emulate' lw 2, %f title 'a hypercall each' lw 2,", fit->trap,
		call->ns);
	if (ring)
		fprintf(to, " %f title 'polled ring' lw 2,", ring->ns);
	fprintf(to,
		" %f / x + %f title 't_h / n + c' lw 1, $%s using 1:2:3:4 with yerrorbars title 'batches of n' pt 7\n",
		fit->hypercall, fit->entry, work_names[fit->work]);
}

/* In gnuplot a quote within quotes is doubled. */
static void write_quoted(FILE *to, const char *text)
{
	fputc('\'', to);
	for (; *text; text++)
		fputs(*text == '\'' ? "''" : (const char[]){ *text, '\0' }, to);
	fputc('\'', to);
}

bool economics_plot(const char *path, const struct economics_case *cases, size_t count,
		    const struct economics_fit *fits)
{
	char *script = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&script, &size);
	int status;

	if (!to)
		return false;
	fprintf(to, "set terminal svg size 1000,480 dynamic\nset output ");
	write_quoted(to, path);
	fprintf(to, "\nset logscale xy\nset xrange [1:256]\nset xlabel 'n'\nset ylabel 'ns an operation'\n"
		    "set grid\nset samples 200\nset key top right\nset multiplot layout 1,2\n");
	write_data(to, cases, count);
	for (unsigned work = 0; work < ECONOMICS_WORKS; work++)
		write_panel(to, cases, count, &fits[work]);
	fprintf(to, "unset multiplot\n");
	fclose(to);
	status = run_gnuplot(script);
	free(script);
	if (status == 0)
		return true;
	fprintf(stderr, "postern bench economics: %s: cannot plot: gnuplot failed with exit status %d\n",
		path, status);
	return false;
}
