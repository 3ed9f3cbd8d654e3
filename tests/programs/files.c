/* SPDX-License-Identifier: ISC */
/* files.c - files and directories, in the folder that is the first argument's, which is shared with the host or not. */
#include "parts.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

static struct stat status_of(const char *path)
{
	struct stat status = { 0 };

	CHECK(!stat(path, &status));
	return status;
}

static void put(const char *path, const char *text)
{
	const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	CHECK(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text) && !close(file));
}

static bool holds(const char *path, const char *text)
{
	char content[4096] = "";
	const int file = open(path, O_RDONLY);
	const ssize_t length = file < 0 ? -1 : read(file, content, sizeof content - 1);

	close(file);
	return length == (ssize_t)strlen(text) && !memcmp(content, text, strlen(text));
}

/* ---- opening, reading, writing ---- */

static void opening(void)
{
	char name[300];
	int file;

	CHECK_ERROR(open("nothing", O_RDONLY), ENOENT);
	CHECK_ERROR(open("nothing/more", O_RDONLY | O_CREAT, 0600), ENOENT);
	CHECK_ERROR(open("", O_RDONLY), ENOENT);
	put("file", "text");
	CHECK_ERROR(open("file", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
	CHECK_ERROR(open("file/more", O_RDONLY), ENOTDIR);
	CHECK_ERROR(open("file", O_RDONLY | O_DIRECTORY), ENOTDIR);
	CHECK_ERROR(open(".", O_WRONLY), EISDIR);
	CHECK_ERROR(open((char *)8, O_RDONLY), EFAULT);
	memset(name, 'n', 299);
	name[299] = 0;
	CHECK_ERROR(open(name, O_RDONLY | O_CREAT, 0600), ENAMETOOLONG);
	file = open("file", O_RDONLY);
	CHECK_ERROR(write(file, "x", 1), EBADF);
	CHECK((fcntl(file, F_GETFL) & O_ACCMODE) == O_RDONLY && !fcntl(file, F_GETFD));
	close(file);
	CHECK_ERROR(close(file), EBADF);
	file = open("file", O_WRONLY | O_TRUNC | O_CLOEXEC);
	CHECK(status_of("file").st_size == 0 && fcntl(file, F_GETFD) == FD_CLOEXEC);
	CHECK_ERROR(read(file, name, 1), EBADF);
	close(file);
	file = open("file", O_PATH);
	CHECK(file >= 0);
	CHECK_ERROR(read(file, name, 1), EBADF);
	close(file);
	file = open("created", O_WRONLY | O_CREAT, 0400);
	CHECK(write(file, "x", 1) == 1 && (status_of("created").st_mode & 07777) == 0400);
	close(file);
}

static void positions(void)
{
	char text[32] = "";
	const int file = open("positions", O_RDWR | O_CREAT | O_TRUNC, 0644);
	const int again = dup(file);
	const int other = open("positions", O_RDWR | O_APPEND);

	CHECK(write(file, "0123456789", 10) == 10 && lseek(again, 0, SEEK_CUR) == 10);
	CHECK(lseek(file, 3, SEEK_SET) == 3 && read(again, text, 4) == 4 && !memcmp(text, "3456", 4));
	CHECK(lseek(file, -2, SEEK_END) == 8 && lseek(file, 1, SEEK_CUR) == 9);
	CHECK_ERROR(lseek(file, -20, SEEK_CUR), EINVAL);
	CHECK_ERROR(lseek(file, 0, 99), EINVAL);
	CHECK(pread(file, text, 3, 5) == 3 && !memcmp(text, "567", 3) && lseek(file, 0, SEEK_CUR) == 9);
	CHECK(pwrite(file, "XY", 2, 1) == 2 && lseek(file, 0, SEEK_CUR) == 9);
	CHECK(lseek(other, 0, SEEK_SET) == 0 && write(other, "end", 3) == 3);
	CHECK(holds("positions", "0XY3456789end"));
	CHECK(read(file, text, 32) == 4 && read(file, text, 32) == 0);
	CHECK_ERROR(pread(file, text, 1, -1), EINVAL);
	CHECK(fcntl(file, F_SETFL, O_APPEND) == 0 && lseek(file, 0, SEEK_SET) == 0 &&
	      write(file, "!", 1) == 1);
	CHECK(holds("positions", "0XY3456789end!"));
	close(file);
	close(again);
	close(other);
}

static void holes(void)
{
	char block[100];
	const int file = open("holes", O_RDWR | O_CREAT | O_TRUNC, 0644);
	bool zero = true;

	CHECK(pwrite(file, "far", 3, 1000000) == 3 && status_of("holes").st_size == 1000003);
	CHECK(pread(file, block, 100, 500000) == 100);
	for (int i = 0; i < 100; i++)
		zero = zero && !block[i];
	CHECK(zero);
	CHECK(!ftruncate(file, 1000001) && pread(file, block, 10, 1000000) == 1);
	CHECK(!truncate("holes", 1000010) && pread(file, block, 10, 1000000) == 10 && block[0] == 'f' &&
	      !block[1]);
	CHECK_ERROR(ftruncate(file, -1), EINVAL);
	CHECK_ERROR(truncate(".", 0), EISDIR);
	CHECK(!posix_fallocate(file, 0, 2000000) && status_of("holes").st_size == 2000000);
	close(file);
}

static void vectors(void)
{
	char a[3] = "";
	char b[4] = "";
	const struct iovec out[2] = { { "one", 3 }, { "four", 4 } };
	const struct iovec in[2] = { { a, 3 }, { b, 4 } };
	const int file = open("vectors", O_RDWR | O_CREAT | O_TRUNC, 0644);

	CHECK(writev(file, out, 2) == 7 && preadv(file, in, 2, 0) == 7 && !memcmp(a, "one", 3) &&
	      !memcmp(b, "four", 4));
	CHECK(pwritev(file, out, 2, 5) == 7 && holds("vectors", "onefoonefour"));
	close(file);
}

static void copying(void)
{
	const int from = open("from", O_RDWR | O_CREAT | O_TRUNC, 0644);
	const int to = open("to", O_RDWR | O_CREAT | O_TRUNC, 0644);
	off_t offset = 2;
	loff_t at = 0;

	CHECK(write(from, "0123456789", 10) == 10);
	CHECK(sendfile(to, from, &offset, 5) == 5 && offset == 7);
	CHECK(holds("to", "23456"));
	CHECK(copy_file_range(from, &at, to, NULL, 3, 0) == 3 && at == 3);
	CHECK(holds("to", "23456012"));
	close(from);
	close(to);
}

static void large(void)
{
	static char block[1 << 20];
	const int file = open("large", O_RDWR | O_CREAT | O_TRUNC, 0644);
	unsigned sum = 0;

	for (size_t i = 0; i < sizeof block; i++)
		block[i] = (char)(i * 31 >> 3);
	for (int i = 0; i < 4; i++)
		CHECK(write(file, block, sizeof block) == sizeof block);
	CHECK(!fsync(file) && !fdatasync(file) && lseek(file, 0, SEEK_SET) == 0);
	for (ssize_t got; (got = read(file, block, 99991)) > 0;) {
		for (ssize_t i = 0; i < got; i++)
			sum = sum * 17 + (unsigned char)block[i];
	}
	printf("sum %u\n", sum);
	close(file);
}

/* ---- names ---- */

static void renaming(void)
{
	put("a", "a's");
	put("b", "b's");
	CHECK(!rename("a", "b") && holds("b", "a's"));
	CHECK_ERROR(rename("a", "c"), ENOENT);
	CHECK(!mkdir("folder", 0755) && !mkdir("folder/inner", 0755));
	CHECK_ERROR(rename("folder", "folder/inner/x"), EINVAL);
	CHECK_ERROR(rename("b", "folder"), EISDIR);
	CHECK_ERROR(rename("folder", "b"), ENOTDIR);
	put("folder/inner/file", "x");
	CHECK(!mkdir("target", 0755) && !rename("folder", "target") && holds("target/inner/file", "x"));
	CHECK(!mkdir("folder", 0755));
	CHECK_ERROR(rename("folder", "target"), ENOTEMPTY);
	put("c", "c's");
	CHECK_ERROR(renameat2(AT_FDCWD, "b", AT_FDCWD, "c", RENAME_NOREPLACE), EEXIST);
	CHECK(!renameat2(AT_FDCWD, "b", AT_FDCWD, "c", RENAME_EXCHANGE) && holds("c", "a's") &&
	      holds("b", "c's"));
}

static void removing(void)
{
	const int file = open("doomed", O_RDWR | O_CREAT, 0644);
	struct stat status;
	char text[8] = "";

	CHECK(write(file, "alive", 5) == 5 && !unlink("doomed"));
	CHECK_ERROR(stat("doomed", &status), ENOENT);
	CHECK(!fstat(file, &status) && status.st_nlink == 0 && status.st_size == 5);
	CHECK(pread(file, text, 8, 0) == 5 && !memcmp(text, "alive", 5) && pwrite(file, "still", 5, 5) == 5);
	CHECK(!ftruncate(file, 3) && !fstat(file, &status) && status.st_size == 3);
	close(file);
	CHECK_ERROR(unlink("doomed"), ENOENT);
	CHECK(!mkdir("empty", 0755));
	CHECK_ERROR(unlink("empty"), EISDIR);
	CHECK(!unlinkat(AT_FDCWD, "empty", AT_REMOVEDIR));
	put("file", "x");
	CHECK_ERROR(rmdir("file"), ENOTDIR);
	CHECK(!mkdir("used", 0755) && !mkdir("used/x", 0755));
	CHECK_ERROR(rmdir("used"), ENOTEMPTY);
	CHECK_ERROR(mkdir("used", 0755), EEXIST);
	CHECK_ERROR(rmdir("used/."), EINVAL);
}

static void links(void)
{
	char text[100] = "";

	put("original", "text");
	CHECK(!link("original", "second") && status_of("second").st_nlink == 2);
	CHECK(status_of("second").st_ino == status_of("original").st_ino);
	put("second", "changed");
	CHECK(holds("original", "changed") && !unlink("original") && holds("second", "changed"));
	CHECK_ERROR(link("second", "second"), EEXIST);
	CHECK_ERROR(link(".", "dot"), EPERM);
	CHECK(!symlink("second", "soft") && readlink("soft", text, 100) == 6 && holds("soft", "changed"));
	CHECK(readlink("soft", text, 3) == 3);
	CHECK_ERROR(readlink("second", text, 100), EINVAL);
	CHECK_ERROR(open("soft", O_RDONLY | O_NOFOLLOW), ELOOP);
	CHECK(!symlink("loop", "loop"));
	CHECK_ERROR(open("loop", O_RDONLY), ELOOP);
	CHECK(!mkdir("deep", 0755) && !symlink("../second", "deep/up") && holds("deep/up", "changed"));
	CHECK(!symlink("deep", "through") && holds("through/up", "changed") &&
	      holds("through/../second", "changed"));
	CHECK(!symlink("not-there", "dangling"));
	put("dangling", "made");
	CHECK(holds("not-there", "made"));
	CHECK(!unlink("loop"));
}

static void directories(void)
{
	const int count = 300;
	int seen[300] = { 0 };
	int total = 0;
	long middle = 0;
	char name[32];
	struct dirent *entry;
	DIR *folder;

	CHECK(!mkdir("list", 0755));
	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof name, "list/entry-%d", i);
		put(name, "");
	}
	folder = opendir("list");
	while ((entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		CHECK(entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN);
		seen[atoi(entry->d_name + 6)]++;
		if (++total == 100)
			middle = telldir(folder);
	}
	CHECK(total == count);
	for (int i = 0; i < count; i++)
		CHECK(seen[i] == 1);
	seekdir(folder, middle);
	for (total = 0; readdir(folder);)
		total++;
	CHECK(total >= 200 && total <= 202);
	/* Removing what was listed goes together with listing. */
	rewinddir(folder);
	for (total = 0; (entry = readdir(folder));) {
		if (entry->d_name[0] != '.')
			total += !unlinkat(dirfd(folder), entry->d_name, 0);
	}
	CHECK(total == count);
	closedir(folder);
	CHECK(!rmdir("list"));
}

static void working_directory(void)
{
	char before[PATH_MAX] = "";
	char inside[PATH_MAX] = "";
	const int start = open(".", O_RDONLY | O_DIRECTORY);

	CHECK(!mkdir("work", 0755) && getcwd(before, sizeof before) && !chdir("work") &&
	      getcwd(inside, sizeof inside));
	CHECK(strlen(inside) == strlen(before) + 5 && !strcmp(inside + strlen(before), "/work"));
	CHECK_ERROR((long)(getcwd(inside, 2) ? 0 : -1), ERANGE);
	put("here", "x");
	CHECK(!fchdir(start) && holds("work/here", "x"));
	CHECK(!chdir("work/../work/./..") && getcwd(inside, sizeof inside) && !strcmp(before, inside));
	CHECK_ERROR(chdir("work/here"), ENOTDIR);
	close(start);
}

static void relative_to_descriptors(void)
{
	struct stat status;
	int folder;
	int file;

	CHECK(!mkdir("at", 0755));
	folder = open("at", O_RDONLY | O_DIRECTORY);
	file = openat(folder, "file", O_WRONLY | O_CREAT, 0644);
	CHECK(file >= 0 && write(file, "x", 1) == 1);
	CHECK(!mkdirat(folder, "inner", 0755) && !symlinkat("file", folder, "soft"));
	CHECK(!fstatat(folder, "soft", &status, AT_SYMLINK_NOFOLLOW) && S_ISLNK(status.st_mode));
	CHECK(!fstatat(folder, "soft", &status, 0) && S_ISREG(status.st_mode));
	CHECK(!fstatat(file, "", &status, AT_EMPTY_PATH) && status.st_size == 1);
	CHECK_ERROR(fstatat(file, "x", &status, 0), ENOTDIR);
	CHECK(!renameat(folder, "file", AT_FDCWD, "moved") && holds("moved", "x"));
	CHECK(!faccessat(folder, "inner", R_OK | X_OK, 0));
	CHECK_ERROR(faccessat(folder, "file", F_OK, 0), ENOENT);
	close(file);
	close(folder);
}

/* ---- what files have besides contents ---- */

static void attributes(void)
{
	const struct timespec times[2] = { { 1000000000, 123456789 }, { 1100000000, 987654321 } };
	const struct timespec keep[2] = { { 0, UTIME_OMIT }, { 1200000000, 0 } };
	struct statx extended = { 0 };
	struct stat status;

	put("file", "text");
	CHECK(!chmod("file", 0640) && (status_of("file").st_mode & 07777) == 0640);
	CHECK(!chmod("file", 0751) && (status_of("file").st_mode & 07777) == 0751);
	CHECK(!utimensat(AT_FDCWD, "file", times, 0));
	status = status_of("file");
	CHECK(status.st_atim.tv_sec == 1000000000 && status.st_atim.tv_nsec == 123456789);
	CHECK(status.st_mtim.tv_sec == 1100000000 && status.st_mtim.tv_nsec == 987654321);
	CHECK(!utimensat(AT_FDCWD, "file", keep, 0));
	status = status_of("file");
	CHECK(status.st_atim.tv_sec == 1000000000 && status.st_mtim.tv_sec == 1200000000);
	CHECK(!utimes("file", NULL) && status_of("file").st_mtim.tv_sec > 1600000000);
	CHECK(!chown("file", getuid(), getgid()) && status_of("file").st_uid == getuid());
	CHECK(!statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS, &extended) && extended.stx_size == 4);
	CHECK(extended.stx_ino == status_of("file").st_ino && extended.stx_nlink == 1);
	CHECK(S_ISDIR(status_of(".").st_mode));
	umask(077);
	CHECK(!mkdir("masked", 0777) && (status_of("masked").st_mode & 0777) == 0700);
	CHECK(umask(022) == 077);
	CHECK(!access("file", R_OK | W_OK | X_OK));
	CHECK_ERROR(access("nothing", F_OK), ENOENT);
}

static void change_of_times(void)
{
	struct stat before;
	const int file = open("timed", O_RDWR | O_CREAT | O_TRUNC, 0644);

	before = status_of("timed");
	usleep(20000);
	CHECK(write(file, "x", 1) == 1);
	CHECK(status_of("timed").st_mtim.tv_sec > before.st_mtim.tv_sec ||
	      status_of("timed").st_mtim.tv_nsec > before.st_mtim.tv_nsec);
	close(file);
}

static void file_system(void)
{
	struct statfs system;
	struct statvfs virtual_system;

	CHECK(!statfs(".", &system) && system.f_bsize > 0 && system.f_blocks > 0 && system.f_namelen == 255);
	CHECK(!statvfs(".", &virtual_system) && virtual_system.f_bfree <= virtual_system.f_blocks);
}

/* ---- descriptors ---- */

static void duplicates(void)
{
	struct rlimit limit;
	const int file = open("dup", O_RDWR | O_CREAT, 0644);

	CHECK(dup2(file, 100) == 100 && write(100, "x", 1) == 1 && lseek(file, 0, SEEK_CUR) == 1);
	CHECK(dup2(file, file) == file && dup3(file, 101, O_CLOEXEC) == 101 &&
	      fcntl(101, F_GETFD) == FD_CLOEXEC);
	CHECK_ERROR(dup3(file, file, 0), EINVAL);
	CHECK_ERROR(dup2(99, 98), EBADF);
	CHECK(fcntl(file, F_DUPFD, 50) == 50 && fcntl(file, F_DUPFD_CLOEXEC, 50) == 51);
	CHECK(!close(50) && open("dup", O_RDONLY) == file + 1 && !close(file + 1));
	CHECK(!close_range(51, 101, 0));
	CHECK_ERROR(fcntl(100, F_GETFD), EBADF);
	CHECK(!getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = (rlim_t)file + 3;
	CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
	CHECK(open("dup", O_RDONLY) == file + 1 && open("dup", O_RDONLY) == file + 2);
	CHECK_ERROR(open("dup", O_RDONLY), EMFILE);
	limit.rlim_cur = 1000;
	CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
	CHECK(!close(file) && !close(file + 1) && !close(file + 2));
}

static void locks(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10 };
	const int file = open("locked", O_RDWR | O_CREAT, 0644);
	const int other = open("locked", O_RDWR);

	CHECK(!fcntl(file, F_SETLK, &lock));
	CHECK(!fcntl(other, F_GETLK, &lock) && lock.l_type == F_UNLCK); /* one's own */
	CHECK(!fcntl(file, F_SETLK, &(struct flock){ .l_type = F_UNLCK, .l_whence = SEEK_SET }));
	lock = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0 };
	CHECK(!fcntl(file, F_OFD_SETLK, &lock));
	lock.l_type = F_RDLCK;
	CHECK_ERROR(fcntl(other, F_OFD_SETLK, &lock), EAGAIN);
	CHECK(!flock(file, LOCK_EX));
	CHECK_ERROR(flock(other, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	CHECK(!flock(file, LOCK_UN) && !flock(other, LOCK_SH | LOCK_NB) && !flock(file, LOCK_SH | LOCK_NB));
	close(file);
	close(other);
}

static void streams(void)
{
	char line[100];
	FILE *file = fopen("stream", "w+");
	int lines = 0;
	long sum = 0;

	for (int i = 0; i < 5000; i++)
		fprintf(file, "line %d\n", i);
	rewind(file);
	while (fgets(line, sizeof line, file)) {
		sum += atoi(line + 5);
		lines++;
	}
	CHECK(lines == 5000 && sum == 5000L * 4999 / 2 && feof(file));
	CHECK(!fseek(file, 5, SEEK_SET) && fgetc(file) == '0' && ftell(file) == 6);
	fclose(file);
	file = tmpfile();
	CHECK(file && fputs("temporary", file) >= 0 && !fclose(file));
}

static const struct part parts[] = {
	{ "opening", opening },
	{ "positions", positions },
	{ "holes", holes },
	{ "vectors", vectors },
	{ "copying", copying },
	{ "large", large },
	{ "renaming", renaming },
	{ "removing", removing },
	{ "links", links },
	{ "directories", directories },
	{ "working-directory", working_directory },
	{ "relative-to-descriptors", relative_to_descriptors },
	{ "attributes", attributes },
	{ "change-of-times", change_of_times },
	{ "file-system", file_system },
	{ "duplicates", duplicates },
	{ "locks", locks },
	{ "streams", streams },
};

/* Each part begins in a folder of its own. */
int main(int argument_count, char **arguments)
{
	char start[PATH_MAX];

	if (argument_count < 2 || (mkdir(arguments[1], 0755) && errno != EEXIST) || chdir(arguments[1]) ||
	    !getcwd(start, sizeof start)) {
		perror("usage: files FOLDER [PART...]");
		return 2;
	}
	umask(022);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		CHECK(!chdir(start));
		if (!part_is_asked_for(parts[i].name, argument_count - 1, arguments + 1))
			continue;
		CHECK(!mkdir(parts[i].name, 0755) && !chdir(parts[i].name));
		parts_run(&parts[i], 1, 1, arguments);
	}
	return parts_failed ? 1 : 0;
}
