"""Functions on rows that are written into migrations, as source."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
import string
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import RunPython
from django.db.migrations.operations.base import Operation
from django.db.migrations.serializer import BaseSerializer
from django.db.migrations.state import StateApps
from django.db.migrations.writer import MigrationWriter

from syzygy_like.schema.database_defaults import Clock

TEMPLATES = Path(__file__).with_suffix(".py-tpl")
MODELS = "from django.db import models"
# Variables of the templates that call a value, which an import must not hide.
VARIABLES = {"apps", "schema_editor", "rows", "empty", "key"}
VARIABLES |= {"alias", "target", "there", "gone", "link", "name", "kind", "holders"}


@dataclasses.dataclass(frozen=True)
class DataFunction:
    """
    A function for RunPython: its name, its source, and the imports it needs.

    ``model`` is the name of the model whose rows it changes.
    """

    name: str
    source: str
    imports: frozenset[str] = frozenset()
    model: str = ""

    def __post_init__(self) -> None:
        # What a plan shows of it.
        purpose = self.source.partition('"""')[2].partition('"""')[0]
        object.__setattr__(self, "__doc__", purpose)

    def __call__(
        self, apps: StateApps, schema_editor: BaseDatabaseSchemaEditor
    ) -> None:
        """Do what the source says, where a migration runs that is in no file."""
        if self.source:
            scope: dict[str, Any] = {}
            exec("\n".join([*self.imports, self.source]), scope)  # noqa: S102
            scope[self.name](apps, schema_editor)

    @property
    def operation(self) -> RunPython:
        """The operation that calls the function, and does nothing backwards."""
        # Where a router keeps the model off a database there are no rows.
        # It is not elidable: makemigrations --update would leave it out.
        return RunPython(self, NOOP, hints={"model_name": self.model.lower()})

    def called(self, name: str) -> DataFunction:
        """Return the same function under another name."""
        source = self.source.replace(f"def {self.name}(", f"def {name}(", 1)
        return dataclasses.replace(self, name=name, source=source)


# As one writes it by hand; Django would write the path of its module.
NOOP = DataFunction("migrations.RunPython.noop", "")


def name_distinctly(functions: Iterable[DataFunction]) -> Iterator[DataFunction]:
    """Yield functions, each under a name of its own."""
    names: set[str] = set()
    for each in functions:
        name = each.name
        for number in itertools.count(2):
            if name not in names:
                break
            name = f"{each.name}_{number}"
        names.add(name)
        yield each.called(name)


def sources(operations: Iterable[Operation]) -> list[str]:
    """Return the functions that operations call and that are in no file yet."""
    codes = (each.code for each in operations if isinstance(each, RunPython))
    return list(
        dict.fromkeys(each.source for each in codes if isinstance(each, DataFunction))
    )


class _DataFunctionSerializer(BaseSerializer):
    def serialize(self) -> tuple[str, set[str]]:
        return self.value.name, set(self.value.imports)


class _ClockSerializer(BaseSerializer):
    def serialize(self) -> tuple[str, set[str]]:
        return self.value.source, set(self.value.imports)


MigrationWriter.register_serializer(DataFunction, _DataFunctionSerializer)
MigrationWriter.register_serializer(Clock, _ClockSerializer)


@functools.cache
def _templates() -> dict[str, str]:
    """Return the templates of functions, by the names that they have in the file."""
    file = TEMPLATES.read_text(encoding="utf-8")
    _, *found = re.split(r"^## (\w+)\n", file, flags=re.MULTILINE)
    texts = (each.strip("\n") for each in found[1::2])
    return dict(zip(found[::2], texts, strict=True))


def data_function(
    template: str, app_label: str, model: str, *imports: str, **names: str
) -> DataFunction:
    """
    Return a function on the rows of a model.

    ``names`` are what the template has beside the names of the app and the model.
    """
    names |= {"app_label": app_label, "model": model, "model_lower": model.lower()}
    source = string.Template(_templates()[template]).substitute(names)
    source = f"{source}\n{_templates()['end']}\n"
    name = source.partition("def ")[2].partition("(")[0]
    return DataFunction(name, source, frozenset({MODELS, *imports}), model)


def fill(app_label: str, model: str, name: str, value: object) -> DataFunction:
    """Return a function that gives rows without a value one: a value, or a call's."""
    text, imports = MigrationWriter.serialize(value)
    roots = {each.split()[1].partition(".")[0] for each in imports}
    argument = ""
    if roots & VARIABLES:  # which would hide what is imported
        argument, text = f", value={text}", "value"
    template = "fill_each" if callable(value) else "fill"
    names = {"field": name, "value": text, "argument": argument}
    return data_function(template, app_label, model, *imports, **names)


def copy(app_label: str, model: str, old: str, new: str) -> DataFunction:
    """Return a function that copies one field to another where that has no value."""
    return data_function("copy", app_label, model, old=old, field=new)
