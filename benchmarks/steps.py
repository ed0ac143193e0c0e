"""The migrations of an app: each changes its models and says what it did."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from benchmarks.apps import CHOICES, App, Model, label, reference

ID = (
    "models.BigAutoField("
    'auto_created=True, primary_key=True, serialize=False, verbose_name="ID")'
)
HEADER = """\
import uuid

from django.db import migrations, models
from django.utils import timezone
"""
FUNCTION = """\


def fill_in(apps, schema_editor):
    {model} = apps.get_model("{app}", "{model}")
    {model}.objects.filter(name="").update(name="unknown")
"""
CLASS = """\


class Migration(migrations.Migration):
    initial = {initial}

    dependencies = [
{dependencies}
    ]

    operations = [
{operations}
    ]
"""


@dataclasses.dataclass
class Change:
    """What a migration does."""

    name: str
    operations: list[str]
    neighbours: Sequence[str] = ()
    function: str = ""

    def source(self, previous: tuple[str, str] | None) -> str:
        """Return the text of the migration's file."""
        dependencies = [previous] if previous else []
        dependencies += [(each, "0001_initial") for each in self.neighbours]
        migration = CLASS.format(
            initial=previous is None,
            dependencies="\n".join(f"        {each!r}," for each in dependencies),
            operations="\n".join(f"        {each}," for each in self.operations),
        )
        return HEADER + self.function + migration


def write_migrations(app: App, count: int) -> dict[str, str]:
    """Return the sources of migrations by name; the models change on the way."""
    sources: dict[str, str] = {}
    previous = None
    for number in range(1, count + 1):
        change = _change(app, number)
        name = f"{number:04}_{change.name}"
        sources[name] = change.source(previous)
        previous = (app.label, name)
    return sources


def _change(app: App, number: int) -> Change:
    if number == 1:
        return _create(app)
    step = STEPS[(app.index + number) % len(STEPS)]
    return step(app, app.models[number % len(app.models)], number)


def _create(app: App) -> Change:
    operations = []
    for model in app.models:
        fields = {"id": ID, **model.fields}
        lines = [f'("{name}", {field}),' for name, field in fields.items()]
        operations.append(
            _call("CreateModel", _quoted(model.name), fields=_list(lines))
        )
    neighbours = [label(app.neighbour)] if app.index else []
    return Change("initial", operations, neighbours)


def _add(model: Model, name: str, field: str) -> list[str]:
    model.fields[name] = field
    return [_call("AddField", _quoted(model.name), _quoted(name), field)]


def _alter(model: Model, name: str, field: str) -> list[str]:
    model.fields[name] = field
    return [_call("AlterField", _quoted(model.name), _quoted(name), field)]


def add_nullable(app: App, model: Model, number: int) -> Change:
    field = "models.DateTimeField(null=True, blank=True)"
    return Change("add_nullable", _add(model, f"seen_{number}", field))


def add_with_default(app: App, model: Model, number: int) -> Change:
    field = "models.IntegerField(default=0, db_default=0)"
    return Change("add_with_default", _add(model, f"count_{number}", field))


def widen(app: App, model: Model, number: int) -> Change:
    field = f"models.CharField(max_length={100 + number})"
    return Change("widen", _alter(model, "name", field))


def add_index(app: App, model: Model, number: int) -> Change:
    name = f"{app.label}_{number}_created_idx"
    index = f'models.Index(fields=["kind", "-created"], name="{name}")'
    model.indexes[name] = index
    return Change("add_index", [_call("AddIndex", _quoted(model.name), index)])


def change_options(app: App, model: Model, number: int) -> Change:
    model.options = {
        "ordering": '["-created"]',
        "verbose_name": f'"{model.name.lower()} {number}"',
    }
    options = ", ".join(f'"{name}": {value}' for name, value in model.options.items())
    call = _call("AlterModelOptions", _quoted(model.name), f"{{{options}}}")
    return Change("change_options", [call])


def describe(app: App, model: Model, number: int) -> Change:
    text = f"Described in {number}"
    field = (
        f'models.CharField(max_length=1, choices={CHOICES}, default="a", '
        f'help_text="{text}")'
    )
    return Change("describe", _alter(model, "kind", field))


def remove_nullable(app: App, model: Model, number: int) -> Change:
    optional = [name for name, field in model.fields.items() if "null=True" in field]
    if not optional:
        return add_nullable(app, model, number)
    del model.fields[optional[0]]
    call = _call("RemoveField", _quoted(model.name), _quoted(optional[0]))
    return Change("remove_nullable", [call])


def add_reference(app: App, model: Model, number: int) -> Change:
    other = label(app.neighbour)
    field = reference(f"{other}.Customer", null=True, blank=True)
    operations = _add(model, f"customer_{number}", field)
    neighbours = [other] if other != app.label else []
    return Change("add_reference", operations, neighbours)


def fill_in(app: App, model: Model, number: int) -> Change:
    function = FUNCTION.format(app=app.label, model=model.name)
    call = _call("RunPython", "fill_in", "migrations.RunPython.noop")
    return Change("fill_in", [call], function=function)


def tidy_up(app: App, model: Model, number: int) -> Change:
    """Do several things at once, as most migrations in the wild do."""
    parts = [
        add_nullable(app, model, number),
        add_with_default(app, model, number),
        add_index(app, model, number),
        change_options(app, model, number),
    ]
    return Change("tidy_up", [call for part in parts for call in part.operations])


STEPS: Sequence[Callable[[App, Model, int], Change]] = (
    add_nullable,
    add_with_default,
    widen,
    add_index,
    add_reference,
    remove_nullable,
    change_options,
    tidy_up,
    add_nullable,
    describe,
    fill_in,
    add_with_default,
    remove_nullable,
)


def _call(operation: str, *arguments: str, **keywords: str) -> str:
    lines = [*arguments, *(f"{name}={value}" for name, value in keywords.items())]
    body = "".join(f"            {line},\n" for line in lines)
    return f"migrations.{operation}(\n{body}        )"


def _list(lines: list[str]) -> str:
    body = "".join(f"                {line}\n" for line in lines)
    return f"[\n{body}            ]"


def _quoted(name: str) -> str:
    return f'"{name}"'
