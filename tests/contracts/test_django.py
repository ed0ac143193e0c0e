"""
What we rely on in Django without a promise of Django's.

Each test names it; one that fails with a new Django says what to look at.
"""

from __future__ import annotations

import inspect
import types

import pytest
from django.contrib.postgres import operations as postgres_operations
from django.core.management.commands import makemigrations, migrate, showmigrations
from django.db import (
    InternalError,
    ProgrammingError,
    connections,
    migrations,
    models,
)
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import Migration
from django.db.migrations import operations as django_operations
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation, OperationCategory
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ModelState, ProjectState
from django.db.migrations.utils import resolve_relation
from django.db.migrations.writer import MigrationWriter, OperationWriter
from django.db.models.constraints import BaseConstraint
from django.db.models.fields import NOT_PROVIDED
from django.db.models.options import normalize_together
from django.db.models.utils import make_model_tuple

from syzygy_like.planning.database import CLOCKS
from syzygy_like.planning.history import full_plan
from syzygy_like.safeguards.timeouts.retry import leave_transaction
from syzygy_like.schema import Schema, always, schema
from syzygy_like.schema.tracking import TrackedState, Tracker
from tests.support.projects import migration

pytestmark = pytest.mark.versions

KEY = ("id", models.BigAutoField(primary_key=True))
CHECK = models.CheckConstraint(condition=models.Q(price__gte=0), name="price_positive")
UNIQUE = models.UniqueConstraint(fields=["price"], name="price_once")
INDEX = models.Index(fields=["price"], name="by_price")
INTEGER = models.IntegerField(null=True)

# An operation of every class that changes a state, and the models that it changes.
CHANGES = [
    (migrations.CreateModel("Label", [KEY]), {"label"}),
    (migrations.DeleteModel("Note"), {"note"}),
    (migrations.RenameModel("Order", "Purchase"), {"order", "purchase", "line"}),
    (migrations.AlterModelTable("order", "orders"), {"order"}),
    (migrations.AlterModelTableComment("order", "All orders"), {"order"}),
    (migrations.AlterModelOptions("order", {"ordering": ["price"]}), {"order"}),
    (migrations.AlterModelManagers("order", []), {"order"}),
    (migrations.AlterUniqueTogether("order", {("price", "size")}), {"order"}),
    (migrations.AlterOrderWithRespectTo("line", "order"), {"line"}),
    (migrations.AddField("order", "cost", INTEGER), {"order"}),
    (migrations.RemoveField("order", "price"), {"order"}),
    (migrations.AlterField("order", "price", models.TextField()), {"order"}),
    (migrations.RenameField("order", "price", "cost"), {"order"}),
    (migrations.AddIndex("order", INDEX), {"order"}),
    (migrations.RemoveIndex("order", "by_size"), {"order"}),
    (
        migrations.RenameIndex("order", old_name="by_size", new_name="sizes"),
        {"order"},
    ),
    (migrations.AddConstraint("order", UNIQUE), {"order"}),
    (migrations.RemoveConstraint("order", "size_positive"), {"order"}),
    (postgres_operations.AddIndexConcurrently("order", INDEX), {"order"}),
    (postgres_operations.RemoveIndexConcurrently("order", "by_size"), {"order"}),
    (postgres_operations.AddConstraintNotValid("order", CHECK), {"order"}),
    (
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RemoveField("order", "price")]
        ),
        {"order"},
    ),
]
if hasattr(migrations, "AlterConstraint"):
    renamed = models.CheckConstraint(
        condition=models.Q(size__gte=0),
        name="size_positive",
        violation_error_message="Too small.",
    )
    CHANGES.append(
        (migrations.AlterConstraint("order", "size_positive", renamed), {"order"})
    )
# Those that leave a state as it is, or (AlterIndexTogether) are history only.
CHANGES_NOTHING = {
    "AlterIndexTogether",
    "BloomExtension",
    "BtreeGinExtension",
    "BtreeGistExtension",
    "CITextExtension",
    "CreateCollation",
    "CreateExtension",
    "CryptoExtension",
    "HStoreExtension",
    "RemoveCollation",
    "RunPython",
    "RunSQL",
    "TrigramExtension",
    "UnaccentExtension",
    "ValidateConstraint",
}


def tracker():
    size = models.CheckConstraint(condition=models.Q(size__gte=0), name="size_positive")
    options = {
        "indexes": [models.Index(fields=["size"], name="by_size")],
        "constraints": [size],
    }
    fields = [KEY, ("price", models.IntegerField()), ("size", models.IntegerField())]
    parent = models.ForeignKey("shop.Order", models.CASCADE)
    tracker = Tracker(TrackedState(), always)
    for operation in (
        migrations.CreateModel("Order", fields, options),
        migrations.CreateModel("Line", [KEY, ("order", parent)]),
        migrations.CreateModel("Note", [KEY]),
    ):
        operation.state_forwards("shop", tracker.state)
    tracker.assume_applied()
    return tracker


@pytest.mark.parametrize(
    ("operation", "changed"),
    CHANGES,
    ids=[type(operation).__name__ for operation, _ in CHANGES],
)
def test_whatever_changes_a_model_reloads_it(operation, changed):
    """``ProjectState.reload_model``, ``reload_models`` and what else is overridden."""
    tracked = tracker()
    operation.state_forwards("shop", tracked.state)
    assert {("shop", name) for name in changed} <= tracked.state.touched
    tracked.assume_applied()
    assert tracked.schemas.code == Schema(dict(schema(tracked.state).tables))


def operation_classes():
    for module in (django_operations, postgres_operations):
        for value in vars(module).values():
            if inspect.isclass(value) and issubclass(value, Operation):
                yield value.__name__


def test_no_operation_of_django_is_left_out():
    tried = {type(operation).__name__ for operation, _ in CHANGES}
    bases = {"CollationOperation", "Operation"}
    known = tried | CHANGES_NOTHING | bases
    assert set(operation_classes()) <= known


def test_the_signatures_that_tracked_state_overrides():
    for name in ("add_model", "remove_model", "rename_model", "reload_model"):
        ours = inspect.signature(getattr(TrackedState, name))
        theirs = inspect.signature(getattr(ProjectState, name))
        assert list(ours.parameters) == list(theirs.parameters)
    assert list(inspect.signature(ProjectState.reload_models).parameters) == [
        "self",
        "models",
        "delay",
    ]
    assert list(inspect.signature(ProjectState.__init__).parameters) == [
        "self",
        "models",
        "real_apps",
    ]


def test_mutating_a_state_renders_nothing():
    tracked = tracker()
    for operation, _ in CHANGES[:1]:
        made = migration("shop", "0002", operation)
        made.mutate_state(tracked.state, preserve=False)
    assert "apps" not in vars(tracked.state)


def test_attributes_of_a_model_state():
    """``ModelState.fields``, ``bases``, ``options``, ``name_lower``, ``clone``."""
    state = ModelState("shop", "Order", [KEY], {}, (models.Model,), [])
    assert state.name_lower == "order"
    assert list(state.fields) == ["id"]
    assert state.options == {"indexes": [], "constraints": []}
    assert state.bases == (models.Model,)
    assert state.clone().fields == state.fields


def test_resolve_relation():
    assert resolve_relation("Order", "shop") == ("shop", "order")
    assert resolve_relation("blog.Post", "shop") == ("blog", "post")
    assert resolve_relation("self", "shop", "order") == ("shop", "order")
    assert make_model_tuple("shop.Order") == ("shop", "order")


def test_names_of_columns():
    """``Field.get_attname_column`` and ``Field.name`` of a field without a model."""
    field = models.IntegerField(db_column="cents")
    field.name = "price"
    assert field.get_attname_column() == ("price", "cents")
    key = models.ForeignKey("shop.Order", models.CASCADE)
    key.name = "order"
    assert key.get_attname_column() == ("order_id", "order_id")


def test_attributes_of_fields():
    """``non_db_attrs``, ``db_default``, ``generated``, ``remote_field``..."""
    assert {"verbose_name", "choices"} <= set(models.Field.non_db_attrs)
    assert "violation_error_message" in BaseConstraint.non_db_attrs
    field = models.IntegerField()
    assert field.db_default is NOT_PROVIDED
    assert field.generated is False
    key = models.ForeignKey("shop.Order", models.CASCADE, db_constraint=False)
    assert key.db_constraint is False
    assert key.to_fields == [None]
    assert key.remote_field.model == "shop.Order"
    many = models.ManyToManyField("shop.Order", db_table="t", db_constraint=False)
    assert many.remote_field.through is None
    assert many.remote_field.db_constraint is False
    assert many.db_table == "t"


@pytest.mark.parametrize(
    "kind", [models.DateTimeField, models.DateField, models.TimeField]
)
def test_the_clocks_of_automatic_fields(kind):
    """``BaseDatabaseSchemaEditor._effective_default``, and ``pre_save``."""
    field = kind(auto_now_add=True)
    field.attname = "made"
    clock = CLOCKS[field.get_internal_type()]
    before = clock()
    found = (
        BaseDatabaseSchemaEditor._effective_default(field),
        field.pre_save(types.SimpleNamespace(), add=True),
    )
    for theirs in found:
        assert type(theirs) is type(before)
        assert before <= theirs <= clock()


def test_what_a_connection_tells_before_it_is_open():
    """``timezone_name``, ``vendor`` and ``connection``."""
    connection = connections["default"].copy()
    assert connection.connection is None
    assert connection.vendor == "sqlite"
    assert connection.timezone_name == "UTC"
    assert connection.features.supports_expression_defaults


def test_on_delete_of_the_database():
    """``on_delete.operation``, of Django 6.1 and later."""
    if not hasattr(models, "DB_CASCADE"):
        pytest.skip("no on_delete of the database in this Django")
    assert models.DB_CASCADE.operation == "CASCADE"
    assert getattr(models.CASCADE, "operation", None) is None


def test_normalize_together():
    assert normalize_together(("a", "b")) == (("a", "b"),)


def test_a_command_knows_where_it_was_called():
    """``BaseCommand._called_from_command_line``."""
    assert migrate.Command._called_from_command_line is False
    source = inspect.getsource(migrate.Command.run_from_argv)
    assert "self._called_from_command_line = True" in source


def test_migrate_makes_its_executor_by_a_global():
    """``migrate.MigrationExecutor``, unless there is ``Command.executor_class``."""
    if hasattr(migrate.Command, "executor_class"):
        pytest.skip("no seam is needed")
    assert migrate.MigrationExecutor is MigrationExecutor
    source = inspect.getsource(migrate.Command)
    assert "MigrationExecutor(connection, self.migration_progress_callback)" in source


def test_migrate_asks_for_its_plan_before_it_does_anything():
    source = inspect.getsource(migrate.Command)
    plan = source.index("plan = executor.migration_plan(targets)")
    assert plan < source.index('if options["plan"]:')
    assert plan < source.index("emit_pre_migrate_signal(")
    assert source.index('if options["check_unapplied"]:') > plan


def test_a_printed_plan_needs_a_name_and_operations():
    source = inspect.getsource(migrate.Command)
    assert "self.stdout.write(str(migration), self.style.MIGRATE_HEADING)" in source
    assert "for operation in migration.operations:" in source


def test_an_executor_calls_itself_and_starts_clean_for_the_whole():
    source = inspect.getsource(MigrationExecutor)
    assert "return self.migration_plan(targets, clean_start=clean_start)" in source
    assert "self.loader.graph.leaf_nodes(), clean_start=True" in source
    for name in ("apply_migration", "unapply_migration"):
        assert "fake" in inspect.signature(getattr(MigrationExecutor, name)).parameters


def test_categories_of_operations():
    """``Operation.category``: what changes a schema, and what is about rows."""
    of = {name: getattr(django_operations, name).category for name in CATEGORIES}
    assert of == CATEGORIES


CATEGORIES = {
    "AddField": OperationCategory.ADDITION,
    "AlterField": OperationCategory.ALTERATION,
    "RemoveField": OperationCategory.REMOVAL,
    "RunPython": OperationCategory.PYTHON,
    "RunSQL": OperationCategory.SQL,
}


def test_operations_make_no_savepoint_in_a_migration_that_is_atomic():
    """``BaseDatabaseSchemaEditor.atomic_migration``, which Migration.apply() asks."""
    for method in (Migration.apply, Migration.unapply):
        source = inspect.getsource(method)
        assert "if not schema_editor.atomic_migration and atomic_operation:" in source


@pytest.mark.databases("sqlite")
def test_a_schema_editor_puts_statements_off_in_a_list(database):
    """``BaseDatabaseSchemaEditor.deferred_sql``, executed at its end."""
    with connections[database].schema_editor() as editor:
        assert editor.deferred_sql == []
        editor.deferred_sql.append("CREATE TABLE late (number integer)")
    assert "late" in connections[database].introspection.table_names()


@pytest.mark.databases("sqlite")
def test_attributes_of_a_loader(project, database):
    """``applied_migrations``, ``disk_migrations``, ``replacements``, ``graph``..."""
    project.write("shop", "0001_initial")
    project.write("shop", "0002_more")
    project.write("shop", "0001_squashed", replaces=REPLACED, dependencies=[])
    project.app("notes", "class Note(models.Model):\n    pass\n")
    project.migrate(database=database)
    with project.active():
        loader = MigrationLoader(connections[database], ignore_no_migrations=True)
    assert set(loader.applied_migrations) == {*REPLACED, ("shop", "0001_squashed")}
    assert set(loader.disk_migrations) == set(loader.applied_migrations)
    assert set(loader.replacements) == {("shop", "0001_squashed")}
    assert loader.unmigrated_apps >= {"notes"}
    assert loader.migrated_apps == {"shop"}
    (node,) = loader.graph.node_map.values()
    assert node.key == ("shop", "0001_squashed")
    assert node.parents == node.children == set()
    assert str(loader.graph.nodes[node.key]) == "shop.0001_squashed"
    record = loader.applied_migrations["shop", "0001_initial"]
    assert isinstance(record, MigrationRecorder.Migration)
    assert record.applied.tzinfo


@pytest.mark.databases("sqlite")
def test_the_rows_of_the_history(database):
    """``MigrationRecorder.migration_qs``: each time it is applied, another row."""
    recorder = MigrationRecorder(connections[database])
    assert not recorder.has_table()
    recorder.record_applied("shop", "0001")
    assert recorder.has_table()
    before = recorder.migration_qs.values_list("pk", "app", "name", "applied").get()
    recorder.record_unapplied("shop", "0001")
    recorder.record_applied("shop", "0001")
    after = recorder.migration_qs.values_list("pk", "app", "name", "applied").get()
    assert before[1:3] == after[1:3] == ("shop", "0001")
    assert before[0] != after[0]
    assert before[3] < after[3]


REPLACED = [("shop", "0001_initial"), ("shop", "0002_more")]


@pytest.mark.databases("sqlite")
def test_the_order_of_an_empty_database(database):
    """``MigrationExecutor.migration_plan(..., clean_start=True)`` and ours."""
    executor = MigrationExecutor(connections[database])
    graph = executor.loader.graph
    theirs = executor.migration_plan(graph.leaf_nodes(), clean_start=True)
    ours = full_plan(graph)
    assert ours == [(each.app_label, each.name) for each, _ in theirs]
    assert len(ours) > 10


@pytest.mark.databases("postgresql")
def test_a_transaction_that_deferred_sql_leaves_open(database):
    """``connection.atomic_blocks`` and ``wrap_database_errors``."""
    connection = connections[database]
    with pytest.raises(ProgrammingError), connection.schema_editor() as editor:
        editor.deferred_sql.append("SELECT nothing")
    assert connection.in_atomic_block
    assert connection.atomic_blocks == [editor.atomic]
    raw = connection.connection
    with pytest.raises(InternalError), connection.wrap_database_errors:
        raw.execute("SELECT 1")
    leave_transaction(connection, ProgrammingError())
    assert not connection.in_atomic_block
    assert connection.get_autocommit()
    assert connection.atomic_blocks == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def test_helpers_of_django_that_messages_use():
    """``parse_number``, ``suggest_name``, ``OperationWriter``."""
    assert MigrationAutodetector.parse_number("0007_swap") == 7
    assert MigrationAutodetector.parse_number("swap") is None
    operation = migrations.AddField("order", "price", models.IntegerField())
    assert migration("shop", "", operation).suggest_name() == "order_price"
    text, imports = OperationWriter(operation, indentation=0).serialize()
    assert text.startswith("migrations.AddField(\n")
    assert imports == {"from django.db import models"}
    assert MigrationWriter.serialize(1) == ("1", set())


def test_migrate_and_makemigrations_share_an_autodetector():
    """Check ``commands.E001``."""
    from syzygy_like.management.commands import migrate as ours

    assert ours.Command.autodetector is migrate.Command.autodetector
    assert ours.Command.autodetector is makemigrations.Command.autodetector


def test_the_lines_of_showmigrations():
    source = inspect.getsource(showmigrations.Command)
    for mark in ('" [ ] %s"', '"[ ]  %s.%s%s"'):
        assert mark in source
    assert "self.stdout.write(app_name, self.style.MIGRATE_LABEL)" in source


def test_a_copy_of_a_connection_shares_nothing_with_it(database):
    """locking/servers.py changes the settings of one, and closes it."""
    connection = connections[database]
    connection.ensure_connection()
    copy = connection.copy()
    assert copy.connection is None
    assert copy.settings_dict == connection.settings_dict
    assert copy.settings_dict is not connection.settings_dict
    assert copy.settings_dict["OPTIONS"] is not connection.settings_dict["OPTIONS"]
    copy.ensure_connection()
    copy.close()
    assert connection.is_usable()


def test_a_backfill_may_reload_models_that_are_delayed():
    assert not inspect.signature(ProjectState().clear_delayed_apps_cache).parameters
