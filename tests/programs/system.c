/* SPDX-License-Identifier: ISC */
/* system.c - what a program finds out about its process and its machine, and what of that it can change. */
#include "parts.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

/* A whole file, with a NUL; its length, or -1. */
static ssize_t read_all(const char *path, char *to, size_t size)
{
	const int file = open(path, O_RDONLY);
	size_t length = 0;
	ssize_t got;

	if (file < 0)
		return -1;
	while ((got = read(file, to + length, size - 1 - length)) > 0)
		length += (size_t)got;
	to[length] = 0;
	close(file);
	return got < 0 ? -1 : (ssize_t)length;
}

static char text[1 << 18];

/* ---- the process ---- */

static void identity(void)
{
	uid_t users[3];
	gid_t groups[3];

	CHECK(getpid() > 0 && getppid() >= 0 && getpgrp() >= 0 && getsid(0) >= 0);
	CHECK(!getresuid(&users[0], &users[1], &users[2]) && users[0] == getuid() && users[1] == geteuid());
	CHECK(!getresgid(&groups[0], &groups[1], &groups[2]) && groups[0] == getgid() &&
	      groups[1] == getegid());
	CHECK(getgroups(0, NULL) >= 0);
	CHECK(!setuid(getuid()) && !setgid(getgid()));
	CHECK_ERROR(waitpid(-1, NULL, 0), ECHILD);
	printf("uid %u gid %u\n", getuid(), getgid());
}

static void limits(void)
{
	struct rlimit limit;

	CHECK(!getrlimit(RLIMIT_STACK, &limit) && limit.rlim_cur >= 1 << 20);
	CHECK(!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur >= 256 && limit.rlim_cur <= limit.rlim_max);
	limit.rlim_cur = 200;
	CHECK(!setrlimit(RLIMIT_NOFILE, &limit) && !getrlimit(RLIMIT_NOFILE, &limit) &&
	      limit.rlim_cur == 200);
	limit.rlim_cur = limit.rlim_max + 1;
	if (limit.rlim_max != RLIM_INFINITY)
		CHECK_ERROR(setrlimit(RLIMIT_NOFILE, &limit), EINVAL);
	CHECK_ERROR(getrlimit(99, &limit), EINVAL);
	CHECK(sysconf(_SC_OPEN_MAX) == 200 && sysconf(_SC_PAGESIZE) == 4096);
}

static void usage(void)
{
	struct rusage used;
	struct tms times_used;
	const int before = getpriority(PRIO_PROCESS, 0); /* whoever runs the test may have lowered it */
	const int after = before < 19 ? before + 1 : before;

	CHECK(!getrusage(RUSAGE_SELF, &used) && used.ru_maxrss > 0);
	CHECK(times(&times_used) != -1);
	CHECK(!setpriority(PRIO_PROCESS, 0, after) && getpriority(PRIO_PROCESS, 0) == after);
}

static void controls(void)
{
	char name[16] = "";
	int value = -1;

	CHECK(!prctl(PR_SET_NAME, "renamed") && !prctl(PR_GET_NAME, name) && !strcmp(name, "renamed"));
	CHECK(prctl(PR_GET_DUMPABLE) == 1 && !prctl(PR_SET_DUMPABLE, 0) && prctl(PR_GET_DUMPABLE) == 0);
	CHECK(!prctl(PR_SET_DUMPABLE, 1)); /* what is not is not shown in /proc */
	CHECK(!prctl(PR_SET_PDEATHSIG, 15) && !prctl(PR_GET_PDEATHSIG, &value) && value == 15);
	CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	CHECK_ERROR(prctl(12345, 0, 0, 0, 0), EINVAL);
}

static void scheduling(void)
{
	struct sched_param parameter = { -1 };
	cpu_set_t set;

	CHECK(sched_getscheduler(0) == SCHED_OTHER && !sched_getparam(0, &parameter) &&
	      parameter.sched_priority == 0);
	CHECK(sched_get_priority_max(SCHED_FIFO) == 99 && sched_get_priority_min(SCHED_OTHER) == 0);
	CHECK(!sched_getaffinity(0, sizeof set, &set) && CPU_COUNT(&set) >= 1);
	CHECK(sysconf(_SC_NPROCESSORS_ONLN) >= 1 && get_nprocs_conf() >= 1 && sched_getcpu() >= 0);
}

static void auxiliary_vector(void)
{
	CHECK(getauxval(AT_PAGESZ) == 4096 && getauxval(AT_PHDR) && getauxval(AT_PHNUM) > 0 &&
	      getauxval(AT_ENTRY));
	CHECK(getauxval(AT_UID) == getuid() && getauxval(AT_SECURE) == 0 && getauxval(AT_CLKTCK) == 100);
	CHECK(getauxval(AT_RANDOM) && getauxval(AT_EXECFN) && strstr((char *)getauxval(AT_EXECFN), "system"));
	CHECK(!strcmp((char *)getauxval(AT_PLATFORM), "x86_64"));
}

/* ---- the machine ---- */

static void names(void)
{
	struct utsname name;
	char host[100] = "";

	CHECK(!uname(&name) && !gethostname(host, sizeof host) && !strcmp(name.nodename, host) && *host);
	CHECK(atoi(name.release) >= 4);
	printf("%s %s\n", name.sysname, name.machine);
}

static void information(void)
{
	struct sysinfo info;

	CHECK(!sysinfo(&info) && info.mem_unit > 0 && info.totalram > 0 && info.freeram < info.totalram);
	CHECK(info.uptime >= 0 && info.procs >= 1);
	CHECK(sysconf(_SC_PHYS_PAGES) > 1000 && sysconf(_SC_AVPHYS_PAGES) > 0);
}

static void random_numbers(void)
{
	unsigned char first[256] = "";
	unsigned char second[256] = "";
	const int file = open("/dev/urandom", O_RDONLY);
	unsigned ones = 0;

	CHECK(getrandom(first, sizeof first, 0) == sizeof first &&
	      getrandom(second, 256, GRND_NONBLOCK) == 256);
	CHECK(memcmp(first, second, 256) != 0);
	CHECK(read(file, second, sizeof second) == sizeof second);
	for (int i = 0; i < 256; i++)
		ones += (unsigned)__builtin_popcount(first[i] ^ second[i]);
	CHECK(ones > 700 && ones < 1350);
	CHECK_ERROR(getrandom(first, 1, 0xff), EINVAL);
	CHECK(!getentropy(first, 256));
	close(file);
}

static void devices(void)
{
	char block[100] = "xxx";
	struct stat status;
	int file = open("/dev/zero", O_RDWR);

	CHECK(read(file, block, 100) == 100 && !block[0] && !block[99] && write(file, block, 100) == 100);
	close(file);
	file = open("/dev/null", O_RDWR);
	CHECK(read(file, block, 100) == 0 && write(file, block, 100) == 100);
	CHECK(!fstat(file, &status) && S_ISCHR(status.st_mode) && status.st_rdev == 0x103);
	CHECK_ERROR(ioctl(file, TIOCGWINSZ, block), ENOTTY);
	close(file);
	file = open("/dev/full", O_WRONLY);
	CHECK_ERROR(write(file, block, 1), ENOSPC);
	close(file);
	CHECK(!isatty(0) && !isatty(1));
}

/* ---- /proc ---- */

static void maps(void)
{
	char *region = mmap(NULL, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char line[64];
	char program[PATH_MAX] = "";

	mprotect(region + 4096, 4096, PROT_READ | PROT_WRITE);
	CHECK(read_all("/proc/self/maps", text, sizeof text) > 0);
	snprintf(line, sizeof line, "%lx-%lx rw-p 00000000 00:00 0", (long)region + 4096,
		 (long)region + 8192);
	CHECK(strstr(text, line));
	CHECK(strstr(text, "[stack]") && strstr(text, "[heap]"));
	CHECK(readlink("/proc/self/exe", program, sizeof program - 1) > 0 && strstr(text, program));
	munmap(region, 3 * 4096);
}

static unsigned long field(const char *path, const char *name)
{
	const char *at;

	if (!CHECK(read_all(path, text, sizeof text) > 0))
		return 0;
	at = strstr(text, name);
	return CHECK(at) ? strtoul(at + strlen(name), NULL, 0) : 0;
}

static void process_files(void)
{
	char word[32];
	unsigned long size[7] = { 0 };
	int id = 0;

	CHECK(field("/proc/self/status", "Pid:\t") == (unsigned long)getpid());
	CHECK(field("/proc/self/status", "VmRSS:\t") > 0 && field("/proc/self/status", "Threads:\t") == 1);
	CHECK(field("/proc/self/status", "Uid:\t") == getuid() && strstr(text, "SigBlk:\t"));
	CHECK(read_all("/proc/self/stat", text, sizeof text) > 0);
	CHECK(sscanf(text, "%d (%31[^)])", &id, word) == 2 && id == getpid());
	CHECK(read_all("/proc/self/statm", text, sizeof text) > 0);
	CHECK(sscanf(text, "%lu %lu %lu", &size[0], &size[1], &size[2]) == 3 && size[0] >= size[1] &&
	      size[1] > 0);
	CHECK(read_all("/proc/self/comm", text, sizeof text) > 0);
	printf("comm %s", text);
	CHECK(read_all("/proc/self/limits", text, sizeof text) > 0 && strstr(text, "Max open files"));
	CHECK(read_all("/proc/self/auxv", text, sizeof text) > 64);
}

static void command_line(void)
{
	const ssize_t length = read_all("/proc/self/cmdline", text, sizeof text);

	CHECK(length > 0 && strstr(text, "system") && text[length - 1] == 0);
	CHECK(read_all("/proc/self/environ", text, sizeof text) > 0 &&
	      memmem(text, sizeof text, "LC_ALL=C", 9));
}

static void links_of_process(void)
{
	char target[PATH_MAX] = "";
	char working[PATH_MAX] = "";
	struct stat left;
	struct stat right;
	int file;

	CHECK(readlink("/proc/self/cwd", target, sizeof target - 1) > 0 && getcwd(working, sizeof working));
	CHECK(!strcmp(target, working));
	CHECK(!stat("/proc/self/exe", &left) && !stat((char *)getauxval(AT_EXECFN), &right) &&
	      left.st_ino == right.st_ino);
	CHECK(readlink("/proc/self", target, sizeof target - 1) > 0 && atoi(target) == getpid());
	file = open("in/words", O_RDONLY);
	snprintf(target, sizeof target, "/proc/self/fd/%d", file);
	memset(working, 0, sizeof working);
	CHECK(readlink(target, working, sizeof working - 1) > 0 && strstr(working, "/in/words"));
	close(file);
}

static void descriptors(void)
{
	const int file = open("in/words", O_RDONLY);
	struct dirent *entry;
	DIR *folder = opendir("/proc/self/fd");
	bool found = false;
	int count = 0;
	char again[64];
	int other;

	while (folder && (entry = readdir(folder))) {
		count += entry->d_name[0] != '.';
		found = found || atoi(entry->d_name) == file;
	}
	CHECK(found && count == 5);
	closedir(folder);
	snprintf(again, sizeof again, "/proc/self/fd/%d", file);
	other = open(again, O_RDONLY);
	CHECK(other > file && read(other, again, 10) == 10 && lseek(file, 0, SEEK_CUR) == 0);
	close(other);
	close(file);
}

static void machine_files(void)
{
	CHECK(field("/proc/meminfo", "MemTotal:") > 1000 && field("/proc/meminfo", "MemFree:") > 0);
	CHECK(field("/proc/meminfo", "MemAvailable:") > 0);
	CHECK(read_all("/proc/cpuinfo", text, sizeof text) > 0 && strstr(text, "processor\t: 0"));
	CHECK(strstr(text, "flags\t\t:") && strstr(text, " sse2 "));
	CHECK(read_all("/proc/uptime", text, sizeof text) > 0 && strtod(text, NULL) >= 0);
	CHECK(read_all("/proc/stat", text, sizeof text) > 0 && !strncmp(text, "cpu ", 4));
	CHECK(read_all("/proc/version", text, sizeof text) > 0 && !strncmp(text, "Linux version ", 14));
	CHECK(read_all("/proc/loadavg", text, sizeof text) > 0);
	CHECK(read_all("/proc/mounts", text, sizeof text) > 0 && strstr(text, "/proc proc "));
	CHECK(read_all("/proc/filesystems", text, sizeof text) > 0 && strstr(text, "tmpfs"));
	CHECK(read_all("/proc/sys/kernel/ostype", text, sizeof text) > 0 && !strcmp(text, "Linux\n"));
	CHECK(read_all("/proc/nothing", text, sizeof text) == -1 && errno == ENOENT);
}

/* ---- calls that are not there ---- */

static void unknown_calls(void)
{
	CHECK_ERROR(syscall(511), ENOSYS);
	CHECK_ERROR(syscall(100000), ENOSYS);
	CHECK_ERROR(syscall(-1), ENOSYS);
	CHECK_ERROR(ioctl(99, 0), EBADF);
}

/* Arguments of calls as in registers: what is above 32 bits of a descriptor does not matter. */
static void upper_halves(void)
{
	char byte;
	const long file = open("in/words", O_RDONLY);

	CHECK(syscall(SYS_read, file | 1L << 40, &byte, 1) == 1);
	CHECK(syscall(SYS_close, file | 1L << 50) == 0);
}

static const struct part parts[] = {
	{ "identity", identity },
	{ "limits", limits },
	{ "usage", usage },
	{ "controls", controls },
	{ "scheduling", scheduling },
	{ "auxiliary-vector", auxiliary_vector },
	{ "names", names },
	{ "information", information },
	{ "random-numbers", random_numbers },
	{ "devices", devices },
	{ "maps", maps },
	{ "process-files", process_files },
	{ "command-line", command_line },
	{ "links-of-process", links_of_process },
	{ "descriptors", descriptors },
	{ "machine-files", machine_files },
	{ "unknown-calls", unknown_calls },
	{ "upper-halves", upper_halves },
};

PARTS_MAIN(parts)
