-- SPDX-License-Identifier: ISC
-- What SQLite's shell makes on the host, for the guest to read.
CREATE TABLE kind (id INTEGER PRIMARY KEY, title TEXT UNIQUE);
CREATE TABLE item (id INTEGER PRIMARY KEY, kind INTEGER REFERENCES kind, name TEXT, weight REAL);
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 49) INSERT INTO kind SELECT i, 'kind ' || i FROM n;
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 19999)
INSERT INTO item SELECT i, i * 7919 % 50, 'name-' || (i * 104729 % 99991), i * 31 % 1009 / 1009.0 FROM n;
CREATE INDEX item_name ON item (name);
