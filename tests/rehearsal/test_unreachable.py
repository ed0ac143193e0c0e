"""Whatever a migration tries: a rehearsal changes nothing but scratch databases."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3

import pytest
from django.core.management.base import CommandError
from django.db import connections
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate

from tests.rehearsal.test_scratch import configured, made, users
from tests.rehearsal.test_unread import second
from tests.support.orders import add, execute, refused
from tests.support.rehearsals import rehearse, run

SQL = "migrations.RunSQL({!r}, migrations.RunSQL.noop)"
EXECUTING = """
def drop(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        {code}
"""
SWALLOWING = """
def drop(apps, schema_editor):
    try:
        schema_editor.connection.cursor().execute({sql!r})
    except Exception:
        pass
"""
RAW = """
def drop(apps, schema_editor):
    schema_editor.connection.ensure_connection()
    schema_editor.connection.connection.cursor().execute({sql!r})
"""
# What a driver of its own would do with what the settings say.
DRIVING = """
import sqlite3

def drop(apps, schema_editor):
    from django.conf import settings
    sqlite3.connect({name!r}).execute("DELETE FROM shop_order")
"""
RECEIVING = """
from django.db.models.signals import post_migrate

def receive(using, **kwargs):
    from django.db import connections
    with connections[using].cursor() as cursor:
        cursor.execute({sql!r})

def drop(apps, schema_editor):
    post_migrate.connect(receive, weak=False, dispatch_uid="rehearsed")
"""


@pytest.fixture
def other(database):
    """A table with one row in a database beside that of the tests."""
    name = f"syzygy_other_{secrets.token_hex(4)}"
    execute(database, f"CREATE DATABASE {name}")
    execute(database, f"CREATE TABLE {name}.kept (id integer)")
    execute(database, f"INSERT INTO {name}.kept VALUES (1)")
    yield name
    assert execute(database, f"SELECT id FROM {name}.kept") == [(1,)]
    assert execute(database, f"SHOW TABLES FROM {name}") == [("kept",)]
    execute(database, f"DROP DATABASE {name}")


def outside(shop, database, word):
    """Check that a rehearsal refuses what the second migration does, and drops all."""
    logins = set()

    def receive(connection, **kwargs):
        logins.add(connection.settings_dict["USER"])

    connection_created.connect(receive)
    said = refused(shop, "rehearse", database=[database])
    connection_created.disconnect(receive)
    made_up = {user for user in logins if user.startswith("syzygy_rehearsal_")}
    assert made_up.isdisjoint(users(database))
    assert "shop.0002 leaves the scratch database" in said
    assert word in said, said
    assert "It was not run." in said
    assert made(database) == set()


@pytest.mark.databases("mysql")
@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM {}.kept",
        "INSERT INTO `{}` . `kept` VALUES (2)",
        "UPDATE shop_order, {}.kept SET kept.id = 2",
        "DROP TABLE IF EXISTS {}.kept",
        "CREATE TABLE {}.more (id integer)",
        "RENAME TABLE shop_order TO {}.shop_order",
        "CREATE VIEW seen AS SELECT * FROM {}.kept",
        "CREATE TRIGGER t BEFORE INSERT ON shop_order FOR EACH ROW DELETE FROM {}.kept",
        "CREATE PROCEDURE p() BEGIN DELETE FROM {}.kept; END",
        "PREPARE s FROM 'DELETE FROM {}.kept'",
        "SET @s = 'DELETE FROM {}.kept'",
        "USE {}",
        "DROP DATABASE {}",
        "CREATE DATABASE {}_more",
        "SELECT * FROM shop_order INTO OUTFILE '/tmp/{}'",
        "CREATE USER {}",
        "CREATE TABLE f (id integer) ENGINE=FEDERATED CONNECTION='mysql://{}/kept'",
    ],
)
def test_another_database_of_the_server(shop, database, other, sql):
    second(shop, "", SQL.format(sql.format(other)))
    outside(shop, database, other if "{}.kept" in sql else sql.split()[0])


@pytest.mark.databases("mysql")
def test_a_name_that_is_put_together(shop, database, other):
    """Only the rights of the user prevent that."""
    half = len(other) // 2
    text = f"SET @s = CONCAT('DELETE FROM {other[:half]}', '{other[half:]}.kept')"
    code = f"cursor.execute({text!r}); cursor.execute('PREPARE s FROM @s')"
    second(shop, EXECUTING.format(code=code))
    outside(shop, database, "denied")


@pytest.mark.databases("mysql")
def test_a_comment_that_is_run(shop, database, other):
    code = f"cursor.execute('/*!40000 TRUNCATE {other}.kept */')"
    second(shop, EXECUTING.format(code=code))
    outside(shop, database, f"{other}.kept")


@pytest.mark.databases("mysql")
def test_the_connection_of_the_driver(shop, database, other):
    second(shop, RAW.format(sql=f"DELETE FROM {other}.kept"))
    found = rehearse(shop, database)
    assert found.code == 1
    assert ("failed", "shop.0002") in found.deploy_problems


@pytest.mark.databases("mysql")
def test_an_error_that_is_swallowed_is_no_success(shop, database, other):
    second(shop, SWALLOWING.format(sql=f"DELETE FROM {other}.kept"))
    outside(shop, database, f"{other}.kept")


@pytest.mark.databases("mysql")
def test_a_receiver_of_post_migrate(shop, database, other):
    second(shop, RECEIVING.format(sql=f"DELETE FROM {other}.kept"))
    shop.app("blog", "a = 1")  # it is sent for apps that have models
    try:
        said = refused(shop, "rehearse", database=[database])
    finally:
        post_migrate.disconnect(dispatch_uid="rehearsed")
    assert f"leaves the scratch database: {other}.kept" in said


@pytest.mark.databases("mysql")
def test_the_database_of_another_alias(shop, database, other):
    """It has a scratch database, too, but not by that name."""
    second(shop, "", SQL.format(f"DELETE FROM {other}.kept"))
    aliases = [database, "other"]
    with configured("other", **{**connections.settings[database], "NAME": other}):
        said = refused(shop, "rehearse", database=aliases, names=["shop.0001"])
    assert f"{other}.kept" in said


@pytest.mark.databases("mysql")
def test_on_the_way_to_the_start(shop, database, other):
    second(shop, "", SQL.format(f"DELETE FROM {other}.kept"))
    shop.write("shop", "0003", add("size"))
    said = refused(shop, "rehearse", database=[database], names=["shop.0002"])
    assert "shop.0002 leaves" in said


@contextlib.contextmanager
def weak(database, *grants):
    """Let an alias have a user who has rights on its database, and these."""
    user = f"weak_{secrets.token_hex(4)}"
    name = connections.settings[database]["NAME"]
    root = connections[database].copy()
    with root.cursor() as cursor:
        cursor.execute(f"CREATE USER {user}@'%' IDENTIFIED BY 'a'")
        for grant in (f"ALL ON `{name}`.*", *grants):
            to, _, option = grant.partition(" WITH ")
            cursor.execute(f"GRANT {to} TO {user} {option and 'WITH GRANT OPTION'}")
    try:
        with configured(database, USER=user, PASSWORD="a"):
            yield
    finally:
        with root.cursor() as cursor:
            cursor.execute(f"DROP USER {user}")
        root.close()


@pytest.mark.databases("mysql")
def test_an_account_that_makes_no_users(shop, database, other):
    """Then names are read, and the report says so."""
    with weak(database, r"ALL ON `test\_%`.*", f"ALL ON {other}.*"):
        second(shop, "", SQL.format("UPDATE shop_order o SET o.price = 1"))
        found = rehearse(shop, database)
        assert any("cannot create a user" in each for each in found.report["notes"])
        assert found.code == 0, found
        for sql in ("DELETE FROM {}.kept", "USE {}", "SELECT * FROM {}.kept"):
            second(shop, "", SQL.format(sql.format(other)))
            said = refused(shop, "rehearse", database=[database])
            assert "leaves the scratch database: " in said
            assert sql.format(other) in said


@pytest.mark.databases("mysql")
def test_an_account_with_the_rights_that_the_page_tells(shop, database):
    shop.write("shop", "0002", add("size"))
    rights = r"ALL ON `test\_%`.* WITH GRANT OPTION"
    with weak(database, "CREATE USER ON *.*", rights):
        found = rehearse(shop, database)
    assert found.report["notes"] == []
    assert found.is_clean, found


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize(
    "sql",
    [
        "COPY shop_order TO PROGRAM 'true'",
        "COPY shop_order TO '/tmp/{}'",
        "SELECT lo_export(1, '/tmp/{}')",
        "CREATE ROLE {}",
        "ALTER SYSTEM SET work_mem = '{}'",
        "CREATE EXTENSION IF NOT EXISTS dblink",
        "CREATE EXTENSION postgres_fdw",
        "CREATE SERVER {} FOREIGN DATA WRAPPER f",
        "SELECT dblink_exec('dbname={}', 'DELETE FROM kept')",
        "DO $$ BEGIN EXECUTE 'CREATE ROLE {}'; END $$",
        "GRANT pg_monitor TO postgres",
    ],
)
def test_beyond_the_database_on_postgresql(shop, database, sql):
    second(shop, "", SQL.format(sql.format(f"x{secrets.token_hex(4)}")))
    outside(shop, database, sql.split()[0])


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("sql", ["CREATE DATABASE more", "DROP DATABASE postgres"])
def test_other_databases_on_postgresql(shop, database, sql):
    second(shop, "", f"{SQL.format(sql)}]; atomic = False; _ = [")
    outside(shop, database, sql)


@pytest.mark.databases("postgresql")
def test_what_is_inside_on_postgresql(shop, database):
    """Other schemas are, and the settings of the database itself."""
    lines = [
        "CREATE SCHEMA more",
        "CREATE TABLE more.things (id integer)",
        "GRANT SELECT ON more.things TO pg_monitor",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = 9999',"
        " current_database()); END $$",
    ]
    second(shop, "", SQL.format(";".join(lines)))
    found = rehearse(shop, database)
    assert found.code == 0, found
    assert found.deploy_problems == []


@pytest.mark.databases("postgresql")
def test_an_extension_that_superusers_alone_install(shop, database):
    """The user of the rehearsal is none, but that of the settings is."""
    sql = "'CREATE EXTENSION vector', 'DROP EXTENSION vector'"
    second(shop, "", f"migrations.RunSQL({sql})")
    found = rehearse(shop, database)
    assert found.code == 0, found
    assert found.deploy_problems == []


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("rights", ["CREATEDB CREATEROLE", "CREATEDB"])
def test_an_account_that_is_no_superuser(shop, database, rights):
    role = f"weak_{secrets.token_hex(4)}"
    execute(database, f"CREATE ROLE {role} LOGIN {rights}")
    try:
        shop.write("shop", "0002", add("size"))
        with configured("weak", **{**connections.settings[database], "USER": role}):
            found = rehearse(shop, "weak", names=["shop.0001"])
            notes = [n for n in found.report["notes"] if "cannot create a user" in n]
            assert bool(notes) == ("CREATEROLE" not in rights)
            assert found.is_clean, found
            sql = SQL.format("CREATE DATABASE more")
            second(shop, "", f"{sql}]; atomic = False; _ = [")
            with pytest.raises(CommandError, match="CREATE DATABASE more"):
                run(shop, database=["weak"], names=["shop.0001"])
    finally:
        execute(database, f"DROP ROLE {role}")


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    "sql",
    [
        "ATTACH '{}' AS more",
        "ATTACH ('{}' || '') AS more",
        "VACUUM INTO '{}.copy'",
        "SELECT load_extension('{}')",
    ],
)
def test_files_beside_that_of_sqlite(shop, database, tmp_path, sql):
    path = tmp_path / "more.sqlite3"
    operation = SQL.format(sql.format(path))
    second(shop, "", f"{operation}]; atomic = False; _ = [")
    outside(shop, database, sql.split()[0].replace("SELECT", "load_extension"))
    assert not [*tmp_path.glob("more*")]


@pytest.mark.databases("sqlite")
def test_what_is_inside_on_sqlite(shop, database):
    operation = SQL.format("ATTACH ':memory:' AS m; CREATE TABLE m.a (b); VACUUM main")
    second(shop, "", f"{operation}]; atomic = False; _ = [")
    found = rehearse(shop, database)
    assert found.code == 0, found


@pytest.mark.databases("sqlite")
def test_an_init_command_that_attaches_a_real_file(shop, database, tmp_path):
    path = tmp_path / "more.sqlite3"
    settings = {**connections.settings[database]}
    settings["OPTIONS"] = {"init_command": f"ATTACH '{path}' AS more"}
    with configured("attached", **settings):
        said = refused(shop, "rehearse", database=["attached"], names=["shop.0001"])
        assert made("attached") == set()
    assert "not authorized" in said


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("form", ["{}", "file:{}", "file:{}?mode=rw"])
def test_a_connection_of_its_own_to_a_real_file(shop, database, form):
    """Python says so to anybody who opens it; afterwards everybody may again."""
    real = connections.settings[database]["NAME"]
    second(shop, DRIVING.format(name=form.format(real)))
    said = refused(shop, "rehearse", database=[database])
    assert f"The database {database!r} is not rehearsed" in said
    sqlite3.connect(real).close()


@pytest.mark.databases("mysql", "postgresql")
def test_the_settings_do_not_tell_how_to_log_in(shop, database):
    """Code with a driver of its own gets no further with them."""
    code = """
def drop(apps, schema_editor):
    from django.conf import settings
    for config in settings.DATABASES.values():
        login = config["USER"], config["PASSWORD"]
        assert "secret" not in login, config
        assert "OPTIONS" not in config or "secret" not in config["OPTIONS"].values()
"""
    second(shop, code)
    hidden = {**connections.settings[database], "PASSWORD": "secret"}
    with configured("hidden", **{**hidden, "OPTIONS": {"password": "secret"}}):
        found = rehearse(shop, database)
    assert found.code == 0, found
