"""Data migrations in batches: which rows they change, and in what steps."""

from __future__ import annotations

import uuid

import pytest
from django.db import NotSupportedError, connections, migrations, models, transaction
from django.db.models import F, Q

from syzygy_like import Stage
from syzygy_like.operations import Backfill
from syzygy_like.signals import migration_retried
from tests.support import orders
from tests.support.backfills import (
    AGAIN,
    INTEGER,
    KEY,
    insert,
    is_under_way,
    numbers,
    order,
    started,
)
from tests.support.orders import POST, PRE, execute, names, refused
from tests.support.projects import columns, tables
from tests.support.rehearsals import rehearse

SIZES = []


def fill(rows):
    """Give each row a number that no UPDATE knows."""
    SIZES.append(len(rows))
    for each in rows:
        each.n += 1
        each.save(update_fields=["n"])


def stock(project, database, *arguments):
    return project.stock_migrate(*arguments, database=database, verbosity=0)


def ours(project, database, *arguments):
    return project.migrate(*arguments, database=database, verbosity=0)


def guarded(project, database, *arguments):
    return ours(project, database, *arguments, "--migration-lock")


any_command = pytest.mark.parametrize("migrate", [stock, guarded])


def write(project, *operations, name="0002", **attributes):
    project.write("shop", name, *operations, atomic=False, **attributes)


@pytest.fixture
def statements(database):
    """Return the list of the UPDATEs of orders that the test executes."""
    found = []

    def note(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if sql.startswith("UPDATE") and "shop_order" in sql:
            found.append(context["cursor"].rowcount)
        return result

    with connections[database].execute_wrapper(note):
        yield found


@any_command
def test_every_row_is_changed_once(project, database, migrate, statements):
    started(project, database, *range(1, 8))
    write(project, Backfill("Order", AGAIN, batch_size=3))
    migrate(project, database)
    assert numbers(database) == [1] * 7
    assert statements == [3, 3, 1]
    assert names(database) == ["0001_initial", "0002"]
    assert not is_under_way(database)


@pytest.mark.databases("postgresql")
def test_batches_have_as_many_rows_wherever_their_keys_are(
    project, database, statements
):
    started(project, database, -5, 1, 2, 1000, 10**9, 10**12, 10**15)
    write(project, Backfill("Order", AGAIN, batch_size=2))
    stock(project, database)
    assert numbers(database) == [1] * 7
    assert statements == [2, 2, 2, 1]


@pytest.mark.databases("postgresql")
def test_no_rows_leave_no_trace(project, database):
    started(project, database)
    write(project, Backfill("Order", AGAIN))
    seen = []

    def note(execute, sql, *args):
        seen.append(sql)
        return execute(sql, *args)

    with connections[database].execute_wrapper(note):
        ours(project, database)
    assert not any("syzygy_like_backfill" in sql for sql in seen)
    assert names(database) == ["0001_initial", "0002"]


def test_rows_of_a_condition(project, database, statements):
    started(project, database, *range(1, 8))
    execute(database, "UPDATE shop_order SET m = 7 WHERE id = 2 OR id > 4")
    statements.clear()
    empty = Q(m=None)
    write(project, Backfill("Order", {"m": F("n") + 5}, where=empty, batch_size=3))
    stock(project, database)
    assert numbers(database, "m") == [5, 7, 5, 5, 7, 7, 7]
    assert statements == [2, 1, 0]


@pytest.mark.databases("postgresql")
def test_a_function(project, database):
    started(project, database, *range(1, 6))
    SIZES.clear()
    write(project, Backfill("Order", function=fill, where=~Q(id=2), batch_size=2))
    ours(project, database)
    assert numbers(database) == [1, 0, 1, 1, 1]
    assert SIZES == [1, 2, 1]


SQL = "UPDATE shop_order SET n = n + 1 WHERE id BETWEEN %(first)s AND %(last)s"


def test_sql(project, database, statements):
    started(project, database, *range(1, 6))
    write(project, Backfill("Order", sql=SQL, batch_size=2))
    stock(project, database)
    assert numbers(database) == [1] * 5
    assert statements == [2, 2, 1]


@pytest.mark.parametrize("kind", ["update", "sql"])
def test_keys_that_are_uuids(project, database, kind):
    keys = [uuid.uuid4() for _ in range(7)]
    field = models.UUIDField(primary_key=True, default=uuid.uuid4)
    has_type = connections[database].features.has_native_uuid_field
    given = keys if has_type else [each.hex for each in keys]
    started(project, database, *given, key=field)
    works = {"update": {"update": AGAIN}, "sql": {"sql": SQL}}
    write(project, Backfill("Order", **works[kind], batch_size=2))
    stock(project, database)
    assert numbers(database) == [1] * 7


@pytest.mark.parametrize("kind", ["update", "sql"])
def test_keys_that_are_texts(project, database, kind):
    keys = ["", "%s", "'", '"x"', "ä", "b", "ß"]
    started(
        project, database, *keys, key=models.CharField(primary_key=True, max_length=5)
    )
    works = {"update": {"update": AGAIN}, "sql": {"sql": SQL}}
    write(project, Backfill("Order", **works[kind], batch_size=2))
    stock(project, database)
    assert numbers(database) == [1] * 7


LINE = migrations.CreateModel(
    "Line",
    [
        ("pk", models.CompositePrimaryKey("order_id", "number")),
        ("order", models.ForeignKey("shop.Order", models.CASCADE)),
        ("number", models.CharField(max_length=5)),
        ("n", INTEGER),
    ],
)


def with_lines(project, database):
    started(project, database, 1, 2, 3)
    project.write("shop", "0002", LINE)
    stock(project, database)
    for key in (1, 2, 3):
        for number in ("a", "b", "c"):
            sql = "INSERT INTO shop_line (order_id, number, n) VALUES (%s, %s, 0)"
            execute(database, sql, key, number)


def test_keys_of_several_columns(project, database):
    with_lines(project, database)
    step = Backfill("Line", AGAIN, reverse={"n": F("n") - 1}, batch_size=2)
    write(project, step, name="0003")
    stock(project, database)
    counts = "SELECT DISTINCT n FROM shop_line"
    assert execute(database, counts) in ([(1,)], ((1,),))
    stock(project, database, "shop", "0002")
    assert execute(database, counts) in ([(0,)], ((0,),))


@pytest.mark.databases("sqlite")
def test_keys_of_several_columns_are_nothing_for_sql(project, database):
    with_lines(project, database)
    write(project, Backfill("Line", sql=SQL), name="0003")
    with pytest.raises(NotSupportedError, match="Use update or function"):
        stock(project, database)


def test_rows_that_inherit_from_others(project, database):
    started(project, database)
    gift = migrations.CreateModel("Gift", [("x", INTEGER)], bases=("shop.order",))
    project.write("shop", "0002", gift)
    stock(project, database)
    insert(database, *range(1, 8))
    for key in (1, 3, 4, 6):
        sql = "INSERT INTO shop_gift (order_ptr_id, x) VALUES (%s, 0)"
        execute(database, sql, key)
    both = {"n": F("n") + 1, "x": F("x") + 1}
    write(project, Backfill("Gift", both, batch_size=2, reverse=fill), name="0003")
    stock(project, database)
    assert numbers(database) == [1, 0, 1, 1, 0, 1, 0]
    assert [x for (x,) in execute(database, "SELECT x FROM shop_gift")] == [1] * 4
    stock(project, database, "shop", "0002")
    assert numbers(database) == [2, 0, 2, 2, 0, 2, 0]


def test_tables_of_any_name(project, database):
    name = "The orders, of us"
    if database == "postgresql":
        execute(database, "CREATE SCHEMA archive")
        name = '"archive"."The orders"'
    table = order()
    table.options["db_table"] = name
    project.write("shop", "0001", table)
    stock(project, database)
    quote = connections[database].ops.quote_name
    execute(database, f"INSERT INTO {quote(name)} (n) VALUES (0)")
    write(project, Backfill("Order", AGAIN))
    project.migrate(database=database)
    found = execute(database, f"SELECT n FROM {quote(name)}")
    assert [n for (n,) in found] == [1]


class Few(models.Manager):
    use_in_migrations = True

    def get_queryset(self):
        return super().get_queryset().filter(n__gt=100)


@pytest.mark.databases("postgresql")
def test_rows_that_managers_leave_out(project, database):
    managed = migrations.CreateModel(
        "Order", [("id", KEY), ("n", INTEGER)], managers=[("objects", Few())]
    )
    project.write("shop", "0001", managed)
    stock(project, database)
    insert(database, 1, 2, 3)
    write(project, Backfill("Order", AGAIN))
    stock(project, database)
    assert numbers(database) == [1] * 3


@pytest.mark.databases("postgresql")
def test_rows_that_are_added_meanwhile(project, database):
    started(project, database, 1, 2, 3)
    write(project, Backfill("Order", AGAIN, batch_size=2))
    added = []

    def add(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if sql.startswith("UPDATE") and "shop_order" in sql and not added:
            added.append(True)
            insert(database, 4, 5, 6)
        return result

    with connections[database].execute_wrapper(add):
        stock(project, database)
    assert numbers(database) == [1] * 6


@any_command
def test_way_back(project, database, migrate):
    started(project, database, *range(1, 8))
    back = {"n": F("n") + 10}
    write(project, Backfill("Order", AGAIN, where=Q(n=0), reverse=back, batch_size=3))
    migrate(project, database)
    migrate(project, database, "shop", "0001")
    assert numbers(database) == [11] * 7
    assert names(database) == ["0001_initial"]
    assert not is_under_way(database)
    migrate(project, database)
    assert numbers(database) == [11] * 7


@pytest.mark.databases("postgresql")
def test_way_back_that_leaves_rows_as_they_are(project, database):
    started(project, database, 1, 2)
    write(project, Backfill("Order", AGAIN, reverse=Backfill.noop))
    stock(project, database)
    stock(project, database, "shop", "0001")
    assert numbers(database) == [1, 1]
    stock(project, database)
    assert numbers(database) == [2, 2]


@pytest.mark.databases("sqlite")
def test_there_is_no_way_back_unless_one_is_given(project, database):
    started(project, database, 1, 2)
    write(project, Backfill("Order", AGAIN))
    stock(project, database)
    with pytest.raises(migrations.exceptions.IrreversibleError):
        stock(project, database, "shop", "0001")
    assert numbers(database) == [1, 1]


@pytest.mark.databases("postgresql")
def test_beside_other_operations(project, database):
    started(project, database, 1, 2, 3)
    rename = migrations.RenameField("order", "n", "count")
    add = migrations.AddField("order", "twice", INTEGER)
    twice = Backfill("Order", {"twice": F("count") * 2}, batch_size=2)
    write(project, Backfill("Order", AGAIN, batch_size=2), rename, add, twice)
    stock(project, database)
    assert numbers(database, "count") == [1] * 3
    assert numbers(database, "twice") == [2] * 3


@pytest.mark.databases("postgresql")
def test_two_that_are_equal(project, database):
    started(project, database, 1, 2, 3)
    same = [Backfill("Order", AGAIN, batch_size=2) for _ in range(2)]
    write(project, *same)
    write(project, Backfill("Order", AGAIN), name="0003")
    stock(project, database)
    assert numbers(database) == [3] * 3


@pytest.mark.databases("postgresql")
@any_command
def test_a_field_that_there_is_not_is_named_before_anything(project, database, migrate):
    started(project, database)
    write(project, Backfill("Order", {"prise": 1}))
    with pytest.raises(Exception, match="Order has no field named 'prise'"):
        migrate(project, database)
    write(project, Backfill("Order", {"n": F("prise")}))
    with pytest.raises(Exception, match="Cannot resolve keyword 'prise' into field"):
        migrate(project, database)
    write(project, Backfill("Order", AGAIN, where=Q(prise=1)))
    with pytest.raises(Exception, match="Cannot resolve keyword 'prise' into field"):
        migrate(project, database)
    write(project, Backfill("Ordr", AGAIN))
    with pytest.raises(Exception, match="'shop' doesn't have a 'Ordr' model"):
        migrate(project, database)


class Router:
    """Keeps a model off all databases."""

    def allow_migrate(self, db, app_label, model_name=None, **hints):
        return model_name != "order" and not hints.get("kept_off")


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("hints", [None, {"kept_off": True}])
def test_a_router_keeps_it_off_a_database(project, database, hints):
    started(project, database, 1, 2)
    project.settings = {"DATABASE_ROUTERS": [Router()]}
    write(project, Backfill("Order", AGAIN, reverse=AGAIN, hints=hints))
    ours(project, database)
    ours(project, database, "shop", "0001")
    assert numbers(database) == [0, 0]


MESSAGE = (
    "The backfill of shop.Order cannot run in a transaction, because it commits "
    "each batch. Set atomic = False on the class of the migration, and run the command "
    "outside of a transaction."
)


@any_command
@pytest.mark.databases("sqlite", "postgresql")
def test_a_migration_in_a_transaction_is_refused(project, database, migrate):
    started(project, database, 1, 2)
    project.write("shop", "0002", Backfill("Order", AGAIN))
    with pytest.raises(Exception) as caught:  # noqa: PT011
        migrate(project, database)
    assert MESSAGE in str(caught.value)
    assert numbers(database) == [0, 0]
    assert names(database) == ["0001_initial"]


@pytest.mark.databases("sqlite", "postgresql")
def test_a_transaction_around_the_command_is_refused(project, database):
    started(project, database, 1, 2)
    project.stock_migrate(database=database, verbosity=0)
    step = Backfill("Order", AGAIN)
    with project.active(), connections[database].schema_editor(atomic=False) as editor:
        state = migrations.state.ProjectState()
        order().state_forwards("shop", state)
        with transaction.atomic(database), pytest.raises(NotSupportedError) as caught:
            step.database_forwards("shop", editor, state, state)
    assert str(caught.value) == MESSAGE


@pytest.mark.databases("postgresql")
def test_it_is_left_until_the_roll_out_is_over(project, database):
    started(project, database, 1, 2, 3)
    field = models.IntegerField(null=True)
    project.write("shop", "0002", migrations.AddField("order", "total", field))
    empty = Q(total=None)
    fill_total = Backfill("Order", {"total": F("n") + 7}, where=empty, batch_size=2)
    write(project, fill_total, name="0003")
    printed = project.migrate(PRE, database=database)
    assert "shop.0003  (post-deploy, declared)" in printed
    insert(database, 4)  # by the old version
    assert numbers(database, "total") == [None] * 4
    project.migrate(POST, database=database)
    assert numbers(database, "total") == [7] * 4
    assert names(database) == ["0001_initial", "0002", "0003"]


@pytest.mark.databases("sqlite")
def test_it_may_run_before_the_roll_out(project, database):
    started(project, database, 1, 2)
    early = Backfill("Order", AGAIN)
    early.stage = Stage.PRE_DEPLOY  # as argument Django cannot write it on Python 3.10
    write(project, early)
    write(project, Backfill("Order", AGAIN, stage=None), name="0003")
    ours(project, database, PRE)
    assert numbers(database) == [2, 2]


def test_in_a_migration_that_is_applied_in_parts(project, database):
    started(project, database, 1, 2, 3)
    project.settings = {"MIGRATION_BRIDGE": "all"}
    write(
        project,
        Backfill("Order", AGAIN, stage=None, batch_size=2),
        migrations.AddField("order", "total", models.IntegerField(default=7)),
        Backfill("Order", {"total": F("total") + F("n")}, stage=None, batch_size=2),
    )
    ours(project, database, PRE)
    assert numbers(database, "total") == [8] * 3
    assert "syzygy_like_ledger" in tables(database)
    insert(database, 4)
    ours(project, database, POST)
    assert numbers(database, "total") == [8, 8, 8, 7]
    assert numbers(database) == [1, 1, 1, 0]
    assert not {each for each in tables(database) if "syzygy_like" in each}


@pytest.mark.databases("sqlite")
def test_plan_tells_what_it_does(project, database):
    started(project, database, 1)
    write(project, Backfill("Order", AGAIN), Backfill("Order", function=fill))
    write(project, Backfill("Order", sql=SQL, reverse=AGAIN), name="0003")
    printed = project.stock_migrate("--plan", database=database)
    assert "Backfill n on Order\n" in printed
    assert "Backfill Order\n" in printed
    assert "Backfill Order -> UPDATE shop_order SET" in printed
    sql = project.call("sqlmigrate", "shop", "0002", database=database)
    assert "-- Backfill n on Order\n--\n-- THIS OPERATION CANNOT BE" in sql
    assert numbers(database) == [0]
    project.stock_migrate(database=database, fake=True)
    printed = project.stock_migrate("shop", "zero", "--plan", database=database)
    assert "Backfill n on Order -> IRREVERSIBLE" in printed
    assert "    Backfill Order\n" in printed


@pytest.mark.databases("postgresql")
def test_a_rehearsal_runs_it(project, database):
    orders.started(project, database, "")
    add = migrations.AddField("order", "total", models.IntegerField(null=True))
    project.write("shop", "0002", add)
    empty = Q(total=None)
    fill_total = Backfill("Order", {"total": F("price") + 1}, where=empty, batch_size=1)
    write(project, fill_total, name="0003")
    found = rehearse(project, database)
    assert found.is_clean, found
    assert found.outcomes == {"shop.0002": ["pre-deploy"], "shop.0003": ["post-deploy"]}


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("independent", [True, False])
def test_its_place_makes_a_difference_unless_its_author_vouches(
    project, database, independent
):
    started(project, database, 1, 2)
    words = {"run_independently": True} if independent else {}
    write(project, Backfill("Order", AGAIN), **words)
    field = models.IntegerField(null=True)
    project.write("shop", "0003", migrations.AddField("order", "total", field))
    if independent:
        ours(project, database, PRE)
        assert columns(database, "shop_order").keys() >= {"total"}
        assert numbers(database) == [0, 0]
        ours(project, database, POST)
        assert numbers(database) == [1, 1]
    else:
        assert "depends on shop.0002" in refused(
            project, "migrate", PRE, database=database
        )


@pytest.mark.databases("postgresql")
def test_a_row_that_is_locked_is_waited_for(project, database):
    """A batch that could not have its rows is tried again, and no other one is."""
    started(project, database, *range(1, 8))
    write(project, Backfill("Order", AGAIN, batch_size=3))
    other = connections[database].copy()
    retries = []

    def let_go(**kwargs):
        retries.append(kwargs["attempt"])
        other.close()

    migration_retried.connect(let_go)
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("UPDATE shop_order SET m = 1 WHERE id = 5")
        ours(project, database, "--lock-timeout", "100ms")
    finally:
        migration_retried.disconnect(let_go)
        other.close()
    assert retries == [1]
    assert numbers(database) == [1] * 7
    assert not is_under_way(database)
