"""Rows whose target the old version deletes, on a real database."""

from __future__ import annotations

import django
import pytest
from django.db import IntegrityError, connections

from tests.changes.change import model
from tests.support.deployment_projects import run, write_models

TARGET = model("Target")
HOLDER = model("Holder")
ROW = model("Row", "target = models.ForeignKey(Target, models.CASCADE)")
HELD = model("Row", "target = models.ForeignKey(Target, models.CASCADE, null=True)")

PROTECTED = (
    TARGET + HOLDER,
    TARGET
    + ROW
    + model("Holder", "row = models.ForeignKey(Row, models.PROTECT, null=True)"),
)
CHAIN = (
    TARGET
    + model("Row")
    + model("Old", "row = models.ForeignKey(Row, models.CASCADE)"),
    TARGET
    + HELD
    + model("Old", "row = models.ForeignKey(Row, models.CASCADE)")
    + model("Holder", "row = models.ForeignKey(Row, models.CASCADE)"),
)


# The new version's rows, and what the old version does to their target.
DELETED = (
    "INSERT INTO shop_target (id) VALUES (9)",
    "INSERT INTO shop_row (id, target_id) VALUES (9, 9)",
    "INSERT INTO shop_holder (id, row_id) VALUES (9, 9)",
    "DELETE FROM shop_target WHERE id = 9",
)


@pytest.fixture
def shop(project):
    project.migrations("shop")
    return project


def deployed(shop, database, before, after, *statements):
    """Take a change through a deployment, with statements of both codes in between."""
    write_models(shop, {"shop": before})
    assert run(shop, "makemigrations")[0] == 0
    shop.migrate(database=database)
    write_models(shop, {"shop": after})
    assert run(shop, "makemigrations")[0] == 0
    shop.migrate("--pre-deploy", database=database)
    with connections[database].cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        shop.migrate("--post-deploy", database=database)
        cursor.execute("SELECT COUNT(*) FROM shop_row")
        (rows,) = cursor.fetchone()
        cursor.execute("SELECT row_id FROM shop_holder")
        return rows, [row_id for (row_id,) in cursor.fetchall()]


@pytest.mark.databases("postgresql")
@pytest.mark.skipif(django.VERSION < (6, 1), reason="nothing holds on to the row")
def test_what_protects_a_row_keeps_it_from_going_along(shop, database):
    with pytest.raises(IntegrityError, match="shop_holder"):
        deployed(shop, database, *PROTECTED, *DELETED)


@pytest.mark.databases("sqlite", "postgresql")
@pytest.mark.skipif(django.VERSION >= (6, 1), reason="it is not to go")
def test_what_protects_a_row_that_has_to_go_loses_its_reference(shop, database):
    rows, holders = deployed(
        shop,
        database,
        *PROTECTED,
        *DELETED,
    )
    assert (rows, holders) == (0, [None])


@pytest.mark.databases("sqlite", "postgresql")
def test_what_the_database_would_delete_goes_with_a_row(shop, database):
    rows, holders = deployed(
        shop,
        database,
        *CHAIN,
        *DELETED,
    )
    assert (rows, holders) == (0, [])


@pytest.mark.databases("sqlite")
def test_a_default_from_a_package_called_apps(shop, database):
    folder = shop.folder / "apps"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "util.py").write_text("def gen():\n    return 7\n")
    row = model("Row", "number = models.IntegerField(default=gen)")
    rows, _ = deployed(
        shop,
        database,
        model("Row") + model("Holder", "row = models.ForeignKey(Row, models.CASCADE)"),
        "from apps.util import gen\n"
        + row
        + model("Holder", "row = models.ForeignKey(Row, models.CASCADE)"),
        "INSERT INTO shop_row (id) VALUES (1)",
    )
    assert rows == 1
    with connections[database].cursor() as cursor:
        cursor.execute("SELECT number FROM shop_row")
        assert cursor.fetchall() == [(7,)]
