"""
Operations that are carried out again, after a run of theirs that broke off.

What is done already is passed over, what was lost on the way is made good.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from django.db import DatabaseError, models
from django.db.migrations import Migration
from django.db.migrations.state import ProjectState

from syzygy_like.release.halves import is_constrained
from syzygy_like.schema import ModelKey

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


def forgiving(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
    """Execute a statement; one whose effect is there already is passed over."""
    try:
        return execute(sql, params, many, context)
    except DatabaseError as error:
        connection = context["connection"]
        is_lost = connection.in_atomic_block and connection.features.can_rollback_ddl
        if is_lost or not is_done(error, sql):
            raise
    return None


def is_done(error: DatabaseError, sql: Any) -> bool:
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


def restore(
    editor: Any, single: Migration, state: ProjectState, reached: ProjectState
) -> None:
    """
    Add the foreign keys that are not in the database, but on both sides of a migration.

    It has led from or to ``state``; ``reached`` is where a schema editor is by now.
    Django adds a constraint again that it has dropped to alter a field. Where a run
    that broke off has dropped it, Django does not.
    """
    if not editor.connection.features.supports_foreign_keys:
        return
    other = single.mutate_state(state, preserve=True)
    for key, name in _altered(state, other):
        model = reached.apps.get_model(*key)
        if not model._meta.can_migrate(editor.connection):
            continue
        for each in _foreign_keys(model._meta.get_field(name)):
            if not _is_there(editor.connection, each):
                loose = copy.copy(each)
                loose.db_constraint = False
                editor.alter_field(each.model, loose, each)


def _altered(
    before: ProjectState, after: ProjectState
) -> Iterator[tuple[ModelKey, str]]:
    """Yield the relations that differ, and that the database enforces on both sides."""
    for key in before.models.keys() & after.models.keys():
        old, new = before.models[key].fields, after.models[key].fields
        for name in old.keys() & new.keys():
            pair = (old[name], new[name])
            if pair[0] is not pair[1] and all(map(is_constrained, pair)):
                yield key, name


def _foreign_keys(field: Any) -> Iterator[Any]:
    """Yield the foreign keys that a relation is made of."""
    if not field.many_to_many:
        yield field
        return
    for each in field.remote_field.through._meta.local_fields:
        if isinstance(each, models.ForeignKey):
            yield each


def _is_there(connection: Any, field: Any) -> bool:
    """Tell whether the constraint of a foreign key is in the database."""
    table = field.model._meta.db_table
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, table)
    return any(
        each["foreign_key"] and each["columns"] == [field.column]
        for each in found.values()
    )
