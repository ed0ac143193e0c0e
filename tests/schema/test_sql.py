from __future__ import annotations

import dataclasses
import logging
import sqlite3
import subprocess
import sys

import pytest
from django.db import connection
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.utils import names_digest
from django.db.migrations import RunSQL

from syzygy_like.schema import (
    ANYTHING,
    Column,
    ColumnType,
    Constraint,
    Default,
    Patch,
    Reference,
    Schema,
    Table,
)
from syzygy_like.schema.sql import is_available, read_sql

INTEGER = ColumnType("integer", low=-(2**31), high=2**31 - 1)
POSITIVE = ColumnType("integer", low=0, high=2**31 - 1)
BIG = ColumnType("integer", low=-(2**63), high=2**63 - 1)
NAMES = {
    INTEGER: "integer",
    BIG: "bigint",
    ColumnType("integer", low=-(2**15), high=2**15 - 1): "smallint",
    POSITIVE: "positive",
}
UNIQUE_NAME = f"t_a_c_{names_digest('t', 'c', 'a', length=8)}_uniq"
FOREIGN_KEY_NAME = f"t_u_id_{names_digest('t', 'u_id', length=8)}_fk_u_id"


def table(name: str, *columns: Column, **attributes) -> Table:
    by_name = {column.name: column for column in columns}
    return Table(name, by_name, ("id",), label=f"app.{name}", **attributes)


def key(name: str = "id", **attributes) -> Column:
    return Column(name, BIG, **attributes)


SCHEMA = Schema(
    {
        "t": table(
            "t",
            key(auto=True),
            Column("a", INTEGER, field="a_field"),
            Column("b", ColumnType("text"), null=True),
            Column("c", ColumnType("text", size=50), default=Default(("Value", "x"))),
            Column("n", POSITIVE),
            key("u_id", null=True, reference=Reference("u", "id")),
            constraints=frozenset(
                {
                    Constraint("unique", frozenset({"c"})),
                    Constraint("unique", frozenset({"a", "c"})),
                    Constraint("unique", frozenset({"b"}), name="uq"),
                    Constraint(
                        "check",
                        frozenset({"a"}),
                        key=("Check", ("Q", "AND", False, (("a__gt", 0),))),
                        name="ck",
                    ),
                    Constraint(
                        "unique",
                        frozenset({"b"}),
                        condition=("Q", "AND", False, (("n__gt", ("F", "a")),)),
                        name="partial",
                    ),
                }
            ),
        ),
        "u": table("u", key(auto=True), Column("Name", ColumnType("text"))),
        "legacy": Table("legacy", {}, external=True),
    }
)


def facts(table: Table | None) -> set[str]:
    """Return what there is to a table, a line for each."""
    if table is None:
        return set()
    lines = {f"{table.name}.{_column(column)}" for column in table.columns.values()}
    lines |= {f"{table.name}: {_constraint(each)}" for each in table.constraints}
    return {*lines, f"{table.name}: key({', '.join(table.primary_key)})"}


def _column(column: Column) -> str:
    words = [column.name, NAMES.get(column.type, str(column.type))]
    words += ["null"] * column.null + ["auto"] * column.auto
    if column.default:
        words.append("unique default" if column.default.unique else "default")
    words += ["generated"] * bool(column.generated)
    if column.collation:
        words.append(f"collate {column.collation}")
    if column.reference:
        words.append("-> " if column.reference.constraint else "(->) ")
        words[-1] += f"{column.reference.table}.{column.reference.column}"
        words.append(column.reference.on_delete or "")
    return " ".join(filter(None, words))


def _constraint(constraint: Constraint) -> str:
    words = [f"{constraint.kind}({', '.join(sorted(constraint.columns))})"]
    for value in (constraint.key, constraint.condition):
        if value is not None:
            words.append(value[1] if value[0] == "sql" else repr(value))
    words += ["nulls"] * (not constraint.nulls_distinct)
    words += ["deferrable"] * constraint.deferrable
    words += ["tests null"] * constraint.tests_null
    return " ".join(words)


def changes(patch: Patch | None) -> list[str] | None:
    """Return the difference that a patch makes, None if there is no patch."""
    if patch is None:
        return None
    lines = []
    for old, new in patch.changes.values():
        lines += [f"- {line}" for line in facts(old) - facts(new)]
        lines += [f"+ {line}" for line in facts(new) - facts(old)]
    return sorted(lines)


def read(sql, vendor="postgresql", schema=SCHEMA):
    return read_sql(RunSQL(sql), schema, vendor)


P, M, S = "postgresql", "mysql", "sqlite"

ALTERS = [
    (P, "ADD COLUMN x text NOT NULL DEFAULT 'y'", ["+ t.x text default"]),
    (P, 'ADD "X" text', ["+ t.X text null"]),
    (P, "ADD X text", ["+ t.x text null"]),
    (P, "ADD IF NOT EXISTS a text", []),
    (P, "ADD COLUMN x text DEFAULT NULL::text", ["+ t.x text null"]),
    (P, "ADD x uuid DEFAULT gen_random_uuid()", ["+ t.x uuid null unique default"]),
    (P, "ADD x uuid DEFAULT uuidv7()", ["+ t.x uuid null unique default"]),
    (P, "ADD x int GENERATED ALWAYS AS (a * 2) STORED NOT NULL",
     ["+ t.x integer null generated"]),
    (P, "ADD x bigint GENERATED BY DEFAULT AS IDENTITY", ["+ t.x bigint auto"]),
    (P, "ADD x smallserial", ["+ t.x smallint auto"]),
    (P, 'ADD x text COLLATE "C"', ["+ t.x text null collate C"]),
    (P, "ADD x bigint REFERENCES u ON DELETE SET NULL",
     ["+ t.x bigint null -> u.id SET NULL"]),
    (P, "ADD x bigint REFERENCES u (id) on delete no action",
     ["+ t.x bigint null -> u.id"]),
    (P, "ADD x int UNIQUE CHECK (x > 0)",
     ['+ t: check(x) "x" > 0', "+ t: unique(x)", "+ t.x integer null"]),
    (P, "DROP COLUMN IF EXISTS missing", []),
    (P, "DROP n CASCADE", [
        "- t: unique(b) ('Q', 'AND', False, (('n__gt', ('F', 'a')),))",
        "- t.n positive",
    ]),
    (P, "DROP c", [
        "- t: unique(a, c)", "- t: unique(c)", "- t.c text(50) default"
    ]),
    (P, "DROP COLUMN id", ["+ t: key()", "- t: key(id)", "- t.id bigint auto"]),
    (P, "ALTER a DROP NOT NULL", ["+ t.a integer null", "- t.a integer"]),
    (P, "ALTER b SET NOT NULL", ["+ t.b text", "- t.b text null"]),
    (P, "ALTER a SET DEFAULT 4, ALTER c DROP DEFAULT",
     ["+ t.a integer default", "+ t.c text(50)",
      "- t.a integer", "- t.c text(50) default"]),
    (P, "ALTER c SET DEFAULT NULL", ["+ t.c text(50)", "- t.c text(50) default"]),
    (P, "ALTER id DROP DEFAULT", ["+ t.id bigint", "- t.id bigint auto"]),
    (P, "ALTER id SET DEFAULT nextval('s')",
     ["+ t.id bigint auto unique default", "- t.id bigint auto"]),
    (P, "ALTER c TYPE varchar(40) USING c::varchar",
     ["+ t.c text(40) default", "- t.c text(50) default"]),
    (P, 'ALTER b SET DATA TYPE varchar(9) COLLATE "C"',
     ["+ t.b text(9) null collate C", "- t.b text null"]),
    (P, "ALTER missing SET NOT NULL", []),
    (P, "RENAME COLUMN b TO d", [
        "+ t: unique(d)",
        "+ t: unique(d) ('Q', 'AND', False, (('n__gt', ('F', 'a')),))",
        "+ t.d text null",
        "- t: unique(b)",
        "- t: unique(b) ('Q', 'AND', False, (('n__gt', ('F', 'a')),))",
        "- t.b text null",
    ]),
    (P, "RENAME a TO d", [
        "+ t: check(d) ('Check', ('Q', 'AND', False, (('d__gt', 0),)))",
        "+ t: unique(b) ('Q', 'AND', False, (('n__gt', ('F', 'd')),))",
        "+ t: unique(c, d)",
        "+ t.d integer",
        "- t: check(a) ('Check', ('Q', 'AND', False, (('a__gt', 0),)))",
        "- t: unique(a, c)",
        "- t: unique(b) ('Q', 'AND', False, (('n__gt', ('F', 'a')),))",
        "- t.a integer",
    ]),
    (P, "ADD CONSTRAINT x UNIQUE (a, b)", ["+ t: unique(a, b)"]),
    (P, "ADD CONSTRAINT x UNIQUE NULLS NOT DISTINCT (a) DEFERRABLE",
     ["+ t: unique(a) nulls deferrable"]),
    (P, "ADD CONSTRAINT x UNIQUE (a) INCLUDE (b)", ["+ t: unique(a)"]),
    (P, "ADD CONSTRAINT x CHECK (A > 0 OR b IS NULL) NOT VALID",
     ['+ t: check(a, b) "a" > 0 OR "b" IS NULL tests null']),
    (P, "ADD CONSTRAINT x FOREIGN KEY (a) REFERENCES public.u ON DELETE CASCADE",
     ["+ t.a integer -> u.id CASCADE", "- t.a integer"]),
    (P, "ADD PRIMARY KEY (a, b)", [
        "+ t: key(a, b)", "+ t.b text", "- t: key(id)", "- t.b text null"
    ]),
    (P, "ADD CONSTRAINT x EXCLUDE USING gist (a WITH =, b WITH &&)",
     ['+ t: exclusion(a, b) '
      'USING gist("a" NULLS LAST WITH =, "b" NULLS LAST WITH &&)']),
    (P, "DROP CONSTRAINT uq", ["- t: unique(b)"]),
    (P, "DROP CONSTRAINT IF EXISTS missing", []),
    (P, "DROP CONSTRAINT t_c_key", ["- t: unique(c)"]),
    (P, f'DROP CONSTRAINT "{UNIQUE_NAME}"', ["- t: unique(a, c)"]),
    (P, f"DROP CONSTRAINT {FOREIGN_KEY_NAME}",
     ["+ t.u_id bigint null (->) u.id", "- t.u_id bigint null -> u.id"]),
    (P, "DROP CONSTRAINT old_u_id_01234567_fk_u_id",
     ["+ t.u_id bigint null (->) u.id", "- t.u_id bigint null -> u.id"]),
    (P, "DROP CONSTRAINT t_u_id_fkey",
     ["+ t.u_id bigint null (->) u.id", "- t.u_id bigint null -> u.id"]),
    (P, "DROP CONSTRAINT t_pkey", ["+ t: key()", "- t: key(id)"]),
    (P, "DROP CONSTRAINT t_n_check", ["+ t.n integer", "- t.n positive"]),
    (P, "SET (fillfactor = 70)", []),
    (P, "VALIDATE CONSTRAINT ck", []),
    (M, "MODIFY a varchar(10) NULL DEFAULT 'x'",
     ["+ t.a text(10) null default", "- t.a integer"]),
    (M, "MODIFY c text", ["+ t.c text null", "- t.c text(50) default"]),
    (M, "MODIFY u_id bigint unsigned NOT NULL",
     ["+ t.u_id integer from 0 to 18446744073709551615 -> u.id",
      "- t.u_id bigint null -> u.id"]),
    (M, "MODIFY id int unsigned AUTO_INCREMENT",
     ["+ t.id integer from -4294967296 to 4294967295 auto", "- t.id bigint auto"]),
    (M, "CHANGE COLUMN n `m` int NOT NULL", [
        "+ t: unique(b) ('Q', 'AND', False, (('m__gt', ('F', 'a')),))",
        "+ t.m integer",
        "- t: unique(b) ('Q', 'AND', False, (('n__gt', ('F', 'a')),))",
        "- t.n positive",
    ]),
    (M, "ADD UNIQUE KEY x (a), ADD x tinyint(1) AFTER a, ALGORITHM=INPLACE",
     ["+ t: unique(a)", "+ t.x boolean null"]),
    (M, "ADD UNIQUE KEY x (b(10))", ['+ t: unique(b) "b"(10)']),
    (M, "ADD INDEX x (a)", []),
    (M, "DROP INDEX uq, DROP CHECK ck", [
        "- t: check(a) ('Check', ('Q', 'AND', False, (('a__gt', 0),)))",
        "- t: unique(b)",
    ]),
    (M, f"DROP FOREIGN KEY {FOREIGN_KEY_NAME}",
     ["+ t.u_id bigint null (->) u.id", "- t.u_id bigint null -> u.id"]),
    (M, "DROP PRIMARY KEY", ["+ t: key()", "- t: key(id)"]),
    (M, "DROP COLUMN c", ["+ t: unique(a)", "- t: unique(a, c)", "- t: unique(c)",
                          "- t.c text(50) default"]),
    (M, "ENGINE = InnoDB", []),
    (M, "ADD x serial",
     ["+ t: unique(x)",
      "+ t.x integer from -18446744073709551616 to 18446744073709551615 auto"]),
    (S, "ADD COLUMN x integer NULL REFERENCES u (id)",
     ["+ t.x bigint null -> u.id"]),
    (S, "ADD x bool NOT NULL DEFAULT 0", ["+ t.x boolean default"]),
    (S, "DROP COLUMN N", [
        "- t: unique(b) ('Q', 'AND', False, (('n__gt', ('F', 'a')),))",
        "- t.n positive",
    ]),
]  # fmt: skip

STATEMENTS = [
    (P, "ALTER TABLE IF EXISTS ONLY public.T ADD x text", ["+ t.x text null"]),
    (P, 'ALTER TABLE "T" ADD x text', []),
    (S, 'ALTER TABLE "T" ADD x varchar(3)', ["+ t.x text(3) null"]),
    (P, 'ALTER TABLE u RENAME COLUMN "Name" TO name',
     ["+ u.name text", "- u.Name text"]),
    (M, "ALTER TABLE u RENAME COLUMN name TO title",
     ["+ u.title text", "- u.Name text"]),
    (P, "ALTER TABLE u RENAME id TO pk", [
        "+ t.u_id bigint null -> u.pk", "+ u: key(pk)", "+ u.pk bigint auto",
        "- t.u_id bigint null -> u.id", "- u: key(id)", "- u.id bigint auto",
    ]),
    (P, "ALTER TABLE u DROP id CASCADE", [
        "+ t.u_id bigint null (->) u.id", "+ u: key()",
        "- t.u_id bigint null -> u.id", "- u: key(id)", "- u.id bigint auto",
    ]),
    (P, "ALTER TABLE u RENAME TO v", [
        "+ t.u_id bigint null -> v.id", "+ v: key(id)", "+ v.Name text",
        "+ v.id bigint auto", "- t.u_id bigint null -> u.id", "- u: key(id)",
        "- u.Name text", "- u.id bigint auto",
    ]),
    (M, "RENAME TABLE `u` TO v, v TO w", [
        "+ t.u_id bigint null -> w.id", "+ w: key(id)", "+ w.Name text",
        "+ w.id bigint auto", "- t.u_id bigint null -> u.id", "- u: key(id)",
        "- u.Name text", "- u.id bigint auto",
    ]),
    (P, "DROP TABLE IF EXISTS u, missing CASCADE", [
        "+ t.u_id bigint null (->) u.id", "- t.u_id bigint null -> u.id",
        "- u: key(id)", "- u.Name text", "- u.id bigint auto",
    ]),
    (P, "DROP TABLE u",
     ["- u: key(id)", "- u.Name text", "- u.id bigint auto"]),
    (P, "DROP TABLE legacy; CREATE TABLE legacy (a int)", []),
    (P, "CREATE TABLE IF NOT EXISTS t (a int)", []),
    (P, "CREATE TABLE x (id serial PRIMARY KEY, a varchar(10) NOT NULL UNIQUE, "
        "t_id bigint REFERENCES t, up int REFERENCES x ON DELETE CASCADE, "
        "CONSTRAINT ck CHECK (id > 0), UNIQUE (a, t_id))", [
        '+ x: check(id) "id" > 0', "+ x: key(id)", "+ x: unique(a)",
        "+ x: unique(a, t_id)", "+ x.a text(10)", "+ x.id integer auto",
        "+ x.t_id bigint null -> t.id", "+ x.up integer null -> x.id CASCADE",
    ]),
    (M, "CREATE TABLE `x` (`id` bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, a int, "
        "UNIQUE KEY `q` (`a`), KEY `i` (`a`), CONSTRAINT `f` FOREIGN KEY (`a`) "
        "REFERENCES `t` (`id`)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4", [
        "+ x: key(id)", "+ x: unique(a)", "+ x.a integer null -> t.id",
        "+ x.id anything auto",
    ]),
    (S, "CREATE TABLE x (id integer PRIMARY KEY AUTOINCREMENT, a, b text, "
        "PRIMARY KEY (id))", [
        "+ x: key(id)", "+ x.a anything null", "+ x.b anything null",
        "+ x.id bigint auto",
    ]),
    # SQLite's way to alter a table.
    (S, "CREATE TABLE new (id integer PRIMARY KEY, b varchar(9)); "
        "INSERT INTO new SELECT id, name FROM u; DROP TABLE u; "
        "ALTER TABLE new RENAME TO u", [
        "+ u.b text(9) null", "- u.Name text",
    ]),
    (P, "CREATE UNIQUE INDEX CONCURRENTLY x ON t (a DESC, b)", ["+ t: unique(a, b)"]),
    (P, "CREATE UNIQUE INDEX x ON t (a, lower(b)) WHERE n > 3",
     ['+ t: unique(a, b, n) "a", LOWER("b") "n" > 3']),
    (P, "CREATE UNIQUE INDEX x ON t (a) WHERE N > 3", ['+ t: unique(a) "n" > 3']),
    (P, "CREATE UNIQUE INDEX IF NOT EXISTS uq ON t (n)", []),
    (M, "CREATE UNIQUE INDEX x ON t (b(10))", ['+ t: unique(b) B(10)']),
    (S, "CREATE UNIQUE INDEX x ON t (b COLLATE NOCASE)",
     ['+ t: unique(b) "b" COLLATE NOCASE']),
    (P, "CREATE INDEX x ON t USING gin (a)", []),
    (P, "CREATE UNIQUE INDEX x ON missing (a)", []),
    (P, "DROP INDEX CONCURRENTLY IF EXISTS public.uq", ["- t: unique(b)"]),
    (P, "DROP INDEX missing", []),
    (M, "DROP INDEX uq ON t", ["- t: unique(b)"]),
    (M, "DROP INDEX uq ON u", []),
    (P, "CREATE UNIQUE INDEX uq2 ON t (b); DROP INDEX uq", []),
    (P, "CREATE UNIQUE INDEX uq2 ON t (b); DROP INDEX uq2", []),
    (P, "CREATE UNIQUE INDEX uq2 ON t (b); DROP INDEX uq; DROP INDEX uq2",
     ["- t: unique(b)"]),
    (P, "ALTER TABLE t DROP b; ALTER TABLE t ADD b text",
     ["- t: unique(b)",
      "- t: unique(b) ('Q', 'AND', False, (('n__gt', ('F', 'a')),))"]),
    (P, "ALTER TABLE t ADD x text; ALTER TABLE t DROP x", []),
    (P, "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (n) REFERENCES u (id);"
        "ALTER TABLE t RENAME TO t2; ALTER TABLE t2 RENAME TO t;"
        "ALTER TABLE t DROP CONSTRAINT f",
     ["+ t.n positive (->) u.id", "- t.n positive"]),
]  # fmt: skip

HARMLESS = [
    (P, "SELECT 1; INSERT INTO t (a) VALUES (1) ON CONFLICT DO NOTHING"),
    (P, "UPDATE t SET a = 1; DELETE FROM t WHERE a = 1; TRUNCATE t"),
    (P, "WITH x AS (DELETE FROM t RETURNING *) INSERT INTO u SELECT * FROM x"),
    (P, "SELECT setval(pg_get_serial_sequence('t', 'id'), 5)"),
    (P, "BEGIN; SET lock_timeout = '5s'; SET CONSTRAINTS ALL IMMEDIATE; COMMIT"),
    (P, "COMMENT ON TABLE t IS 'x'; ANALYZE t; VACUUM t; REINDEX TABLE t"),
    (P, "CREATE EXTENSION IF NOT EXISTS hstore"),
    (
        P,
        "CREATE VIEW v AS SELECT 1; DROP VIEW v;CREATE MATERIALIZED VIEW w AS SELECT 1",
    ),
    (P, "ALTER TYPE mood ADD VALUE 'x'; CREATE TYPE m AS ENUM ('a')"),
    (P, "CREATE SEQUENCE s; ALTER SEQUENCE s OWNED BY t.a; DROP SEQUENCE s"),
    (P, "ALTER TABLE t ADD CONSTRAINT x UNIQUE USING INDEX uq"),
    (P, "ALTER INDEX uq RENAME TO uq2; ALTER TABLE t RENAME CONSTRAINT ck TO ck2"),
    (P, "CREATE TEMP TABLE x (a int); INSERT INTO x VALUES (1); DROP TABLE x"),
    (P, "ALTER TABLE missing ADD a int, DROP CONSTRAINT x"),
    (P, "CREATE VIEW legacy AS SELECT 1"),
    (M, "SET FOREIGN_KEY_CHECKS = 0; REPLACE INTO t VALUES (1); # nothing"),
    (M, "CREATE FULLTEXT INDEX x ON t (b); OPTIMIZE TABLE t"),
    (S, "PRAGMA foreign_keys = off; VACUUM"),
    (P, "-- nothing"),
    (P, RunSQL.noop),
    (P, []),
]

OPAQUE = [
    (P, "garbage ( in"),
    (P, "'"),
    (P, "SELECT " + "(" * 5000 + ")" * 5000),
    (P, "DO $$ BEGIN ALTER TABLE t DROP a; END $$"),
    (P, "CREATE FUNCTION f() RETURNS int AS $$ SELECT 1 $$ LANGUAGE sql"),
    (P, "CREATE TRIGGER x BEFORE INSERT ON t EXECUTE FUNCTION f()"),
    (P, "DROP FUNCTION f()"),
    (P, "DROP TRIGGER x ON t"),
    (P, "CALL f()"),
    (P, "SELECT create_hypertable('t', 'a')"),
    (P, "SELECT * INTO x FROM t"),
    (P, "CREATE TABLE x AS SELECT 1"),
    (P, "CREATE TABLE x (LIKE t)"),
    (P, "CREATE TABLE x (a int) INHERITS (t)"),
    (P, "CREATE TABLE x PARTITION OF t FOR VALUES FROM (1) TO (2)"),
    (P, "CREATE TABLE t (a int)"),
    (P, "CREATE TEMP TABLE t (a int)"),
    (P, "ALTER TABLE t ADD a int"),
    (P, "ALTER TABLE t RENAME missing TO x"),
    (P, "ALTER TABLE t RENAME a TO b"),
    (P, "ALTER TABLE t RENAME TO u"),
    (P, "ALTER TABLE missing RENAME TO x"),
    (P, "ALTER TABLE t RENAME TO x; CREATE VIEW t AS SELECT * FROM x"),
    (P, "ALTER TABLE t ADD FOREIGN KEY (a, b) REFERENCES u (c, d)"),
    (P, "ALTER TABLE t DROP CONSTRAINT t_pkey CASCADE"),
    (P, "ALTER TABLE t VALIDATE CONSTRAINT ck, ADD x int NOT NULL"),
    (P, "ALTER TABLE t DISABLE TRIGGER ALL"),
    (P, "ALTER TABLE t SET SCHEMA s"),
    (P, "ALTER TABLE t INHERIT u"),
    (P, "DROP SCHEMA public CASCADE"),
    (P, "DROP TYPE mood CASCADE"),
    (P, "SET search_path = other"),
    (P, "ALTER TABLE t ADD x text; DO $$ $$"),
    (M, "ALTER TABLE t ADD x bigint REFERENCES u (id)"),
    (M, "RENAME TABLE missing TO x"),
    (M, "CREATE TABLE x LIKE t"),
    (S, "CREATE VIRTUAL TABLE x USING fts5(a)"),
    (
        S,
        "CREATE TRIGGER x AFTER INSERT ON t BEGIN DELETE FROM u; UPDATE t SET a=1; END",
    ),
    (S, "PRAGMA writable_schema = on"),
    ("unknown", "SELECT 1"),
    (P, [("SELECT 1", None, None)]),
    (P, [1]),
    (P, [("SELECT %s, %s", [1])]),
]

TYPES = [
    (P, "varchar(5)", "text(5)"),
    (P, "character varying", "text"),
    (P, "int8", "bigint"),
    (P, "int2", "smallint"),
    (P, "numeric(10, 2)", "decimal(10, 2)"),
    (P, "numeric(5)", "decimal(5, 0)"),
    (P, "numeric", "decimal"),
    (P, "boolean", "boolean"),
    (P, "timestamp with time zone", "datetime"),
    (P, "timestamptz(3)", "datetime"),
    (P, "date", "date"),
    (P, "time", "time"),
    (P, "interval", "duration"),
    (P, "jsonb", "json"),
    (P, "bytea", "binary"),
    (P, "double precision", "float"),
    (P, "real", "float"),
    (P, "inet", "genericipaddress"),
    (P, "varchar(3)[]", "array of text(3)"),
    (P, "mood", "anything"),
    (P, "oid", "anything"),
    (P, "timestamp", "anything"),
    (P, "public.geometry(Point, 4326)", "anything"),
    (M, "datetime(6)", "datetime"),
    (M, "int(11)", "integer"),
    (M, "int unsigned", "integer from 0 to 4294967295"),
    (M, "tinyint", "integer from -128 to 127"),
    (M, "bool", "boolean"),
    (M, "longblob", "binary"),
    (M, "longtext", "anything"),
    (M, "bigint", "anything"),
    (M, "char(32)", "anything"),
    (M, "char(31)", "text(31)"),
    (M, "decimal", "decimal(10, 0)"),
    (M, "varbinary(16)", "anything"),
    (M, "enum('a', 'b')", "anything"),
    (S, "smallint unsigned", "bigint"),
    (S, "datetime", "datetime"),
    (S, "blob", "binary"),
    (S, "text", "anything"),
    (S, "decimal", "decimal"),
    (S, "real", "float"),
    ("oracle", "number(10)", "anything"),
]


@pytest.mark.parametrize(("vendor", "action", "expected"), ALTERS)
def test_alter_table(vendor, action, expected):
    assert changes(read(f"ALTER TABLE t {action}", vendor)) == sorted(expected)


@pytest.mark.parametrize(("vendor", "sql", "expected"), STATEMENTS)
def test_statements(vendor, sql, expected):
    assert changes(read(sql, vendor)) == sorted(expected)


@pytest.mark.parametrize(("vendor", "sql"), HARMLESS)
def test_harmless(vendor, sql):
    assert read(sql, vendor) == Patch()


@pytest.mark.parametrize(("vendor", "sql"), OPAQUE)
def test_opaque(vendor, sql):
    assert read(sql, vendor) is None


@pytest.mark.parametrize(("vendor", "type_", "expected"), TYPES)
def test_types(vendor, type_, expected):
    line = f"+ t.x {expected} null"
    assert changes(read(f"ALTER TABLE t ADD x {type_}", vendor)) == [line]


def test_name_of_field_and_label_stay():
    patch = read("ALTER TABLE t RENAME COLUMN a TO x; ALTER TABLE t ADD y int")
    _, after = patch.changes["t"]
    assert after.label == "app.t"
    assert (after.columns["x"].field, after.columns["y"].field) == ("a_field", "y")
    _, after = read("CREATE TABLE x (a int)").changes["x"]
    assert after.label == ""


def test_names_of_constraints_are_kept():
    patch = read("ALTER TABLE t ADD CONSTRAINT x UNIQUE (n)")
    later = read("ALTER TABLE t DROP CONSTRAINT x", schema=patch.apply(SCHEMA))
    assert patch.then(later) == Patch()


@pytest.mark.parametrize("name", ["t", "a_table_with_a_name_" * 3])
@pytest.mark.parametrize(("suffix", "lost"), [("_uniq", 1), ("_fk_u_id", 0)])
def test_names_that_django_makes_up(name, suffix, lost):
    """Constraints are found by them, however they were shortened."""
    editor = BaseDatabaseSchemaEditor(connection)
    column = key("u_id", reference=Reference("u", "id"))
    unique = Constraint("unique", frozenset({"u_id"}))
    before = Schema({name: table(name, column, constraints=frozenset({unique}))})
    made_up = editor._create_index_name(name, ["u_id"], suffix)

    patch = read(f'ALTER TABLE {name} DROP CONSTRAINT "{made_up}"', schema=before)

    _, after = patch.changes[name]
    assert len(after.constraints) == 1 - lost
    assert after.columns["u_id"].reference.constraint == bool(lost)


class TestParams:
    def test_none(self):
        assert read(["ALTER TABLE t ADD x text DEFAULT 'a%s%%'"])

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (None, "+ t.x text null"),
            ("it's", "+ t.x text null default"),
            (5, "+ t.x text null default"),
            (True, "+ t.x text null default"),
        ],
    )
    def test_literal(self, value, expected):
        sql = [("ALTER TABLE t ADD x text DEFAULT %s", [value])]
        assert changes(read(sql)) == [expected]

    def test_text(self):
        patch = read([("ALTER TABLE t ADD x text DEFAULT %s || '%%'", ["it's"])])
        value = patch.changes["t"][1].columns["x"].default.value
        assert value == ("sql", "'it''s' || '%'")

    def test_named(self):
        sql = ("ALTER TABLE t ADD x text DEFAULT %(y)s", {"y": None})
        assert changes(read([sql])) == ["+ t.x text null"]

    def test_several(self):
        sql = ("UPDATE t SET a = 1 WHERE b LIKE '%'", ["ALTER TABLE t DROP b", None])
        lines = changes(read(sql))
        assert "- t.b text null" in lines

    def test_no_placeholder(self):
        assert read([("UPDATE t SET a = 1", [])]) == Patch()


class TestAvailability:
    def test_installed(self):
        assert is_available()

    def test_missing(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "sqlglot", None)
        assert not is_available()
        assert read("SELECT 1") is None

    def test_not_imported_before_it_is_needed(self):
        code = (
            "import sys; from syzygy_like.schema.sql import is_available;"
            "print(is_available(), 'sqlglot' in sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert done.stdout == "True False\n"


class TestLogging:
    def test_quiet(self, caplog):
        with caplog.at_level(logging.WARNING):
            read("VACUUM t")
        assert not caplog.records

    def test_left_as_it_was(self):
        before = list(logging.getLogger("sqlglot").filters)
        read("VACUUM t")
        assert logging.getLogger("sqlglot").filters == before

    def test_why(self, caplog):
        with caplog.at_level(logging.DEBUG, "syzygy_like.schema.sql"):
            read("DO $$ $$")
        assert "cannot be read" in caplog.text


SQLITE_START = """
    CREATE TABLE u (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, name text NOT NULL);
    CREATE TABLE t (
        id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
        a integer NOT NULL,
        b text NULL,
        u_id bigint NULL REFERENCES u (id)
    );
"""


@pytest.mark.parametrize(
    "sql",
    [
        SQLITE_START,
        "ALTER TABLE t ADD COLUMN x text",
        "ALTER TABLE t ADD x varchar(10) NOT NULL DEFAULT 'x'",
        "ALTER TABLE T ADD [x y] integer REFERENCES u (id)",
        "ALTER TABLE t DROP COLUMN A",
        'ALTER TABLE t RENAME "a" TO `Z`',
        "ALTER TABLE t RENAME COLUMN b TO c",
        "ALTER TABLE t RENAME TO v",
        "ALTER TABLE u RENAME TO v",
        "ALTER TABLE u RENAME COLUMN id TO pk",
        "DROP TABLE t",
        "DROP TABLE IF EXISTS missing",
        "CREATE TABLE IF NOT EXISTS t (x)",
        "CREATE TABLE x (a, b NOT NULL, c text DEFAULT (1), d int DEFAULT NULL)",
        "CREATE TABLE x (a integer PRIMARY KEY, b int UNIQUE CHECK (b > 0))",
        "CREATE TABLE x (a text, b text, PRIMARY KEY (a, b), UNIQUE (b))",
        "CREATE TABLE x (a text COLLATE NOCASE NOT NULL DEFAULT '')",
        "CREATE UNIQUE INDEX x ON t (a, b)",
        "CREATE UNIQUE INDEX x ON t (a) WHERE b IS NULL; DROP INDEX x",
        "CREATE UNIQUE INDEX x ON t (lower(b))",
        "CREATE UNIQUE INDEX x ON t (a); CREATE UNIQUE INDEX y ON t (a); DROP INDEX x",
        "CREATE TABLE new (id integer PRIMARY KEY, a text); "
        "INSERT INTO new SELECT id, a FROM t; DROP TABLE t; "
        "ALTER TABLE new RENAME TO t",
    ],
)
def test_as_in_a_real_database(sql):
    """What SQL does to a real schema is what we read that it does."""
    start = Schema()
    script = sql
    if sql != SQLITE_START:
        start = read(SQLITE_START, S, Schema()).apply(start)
        script = SQLITE_START + sql
    schema = read(sql, S, start).apply(start)

    database = sqlite3.connect(":memory:")
    try:
        database.executescript(script)
        actual = introspected(database)
    finally:
        database.close()
    assert summary(schema) == actual


def summary(schema: Schema) -> dict[str, object]:
    return {
        table.name: {
            "columns": {
                column.name: (
                    # A key may be NULL here unless it is told otherwise.
                    column.name in table.primary_key or not column.null,
                    column.default is not None,
                )
                for column in table.columns.values()
            },
            "key": table.primary_key,
            "references": {
                (column.name, column.reference.table, column.reference.column)
                for column in table.columns.values()
                if column.reference
            },
            "unique": {
                constraint.columns if constraint.plain else frozenset({None})
                for constraint in table.of_kind("unique")
            },
        }
        for table in schema.tables.values()
    }


def introspected(database: sqlite3.Connection) -> dict[str, object]:
    names = database.execute(
        "SELECT name FROM sqlite_master "
        "WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    )
    return {name: introspected_table(database, name) for (name,) in names.fetchall()}


def introspected_table(database: sqlite3.Connection, name: str) -> object:
    columns = database.execute(f'PRAGMA table_info("{name}")').fetchall()
    keys = database.execute(f'PRAGMA foreign_key_list("{name}")').fetchall()
    indexes = database.execute(f'PRAGMA index_list("{name}")').fetchall()
    return {
        "columns": {
            column: (bool(pk or notnull), default not in (None, "NULL"))
            for _, column, _, notnull, default, pk in columns
        },
        "key": tuple(
            column
            for *_, pk, column in sorted((row[5], row[1]) for row in columns)
            if pk
        ),
        "references": {(key[3], key[2], key[4]) for key in keys},
        "unique": {
            frozenset(
                row[2] for row in database.execute(f'PRAGMA index_info("{index}")')
            )
            for _, index, unique, origin, _ in indexes
            if unique and origin != "pk"
        },
    }


def test_schema_stays_as_it_was():
    before = dataclasses.replace(SCHEMA, tables=dict(SCHEMA.tables))
    read("ALTER TABLE t DROP a; DROP TABLE u")
    assert before == SCHEMA
    assert SCHEMA.tables["t"].columns["b"].type != ANYTHING


def test_a_comment_that_mysql_executes_is_not_taken_for_one():
    assert read("/*!50003 ALTER TABLE t DROP COLUMN a */", M) is None
