"""From the state of models to the tables that they stand for."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import cast

from django.conf import settings
from django.db import models
from django.db.migrations.state import ModelState, ProjectState
from django.db.migrations.utils import resolve_relation
from django.db.models.constraints import BaseConstraint
from django.db.models.fields import NOT_PROVIDED
from django.db.models.options import normalize_together
from django.utils.module_loading import import_string

from syzygy_like.schema.deletion import OnDelete, on_delete_of
from syzygy_like.schema.expressions import UNIQUE_FUNCTIONS, Columns, freeze
from syzygy_like.schema.names import (
    ModelKey,
    column_name,
    field_attname,
    is_parent_link,
    is_primary_key,
    parents,
    primary_key,
    table_name,
)
from syzygy_like.schema.tables import (
    Column,
    Constraint,
    Default,
    Reference,
    Schema,
    Table,
)
from syzygy_like.schema.types import (
    ANYTHING,
    ColumnType,
    Field,
    ForeignKey,
    ManyToManyField,
    column_type,
)

HasTable = Callable[[ModelState], bool]
# By identity and name of the field, which is kept so that no other one gets that.
ColumnCache = dict[tuple[int, str], tuple[Field, "Column | None"]]


def always(model_state: ModelState) -> bool:
    """Tell that a model has a table: the default, where no router decides."""
    return True


def schema(state: ProjectState, has_table: HasTable = always) -> Schema:
    """
    Return the tables, columns and constraints that a state's models stand for.

    ``has_table`` tells of a model's state whether it has a table at all: a router
    may keep it off a database, another model may be swapped in for it. Nothing is
    rendered and no database is asked.
    """
    builder = TableBuilder(state, has_table)
    tables: dict[str, Table] = {}
    for key in state.models:
        for name, table in builder.tables(key).items():
            if not (table.external and name in tables):
                tables[name] = table
    return Schema(tables)


class TableBuilder:
    """
    Builds the tables of models of one project state.

    Positive integers of MySQL and MariaDB are ``unsigned``, with twice the range.
    Builders of states that share fields may share the ``columns`` of these.
    """

    def __init__(
        self,
        state: ProjectState,
        has_table: HasTable = always,
        unsigned: bool = False,
        columns: ColumnCache | None = None,
    ):
        self.unsigned = unsigned
        self.models = cast("Mapping[ModelKey, ModelState]", state.models)
        self.has_table = has_table
        self.consulted: set[ModelKey] = set()
        self._columns: ColumnCache = {} if columns is None else columns

    def tables(self, key: ModelKey) -> dict[str, Table]:
        """
        Return the tables of a model: its own and its many-to-many ones.

        ``consulted`` then has the other models that they depend on.
        """
        self.consulted = set()
        model = self.models.get(key)
        if model is None or model.options.get("proxy") or not self.has_table(model):
            return {}
        own = self._own_table(model)
        tables = [own, *self._many_to_many_tables(model, own)]
        return {table.name: table for table in tables}

    def _own_table(self, model: ModelState) -> Table:
        label = f"{model.app_label}.{model.name}"
        name = table_name(model)
        if not model.options.get("managed", True):
            return Table(name, {}, external=True, label=label)
        fields = dict(self._fields(model))
        columns = {}
        names = {}
        for field_name, field in fields.items():
            column = self._column(model, field_name, field)
            if column is not None:
                columns[column.name] = column
                names[field_name] = column.name
                names[field_attname(field_name, field)] = column.name
        key = primary_key(fields, names)
        if len(key) == 1:
            names["pk"] = key[0]
        return Table(
            name,
            columns,
            primary_key=key,
            constraints=constraints_of(model, fields, names),
            label=label,
        )

    def _fields(self, model: ModelState) -> Iterator[tuple[str, Field]]:
        """Yield the fields of a model, those that Django adds by itself too."""
        fields = dict(model.fields)
        for base in model.bases:
            if inspect.isclass(base) and issubclass(base, models.Model):
                meta = getattr(base, "_meta", None)
                if meta is not None and meta.abstract:
                    inherited = {field.name: field for field in meta.local_fields}
                    fields = {**inherited, **fields}
        if not any(is_primary_key(field) for field in fields.values()):
            parent = next(parents(model), None)
            if parent is not None:
                link = f"{parent[1]}_ptr"
                target = ".".join(parent)
                if not any(is_parent_link(field) for field in fields.values()):
                    yield (
                        link,
                        models.OneToOneField(
                            target, models.CASCADE, primary_key=True, parent_link=True
                        ),
                    )
            else:
                auto_field = import_string(settings.DEFAULT_AUTO_FIELD)
                yield "id", auto_field(primary_key=True)
        yield from fields.items()
        if model.options.get("order_with_respect_to") and "_order" not in fields:
            yield "_order", models.IntegerField()

    def _column(self, model: ModelState, name: str, field: Field) -> Column | None:
        if isinstance(field, models.ForeignKey):
            return self._foreign_key(model, name, field)
        # Fields are never changed, other ones take their place: see ModelState.
        if (id(field), name) not in self._columns:
            column = column_of(name, field)
            if column is not None and self.unsigned:
                column = dataclasses.replace(column, type=column.type.unsigned())
            self._columns[id(field), name] = (field, column)
        return self._columns[id(field), name][1]

    def _foreign_key(
        self, model: ModelState, name: str, field: ForeignKey
    ) -> Column | None:
        column = column_of(name, field)
        if column is None:
            return None
        reference, type_ = self._reference(model, field)
        return dataclasses.replace(column, type=type_, reference=reference)

    def _reference(
        self, model: ModelState, field: ForeignKey
    ) -> tuple[Reference, ColumnType]:
        remote = field.remote_field
        target = resolve_relation(remote.model, model.app_label, model.name_lower)
        to_field = remote.field_name or field.to_fields[0]
        table, column, type_ = self._target(target, to_field)
        on_delete = getattr(remote.on_delete, "operation", None)
        reference = Reference(
            table,
            column,
            constraint=field.db_constraint,  # type: ignore[attr-defined]
            on_delete=on_delete,
            protects=on_delete_of(field) is OnDelete.PROTECT,
        )
        return reference, type_

    def _target(
        self, key: ModelKey, field_name: str | None
    ) -> tuple[str, str, ColumnType]:
        """Return table, column and type of what a foreign key refers to."""
        self.consulted.add(key)
        model = self.models.get(key)
        if model is None:  # of an app without migrations
            return "_".join(key), field_name or "id", ANYTHING
        if model.options.get("proxy"):
            for parent in parents(model):
                return self._target(parent, field_name)
        for name, field in self._fields(model):
            if name == field_name or (field_name is None and is_primary_key(field)):
                if isinstance(field, models.ForeignKey):
                    _, type_ = self._reference(model, field)
                else:
                    type_ = column_type(field).signed()
                return table_name(model), column_name(name, field) or name, type_
        for parent in parents(model):
            return self._target(parent, field_name)
        return table_name(model), field_name or "id", ANYTHING

    def _many_to_many_tables(self, model: ModelState, own: Table) -> Iterator[Table]:
        for name, field in model.fields.items():
            if not isinstance(field, models.ManyToManyField):
                continue
            if field.remote_field.through or own.external:
                continue
            yield self._many_to_many_table(model, own, name, field)

    def _many_to_many_table(
        self,
        model: ModelState,
        own: Table,
        name: str,
        field: ManyToManyField,
    ) -> Table:
        target = resolve_relation(
            field.remote_field.model, model.app_label, model.name_lower
        )
        source, destination = model.name_lower, target[1]
        if source == destination:
            source, destination = f"from_{source}", f"to_{destination}"
        columns = {"id": Column("id", ANYTHING, auto=True, field="id")}
        ends = (
            (source, (model.app_label, model.name_lower)),
            (destination, target),
        )
        for end, key in ends:
            table, column, type_ = self._target(key, None)
            reference = Reference(table, column, field.remote_field.db_constraint)
            columns[f"{end}_id"] = Column(
                f"{end}_id", type_, reference=reference, field=end
            )
        pair = frozenset(f"{end}_id" for end, _ in ends)
        return Table(
            field.db_table  # type: ignore[attr-defined]
            or f"{own.name}_{name}",
            columns,
            primary_key=("id",),
            constraints=frozenset({Constraint("unique", pair)}),
            label=f"{own.label}.{name}",
        )


AUTO_FIELDS = {"AutoField", "BigAutoField", "SmallAutoField"}


def column_of(name: str, field: Field) -> Column | None:
    """
    Return the column of a field, None if it has none.

    What a foreign key refers to, and so its type, is left open.
    """
    column = column_name(name, field)
    if column is None:
        return None
    return Column(
        column,
        ANYTHING if field.is_relation else column_type(field),
        null=field.null or field.generated,
        default=_default(field),
        generated=_expression(field),
        auto=field.get_internal_type() in AUTO_FIELDS,
        collation=getattr(field, "db_collation", None),
        field=name,
    )


def _default(field: Field) -> Default | None:
    default = field.db_default
    if default is NOT_PROVIDED:
        return None
    return Default(freeze(default), unique=type(default).__name__ in UNIQUE_FUNCTIONS)


def _expression(field: Field) -> Hashable:
    return freeze(getattr(field, "expression", True)) if field.generated else None


def constraints_of(
    model: ModelState, fields: Mapping[str, Field], names: Mapping[str, str]
) -> frozenset[Constraint]:
    """Return a model's constraints; ``names`` are the columns of its fields."""
    return frozenset(
        [
            *_of_fields(fields, names),
            *_of_unique_together(model, names),
            *(
                _of_constraint(each, names)
                for each in model.options.get("constraints", ())
            ),
        ]
    )


def _of_fields(
    fields: Mapping[str, Field], names: Mapping[str, str]
) -> Iterator[Constraint]:
    for name, field in fields.items():
        if field.unique and not field.primary_key and name in names:
            yield Constraint("unique", frozenset({names[name]}))


def _of_unique_together(
    model: ModelState, names: Mapping[str, str]
) -> Iterator[Constraint]:
    for together in normalize_together(model.options.get("unique_together", ())):
        columns = frozenset(names.get(name, name) for name in together)
        yield Constraint("unique", columns)


def _of_constraint(constraint: BaseConstraint, names: Mapping[str, str]) -> Constraint:
    if isinstance(constraint, models.UniqueConstraint):
        return _of_unique_constraint(constraint, names)
    columns = Columns(names)
    path, args, kwargs = constraint.deconstruct()
    kind = _kind(path)
    rule = {
        name: arg
        for name, arg in kwargs.items()
        if name != "name" and name not in BaseConstraint.non_db_attrs
    }
    if path.endswith(".ExclusionConstraint"):
        rule["expressions"] = [
            (models.F(each) if isinstance(each, str) else each, operator)
            for each, operator in rule["expressions"]
        ]
    key = freeze((path, args, rule), columns)
    return Constraint(
        kind,
        frozenset(columns.used),
        key=key,
        rule=freeze(rule["condition"], columns) if kind == "check" else None,
        name=constraint.name,
    )


def _kind(path: str) -> str:
    known = {"CheckConstraint": "check", "ExclusionConstraint": "exclusion"}
    return known.get(path.rpartition(".")[2], path)


def _of_unique_constraint(
    constraint: models.UniqueConstraint, names: Mapping[str, str]
) -> Constraint:
    columns = Columns(names)
    for name in constraint.fields:
        columns.resolve(name)
    key = freeze(constraint.expressions, columns) if constraint.expressions else None
    condition = freeze(constraint.condition, columns) if constraint.condition else None
    return Constraint(
        "unique",
        frozenset(columns.used)
        if constraint.expressions
        else frozenset(names.get(name, name) for name in constraint.fields),
        key=key,
        condition=condition,
        nulls_distinct=constraint.nulls_distinct is not False,
        deferrable=constraint.deferrable is not None,
        optional=bool(getattr(constraint, "include", ()))
        or constraint.nulls_distinct is not None,
        name=constraint.name,
    )
