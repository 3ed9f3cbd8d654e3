/* SPDX-License-Identifier: ISC */
/*
 * database.c - SQLite at work in the file that is the argument: tables, indexes, 100,000 rows in transactions, joins,
 * updates, roll-back, the write-ahead log, a second connection, integrity_check. With the argument `check`, only reads.
 */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sqlite3 *database;

static int print_row(void *unused, int columns, char **values, char **names)
{
	(void)unused;
	(void)names;
	for (int i = 0; i < columns; i++)
		printf("%s%s", i ? " | " : "", values[i] ? values[i] : "NULL");
	putchar('\n');
	return 0;
}

static void run(const char *statement)
{
	char *message = NULL;

	if (sqlite3_exec(database, statement, print_row, NULL, &message)) {
		printf("%s: %s\n", statement, message);
		sqlite3_free(message);
	}
}

static sqlite3_stmt *prepare(const char *text)
{
	sqlite3_stmt *statement = NULL;

	if (sqlite3_prepare_v2(database, text, -1, &statement, NULL)) {
		printf("%s: %s\n", text, sqlite3_errmsg(database));
		exit(1);
	}
	return statement;
}

static void insert_rows(int rows, int in_transaction)
{
	sqlite3_stmt *statement = prepare("INSERT INTO item VALUES (?, ?, ?, ?)");
	uint32_t dice = 1;
	char text[64];

	for (int i = 0; i < rows; i++) {
		if (i % in_transaction == 0)
			run("BEGIN");
		dice = dice * 1664525 + 1013904223;
		snprintf(text, sizeof text, "name-%" PRIu32 "-%d", dice >> 8, i % 97);
		sqlite3_bind_int(statement, 1, i);
		sqlite3_bind_int(statement, 2, (int)(dice >> 16) % 100);
		sqlite3_bind_text(statement, 3, text, -1, SQLITE_TRANSIENT);
		sqlite3_bind_double(statement, 4, dice / 4294967296.0);
		if (sqlite3_step(statement) != SQLITE_DONE)
			printf("insert %d: %s\n", i, sqlite3_errmsg(database));
		sqlite3_reset(statement);
		if ((i + 1) % in_transaction == 0)
			run("COMMIT");
	}
	sqlite3_finalize(statement);
}

static void fill(void)
{
	run("CREATE TABLE kind (id INTEGER PRIMARY KEY, title TEXT UNIQUE)");
	run("CREATE TABLE item (id INTEGER PRIMARY KEY, kind INTEGER REFERENCES kind, name TEXT, weight REAL)");
	run("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99) "
	    "INSERT INTO kind SELECT i, printf('kind %03d', i) FROM n");
	insert_rows(100000, 5000);
	run("CREATE INDEX item_kind ON item (kind, weight)");
	run("CREATE INDEX item_name ON item (name)");
	run("ANALYZE");
}

static void change(void)
{
	run("BEGIN; DELETE FROM item; SELECT count(*) FROM item; ROLLBACK");
	run("UPDATE item SET weight = weight * 2 WHERE kind = 7; SELECT changes()");
	run("DELETE FROM item WHERE id % 10 = 3; SELECT changes()");
	run("INSERT INTO kind VALUES (7, 'again')");
	run("CREATE TABLE scratch AS SELECT name, upper(name) AS loud, zeroblob(5000) AS much FROM item LIMIT 500");
	run("SELECT count(*), sum(length(much)) FROM scratch; DROP TABLE scratch");
}

static void ask(void)
{
	run("SELECT count(*), sum(kind), round(sum(weight), 6), max(name) FROM item");
	run("SELECT title, count(*) AS n, round(avg(weight), 6) FROM item JOIN kind ON kind.id = item.kind "
	    "GROUP BY kind.id ORDER BY n DESC, title LIMIT 7");
	run("SELECT a.id, b.id FROM item a JOIN item b ON a.name = b.name AND a.id < b.id ORDER BY 1, 2 LIMIT 5");
	run("SELECT name FROM item WHERE name LIKE 'name-99%' ORDER BY weight LIMIT 5");
	run("SELECT id, rank() OVER (PARTITION BY kind ORDER BY weight) FROM item WHERE kind < 2 LIMIT 5");
	run("PRAGMA integrity_check; PRAGMA page_count; PRAGMA foreign_key_check");
}

/* Another connection sees what is committed, and has to wait for who writes. */
static void share(const char *path)
{
	sqlite3 *first = database;

	sqlite3_open(path, &database);
	run("SELECT count(*) FROM item");
	run("BEGIN IMMEDIATE");
	printf("locked out: %d\n", sqlite3_exec(first, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_BUSY);
	run("INSERT OR REPLACE INTO kind VALUES (1000, 'other'); COMMIT");
	sqlite3_close(database);
	database = first;
	run("SELECT title FROM kind WHERE id = 1000");
}

static void log_ahead(const char *path)
{
	run("PRAGMA journal_mode = WAL");
	run("BEGIN; INSERT INTO item SELECT id + 1000000, kind, name, weight FROM item WHERE id < 5000; COMMIT");
	run("BEGIN; DELETE FROM kind; ROLLBACK");
	share(path);
	run("PRAGMA wal_checkpoint(TRUNCATE)");
	run("PRAGMA journal_mode = DELETE");
}

int main(int count, char **arguments)
{
	if (count < 2 || sqlite3_open(arguments[1], &database)) {
		printf("cannot open: %s\n", sqlite3_errmsg(database));
		return 1;
	}
	if (count > 2 && !strcmp(arguments[2], "check")) {
		ask();
	} else {
		fill();
		ask();
		change();
		share(arguments[1]);
		if (strcmp(arguments[1], ":memory:") != 0)
			log_ahead(arguments[1]);
		run("VACUUM");
		ask();
	}
	return sqlite3_close(database) == SQLITE_OK ? 0 : 1;
}
