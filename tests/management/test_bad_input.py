"""What is wrong is said, and how to mend it; nothing is applied, nothing is lost."""

from __future__ import annotations

import pytest
from django.core.management.base import CommandError
from django.db import connections, migrations, models
from django.db.migrations.recorder import MigrationRecorder

from syzygy_like import Stage
from tests.planning.test_review import BROKEN
from tests.support.orders import started
from tests.support.projects import applied, tables

ORDER = migrations.CreateModel(
    "Order",
    [
        ("id", models.BigAutoField(primary_key=True)),
        ("price", models.IntegerField(null=True)),
    ],
)
ADD = migrations.AddField("order", "cost", models.IntegerField(null=True))
NOOP = migrations.RunPython(migrations.RunPython.noop)
STAGES = ["--pre-deploy", "--post-deploy"]
pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture
def shop(project, database):
    started(project, database, "", ORDER)
    project.write("shop", "0002_cost", ADD)
    yield project
    assert applied(database)[:1] == ["shop.0001_initial"]
    assert "shop_order" in tables(database)


def refused(project, *arguments, database):
    """Return why a staged migrate gives up, having changed nothing."""
    before = applied(database), tables(database)
    with pytest.raises(CommandError) as caught:
        project.migrate(*arguments, database=database)
    assert (applied(database), tables(database)) == before
    return str(caught.value)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("value", ["pre-deploy", 1, Stage(0)])
def test_a_stage_that_is_none(shop, database, stage, value):
    text = "Stage(0)" if isinstance(value, Stage) else repr(value)
    path = shop.write("shop", "0003_noop", NOOP)
    stage_line = f"    stage = {text}\n"
    source = path.read_text().replace("    operations", f"{stage_line}    operations")
    path.write_text(f"from syzygy_like import Stage\n{source}")
    message = refused(shop, stage, database=database)
    assert message.startswith(f"The stage of shop.0003_noop is {value!r}, which is no")


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("MIGRATION_STAGES_OVERRIDE", {"shop": "pre-deploy"}),
        ("MIGRATION_STAGES_FALLBACK", ["shop"]),
        ("MIGRATION_STAGES_BASELINE", "shop"),
        ("MIGRATION_THIRD_PARTY_STAGES_FALLBACK", "pre-deploy"),
    ],
)
def test_a_setting_of_no_use(shop, database, stage, setting, value):
    shop.settings[setting] = value
    assert refused(shop, stage, database=database).startswith(setting)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "No installed app with label 'nowhere'."),
        (["shop", "0009"], "Cannot find a migration matching '0009' from app 'shop'."),
        (["shop", "000"], "More than one migration matches '000' in app 'shop'."),
        (["notes"], "App 'notes' does not have migrations."),
        (["--prune"], "Migrations can be pruned only when an app is specified."),
    ],
)
def test_unknown_names(shop, database, stage, arguments, words):
    shop.app("notes")
    assert words in refused(shop, *arguments, stage, database=database)


def test_an_unknown_database(shop, database):
    for stage in STAGES:
        with pytest.raises(CommandError, match="invalid choice: 'nowhere'"):
            shop.call("migrate", stage, "--database", "nowhere")


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("error", BROKEN)
def test_migrations_that_cannot_be_loaded(shop, database, stage, error):
    if error == "CircularDependencyError":
        shop.write("shop", "0001_initial", ORDER, dependencies=[("shop", "0003_bad")])
    shop.write_source("shop", "0003_bad", BROKEN[error])
    message = refused(shop, stage, database=database)
    assert message.startswith("The migrations cannot be loaded: ")
    if error in {"ImportError", "SyntaxError", "NameError"}:
        assert "0003_bad.py, line 1)" in message


@pytest.mark.parametrize("stage", STAGES)
def test_a_migration_that_does_not_fit(shop, database, stage):
    shop.write("shop", "0003_bad", migrations.RemoveField("order", "nothing"))
    message = refused(shop, stage, database=database)
    assert "shop.0003_bad does not fit the migrations before it" in message


@pytest.mark.parametrize("stage", STAGES)
def test_several_leaves(shop, database, stage):
    shop.write("shop", "0002_other", NOOP, dependencies=[("shop", "0001_initial")])
    message = refused(shop, stage, database=database)
    assert "makemigrations --merge" in message


@pytest.mark.parametrize("stage", STAGES)
def test_an_inconsistent_history(shop, database, stage):
    shop.write("shop", "0003_noop", NOOP)
    MigrationRecorder(connections[database]).record_applied("shop", "0003_noop")
    message = refused(shop, stage, database=database)
    assert "shop.0003_noop is applied before its dependency shop.0002_cost" in message


@pytest.mark.parametrize("stage", STAGES)
def test_a_squash_that_is_half_applied(shop, database, stage):
    replaced = [("shop", "0001_initial"), ("shop", "0002_cost")]
    squash = {"replaces": replaced, "dependencies": []}
    shop.write("shop", "0001_squashed_0002_cost", ORDER, ADD, **squash)
    after = [("shop", "0001_squashed_0002_cost")]
    shop.write("shop", "0003_noop", NOOP, dependencies=after)
    shop.migrate("--pre-deploy", "--plan", database=database)
    shop.migrations("shop").joinpath("0001_initial.py").unlink()
    message = refused(shop, stage, database=database)
    assert "0001_initial" in message


def test_a_squash_that_is_half_applied_is_finished(shop, database):
    replaced = [("shop", "0001_initial"), ("shop", "0002_cost")]
    squash = {"replaces": replaced, "dependencies": []}
    shop.write("shop", "0001_squashed_0002_cost", ORDER, ADD, **squash)
    after = [("shop", "0001_squashed_0002_cost")]
    shop.write("shop", "0003_noop", NOOP, dependencies=after)
    shop.migrate("--pre-deploy", database=database)
    assert applied(database) == [
        "shop.0001_initial",
        "shop.0002_cost",
        "shop.0003_noop",
        "shop.0001_squashed_0002_cost",
    ]


@pytest.mark.parametrize("stage", STAGES)
def test_empty_migrations(shop, database, stage):
    shop.migrations("empty")
    shop.app("bare")
    (shop.folder / "bare" / "migrations").mkdir()
    shop.migrate("--pre-deploy", database=database)
    assert "No migrations to apply." in shop.migrate(stage, database=database)


@pytest.mark.databases("postgresql", "mysql")
@pytest.mark.parametrize("command", ["migrate", "showmigrations"])
def test_a_database_that_does_not_answer(project, database, monkeypatch, command):
    connection = connections[database]
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    project.write("shop", "0001_initial", ORDER)
    arguments = [command] + (["--pre-deploy"] if command == "migrate" else [])
    with pytest.raises(CommandError) as caught:
        project.call(*arguments, database=database)
    assert f"The database {database!r} cannot be reached: " in str(caught.value)
    monkeypatch.undo()


MANAGED = {
    "two flags": (["migrate", "--pre-deploy", "--post-deploy"], "not allowed with"),
    "an unknown app": (["migrate", "--pre-deploy", "nowhere"], "No installed app"),
    "a blocked plan": (["migrate", "--pre-deploy"], "Nothing was applied."),
    "a check": (["check"], "(syzygy_like.E001) This migration"),
}


@pytest.mark.parametrize("case", MANAGED)
def test_no_traceback(project, case):
    project.write("shop", "0001_initial", ORDER)
    assert project.manage("migrate").returncode == 0
    field = models.IntegerField(default=0)
    project.write("shop", "0002_total", migrations.AddField("order", "total", field))
    arguments, words = MANAGED[case]
    run = project.manage(*arguments)
    assert run.returncode in (1, 2)
    assert words in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("command", ["migrate --pre-deploy", "showmigrations", "check"])
@pytest.mark.parametrize("error", ["SyntaxError", "NameError"])
def test_no_traceback_where_migrations_do_not_load(project, command, error):
    project.write("shop", "0001_initial", ORDER)
    project.write_source("shop", "0002_bad", BROKEN[error])
    run = project.manage(*command.split())
    assert run.returncode == 1
    assert f"The migrations cannot be loaded: {error}: " in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("command", "options", "named"),
    [
        ("rehearse", {"rows": "x"}, "--rows takes a number"),
        ("rehearse", {"format": "xml"}, "--format takes one of text, json"),
        ("showmigrations", {"format": "xml"}, "--format takes one of list, plan"),
    ],
)
def test_values_that_a_command_line_would_refuse(
    shop, database, command, options, named
):
    """``call_command`` hands keyword arguments on as they are."""
    with pytest.raises(CommandError, match=named) as caught:
        shop.call(command, database=database, **options)
    assert caught.value.returncode == 2


@pytest.mark.databases("sqlite")
def test_a_database_by_its_name_alone(shop, database):
    with pytest.raises(CommandError, match="'nowhere'"):
        shop.call("rehearse", database="nowhere")
