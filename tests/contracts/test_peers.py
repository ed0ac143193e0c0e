"""
Bugs that comparable packages have had, a test for each.

Most come from reading ``migration.dependencies`` in place of Django's graph: then a
dependant is applied before its parent, and every later ``migrate`` dies with
InconsistentMigrationHistory.
"""

from __future__ import annotations

import copy
import datetime
import io
import re
import threading
import uuid

import pytest
from django.conf import settings
from django.core import checks
from django.core.management import call_command
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connections, migrations, models
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from syzygy_like import Stage, conf
from syzygy_like.management.commands.migrate import Command
from tests.planning.test_review import found
from tests.support.orders import started
from tests.support.projects import Project, applied, columns

pytestmark = pytest.mark.versions

KEY = ("id", models.BigAutoField(primary_key=True))
ORDER = migrations.CreateModel(
    "Order", [KEY, ("price", models.IntegerField(null=True))]
)
REMOVE = migrations.RemoveField("order", "price")
ADD = migrations.AddField("order", "cost", models.IntegerField(null=True))
NOOP = migrations.RunPython(migrations.RunPython.noop, migrations.RunPython.noop)


@pytest.fixture
def shop(project, database):
    return started(project, database, "", ORDER)


def assert_consistent(project, database):
    """Django is content with the history, and goes on with the rest."""
    with project.active():
        loader = MigrationLoader(connections[database])
        loader.check_consistent_history(connections[database])
    project.stock_migrate(database=database)


def test_history_corrupted_by_run_before(shop, database):
    shop.write("shop", "0002_remove", REMOVE, run_before=[("blog", "0001_initial")])
    shop.write("blog", "0001_initial", NOOP)
    shop.migrate("--pre-deploy", database=database)
    assert applied(database) == ["shop.0001_initial"]
    assert_consistent(shop, database)


def test_history_corrupted_by_squashes(shop, database):
    replaced = [("shop", "0002_remove"), ("shop", "0003_noop")]
    shop.write("shop", "0002_remove", REMOVE)
    shop.write("shop", "0003_noop", NOOP)
    first = [("shop", "0001_initial")]
    squash = {"replaces": replaced, "dependencies": first}
    shop.write("shop", "0002_squashed_0003", REMOVE, NOOP, **squash)
    # The graph has the squash in place of what this one depends on.
    shop.write("shop", "0004_noop", NOOP, dependencies=[("shop", "0003_noop")])
    shop.migrate("--pre-deploy", database=database)
    assert applied(database) == ["shop.0001_initial"]
    shop.migrate("--post-deploy", database=database)
    assert_consistent(shop, database)


def test_history_corrupted_by_dependencies_on_the_first_migration(project, database):
    project.write("shop", "0001_initial", ORDER, stage=Stage.POST_DEPLOY)
    project.write("blog", "0001_initial", NOOP, dependencies=[("shop", "__first__")])
    project.migrate("--pre-deploy", database=database)
    assert applied(database) == []
    assert_consistent(project, database)


def test_history_corrupted_on_the_way_back(shop, database):
    shop.write("shop", "0002_cost", ADD)
    shop.write("blog", "0001_initial", NOOP)
    shop.write("blog", "0002_noop", NOOP, dependencies=AFTER_COST)
    shop.write("shop", "0003_remove", REMOVE)
    shop.migrate(database=database)
    shop.migrate("shop", "0001", "--pre-deploy", database=database)
    assert "shop.0002_cost" in applied(database)
    assert_consistent(shop, database)


AFTER_COST = [("shop", "0002_cost"), ("blog", "0001_initial")]


def test_a_merge_migration_after_a_post_deploy_one_called_ambiguous(shop, database):
    first = [("shop", "0001_initial")]
    shop.write("shop", "0002_remove", REMOVE)
    shop.write("shop", "0002_cost", ADD, dependencies=first)
    merged = [("shop", "0002_remove"), ("shop", "0002_cost")]
    shop.write("shop", "0003_merge", dependencies=merged)
    assert found(shop) == []
    shop.migrate("--pre-deploy", database=database)
    assert applied(database) == ["shop.0001_initial", "shop.0002_cost"]
    shop.migrate("--post-deploy", database=database)
    assert len(applied(database)) == 4


def test_pre_deploy_on_an_empty_database_called_ambiguous(project, database):
    required = migrations.AddField("order", "total", models.IntegerField(default=0))
    project.write("shop", "0001_initial", ORDER)
    project.write("shop", "0002_swap", required, REMOVE)
    project.migrate("--pre-deploy", database=database)
    assert applied(database) == ["shop.0001_initial", "shop.0002_swap"]


def now():
    return datetime.datetime.now(tz=datetime.timezone.utc)


UNSOUND = {
    "unique callable": models.UUIDField(default=uuid.uuid4, unique=True),
    "unique constant": models.IntegerField(db_default=0, unique=True),
    "callable": models.DateTimeField(default=now),
    "moment": models.DateTimeField(auto_now_add=True),
    "foreign key": models.ForeignKey("shop.Order", models.CASCADE, default=1),
}


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("case", UNSOUND)
def test_a_default_of_the_code_taken_for_one_of_the_database(shop, database, case):
    """The old version's second INSERT would fail, or its first one."""
    shop.write("shop", "0002_add", migrations.AddField("order", "new", UNSOUND[case]))
    (message,) = found(shop)
    assert message.id == "syzygy_like.E001"
    with pytest.raises(CommandError, match="Nothing was applied"):
        shop.migrate("--pre-deploy", database=database)
    assert "new" not in columns(database, "shop_order")


@pytest.mark.databases("sqlite")
def test_the_users_settings_mutated(shop, database):
    stages = {"shop.0001_initial": Stage.PRE_DEPLOY, "shop": Stage.POST_DEPLOY}
    shop.settings["MIGRATION_STAGES_OVERRIDE"] = stages
    before = copy.deepcopy(stages)
    found(shop)
    shop.write("shop", "0002_cost", ADD)
    shop.migrate("--pre-deploy", database=database)
    assert stages == before


@pytest.mark.databases("sqlite")
def test_settings_read_once_at_import(shop, database):
    shop.write("shop", "0002_noop", NOOP)
    for stage in (Stage.POST_DEPLOY, Stage.PRE_DEPLOY):
        shop.settings["MIGRATION_STAGES_OVERRIDE"] = {"shop": stage}
        out = shop.migrate("--pre-deploy", "--plan", database=database)
        assert f"shop.0002_noop  ({stage.label}, override)" in out


def test_a_hint_that_names_settings_which_do_not_exist(project):
    required = migrations.AddField("order", "total", models.IntegerField(default=0))
    project.write("shop", "0001_initial", ORDER)
    project.write("shop", "0002_total", required)
    (message,) = found(project)
    named = set(re.findall(r"\b[A-Z]+_[A-Z_]+\b", message.msg + message.hint))
    assert "MIGRATION_STAGES_BASELINE" in named
    assert named <= {*conf.ALL, "PRE_DEPLOY", "POST_DEPLOY", "NOT_NULL"}


def test_a_project_next_to_its_virtualenv_taken_for_third_party(tmp_path, monkeypatch):
    """A prefix of a path is no parent of it: /srv/shop is not in /srv/sh."""
    for folder in ("site-packages-shop", "shop-venv"):
        (tmp_path / folder).mkdir()
        project = Project(tmp_path / folder)
        monkeypatch.setattr("sys.prefix", str(tmp_path / folder)[:-1])
        project.write("shop", "0001_initial", ORDER)
        project.write("shop", "0002_swap", ADD, REMOVE)
        assert len(found(project)) == 1


class OwnAutodetector(MigrationAutodetector):
    pass


class OwnMigrate(Command):
    autodetector = OwnAutodetector


@pytest.mark.databases("sqlite")
def test_a_projects_own_autodetector_ignored(shop, database, monkeypatch):
    asked = []
    monkeypatch.setattr(
        OwnAutodetector, "changes", lambda self, graph: asked.append(self) or {}
    )
    shop.call(OwnMigrate(), "--pre-deploy", database=database)
    shop.call(OwnMigrate(), database=database)
    assert [type(each) for each in asked] == [OwnAutodetector] * 2


def test_check_commands_e001_after_installing_the_app():
    assert "syzygy_like" in settings.INSTALLED_APPS
    ids = [message.id for message in checks.run_checks(tags=["commands"])]
    assert "commands.E001" not in ids


OWN_COMMAND = """\
from {base} import Command as Base
from tests.contracts.test_peers import OwnAutodetector


class Command(Base):
    autodetector = OwnAutodetector
"""


def test_check_commands_e001_where_a_project_has_an_autodetector(project):
    """Its commands come before those of the app."""
    commands = project.folder / "shop" / "management" / "commands"
    project.write("shop", "0001_initial", ORDER)
    commands.mkdir(parents=True)
    for base, name in (
        ("syzygy_like.management.commands.migrate", "migrate"),
        ("django.core.management.commands.makemigrations", "makemigrations"),
    ):
        (commands / f"{name}.py").write_text(OWN_COMMAND.format(base=base))
    run = project.manage("check", settings="INSTALLED_APPS.sort()")
    assert run.returncode == 0, run.stderr
    run = project.manage("migrate", "--pre-deploy", settings="INSTALLED_APPS.sort()")
    assert run.returncode == 0, run.stderr


@pytest.mark.databases("sqlite")
def test_a_projects_own_executor_class_kept(shop, database):
    class Own(MigrationExecutor):
        made = 0

        def apply_migration(self, *args, **kwargs):
            Own.made += 1
            return super().apply_migration(*args, **kwargs)

    class OwnCommand(Command):
        executor_class = Own

    shop.write("shop", "0002_cost", ADD)
    shop.call(OwnCommand(), "--pre-deploy", database=database)
    assert applied(database)[-1] == "shop.0002_cost"
    assert Own.made == 1


@pytest.mark.databases("sqlite")
def test_two_commands_in_two_threads_undo_each_others_change(shop, database):
    """One waits inside its plan until the other has begun and ended."""
    inside, may_go_on = threading.Event(), threading.Event()

    class Slow(Command):
        def migration_progress_callback(self, *args, **kwargs):
            inside.set()
            assert may_go_on.wait(10)

    shop.write("shop", "0002_cost", ADD)
    shop.write("shop", "0003_remove", REMOVE)
    errors = []

    def slow():
        try:
            call(Slow(), "--pre-deploy", database)
        except Exception as error:
            errors.append(error)
        finally:
            connections[database].close()

    with shop.active():
        thread = threading.Thread(target=slow, daemon=True)
        thread.start()
        assert inside.wait(10)
        assert migrate.MigrationExecutor is not MigrationExecutor
        assert call(Command(), "--pre-deploy", database, "--plan")
        may_go_on.set()
        thread.join(10)
    assert not errors
    assert migrate.MigrationExecutor is MigrationExecutor
    assert applied(database) == ["shop.0001_initial", "shop.0002_cost"]


def call(command, stage, database, *options):
    out = io.StringIO()
    call_command(command, stage, *options, database=database, stdout=out)
    return out.getvalue()
