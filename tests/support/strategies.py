"""
Random states of models, and pairs of them that differ by a few edits.

Models are drawn and edited without much care and then repaired: what a model
refers to and nothing has is taken away, until Django itself finds the state valid.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import models
from django.db.migrations.state import ModelState, ProjectState
from django.db.models.fields.composite import CompositePrimaryKey
from django.db.models.functions import Coalesce, Lower
from hypothesis import strategies as st

from tests.support.repairs import repaired
from tests.support.vocabulary import (
    DB_LEVEL,
    INTEGERS,
    LONER,
    NUMBERS,
    PROXY,
    ROLES,
    TEXTS,
    Key,
    Models,
    changed,
    clone,
    key_of,
    project,
)

Draw = Callable[[st.SearchStrategy], Any]

PLAIN_NAMES = ["a", "b", "c", "d"]
RELATION_NAMES = ["r", "s"]
COLUMN_NAMES = ["a", "b", "c", "x"]
TABLE_NAMES = ["shop_order", "blog_post", "one", "two"]


SIZES = st.sampled_from([5, 10, 20])
DIGITS = st.sampled_from([(4, 2), (4, 1), (5, 2), (6, 3)])
COLLATIONS = {"postgresql": ["C", "POSIX"], "sqlite": ["nocase", "binary"]}
OTHERS = [
    models.TextField,
    models.BooleanField,
    models.DateField,
    models.DateTimeField,
    models.TimeField,
    models.DurationField,
    models.UUIDField,
    models.FloatField,
    models.BinaryField,
    models.JSONField,
]
DEFAULTS = {
    **dict.fromkeys(INTEGERS, 7),
    **dict.fromkeys(TEXTS, "7"),
    models.TextField: "7",
    models.BooleanField: True,
    models.FloatField: 7.0,
}


@st.composite
def pairs(draw: Draw, vendor: str) -> tuple[ProjectState, ProjectState]:
    """Draw two related states."""
    before = draw(bases(vendor))
    after = {key: clone(model) for key, model in before.items()}
    for edit in draw(st.lists(st.sampled_from(EDITS), min_size=1, max_size=4)):
        edit(draw, after, vendor)
    first, second = project(repaired(before)), project(repaired(after))
    return (second, first) if draw(st.booleans()) else (first, second)


def states(vendor: str) -> st.SearchStrategy[ProjectState]:
    """Draw one state."""
    return bases(vendor).map(repaired).map(project)


@st.composite
def bases(draw: Draw, vendor: str) -> Models:
    found: Models = {}
    optional = st.sampled_from([True, True, True, False])
    for key in [*ROLES, LONER]:
        if draw(optional):
            add_model(draw, found, vendor, key)
    for edit in draw(st.lists(st.sampled_from(STRUCTURES), max_size=3)):
        edit(draw, found, vendor)
    return found


# Fields


def plain_field(draw: Draw, vendor: str) -> models.Field:
    kind = draw(st.sampled_from([*INTEGERS, *TEXTS, models.DecimalField, *OTHERS]))
    arguments: dict[str, Any] = {"null": draw(st.booleans())}
    if kind in TEXTS:
        arguments["max_length"] = draw(SIZES)
    if kind is models.DecimalField:
        digits, places = draw(DIGITS)
        arguments.update(max_digits=digits, decimal_places=places)
    if kind in (models.CharField, models.TextField) and draw(rarely):
        arguments["db_collation"] = draw(st.sampled_from(COLLATIONS[vendor]))
    if kind in DEFAULTS and draw(rarely):
        arguments["db_default"] = DEFAULTS[kind]
    if kind is not models.JSONField and draw(rarely):
        arguments["unique"] = True
    if draw(rarely):
        arguments["db_column"] = draw(st.sampled_from(COLUMN_NAMES))
    return kind(**arguments)


rarely = st.sampled_from([False, False, False, True])


def relation(draw: Draw, found: Models) -> models.Field:
    kind = draw(
        st.sampled_from([models.ForeignKey, models.ForeignKey, models.OneToOneField])
    )
    null = draw(st.booleans())
    choices = [models.CASCADE, models.PROTECT, models.RESTRICT, models.DO_NOTHING]
    choices += [models.SET_NULL, *DB_LEVEL] if null else DB_LEVEL[:1]
    target = draw(st.sampled_from([*ROLES, PROXY, "self"]))
    arguments: dict[str, Any] = {"null": null, "related_name": "+"}
    if draw(rarely):
        arguments["db_constraint"] = False
    if target in found and draw(rarely):
        arguments["to_field"] = draw(st.sampled_from(PLAIN_NAMES))
    to = target if target == "self" else ".".join(target)
    return kind(to, draw(st.sampled_from(choices)), **arguments)


def many_to_many(draw: Draw) -> models.Field:
    target = draw(st.sampled_from([*ROLES, PROXY, "self"]))
    arguments: dict[str, Any] = {"related_name": "+"}
    if target == "self":
        arguments["symmetrical"] = draw(st.booleans())
    if draw(rarely):
        arguments["db_constraint"] = False
    if draw(rarely):
        arguments["db_table"] = draw(st.sampled_from(TABLE_NAMES))
    return models.ManyToManyField(
        target if target == "self" else ".".join(target), **arguments
    )


def generated(draw: Draw, source: models.Field, name: str) -> models.Field:
    """A column that the database computes, whatever the values of the other are."""
    if isinstance(source, tuple(INTEGERS)):
        expression = Coalesce(name, draw(st.sampled_from([1, 2])))
        output = models.BigIntegerField()
    else:
        expression, output = Lower(name), models.TextField()
    unique = draw(rarely)
    return models.GeneratedField(
        expression=expression, output_field=output, db_persist=True, unique=unique
    )


# Edits: each changes the models in place


def some_model(draw: Draw, found: Models) -> ModelState | None:
    choices = [model for model in found.values() if not model.options.get("proxy")]
    return draw(st.sampled_from(choices)) if choices else None


def some_field(
    draw: Draw, model: ModelState, *kinds: type[models.Field]
) -> tuple[str, models.Field] | tuple[None, None]:
    choices = [
        (name, field)
        for name, field in model.fields.items()
        if isinstance(field, kinds or models.Field)
        and not isinstance(field, (CompositePrimaryKey, models.ManyToManyField))
        and not field.primary_key
        and not field.generated
    ]
    return draw(st.sampled_from(choices)) if choices else (None, None)


def primary_key(draw: Draw) -> dict[str, models.Field]:
    choice = draw(st.sampled_from(["implicit"] * 5 + KEYS))
    if choice == "implicit":
        return {}
    if choice == "code":
        return {"code": models.CharField(max_length=draw(SIZES), primary_key=True)}
    if choice == "composite":
        return {
            "pk": CompositePrimaryKey("k", "l"),
            "k": models.IntegerField(),
            "l": models.CharField(max_length=draw(SIZES)),
        }
    return {"id": getattr(models, choice)(primary_key=True)}


KEYS = ["AutoField", "IntegerField", "UUIDField", "BigAutoField", "code", "composite"]


def add_model(draw: Draw, found: Models, vendor: str, key: Key | None = None) -> None:
    key = key or draw(st.sampled_from([*ROLES, LONER]))
    fields = primary_key(draw)
    names = draw(st.lists(st.sampled_from(PLAIN_NAMES), unique=True, max_size=3))
    for name in sorted(names):
        fields[name] = plain_field(draw, vendor)
    if key != LONER:
        for name in draw(st.lists(st.sampled_from(RELATION_NAMES), unique=True)):
            fields[name] = relation(draw, found)
    name = ROLES.get(key, "Report")
    found[key] = ModelState(key[0], name, list(fields.items()))


def remove_model(draw: Draw, found: Models, vendor: str) -> None:
    if found:
        del found[draw(st.sampled_from(sorted(found)))]


def set_field(draw: Draw, found: Models, vendor: str) -> None:
    if model := some_model(draw, found):
        name = draw(st.sampled_from(PLAIN_NAMES))
        model.fields[name] = plain_field(draw, vendor)


def remove_field(draw: Draw, found: Models, vendor: str) -> None:
    if model := some_model(draw, found):
        name, _ = some_field(draw, model)
        model.fields.pop(name, None)


def rename_field(draw: Draw, found: Models, vendor: str) -> None:
    """Rename a field; its column follows or stays."""
    if model := some_model(draw, found):
        name, field = some_field(draw, model)
        other = draw(st.sampled_from(PLAIN_NAMES))
        if name in PLAIN_NAMES and other not in model.fields:
            kept = field.db_column or name
            column = draw(st.sampled_from([kept, field.db_column]))
            del model.fields[name]
            model.fields[other] = changed(field, db_column=column)


def toggle_null(draw: Draw, found: Models, vendor: str) -> None:
    alter(draw, found, lambda field: {"null": not field.null})


def toggle_unique(draw: Draw, found: Models, vendor: str) -> None:
    def change(field):
        if isinstance(field, (models.OneToOneField, models.JSONField)):
            return {}
        return {"unique": not field._unique}

    alter(draw, found, change)


def toggle_default(draw: Draw, found: Models, vendor: str) -> None:
    def change(field):
        has = field.db_default is not models.NOT_PROVIDED
        return {"db_default": None if has else DEFAULTS[type(field)]}

    alter(draw, found, change, *DEFAULTS)


def resize(draw: Draw, found: Models, vendor: str) -> None:
    def change(field):
        if isinstance(field, models.DecimalField):
            digits, places = draw(DIGITS)
            return {"max_digits": digits, "decimal_places": places}
        return {"max_length": draw(SIZES)}

    alter(draw, found, change, *TEXTS, models.DecimalField)


def widen(draw: Draw, found: Models, vendor: str) -> None:
    """Take another type of the same family."""
    if model := some_model(draw, found):
        name, field = some_field(draw, model, *INTEGERS)
        if name:
            _, _, args, kwargs = field.deconstruct()
            model.fields[name] = draw(st.sampled_from(INTEGERS))(*args, **kwargs)


def move_column(draw: Draw, found: Models, vendor: str) -> None:
    alter(draw, found, lambda field: {"db_column": draw(st.sampled_from(COLUMN_NAMES))})


def alter(
    draw: Draw,
    found: Models,
    change: Callable[[models.Field], dict[str, Any]],
    *kinds: type[models.Field],
) -> None:
    if model := some_model(draw, found):
        name, field = some_field(draw, model, *kinds)
        if name:
            model.fields[name] = changed(field, **change(field))


def set_relation(draw: Draw, found: Models, vendor: str) -> None:
    model = some_model(draw, found)
    if model and key_of(model) != LONER:
        name = draw(st.sampled_from([*RELATION_NAMES, *RELATION_NAMES, "a"]))
        model.fields[name] = relation(draw, found)


def alter_relation(draw: Draw, found: Models, vendor: str) -> None:
    """Change what happens to a row whose target goes, or who sees to it."""
    model = some_model(draw, found)
    name, field = some_field(draw, model, models.ForeignKey) if model else (None, None)
    if name:
        choices = [models.CASCADE, models.PROTECT, *DB_LEVEL[:1]]
        on_delete = draw(st.sampled_from(choices))
        constraint = draw(st.booleans())
        model.fields[name] = changed(
            field, on_delete=on_delete, db_constraint=constraint
        )


def relation_to_value(draw: Draw, found: Models, vendor: str) -> None:
    """Let a plain field take the place of a relation, on the same column."""
    model = some_model(draw, found)
    name, field = some_field(draw, model, models.ForeignKey) if model else (None, None)
    if name:
        column = field.db_column or f"{name}_id"
        kind = draw(st.sampled_from([models.BigIntegerField, models.IntegerField]))
        del model.fields[name]
        model.fields["d"] = kind(null=field.null, db_column=column)


def set_many_to_many(draw: Draw, found: Models, vendor: str) -> None:
    model = some_model(draw, found)
    if model and key_of(model) != LONER:
        model.fields["m"] = many_to_many(draw)


def remove_many_to_many(draw: Draw, found: Models, vendor: str) -> None:
    if model := some_model(draw, found):
        model.fields.pop("m", None)


def set_through(draw: Draw, found: Models, vendor: str) -> None:
    """Relate customers and products by orders."""
    order, customer = found.get(("shop", "order")), found.get(("shop", "customer"))
    if order and customer:
        for name, to in {"r": "shop.customer", "s": "shop.product"}.items():
            order.fields[name] = models.ForeignKey(to, models.CASCADE, related_name="+")
        customer.fields["m"] = models.ManyToManyField(
            "shop.product", through="shop.order", related_name="+"
        )


def set_generated(draw: Draw, found: Models, vendor: str) -> None:
    if model := some_model(draw, found):
        name, field = some_field(draw, model, *INTEGERS, models.TextField)
        if name:
            target = draw(st.sampled_from(["g", "d"]))
            model.fields[target] = generated(draw, field, name)


def add_constraint(draw: Draw, found: Models, vendor: str) -> None:
    if model := some_model(draw, found):
        make = draw(st.sampled_from([check, check, unique, unique_together]))
        make(draw, model, vendor)


def remove_constraint(draw: Draw, found: Models, vendor: str) -> None:
    if model := some_model(draw, found):
        if model.options["constraints"]:
            model.options["constraints"].pop()
        else:
            model.options.pop("unique_together", None)


def check(draw: Draw, model: ModelState, vendor: str) -> None:
    """Conditions that a row of everyday values meets and some other one does not."""
    name, _ = some_field(draw, model, *NUMBERS)
    other, _ = some_field(draw, model, *NUMBERS)
    if name:
        conditions = [
            models.Q(**{f"{name}__gte": 1}),
            models.Q(**{f"{name}__lte": 50}),
            models.Q(**{f"{name}__isnull": False}),
            models.Q(**{f"{name}__gte": 1}) | models.Q(**{f"{other}__gte": 1}),
        ]
        if name != other:
            conditions.append(models.Q(**{f"{name}__lte": models.F(other)}))
        condition = draw(st.sampled_from(conditions))
        constrain(model, models.CheckConstraint, condition=condition)


def unique(draw: Draw, model: ModelState, vendor: str) -> None:
    names = sorted({some_field(draw, model)[0] for _ in range(2)} - {None})
    text, _ = some_field(draw, model, models.CharField, models.TextField)
    number, _ = some_field(draw, model, *NUMBERS)
    if text and draw(rarely):
        constrain(model, models.UniqueConstraint, Lower(text))
    elif names:
        arguments: dict[str, Any] = {"fields": names}
        if number and draw(rarely):
            arguments["condition"] = models.Q(**{f"{number}__gte": 1})
        if vendor == "postgresql" and draw(rarely):
            arguments["nulls_distinct"] = False
        constrain(model, models.UniqueConstraint, **arguments)


def constrain(model: ModelState, kind: type, *args: Any, **kwargs: Any) -> None:
    constraints = model.options["constraints"]
    name = f"{model.app_label}_{model.name_lower}_{kind.__name__}_{len(constraints)}"
    constraints.append(kind(*args, **kwargs, name=name))


def unique_together(draw: Draw, model: ModelState, vendor: str) -> None:
    names = sorted({some_field(draw, model)[0] for _ in range(3)} - {None})
    if len(names) > 1:
        model.options["unique_together"] = {tuple(names[:2])}


def set_table(draw: Draw, found: Models, vendor: str) -> None:
    if model := some_model(draw, found):
        model.options["db_table"] = draw(st.sampled_from(TABLE_NAMES))


def toggle_managed(draw: Draw, found: Models, vendor: str) -> None:
    if LONER in found:
        options = found[LONER].options
        options["managed"] = not options.get("managed", True)


def toggle_order(draw: Draw, found: Models, vendor: str) -> None:
    if model := some_model(draw, found):
        name, _ = some_field(draw, model, models.ForeignKey)
        if not model.options.pop("order_with_respect_to", None) and name:
            model.options["order_with_respect_to"] = name


def toggle_proxy(draw: Draw, found: Models, vendor: str) -> None:
    choices = [key for key in ROLES if key in found]
    if found.pop(PROXY, None) or not choices:
        return
    base = ".".join(draw(st.sampled_from(choices)))
    found[PROXY] = ModelState(
        PROXY[0], "View", [], options={"proxy": True}, bases=(base,)
    )


def toggle_parent(draw: Draw, found: Models, vendor: str) -> None:
    keys = [key for key in ROLES if key in found]
    if len(keys) > 1:
        index = draw(st.integers(1, len(keys) - 1))
        child = found[keys[index]]
        inherits = child.bases != (models.Model,)
        parent = ".".join(keys[draw(st.integers(0, index - 1))])
        child.bases = (models.Model,) if inherits else (parent,)


STRUCTURES = [
    set_many_to_many,
    set_many_to_many,
    set_through,
    set_generated,
    add_constraint,
    add_constraint,
    add_constraint,
    toggle_managed,
    toggle_order,
    toggle_proxy,
    toggle_parent,
    set_table,
]
EDITS = [
    *STRUCTURES,
    add_model,
    remove_model,
    set_field,
    remove_field,
    remove_field,
    rename_field,
    toggle_null,
    toggle_null,
    toggle_unique,
    toggle_default,
    resize,
    widen,
    move_column,
    set_relation,
    alter_relation,
    relation_to_value,
    remove_many_to_many,
    remove_constraint,
]
