"""What can be said to a backfill, how it is written to files, and what is checked."""

from __future__ import annotations

import re
import sys

import pytest
from django.core import checks
from django.db import migrations, models
from django.db.migrations.optimizer import MigrationOptimizer
from django.db.migrations.writer import MigrationWriter, OperationWriter
from django.db.models import F, Q, Value
from django.db.models.functions import Lower

from syzygy_like import Stage
from syzygy_like.operations import Backfill
from tests.support.backfills import AGAIN, order
from tests.support.projects import migration

SQL = "UPDATE shop_order SET n = 1 WHERE id BETWEEN %(first)s AND %(last)s"


def fill(rows):
    rows.update(n=1)


MISTAKES = [
    ({}, TypeError, "takes exactly one of update, function and sql, not none"),
    ({"update": AGAIN, "sql": SQL}, TypeError, "not update and sql"),
    ({"update": [("n", 1)]}, TypeError, "update takes a dictionary of fields, not"),
    ({"update": {}}, ValueError, "update is empty"),
    ({"function": "fill"}, TypeError, "function takes a function, not 'fill'"),
    ({"sql": fill}, TypeError, "sql takes a string, not <function"),
    ({"sql": "UPDATE x"}, ValueError, r"lacks %\(first\)s and %\(last\)s"),
    ({"sql": "UPDATE x WHERE id > %(first)s"}, ValueError, r"It lacks %\(last\)s"),
    ({"sql": SQL, "where": Q(n=1)}, TypeError, "where does not go with sql"),
    ({"update": AGAIN, "where": {"n": 1}}, TypeError, "where takes a Q, not {'n': 1}"),
    ({"update": AGAIN, "reverse": 1}, TypeError, "reverse takes a dictionary of field"),
    (
        {"update": AGAIN, "reverse": "UPDATE x"},
        ValueError,
        "reverse is executed for ea",
    ),
    ({"update": AGAIN, "batch_size": 0}, ValueError, "batch_size takes a number of ro"),
    ({"update": AGAIN, "batch_size": "9"}, ValueError, "1 or more, not '9'"),
    ({"update": AGAIN, "batch_size": True}, ValueError, "1 or more, not True"),
    ({"update": AGAIN, "pause": "soon"}, ValueError, "pause takes a number of seconds"),
    ({"update": AGAIN, "pause": -1}, ValueError, 'such as "500ms", not -1'),
    ({"model_name": 7, "update": AGAIN}, TypeError, "the name of a model, not 7"),
    ({"model_name": "shop.Order", "update": AGAIN}, ValueError, "of the same app, not"),
]


@pytest.mark.parametrize(("arguments", "kind", "message"), MISTAKES)
def test_mistakes_are_named_at_once(arguments, kind, message):
    with pytest.raises(kind, match=message):
        Backfill(**{"model_name": "Order", **arguments})


WRITTEN = [
    Backfill("Order", {"n": F("m") * 2 + Value(1), "m": Lower("n")}),
    Backfill("Order", function=fill, reverse=Backfill.noop),
    Backfill("Order", sql=SQL, reverse={"n": None}),
    Backfill(
        model_name="order",
        update={"n": 1},
        where=Q(n=None) & ~Q(m__in={3, 4}),
        reverse=SQL,
        batch_size=7,
        pause="500ms",
        stage=None,
        hints={"target": "x"},
        elidable=True,
    ),
]
if sys.version_info >= (3, 11):  # before, Django cannot write a flag
    WRITTEN.append(Backfill("Order", AGAIN, stage=Stage.ANY))


@pytest.mark.parametrize("operation", WRITTEN, ids=range(len(WRITTEN)))
def test_what_is_written_is_the_same(operation):
    one = migration("shop", "0002", operation)
    text = MigrationWriter(one).as_string()
    namespace = {}
    exec(text, namespace)
    (read,) = namespace["Migration"].operations
    assert OperationWriter(read).serialize() == OperationWriter(operation).serialize()
    names = ("model_name", "update", "function", "sql", "where", "reverse", "stage")
    for name in (*names, "batch_size", "pause", "hints", "elidable"):
        assert getattr(read, name) == getattr(operation, name)


def test_it_is_called_by_what_it_does():
    update = Backfill("Order", {"n": 1, "m": 2})
    assert update.describe() == "Backfill n, m on Order"
    assert update.formatted_description() == "p Backfill n, m on Order"
    assert update.migration_name_fragment == "backfill_order_n_m"
    assert Backfill("Order", function=fill).describe() == "Backfill Order"
    assert migration("shop", "x", update).suggest_name() == "backfill_order_n_m"


def test_squashing_drops_it_if_it_may(project):
    field = models.IntegerField(null=True)
    kept, dropped = (Backfill("Order", AGAIN, elidable=each) for each in (False, True))
    for step, count in ((kept, 3), (dropped, 1)):
        operations = [order(), step, migrations.AddField("Order", "total", field)]
        optimized = MigrationOptimizer().optimize(operations, "shop")
        operations = [each for each in optimized if not each.elidable]
        assert len(operations) == count


@pytest.mark.databases("sqlite")
def test_squashed_migrations_have_it(project, database):
    project.write("shop", "0001", order())
    project.write("shop", "0002", Backfill("Order", AGAIN), atomic=False)
    project.call("squashmigrations", "shop", "0002", interactive=False, verbosity=0)
    (path,) = (project.folder / "shop" / "migrations").glob("0001_*.py")
    text = path.read_text()
    assert "syzygy_like.operations.backfill.Backfill(" in text
    assert "model_name='Order'" in text


def found(project):
    with project.active():
        return checks.run_checks(tags=["syzygy_like"])


IN_TRANSACTION = (
    "shop.0002 is atomic, but it has a backfill, which commits each batch in a "
    "transaction of its own."
)


def test_e007_a_backfill_in_a_transaction(project):
    project.write("shop", "0001", order())
    inner = migrations.SeparateDatabaseAndState([Backfill("Order", AGAIN)])
    for step in (Backfill("Order", AGAIN), inner):
        project.write("shop", "0002", step)
        (message,) = found(project)
        assert message.id == "syzygy_like.E007"
        assert message.msg == IN_TRANSACTION
        assert message.hint.startswith("Set atomic = False on the class")
        assert str(message.obj) == "shop.0002"
        project.write("shop", "0002", step, atomic=False)
        assert found(project) == []


BOTH = """
from django.db import migrations, models

from syzygy_like.operations import Backfill


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("shop", "0001")]
    operations = [
        migrations.AddField("order", "total", models.IntegerField(null=True)),
        Backfill("Order", {"total": models.F("n") * 2}),
    ]
"""


@pytest.mark.databases("sqlite")
def test_e001_proposes_a_migration_of_its_own(project, database):
    project.write("shop", "0001", order())
    project.write_source("shop", "0002", BOTH)
    (message,) = found(project)
    assert message.id == "syzygy_like.E001"
    assert re.search("2  Backfill  Order +post-deploy", message.msg)
    assert "move 2 from shop/migrations/0002.py to 0003" in message.hint
    arguments = ("makemigrations", "shop", "0002")
    project.call(*arguments, split=True, interactive=False, verbosity=0)
    assert found(project) == []
    (first, second) = sorted((project.folder / "shop" / "migrations").glob("*0002*.py"))
    assert "Backfill(" in first.read_text()
    assert "Backfill(" not in second.read_text()


EARLY = (
    BOTH.replace("* 2}", "* 2}, stage=Stage.PRE_DEPLOY")
    .replace(
        'migrations.AddField("order", "total", models.IntegerField(null=True))',
        'migrations.RemoveField("order", "m")',
    )
    .replace(
        "from syzygy_like.op", "from syzygy_like import Stage\nfrom syzygy_like.op"
    )
)


@pytest.mark.databases("sqlite")
def test_a_split_writes_its_stage(project, database):
    project.write("shop", "0001", order())
    project.write_source("shop", "0002", EARLY.replace("total", "n"))
    arguments = ("makemigrations", "shop", "0002")
    project.call(*arguments, split=True, interactive=False, verbosity=0)
    assert found(project) == []
    (path,) = (project.folder / "shop" / "migrations").glob("*expand*.py")
    assert "stage=syzygy_like.Stage('pre-deploy')" in path.read_text()


def test_e002_a_stage_that_is_none(project):
    project.write("shop", "0001", order())
    path = project.write("shop", "0002", Backfill("Order", AGAIN), atomic=False)
    path.write_text(path.read_text().replace("Stage.POST_DEPLOY", "'later'"))
    (message,) = found(project)
    assert message.id == "syzygy_like.E002"
    assert "The stage of a Backfill of shop.0002 is 'later'" in message.msg
