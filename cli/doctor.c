/* SPDX-License-Identifier: ISC */
/* doctor.c - `postern doctor`: which engines this host can use, what else it has that they profit from, and why not. */
#include "command.h"
#include "jail/jail.h"
#include "machine/machine.h"
#include "reach.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char help[] =
	"usage: postern doctor [--reach] [--json]\n"
	"\n"
	"Tells which engines this host can use, and why it cannot use others; and what else it has that\n"
	"makes a VM faster or safer.\n"
	"\n"
	"options:\n"
	"  --reach  list instead what a guest process of the engine ring3 can reach: files, memory,\n"
	"           system calls, rights\n"
	"  --json   print JSON instead\n"
	"  --help   print this\n"
	"\n"
	"exit status: 0 if an engine works, 1 if none does (with --reach: if that could not be\n"
	"found out), 2 wrong command line\n";

/* ---- probes: each says whether the host has something, and more in words ---- */

struct finding {
	bool found;
	char detail[160];
};

__attribute__((format(printf, 2, 3))) static struct finding say(bool found, const char *format, ...)
{
	struct finding finding = { .found = found };
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(finding.detail, sizeof finding.detail, format, arguments);
	va_end(arguments);
	return finding;
}

static struct finding probe_processors(void)
{
	cpu_set_t set;
	int count = sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);

	return say(count > 1, count > 1 ? "%d" : "%d: rings cannot be polled while the guest runs", count);
}

static struct finding probe_seccomp(void)
{
	return jail_has_seccomp()
		       ? say(true, "filters can kill a process")
		       : say(false, "the kernel has no filters that kill a process: VMs do not start");
}

static struct finding probe_landlock(void)
{
	int version = jail_landlock_version();

	return version ? say(true, "version %d", version)
		       : say(false, "%s: a monitor is kept from files by seccomp alone", strerror(errno));
}

static struct finding probe_io_uring(void)
{
	/* One that can be restricted, as ours is. */
	struct io_uring_params parameters = { .flags = IORING_SETUP_R_DISABLED };
	long fd = syscall(SYS_io_uring_setup, 4, &parameters);

	if (fd < 0)
		return say(false, "%s: a vCPU that needs the disk waits for it, even over a ring",
			   strerror(errno));
	close((int)fd);
	return say(true, "features 0x%x", parameters.features);
}

static struct finding probe_memfd(void)
{
	const size_t size = 4096;
	int fd = memfd_create("postern-doctor", MFD_CLOEXEC);
	bool sized = fd >= 0 && !ftruncate(fd, (off_t)size);
	void *code = sized ? mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0) : MAP_FAILED;
	int error = errno;

	if (fd >= 0)
		close(fd);
	if (code == MAP_FAILED)
		return say(false, "%s: a guest cannot execute from its RAM", strerror(error));
	munmap(code, size);
	return say(true, "can be mapped executable");
}

/* CPUID is off for two system calls at most, which do not use it. */
static struct finding probe_cpuid(void)
{
	enum { SET_CPUID = 0x1012 };

	if (syscall(SYS_arch_prctl, SET_CPUID, 0))
		return say(false, "%s: a guest in ring3 sees the host's CPUID", strerror(errno));
	syscall(SYS_arch_prctl, SET_CPUID, 1);
	return say(true, "a guest in ring3 sees the VM's CPUID");
}

static struct finding probe_tsc(void)
{
	int mode;

	return prctl(PR_GET_TSC, &mode)
		       ? say(false, "%s: a guest in ring3 always sees the host's", strerror(errno))
		       : say(true, "coarse clocks hold for rdtsc in ring3 too");
}

static struct finding probe_fsgsbase(void)
{
	enum { HWCAP2_HAS_FSGSBASE = 2 };

	return getauxval(AT_HWCAP2) & HWCAP2_HAS_FSGSBASE
		       ? say(true, "guests set the FS and GS bases by themselves")
		       : say(false,
			     "the processor or the kernel lacks it: guests in ring3 pay a trap for it");
}

static struct finding probe_mseal(void)
{
	enum { SYS_MSEAL = 462 };

	return syscall(SYS_MSEAL, NULL, 0, 0) && errno == ENOSYS
		       ? say(false, "%s", strerror(ENOSYS))
		       : say(true, "the engine's pages can be sealed");
}

/* The first line of a file of sysfs. Returns whether there is one. */
static bool read_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "re");
	bool got = file && fgets(line, (int)size, file);

	if (file)
		fclose(file);
	if (got)
		line[strcspn(line, "\n")] = '\0';
	return got;
}

static struct finding probe_huge_pages(void)
{
	char modes[100];

	if (!read_line("/sys/kernel/mm/transparent_hugepage/shmem_enabled", modes, sizeof modes))
		return say(false, "the kernel has no transparent huge pages for shared memory");
	return say(!strstr(modes, "[never]") && !strstr(modes, "[deny]"), "shmem_enabled: %s", modes);
}

static struct finding probe_clock(void)
{
	char source[64];

	if (!read_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", source,
		       sizeof source))
		return say(false, "the host's clock source is not known");
	return say(!strcmp(source, "tsc") || !strcmp(source, "kvm-clock"), "the host's clock is %s", source);
}

static struct finding probe_kvm_device(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return say(false, "%s", strerror(errno));
	close(fd);
	return say(true, "can be opened");
}

/* clang-format off */
static const struct {
	const char *name;
	struct finding (*probe)(void);
} probes[] = {
	{ "processors", probe_processors },
	{ "/dev/kvm", probe_kvm_device },
	{ "memfd", probe_memfd },
	{ "seccomp", probe_seccomp },
	{ "Landlock", probe_landlock },
	{ "io_uring", probe_io_uring },
	{ "FSGSBASE", probe_fsgsbase },
	{ "CPUID faulting", probe_cpuid },
	{ "TSC faulting", probe_tsc },
	{ "steady counter", probe_clock },
	{ "huge pages", probe_huge_pages },
	{ "mseal", probe_mseal },
};
/* clang-format on */

enum { PROBES = sizeof probes / sizeof *probes };

static struct finding probe_engine(const struct engine *engine)
{
	struct finding finding = { .found = false };

	finding.found = !engine->probe(finding.detail, sizeof finding.detail);
	return finding;
}

/* ---- output ---- */

static bool print_text(void)
{
	bool works = false;

	puts("engines:");
	for (const struct engine *const *engine = machine_engines; *engine; engine++) {
		struct finding finding = probe_engine(*engine);

		works |= finding.found;
		printf("  %-16s %-4s %s\n", (*engine)->name, finding.found ? "yes" : "no", finding.detail);
	}
	puts("\nthis host:");
	for (size_t i = 0; i < PROBES; i++) {
		struct finding finding = probes[i].probe();

		printf("  %-16s %-4s %s\n", probes[i].name, finding.found ? "yes" : "no", finding.detail);
	}
	if (jail_is_relaxed())
		puts("\nThis build has a sanitizer, and with it no more than a relaxed jail: it is for tests alone.");
	return works;
}

static void add_finding(json_t *list, const char *name, const struct finding *finding)
{
	json_array_append_new(list, json_pack("{s:s, s:b, s:s}", "name", name, "available", finding->found,
					      "detail", finding->detail));
}

static bool print_json(void)
{
	json_t *engines = json_array();
	json_t *host = json_array();
	json_t *object;
	bool works = false;
	char *text;

	for (const struct engine *const *engine = machine_engines; *engine; engine++) {
		struct finding finding = probe_engine(*engine);

		works |= finding.found;
		add_finding(engines, (*engine)->name, &finding);
	}
	for (size_t i = 0; i < PROBES; i++) {
		struct finding finding = probes[i].probe();

		add_finding(host, probes[i].name, &finding);
	}
	object = json_pack("{s:o, s:o, s:b}", "engines", engines, "host", host, "relaxed", jail_is_relaxed());
	text = json_dumps(object, JSON_INDENT(2));
	if (text)
		puts(text);
	free(text);
	json_decref(object);
	return works;
}

int command_doctor(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "reach", no_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	bool as_json = false;
	bool reach = false;

	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (option) {
		case 'j':
			as_json = true;
			break;
		case 'r':
			reach = true;
			break;
		case 'h':
			fputs(help, stdout);
			return STATUS_DONE;
		default:
			fputs("'postern doctor --help' tells what it takes\n", stderr);
			return STATUS_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "postern doctor: %s: takes no arguments\n", argv[optind]);
		return STATUS_USAGE;
	}
	if (reach)
		return reach_print(as_json);
	return (as_json ? print_json() : print_text()) ? STATUS_DONE : STATUS_FAILED;
}
