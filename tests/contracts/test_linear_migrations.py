"""With django-linear-migrations, whose makemigrations writes max_migration.txt."""

from __future__ import annotations

import pytest
from django.core import checks
from django.core.management import get_commands
from django.db import migrations, models

from tests.support.deployment_projects import run, write_models
from tests.support.projects import Project

linear_apps = pytest.importorskip("django_linear_migrations.apps")
pytestmark = [pytest.mark.databases("sqlite"), pytest.mark.versions]

OURS, THEIRS = "syzygy_like", "django_linear_migrations"
ORDER = "class Order(models.Model):\n    price = models.IntegerField(null=True)\n"
NUMBER = "    number = models.IntegerField(default=1)\n"
JOINED = """\
from django_linear_migrations.management.commands import makemigrations as linear
from syzygy_like.management.commands import makemigrations as staged


class Command({}.Command, {}.Command):
    pass
"""
BASES = [("staged", "linear"), ("linear", "staged")]
ORDERS = [(OURS, THEIRS), (THEIRS, OURS)]


class Linear(Project):
    """A project with both packages, in an order."""

    order = (OURS, THEIRS)

    @property
    def installed(self):
        return [*self.apps, *self.order]

    def join(self, *bases):
        """Give the project a command that inherits from both."""
        self.app("shop", ORDER)
        folder = self.folder / "shop" / "management" / "commands"
        folder.mkdir(parents=True)
        for each in (folder.parent, folder):
            (each / "__init__.py").touch()
        (folder / "makemigrations.py").write_text(JOINED.format(*bases))

    @property
    def last(self):
        path = self.folder / "shop" / "migrations" / "max_migration.txt"
        return path.read_text().strip()

    def found(self):
        """Return the ids of what the checks of both packages say."""
        with self.active():
            found = checks.run_checks(tags=["commands", "syzygy_like"])
            found += linear_apps.check_max_migration_files()
        return [each.id for each in found]


@pytest.fixture
def shop(tmp_path, database):
    kept = set(checks.registry.registry.registered_checks)
    yield Linear(tmp_path)
    checks.registry.registry.registered_checks = kept


def begin(shop):
    write_models(shop, {"shop": ORDER})
    assert run(shop, "makemigrations")[0] == 0
    run(shop, "create_max_migration_files")


def change(shop):
    write_models(shop, {"shop": ORDER + NUMBER})
    return run(shop, "makemigrations")


@pytest.mark.parametrize("order", ORDERS, ids=" then ".join)
@pytest.mark.parametrize("bases", BASES, ids=" and ".join)
def test_a_command_that_inherits_from_both_splits_and_stays_linear(shop, bases, order):
    shop.order = order
    shop.join(*bases)
    begin(shop)
    assert (shop.last, shop.found()) == ("0001_initial", [])
    code, output = change(shop)
    assert (code, output.count("_expand.py  (pre-deploy)")) == (0, 1)
    assert (shop.last, shop.found()) == ("0003_order_number_contract", [])
    assert run(shop, "makemigrations", "--check") == (0, "No changes detected\n")


def test_the_next_pair_follows_the_last_one(shop):
    shop.join("staged", "linear")
    begin(shop)
    change(shop)
    write_models(shop, {"shop": ORDER + NUMBER + NUMBER.replace("number", "size")})
    run(shop, "makemigrations")
    assert (shop.last, shop.found()) == ("0005_order_size_contract", [])


@pytest.mark.parametrize("bases", BASES, ids=" and ".join)
@pytest.mark.parametrize("arguments", [["--dry-run"], ["--check"]], ids=str)
def test_nothing_is_written_when_nothing_is_to_be(shop, bases, arguments):
    shop.join(*bases)
    begin(shop)
    write_models(shop, {"shop": ORDER + NUMBER})
    run(shop, "makemigrations", *arguments)
    assert len([*shop.migrations("shop").glob("0*.py")]) == 1
    assert shop.last == "0001_initial"


def mixed(shop):
    """Write by hand a migration that fits no stage."""
    begin(shop)
    required = models.IntegerField(default=1)
    shop.write("shop", "0002_number", migrations.AddField("order", "number", required))
    (shop.migrations("shop") / "max_migration.txt").write_text("0002_number\n")
    return run(shop, "makemigrations", "shop", "0002", "--split")


def test_split_leaves_the_file_right(shop):
    shop.join("staged", "linear")
    assert mixed(shop)[0] == 0
    assert len([*shop.migrations("shop").glob("0*.py")]) == 3
    assert (shop.last, shop.found()) == ("0002_number", [])


def test_split_needs_our_command_to_be_the_first_base(shop):
    shop.join("linear", "staged")
    assert mixed(shop)[0] == 0
    assert (shop.last, shop.found()) == ("0002_expand_number", ["dlm.E004"])


def test_without_such_a_command_the_first_of_the_two_apps_wins_ours(shop):
    begin(shop)
    change(shop)
    assert (shop.last, shop.found()) == ("0001_initial", ["dlm.E004"])


def test_without_such_a_command_the_first_of_the_two_apps_wins_theirs(shop):
    shop.order = (THEIRS, OURS)
    begin(shop)
    assert "_expand" not in change(shop)[1]
    assert shop.last == "0002_order_number"
    with shop.active():
        assert get_commands()["makemigrations"] == THEIRS
