"""From the constraints of SQL to those of tables."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence

from django.db.backends.utils import names_digest
from sqlglot.expressions import Expression as Node

from syzygy_like.schema import Constraint, Reference, Table
from syzygy_like.schema.sql.draft import (
    Draft,
    UnreadableError,
    identifier,
    read_name,
)
from syzygy_like.schema.sql.expressions import columns_in, tests_null, text


@dataclasses.dataclass(frozen=True)
class Clause:
    """
    A constraint in a statement.

    ``given`` is the identifier that names it, ``column`` the definition of the column
    that it belongs to, if any.
    """

    node: Node
    given: Node | None = None
    column: Node | None = None

    @property
    def columns(self) -> list[Node]:
        """The columns that it lists, or the one that it belongs to."""
        if self.column is None:
            return list(self.node.expressions)
        return list(self.node.expressions) or [self.column.this]

    @property
    def is_deferrable(self) -> bool:
        """Whether it says so."""
        options = {str(each).upper() for each in self.node.args.get("options") or []}
        return "DEFERRABLE" in options


def add_constraint(
    draft: Draft,
    table: str,
    node: Node,
    given: Node | None = None,
    column: Node | None = None,
) -> None:
    """
    Add what a constraint in SQL stands for to a table.

    ``given`` and ``column`` are as in ``Clause``. Raise UnreadableError if the kind of
    constraint is not known.
    """
    kind = type(node).__name__
    if kind == "Constraint":
        for each in node.expressions:
            add_constraint(draft, table, each, node.this, column)
    elif kind in HANDLERS:
        HANDLERS[kind](draft, table, Clause(node, given, column))
    else:
        raise UnreadableError(node)


def add_unique(
    draft: Draft,
    table: str,
    given: Node | None,
    elements: Sequence[Node],
    condition: Node | None = None,
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


def _unordered(element: Node) -> str:
    return text(element.this if type(element).__name__ == "Ordered" else element)[1]


def drop_constraint(draft: Draft, table: Table, name: str) -> bool:
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


def name_of(draft: Draft, node: Node) -> str:
    """Return the name of the constraint or index that a part of a statement names."""
    return read_name(node, draft.vendor)


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
            draft.put_column(table.name, column.name, type=column.type.signed())
            return True
    return False


def _given_name(draft: Draft, given: Node | None) -> str:
    return "" if given is None else name_of(draft, given)


def _add_unique(draft: Draft, table: str, clause: Clause) -> None:
    given, listed = clause.given, clause.node.args.get("this")
    if listed is None:
        elements = [_column_of(clause)]
    else:  # MySQL: "the index name, if both are given"
        given, elements = listed.args.get("this") or given, listed.expressions
    add_unique(
        draft,
        table,
        given,
        elements,
        nulls_distinct=not clause.node.args.get("nulls"),
        deferrable=clause.is_deferrable,
    )


def _column_of(clause: Clause) -> Node:
    """Return the name of the column that a clause belongs to."""
    if clause.column is None:
        raise UnreadableError(clause.node)
    name: Node = clause.column.this
    return name


def _add_check(draft: Draft, table: str, clause: Clause) -> None:
    condition = clause.node.this
    constraint = Constraint(
        "check",
        columns_in(draft, draft.tables[table], condition),
        key=text(condition),
        tests_null=tests_null(condition),
        name=_given_name(draft, clause.given),
    )
    draft.put_constraint(table, constraint)


def _add_exclusion(draft: Draft, table: str, clause: Clause) -> None:
    expressions = clause.node.this
    constraint = Constraint(
        "exclusion",
        columns_in(draft, draft.tables[table], expressions),
        key=text(expressions),
        deferrable=clause.is_deferrable,
        name=_given_name(draft, clause.given),
    )
    draft.put_constraint(table, constraint)


def _add_primary_key(draft: Draft, table: str, clause: Clause) -> None:
    """Add a primary key, which makes its columns NOT NULL."""
    current = draft.tables[table]
    names = tuple(draft.column_name(current, each) for each in clause.columns)
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


def _add_foreign_key(draft: Draft, table: str, clause: Clause) -> None:
    columns = clause.node.expressions
    if len(columns) != 1:  # which no Reference can tell of
        raise UnreadableError(clause.node)
    reference = clause.node.args["reference"]
    _put_reference(draft, table, columns[0], reference, clause.given)


def _add_reference(draft: Draft, table: str, clause: Clause) -> None:
    # MySQL ignores what a column's definition refers to, before 9.0; MariaDB doesn't.
    if draft.vendor == "mysql":
        raise UnreadableError(clause.node)
    _put_reference(draft, table, _column_of(clause), clause.node, clause.given)


def _put_reference(
    draft: Draft, table: str, node: Node, reference: Node, given: Node | None
) -> None:
    current = draft.tables[table]
    name = draft.column_name(current, node)
    column = current.columns.get(name)
    if column is None:
        return
    to = Reference(*_target(draft, reference), on_delete=_on_delete(reference))
    type_ = column.type.signed() if draft.vendor == "mysql" else column.type
    draft.put_column(table, name, reference=to, type=type_)
    if given is not None:
        draft.foreign_keys[table, name_of(draft, given)] = name


def _target(draft: Draft, reference: Node) -> tuple[str, str]:
    target = reference.this
    table = draft.tables.get(draft.name(target))
    if target.expressions:
        node = target.expressions[0]
        known = table.columns if table is not None else ()
        return draft.name(target), read_name(node, draft.vendor, known)
    key = table.primary_key if table is not None else ()
    return draft.name(target), key[0] if len(key) == 1 else "id"


def _on_delete(reference: Node) -> str | None:
    """Return what is done by itself to rows whose target goes."""
    for option in reference.args.get("options") or []:
        what, _, action = str(option).upper().partition(" DELETE ")
        if what == "ON" and action not in ("NO ACTION", "RESTRICT"):
            return action
    return None


def _ignore(draft: Draft, table: str, clause: Clause) -> None:
    """Leave out an index: it makes no difference to what a query may do."""


HANDLERS: dict[str, Callable[[Draft, str, Clause], None]] = {
    "CheckColumnConstraint": _add_check,
    "ExcludeColumnConstraint": _add_exclusion,
    "ForeignKey": _add_foreign_key,
    "IndexColumnConstraint": _ignore,
    "PrimaryKey": _add_primary_key,
    "PrimaryKeyColumnConstraint": _add_primary_key,
    "Reference": _add_reference,
    "UniqueColumnConstraint": _add_unique,
}


# More columns in other orders would be too many names to try.
MAX_ORDERED = 5


def is_named(constraint: Constraint, table: Table, name: str) -> bool:
    """Tell whether a constraint has a name, be it one that was made up for it."""
    if constraint.name:
        return constraint.name == name
    if constraint.kind == "check":
        columns = "_".join(constraint.columns) if len(constraint.columns) == 1 else ""
        return name == "_".join(filter(None, [table.name, columns, "check"]))
    return constraint.plain and _is_unique_name(constraint, table, name)


def _is_unique_name(constraint: Constraint, table: Table, name: str) -> bool:
    """Tell so by Django's _create_index_name(), PostgreSQL's and MySQL's own names."""
    if len(constraint.columns) > MAX_ORDERED:
        return False
    for columns in itertools.permutations(constraint.columns):
        stem = "_".join([table.name, *columns])
        if name in (f"{stem}_key", f"{stem}_idx", columns[0]):
            return True
        if name.endswith(names_digest(table.name, *columns, length=8) + "_uniq"):
            return True
    return False


def foreign_key_column(table: Table, name: str) -> str | None:
    """
    Return the column of the foreign key that a made-up name belongs to.

    Django's name has a digest of the table as it was called at that time, so the
    target is looked at too.
    """
    enforced = {
        column.name: column.reference
        for column in table.columns.values()
        if column.reference is not None and column.reference.constraint
    }
    for column in enforced:
        digest = names_digest(table.name, column, length=8)
        if f"_{digest}_fk" in name or name == f"{table.name}_{column}_fkey":
            return column
    targets = [
        column
        for column, reference in enforced.items()
        if name.endswith(f"_fk_{reference.table}_{reference.column}")
    ]
    return targets[0] if len(targets) == 1 else None
