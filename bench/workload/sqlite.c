/* SPDX-License-Identifier: ISC */
/* sqlite.c - a database: rows in transactions, an index, a join, and the check of it all. */
#include "workload.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROWS_AT_ONCE = 1000, GROUPS = 97 };

static const char database[] = "bench.db";

static void check(sqlite3 *base, int result)
{
	if (result == SQLITE_OK || result == SQLITE_DONE || result == SQLITE_ROW)
		return;
	fprintf(stderr, "bench-workload: sqlite: %s\n", base ? sqlite3_errmsg(base) : sqlite3_errstr(result));
	exit(EXIT_FAILURE);
}

static void run(sqlite3 *base, const char *statement)
{
	check(base, sqlite3_exec(base, statement, NULL, NULL, NULL));
}

static void insert(sqlite3 *base, uint64_t rows)
{
	sqlite3_stmt *statement;

	check(base, sqlite3_prepare_v2(base, "INSERT INTO item VALUES (?, ?, ?)", -1, &statement, NULL));
	for (uint64_t i = 0; i < rows; i++) {
		char name[64];

		snprintf(name, sizeof name, "item number %llu of a benchmark",
			 (unsigned long long)(i * 7919 % rows));
		if (i % ROWS_AT_ONCE == 0)
			run(base, i ? "COMMIT; BEGIN" : "BEGIN");
		check(base, sqlite3_bind_int64(statement, 1, (sqlite3_int64)i));
		check(base, sqlite3_bind_int64(statement, 2, (sqlite3_int64)(i % GROUPS)));
		check(base, sqlite3_bind_text(statement, 3, name, -1, SQLITE_TRANSIENT));
		check(base, sqlite3_step(statement));
		check(base, sqlite3_reset(statement));
	}
	run(base, "COMMIT");
	check(base, sqlite3_finalize(statement));
}

uint64_t workload_sqlite(uint64_t rows)
{
	sqlite3 *base;

	if (unlink(database) && errno != ENOENT)
		workload_fail(database);
	check(NULL, sqlite3_open(database, &base));
	run(base,
	    "PRAGMA synchronous = OFF; CREATE TABLE item (id INTEGER PRIMARY KEY, part INT, name TEXT)");
	insert(base, rows);
	run(base, "CREATE INDEX by_name ON item (name)");
	run(base,
	    "SELECT a.part, count(*), max(b.name) FROM item a JOIN item b ON a.id = b.id + 1 GROUP BY a.part");
	run(base, "SELECT count(*) FROM item WHERE name LIKE '%99%'");
	run(base, "PRAGMA integrity_check");
	check(base, sqlite3_close(base));
	return rows;
}
