"""
Operations that run again after an earlier run of them was cut off.

What is done already is passed over, foreign keys that were lost are added again.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from django.db import DatabaseError, models, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState

from syzygy_like.schema import ModelKey

ForeignKey = models.ForeignKey[Any, Any]
Constraint = Mapping[str, Any]
# What Django gives an execute_wrapper.
ExecuteContext = dict[str, Any]
Execute = Callable[[str, object, bool, ExecuteContext], object]

# What a database says of a change that is made already, by the first word of the
# statement. PostgreSQL, "Error Codes"; MySQL, "Server Error Message Reference".
MADE = {
    "42P07",  # duplicate table
    "42701",  # duplicate column
    "42710",  # duplicate object
    1050,  # table exists
    1060,  # duplicate column
    1061,  # duplicate key name
    1826,  # duplicate foreign key
    3822,  # duplicate check constraint
}
GONE = {
    "42703",  # undefined column
    "42704",  # undefined object
    1054,  # unknown column
    1091,  # cannot drop what is not there
    1176,  # no such index
    3821,  # check constraint is not there
}
NO_TABLE = {
    "42P01",  # undefined table
    1051,  # unknown table
    1146,  # no such table
}
DONE = {
    "CREATE": MADE,
    "DROP": GONE | NO_TABLE,
    "ALTER": MADE | GONE,
    "RENAME": MADE | NO_TABLE,
}


def pass_over_done(
    execute: Execute, sql: str, params: object, many: bool, context: ExecuteContext
) -> object:
    """Execute a statement; pass over one whose effect is there already."""
    try:
        return execute(sql, params, many, context)
    except DatabaseError as error:
        connection = context["connection"]
        is_lost = connection.in_atomic_block and connection.features.can_rollback_ddl
        if is_lost or not is_done(error, sql):
            raise
    return None


def is_done(error: DatabaseError, sql: str) -> bool:
    """Tell by its code whether an error means that a change is made already."""
    words = str(sql).upper().split()
    done = DONE.get(words[0] if words else "", set())
    if "RENAME" in words:
        done = done | NO_TABLE
    codes = {getattr(error.__cause__, "sqlstate", None), *error.args[:1]}
    # MariaDB has one code for all tables that cannot be made; a constraint of this name
    # is there if InnoDB says DB_DUPLICATE_KEY.
    duplicate = 1005 in codes and "errno: 121" in str(error)
    return bool(done) and (duplicate or not codes.isdisjoint(done))


def tolerate_missing_together(editor: BaseDatabaseSchemaEditor) -> None:
    """
    Have a schema editor drop what is unique or indexed together only if it is there.

    It looks for the constraint, and raises where there is none.
    """
    for name, kind in (("unique", "unique"), ("index", "index")):
        method = f"alter_{name}_together"
        alter = functools.partial(_alter_together, getattr(editor, method), kind)
        setattr(editor, method, functools.partial(alter, editor.connection))


def _alter_together(
    alter: Callable[[type[models.Model], object, object], None],
    kind: str,
    connection: BaseDatabaseWrapper,
    model: type[models.Model],
    old: Iterable[tuple[str, ...]],
    new: object,
) -> None:
    there = [
        each["columns"]
        for each in _constraints(connection, model._meta.db_table)
        if each[kind] and not each["primary_key"]
    ]
    columns = {each.name: each.column for each in model._meta.concrete_fields}
    alter(
        model,
        {each for each in old if [columns[name] for name in each] in there},
        new,
    )


def restore_foreign_keys(
    connection: BaseDatabaseWrapper, before: ProjectState, reached: ProjectState
) -> None:
    """
    Add the foreign keys that an operation should have left, and that are not there.

    It has led from a state to the one that is ``reached``. To alter a field, or one
    that is referred to, Django drops constraints and adds them again. Where a run was
    cut off between the two, Django does not add them.
    """
    if not connection.features.supports_foreign_keys:
        return
    with connection.schema_editor() as editor:
        for field in _foreign_keys(before, reached):
            if _may_be_altered(connection, field) and not _is_there(connection, field):
                loose: Any = copy.copy(field)
                loose.db_constraint = False
                editor.alter_field(field.model, loose, field)


def _foreign_keys(before: ProjectState, reached: ProjectState) -> Iterator[ForeignKey]:
    """Yield the keys that are altered, and those that refer to what is."""
    for key, name in _altered(before, reached):
        model = reached.apps.get_model(*key)
        field = model._meta.get_field(name)
        if isinstance(field, models.ManyToManyField):
            through: Any = field.remote_field.through
            if through._meta.auto_created:
                yield from _enforced(through._meta.local_fields)
        yield from _enforced([field])
        relations = model._meta.get_fields(include_hidden=True)
        incoming = [
            relation.field
            for relation in relations
            if isinstance(relation, models.ManyToOneRel)
        ]
        yield from (each for each in _enforced(incoming) if each.target_field == field)


def _altered(
    before: ProjectState, reached: ProjectState
) -> Iterator[tuple[ModelKey, str]]:
    """Yield the fields of a state that differ from those of the one before."""
    for key, model in reached.models.items():
        was = before.models[key].fields if key in before.models else {}
        for name, field in model.fields.items():
            if was.get(name) is not field:
                yield key, name


def _enforced(fields: Iterable[object]) -> Iterator[ForeignKey]:
    """Yield the foreign keys that the database enforces."""
    for each in fields:
        if isinstance(each, models.ForeignKey) and each.db_constraint:  # type: ignore[attr-defined]
            yield each


def _may_be_altered(connection: BaseDatabaseWrapper, field: ForeignKey) -> bool:
    """Tell whether the table of a field is one that migrations alter here."""
    model = field.model
    is_managed = model._meta.can_migrate(connection)
    return is_managed and router.allow_migrate_model(connection.alias, model)


def _is_there(connection: BaseDatabaseWrapper, field: ForeignKey) -> bool:
    """Tell whether the constraint of a foreign key is in the database."""
    return any(
        each["foreign_key"] and each["columns"] == [field.column]
        for each in _constraints(connection, field.model._meta.db_table)
    )


def _constraints(connection: BaseDatabaseWrapper, table: str) -> list[Constraint]:
    """Return the constraints and indexes of a table, as Django describes them."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, table)
    return list(found.values())
