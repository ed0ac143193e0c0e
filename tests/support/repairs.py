"""Take from models what makes them invalid, so that Django finds the state valid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import models
from django.db.migrations.state import ModelState
from django.db.models.fields.composite import CompositePrimaryKey

from tests.support.vocabulary import (
    DB_LEVEL,
    INTEGERS,
    LONER,
    NUMBERS,
    PROXY,
    ROLES,
    Key,
    Models,
    changed,
    clone,
    key_of,
)


def repaired(found: Models) -> Models:
    """Return models without what makes them invalid."""
    order = {key: index for index, key in enumerate([*ROLES, LONER, PROXY])}
    result = {key: clone(found[key]) for key in sorted(found, key=order.__getitem__)}
    for repair in REPAIRS:
        repair(result)
    # A field that a key refers to may be gone by now.
    repair_relations(result)
    return result


def repair_bases(found: Models) -> None:
    for key, model in list(found.items()):
        parent = parent_of(model)
        if parent is None:
            continue
        composite = parent in found and is_composite(found[parent])
        if parent in found and not (composite and not model.options.get("proxy")):
            continue
        if model.options.get("proxy"):
            del found[key]
        else:
            model.bases = (models.Model,)


def repair_keys(found: Models) -> None:
    for model in found.values():
        parts = [model.fields.get(name) for name in ("k", "l")]
        whole = all(part and not part.null for part in parts)
        if is_composite(model) and not whole:
            del model.fields["pk"]


def parent_of(model: ModelState) -> Key | None:
    base = model.bases[0]
    return tuple(base.split(".")) if isinstance(base, str) else None


def is_composite(model: ModelState) -> bool:
    fields = model.fields.values()
    return any(isinstance(field, CompositePrimaryKey) for field in fields)


def repair_children(found: Models) -> None:
    """A child has its parent's key, and none of its names."""
    for model in found.values():
        taken = {"id"}
        parent = found.get(parent_of(model))
        if parent is None:
            continue
        while parent is not None:
            taken.update(parent.fields)
            parent = found.get(parent_of(parent))
        for name, field in list(model.fields.items()):
            key = field.primary_key or isinstance(field, CompositePrimaryKey)
            if name in taken or key:
                del model.fields[name]
        model.options.pop("order_with_respect_to", None)


def repair_relations(found: Models) -> None:
    for key, model in found.items():
        for name, field in list(model.fields.items()):
            if not field.remote_field:
                continue
            target = target_of(field, key)
            goal = final(found, target)
            if goal is None or is_composite(goal) or LONER in (key, target):
                del model.fields[name]
            elif isinstance(field, models.ForeignKey):
                model.fields[name] = repaired_reference(found, model, field, goal)
            elif is_composite(model) and not field.remote_field.through:
                del model.fields[name]


def target_of(field: models.Field, key: Key) -> Key:
    to = field.remote_field.model
    return key if to == "self" else tuple(to.lower().split("."))


def final(found: Models, key: Key) -> ModelState | None:
    """Return the concrete model behind a name."""
    model = found.get(key)
    return found.get(parent_of(model)) if key == PROXY and model else model


def repaired_reference(
    found: Models, model: ModelState, field: models.ForeignKey, goal: ModelState
) -> models.Field:
    changes: dict[str, Any] = {}
    order = list(found)
    if order.index(key_of(goal)) >= order.index(key_of(model)):
        changes["null"] = True  # or no row could come first
    to_field = goal.fields.get(field.deconstruct()[3].get("to_field"))
    if not is_target(to_field) or field.remote_field.model == "self":
        changes["to_field"] = None
    nullable = changes.get("null", field.null)
    on_delete = field.remote_field.on_delete
    if on_delete in (models.SET_NULL, *DB_LEVEL[1:]) and not nullable:
        changes["on_delete"] = models.CASCADE
    if on_delete in DB_LEVEL and not field.db_constraint:
        changes["on_delete"] = models.CASCADE
    return changed(field, **changes)


def is_target(field: models.Field | None) -> bool:
    """Tell whether a foreign key may refer to a field other than the primary key."""
    return bool(field and field.unique and not field.remote_field and not field.null)


def repair_through(found: Models) -> None:
    for key, model in found.items():
        field = model.fields.get("m")
        if field is None or not field.remote_field.through:
            continue
        through = found.get(tuple(field.remote_field.through.lower().split(".")))
        ends = sorted([key, target_of(field, key)])
        if through is None or sorted(references(through)) != ends:
            del model.fields["m"]


def references(model: ModelState) -> Iterator[Key]:
    for field in model.fields.values():
        if isinstance(field, models.ForeignKey):
            yield target_of(field, key_of(model))


def repair_database_level(found: Models) -> None:
    """Database and Python must not share the deletes of one chain of references."""
    if any(mixes(model) for model in found.values()):
        for model in found.values():
            for name, field in model.fields.items():
                if field.remote_field and on_delete_of(field) in DB_LEVEL:
                    model.fields[name] = changed(field, on_delete=models.CASCADE)


def mixes(model: ModelState) -> bool:
    """Tell, on the safe side, whether a model deletes by Python as well."""
    python = parent_of(model) is not None
    return python or any(
        field.remote_field and on_delete_of(field) not in (*DB_LEVEL, models.DO_NOTHING)
        for field in model.fields.values()
    )


def on_delete_of(field: models.Field) -> Any:
    return getattr(field.remote_field, "on_delete", models.CASCADE)


def repair_columns(found: Models) -> None:
    for model in found.values():
        taken = {"id"} if not has_key(model) else set()
        for name, field in list(model.fields.items()):
            if isinstance(field, (CompositePrimaryKey, models.ManyToManyField)):
                continue
            is_relation = isinstance(field, models.ForeignKey)
            column = field.db_column or (f"{name}_id" if is_relation else name)
            if column in taken:
                del model.fields[name]
            taken.add(column)


def has_key(model: ModelState) -> bool:
    inherits = parent_of(model) is not None
    return inherits or any(
        field.primary_key or isinstance(field, CompositePrimaryKey)
        for field in model.fields.values()
    )


def repair_generated(found: Models) -> None:
    for model in found.values():
        for name, field in list(model.fields.items()):
            if not field.generated:
                continue
            source = model.fields.get(field.expression.source_expressions[0].name)
            number = isinstance(field.output_field, models.BigIntegerField)
            fits = isinstance(source, tuple(INTEGERS) if number else models.TextField)
            if not fits or source.primary_key:
                del model.fields[name]


def repair_options(found: Models) -> None:
    for model in found.values():
        fields = model.fields
        together = model.options.get("unique_together", ())
        if any(not names_in(fields, *names) for names in together):
            del model.options["unique_together"]
        owner = model.options.get("order_with_respect_to")
        if owner and not isinstance(fields.get(owner), models.ForeignKey):
            del model.options["order_with_respect_to"]
        model.options["constraints"] = [
            each for each in model.options["constraints"] if is_sound(fields, each)
        ]


def names_in(fields: dict[str, models.Field], *names: str) -> bool:
    return all(
        name in fields and not fields[name].generated and not fields[name].many_to_many
        for name in names
    )


def is_sound(fields: dict[str, models.Field], constraint: Any) -> bool:
    """Tell whether a constraint reads only what is there, of the kind it expects."""
    condition = constraint.condition
    if condition is not None and not names_in_condition(fields, condition):
        return False
    if isinstance(constraint, models.CheckConstraint):
        return True
    if constraint.expressions:
        name = constraint.expressions[0].source_expressions[0].name
        return isinstance(fields.get(name), (models.CharField, models.TextField))
    return names_in(fields, *constraint.fields)


def names_in_condition(fields: dict[str, models.Field], condition: models.Q) -> bool:
    names = set()
    for lookup, value in flattened(condition):
        names.add(lookup.partition("__")[0])
        if isinstance(value, models.F):
            names.add(value.name)
    return all(isinstance(fields.get(name), NUMBERS) for name in names)


def flattened(condition: models.Q) -> Iterator[tuple[str, Any]]:
    for child in condition.children:
        if isinstance(child, models.Q):
            yield from flattened(child)
        else:
            yield child


def repair_tables(found: Models) -> None:
    taken: set[str] = set()
    for key, model in found.items():
        if model.options.get("proxy"):
            continue
        if model.options.get("db_table") in {*taken, *default_tables(found, key)}:
            del model.options["db_table"]
        taken.add(table_of(key, model))
    for key, model in found.items():
        field = model.fields.get("m")
        if field is None or field.remote_field.through:
            continue
        if field.db_table in {*taken, *default_tables(found, key)}:
            model.fields["m"] = field = changed(field, db_table=None)
        taken.add(field.db_table or f"{table_of(key, model)}_m")


def default_tables(found: Models, but: Key) -> set[str]:
    """Return the names that other models would have of themselves."""
    return {"_".join(key) for key in found if key != but}


def table_of(key: Key, model: ModelState) -> str:
    return model.options.get("db_table") or "_".join(key)


REPAIRS = [
    repair_keys,
    repair_bases,
    repair_children,
    repair_relations,
    repair_through,
    repair_database_level,
    repair_columns,
    repair_generated,
    repair_options,
    repair_through,
    repair_tables,
]
