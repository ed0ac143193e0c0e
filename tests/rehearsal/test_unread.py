"""What cannot be read, and what does not run."""

from __future__ import annotations

import pytest
from django.db import migrations, models

from tests.support.orders import add, alter, refused
from tests.support.rehearsals import rehearse, run

HEAD = """
from django.db import migrations, models

{code}

class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [{operations}]
"""
DROPPING = """
def drop(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("ALTER TABLE shop_order DROP COLUMN note")
"""
RAISING = """
def drop(apps, schema_editor):
    raise ValueError("no such price")
"""
RUN = "migrations.RunPython(drop{back})"
NOOP = ", migrations.RunPython.noop"
THERE_AND_BACK = RUN.format(back=NOOP)


def second(shop, code, operations=THERE_AND_BACK):
    """Write the second migration, from Python code."""
    text = HEAD.format(code=code, operations=operations)
    return shop.write_source("shop", "0002", text)


def test_a_column_dropped_by_python(shop, database):
    """Nothing had predicted it: the report says so first."""
    second(shop, DROPPING)
    found = rehearse(shop, database)
    assert found.code == 3
    failure = found.failures("window", version="old")[0]
    assert failure["migration"] == "shop.0002"
    assert failure["reason"] is None
    out = run(shop, database=[database], rows=2)[1]
    assert out.startswith("Failures that were not predicted:")
    assert "Please report it" in " ".join(out.split())


def test_sql_that_is_read_is_predicted(shop, database):
    sql = "ALTER TABLE shop_order DROP COLUMN note"
    back = "ALTER TABLE shop_order ADD COLUMN note varchar(9)"
    state = migrations.RemoveField("order", "note")
    shop.write("shop", "0002", migrations.RunSQL(sql, back, state_operations=[state]))
    found = rehearse(shop, database)
    assert found.code == 0, found
    assert found.outcomes == {"shop.0002": ["post-deploy"]}


def test_python_that_raises(shop, database):
    second(shop, RAISING)
    found = rehearse(shop, database)
    assert found.code == 1
    assert set(found.deploy_problems) == {("failed", "shop.0002")}
    assert "no such price" in found.report["deploy_problems"][0]["text"]
    assert "Traceback" not in str(found.report)


def test_python_without_a_way_back(shop, database):
    second(shop, "def drop(apps, schema_editor): pass", RUN.format(back=""))
    found = rehearse(shop, database)
    assert found.is_clean, found
    assert "shop.0002" in found.report["notes"][0]


def test_a_way_back_that_fails(shop, database):
    code = f"def drop(*args): pass\n{RAISING.replace('drop', 'back')}"
    second(shop, code, RUN.format(back=", back"))
    found = rehearse(shop, database)
    assert found.code == 1
    assert found.deploy_problems == [("not reverted", "shop.0002")]
    assert "no such price" in found.report["deploy_problems"][0]["text"]


def test_a_way_back_that_leads_elsewhere(shop, database):
    noop = migrations.RunSQL.noop
    state = migrations.RemoveField("order", "note")
    sql = "ALTER TABLE shop_order DROP COLUMN note"
    shop.write("shop", "0002", migrations.RunSQL(sql, noop, state_operations=[state]))
    found = rehearse(shop, database)
    assert found.code != 0
    assert ("not reverted", "") in found.deploy_problems
    assert "note" in found.report["deploy_problems"][0]["text"]


def test_rows_that_a_migration_fails_on(shop, database):
    """Rows without a price, as the old version writes them, are in the way."""
    shop.write("shop", "0002", alter("price", models.IntegerField()))
    shop.write("shop", "0003", add("size"), dependencies=[("shop", "0001_initial")])
    shop.write("shop", "0004", dependencies=[("shop", "0002"), ("shop", "0003")])
    found = rehearse(shop, database)
    assert found.code == 1, found
    assert found.deploy_problems == [("failed", "shop.0002")]
    assert "price" in found.report["deploy_problems"][0]["text"]
    assert found.report["failures"] == []


@pytest.mark.databases("sqlite")
def test_an_operation_whose_state_raises(shop, database):
    """What is raised where the state changes is told in one sentence."""
    shop.write("shop", "0002", migrations.RemoveField("order", "nothing"))
    said = refused(shop, "rehearse", database=[database])
    assert "shop.0002" in said
    assert "Traceback" not in said


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    "text", ["import nowhere", "def x(:", "x = 1", "raise RuntimeError('no luck')"]
)
def test_a_file_that_cannot_be_loaded(shop, database, text):
    shop.write_source("shop", "0002", text)
    said = refused(shop, "rehearse", database=[database])
    assert "0002" in said or "nowhere" in said or "no luck" in said
    assert "Traceback" not in said


@pytest.mark.databases("sqlite")
def test_a_start_that_does_not_run_on_an_empty_database(shop, database):
    second(shop, RAISING)
    shop.migrate(database=database, fake=True, verbosity=0)
    shop.write("shop", "0003", add("size"))
    said = refused(shop, "rehearse", database=[database])
    assert "shop.0002" in said
    assert "no such price" in said


@pytest.mark.databases("sqlite", "postgresql")
def test_another_end_in_stages(shop, database):
    """A function that looks at what is applied makes another schema."""
    shop.write("shop", "0003_note", migrations.RemoveField("order", "note"))
    code = """
def drop(apps, schema_editor):
    tables = schema_editor.connection.introspection.table_names()
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM django_migrations WHERE name = '0003_note'"
        )
        (count,) = cursor.fetchone()
    if not count:
        schema_editor.execute("CREATE TABLE extra (id INTEGER)")
"""
    text = HEAD.format(code=code, operations=RUN.format(back=NOOP))
    shop.write_source("shop", "0002_extra", text)
    end = [("shop", "0003_note"), ("shop", "0002_extra")]
    shop.write("shop", "0004_merge", dependencies=end)
    found = rehearse(shop, database)
    assert found.code == 1, found
    assert ("schema", "") in found.deploy_problems
    assert "extra" in found.report["deploy_problems"][0]["text"]
