"""From the constraints of SQL to those of tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from syzygy_like.schema import Constraint, Reference, Table
from syzygy_like.schema.sql.draft import Draft, UnreadableError
from syzygy_like.schema.sql.expressions import columns_in, tests_null, text
from syzygy_like.schema.sql.naming import (
    foreign_key_column,
    identifier,
    is_named,
    spelled,
)
from syzygy_like.schema.sql.types import signed


def add_rule(
    draft: Draft, table: str, rule: Any, given: Any = None, column: Any = None
) -> None:
    """
    Add what a rule in SQL stands for to a table.

    ``given`` is the identifier that names it, ``column`` the definition of the
    column that it belongs to, if any. Raise UnreadableError if the rule is not known.
    """
    kind = type(rule).__name__
    if kind == "Constraint":
        for each in rule.expressions:
            add_rule(draft, table, each, rule.this, column)
    elif kind in RULES:
        RULES[kind](draft, table, rule, given, column)
    else:
        raise UnreadableError(rule)


def add_unique(
    draft: Draft,
    table: str,
    given: Any,
    elements: Sequence[Any],
    condition: Any = None,
    nulls_distinct: bool = True,
    deferrable: bool = False,
) -> None:
    """Add that columns, or expressions, are unique among the rows of a table."""
    current = draft.tables[table]
    plain = all(identifier(each) is not None for each in elements)
    if plain:
        names = [draft.column_name(current, each) for each in elements]
        columns = frozenset(names)
    else:
        read = [*elements, *([] if condition is None else [condition])]
        columns = columns_in(draft, current, *read)
    constraint = Constraint(
        "unique",
        columns,
        key=None if plain else ("sql", ", ".join(map(_unordered, elements))),
        condition=None if condition is None else text(condition),
        nulls_distinct=nulls_distinct,
        deferrable=deferrable,
        name=_given_name(draft, given),
    )
    draft.put_constraint(table, constraint)


def _unordered(element: Any) -> str:
    return text(element.this if type(element).__name__ == "Ordered" else element)[1]


def drop_rule(draft: Draft, table: Table, name: str) -> bool:
    """
    Take the constraint of a name from a table, tell whether there is one.

    One that isn't known is taken for one that nothing depends on.
    """
    for constraint in table.constraints:
        if is_named(constraint, table, name):
            draft.drop_constraint(table.name, constraint)
            draft.restore_twin(table.name, constraint)
            return True
    if draft.drop_twin(table.name, name):
        return True
    if table.primary_key and name in (f"{table.name}_pkey", "PRIMARY"):
        draft.put(table, primary_key=())
        return True
    return _drop_foreign_key(draft, table, name) or _drop_sign(draft, table, name)


def rule_name(draft: Draft, node: Any) -> str:
    """Return the name of the constraint or index that a part of a statement names."""
    return spelled(node, draft.vendor)


def _drop_foreign_key(draft: Draft, table: Table, name: str) -> bool:
    column = draft.foreign_keys.get((table.name, name))
    column = column or foreign_key_column(table, name)
    if column is None or column not in table.columns:
        return False
    reference = table.columns[column].reference
    if reference is not None:
        free = Reference(reference.table, reference.column, constraint=False)
        draft.put_column(table.name, column, reference=free)
    return True


def _drop_sign(draft: Draft, table: Table, name: str) -> bool:
    """Drop the check constraint that PostgreSQL makes of a positive field."""
    for column in table.columns.values():
        if name == f"{table.name}_{column.name}_check" and column.type.low == 0:
            draft.put_column(table.name, column.name, type=signed(column.type))
            return True
    return False


def _given_name(draft: Draft, given: Any) -> str:
    return "" if given is None else rule_name(draft, given)


def _is_deferrable(rule: Any) -> bool:
    options = {str(each).upper() for each in rule.args.get("options") or []}
    return "DEFERRABLE" in options


def _add_unique(draft: Draft, table: str, rule: Any, given: Any, column: Any) -> None:
    listed = rule.args.get("this")
    if listed is not None:  # MySQL: "the index name, if both are given"
        given = listed.args.get("this") or given
    add_unique(
        draft,
        table,
        given,
        listed.expressions if listed is not None else [column.this],
        nulls_distinct=not rule.args.get("nulls"),
        deferrable=_is_deferrable(rule),
    )


def _add_check(draft: Draft, table: str, rule: Any, given: Any, column: Any) -> None:
    constraint = Constraint(
        "check",
        columns_in(draft, draft.tables[table], rule.this),
        key=text(rule.this),
        tests_null=tests_null(rule.this),
        name=_given_name(draft, given),
    )
    draft.put_constraint(table, constraint)


def _add_exclusion(
    draft: Draft, table: str, rule: Any, given: Any, column: Any
) -> None:
    constraint = Constraint(
        "exclusion",
        columns_in(draft, draft.tables[table], rule.this),
        key=text(rule.this),
        deferrable=_is_deferrable(rule),
        name=_given_name(draft, given),
    )
    draft.put_constraint(table, constraint)


def _add_primary_key(
    draft: Draft, table: str, rule: Any, given: Any, column: Any
) -> None:
    """Add a primary key, which makes its columns NOT NULL."""
    current = draft.tables[table]
    elements = rule.expressions or ([] if column is None else [column.this])
    names = tuple(draft.column_name(current, each) for each in elements)
    draft.put(current, primary_key=names)
    for name in names:
        draft.put_column(table, name, null=False)
    if draft.vendor == "sqlite" and len(names) == 1:
        _number_rows(draft, table, names[0])


def _number_rows(draft: Draft, table: str, name: str) -> None:
    """Let an integer key be the number of the row (SQLite, "Rowid Tables")."""
    column = draft.tables[table].columns.get(name)
    if column is not None and column.type.family == "integer":
        draft.put_column(table, name, auto=True)


def _add_foreign_key(
    draft: Draft, table: str, rule: Any, given: Any, column: Any
) -> None:
    if len(rule.expressions) != 1:  # which no Reference can tell of
        raise UnreadableError(rule)
    reference = rule.args["reference"]
    _put_reference(draft, table, rule.expressions[0], reference, given)


def _add_reference(
    draft: Draft, table: str, rule: Any, given: Any, column: Any
) -> None:
    # MySQL ignores what a column's definition refers to, before 9.0; MariaDB doesn't.
    if draft.vendor == "mysql":
        raise UnreadableError(rule)
    _put_reference(draft, table, column.this, rule, given)


def _put_reference(
    draft: Draft, table: str, node: Any, reference: Any, given: Any
) -> None:
    current = draft.tables[table]
    name = draft.column_name(current, node)
    column = current.columns.get(name)
    if column is None:
        return
    to = Reference(*_target(draft, reference), on_delete=_on_delete(reference))
    type_ = signed(column.type) if draft.vendor == "mysql" else column.type
    draft.put_column(table, name, reference=to, type=type_)
    if given is not None:
        draft.foreign_keys[table, rule_name(draft, given)] = name


def _target(draft: Draft, reference: Any) -> tuple[str, str]:
    target = reference.this
    table = draft.tables.get(draft.name(target))
    if target.expressions:
        node = target.expressions[0]
        known = table.columns if table is not None else ()
        return draft.name(target), spelled(node, draft.vendor, known)
    key = table.primary_key if table is not None else ()
    return draft.name(target), key[0] if len(key) == 1 else "id"


def _on_delete(reference: Any) -> str | None:
    """Return what is done by itself to rows whose target goes."""
    for option in reference.args.get("options") or []:
        what, _, action = str(option).upper().partition(" DELETE ")
        if what == "ON" and action not in ("NO ACTION", "RESTRICT"):
            return action
    return None


def _ignore(draft: Draft, table: str, rule: Any, given: Any, column: Any) -> None:
    """Leave out an index: it makes no difference to what a query may do."""


RULES: dict[str, Callable[[Draft, str, Any, Any, Any], None]] = {
    "CheckColumnConstraint": _add_check,
    "ExcludeColumnConstraint": _add_exclusion,
    "ForeignKey": _add_foreign_key,
    "IndexColumnConstraint": _ignore,
    "PrimaryKey": _add_primary_key,
    "PrimaryKeyColumnConstraint": _add_primary_key,
    "Reference": _add_reference,
    "UniqueColumnConstraint": _add_unique,
}
