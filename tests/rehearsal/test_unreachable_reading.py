"""What in a statement leads outside of its database, read from its text."""

from __future__ import annotations

import pytest

from syzygy_like.rehearsal.scratch.unreachable.reading import outside

OTHERS = frozenset({"other", "shop", "mysql"})


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("DELETE FROM other.t", "other.t"),
        ("delete from `Other` . `t`", "Other.t"),
        ('DELETE FROM "other"."t"', "other.t"),
        ("/*!50000 DELETE FROM other.t */", "other.t"),
        ("/*M! DELETE FROM other.t */", "other.t"),
        ("SELECT 5--1; DELETE FROM other.t", "other.t"),
        ("UPDATE a, other.b SET a.x = 1", "other.b"),
        ("SELECT other.f()", "other.f"),
        ("CREATE INDEX i ON other.t (a)", "other.t"),
        ("ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES other.t (id)", "other.t"),
        ("SELECT shop.id FROM shop.t AS shop", "shop.t"),
        ("CREATE TABLE m (a int) ENGINE=MERGE UNION=(other.t)", "other.t"),
        ("SELECT 1 -- one\n; USE other", "USE 'other'"),
        ("ALTER DATABASE other CHARACTER SET utf8mb4", "ALTER DATABASE other"),
        ("LOAD DATA INFILE 'x' INTO TABLE t", "LOAD DATA"),
        ("SET GLOBAL max_connections = 1", "SET GLOBAL"),
        ("SET @@global.max_connections = 1", "SET @@global ."),
        ("GRANT SELECT ON t TO somebody", "GRANT"),
        ("PREPARE s FROM 'DELETE FROM other.t'", "other.t"),
        ("CREATE TABLE t (a int) DATA DIRECTORY='/tmp'", "DATA DIRECTORY"),
    ],
)
def test_outside_on_mysql(sql, name):
    found = outside(sql, "mysql", "mine", OTHERS)
    assert found.replace("'", "") == name.replace("'", "")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT `shop`.`id` FROM `shop` WHERE `shop`.`a` = %s",
        "SELECT shop.id FROM orders shop",
        "INSERT INTO t VALUES ('DELETE FROM other.t', 'USE other', '; USE other')",
        "SELECT 1 # ; USE other",
        "SELECT 1 -- ; USE other",
        "SELECT 'it''s \\'; USE other'",
        "SELECT mine.t.a FROM mine.t",
        "SELECT t.other.a FROM t",
        "SELECT table_name FROM information_schema.tables",
        "USE mine",
        "ALTER DATABASE `mine` CHARACTER SET utf8mb4",
        "ALTER DATABASE CHARACTER SET utf8mb4",
        "LOAD DATA LOCAL INFILE 'x' INTO TABLE t",
        "SET SESSION sql_mode = 'a'",
        "ALTER TABLE t ADD COLUMN role int, DROP role",
        "CREATE INDEX user ON t (kill)",
        "SELECT a.global FROM a",
    ],
)
def test_inside_on_mysql(sql):
    assert outside(sql, "mysql", "mine", OTHERS) == ""


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("CREATE DATABASE more", "CREATE DATABASE more"),
        ('ALTER DATABASE "real" SET x TO 1', "ALTER DATABASE real"),
        ('GRANT ALL ON DATABASE "real" TO x', "GRANT ALL ON DATABASE real"),
        ("DO $$ BEGIN IF true THEN CREATE ROLE x; END IF; END $$", "CREATE ROLE"),
        ("DO $a$ BEGIN EXECUTE 'DROP DATABASE y'; END $a$", "DROP DATABASE y"),
        ("DO $$ BEGIN PERFORM dblink('a', 'b'); END $$", "dblink"),
        (
            "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DROP ROLE x'",
            "DROP ROLE",
        ),
        ("COPY t TO PROGRAM 'true'", "COPY t TO PROGRAM"),
        ("COPY (SELECT 1) TO E'/tmp/x'", "COPY ( SELECT 1 ) TO _tmp_x"),
        ('CREATE EXTENSION IF NOT EXISTS "file_fdw"', None),
        ("SELECT public.dblink_exec('a', 'b')", "dblink_exec"),
        ("GRANT a TO b", "GRANT a TO"),
        ("COMMENT ON ROLE x IS 'y'", "COMMENT ON ROLE"),
        ("IMPORT FOREIGN SCHEMA a FROM SERVER b INTO c", "IMPORT FOREIGN SCHEMA"),
    ],
)
def test_outside_on_postgresql(sql, name):
    found = outside(sql, "postgresql", "mine").replace("'", "")
    assert found == name if name else found


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE EXTENSION IF NOT EXISTS hstore",
        "COPY t TO STDOUT",
        "COPY t FROM STDIN",
        "GRANT SELECT ON t TO x",
        "REVOKE GRANT OPTION FOR SELECT ON t FROM x",
        "ALTER TABLE t DROP role",
        "CREATE INDEX i ON t (role) -- ; CREATE ROLE x",
        "INSERT INTO t VALUES ('CREATE ROLE x', E'it\\'s; CREATE ROLE x')",
        "COMMENT ON TABLE t IS 'ON ROLE x'",
        "ALTER DATABASE mine SET x TO 1",
        "SELECT 1 /* ; CREATE ROLE x */",
        "CREATE SCHEMA other; CREATE TABLE other.t (a int)",
    ],
)
def test_inside_on_postgresql(sql):
    assert outside(sql, "postgresql", "mine") == ""


def test_databases_that_are_not_looked_at():
    """Where rights decide, SQL may compute their names."""
    sql = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET a = 1', b); END $$"
    assert outside(sql, "postgresql") == ""
    assert outside(sql, "postgresql", "mine")
    assert outside("CREATE ROLE x", "postgresql")


def test_other_vendors_are_not_read():
    assert outside("DROP DATABASE x", "sqlite", "mine") == ""
