"""Functions that are written into migrations: what they do to rows, as source."""

from __future__ import annotations

import dataclasses
import itertools
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.migrations import RunPython
from django.db.migrations.operations.base import Operation
from django.db.migrations.serializer import BaseSerializer
from django.db.migrations.writer import MigrationWriter

from syzygy_like.schema.database_defaults import Clock

_HEAD = '''\
def {name}(apps, schema_editor{argument}):
    """{purpose}"""
'''
MODELS = "from django.db import models"
_VARIABLES = {"apps", "schema_editor", "rows", "empty", "key", "alias", "target"}
_VARIABLES |= {"there", "gone", "link", "name", "kind", "holders"}
# PostgreSQL: "cannot ALTER TABLE because it has pending trigger events".
_TAIL = """\
    if schema_editor.connection.vendor == "postgresql":
        # A table whose rows are still to be checked cannot be altered.
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
"""


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

    def __call__(self, apps: Any, schema_editor: Any) -> None:
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


def distinct(functions: Iterable[DataFunction]) -> Iterator[DataFunction]:
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


class _SnippetSerializer(BaseSerializer):
    def serialize(self) -> tuple[str, set[str]]:
        return self.value.name, set(self.value.imports)


class _ClockSerializer(BaseSerializer):
    def serialize(self) -> tuple[str, set[str]]:
        return self.value.source, set(self.value.imports)


MigrationWriter.register_serializer(DataFunction, _SnippetSerializer)
MigrationWriter.register_serializer(Clock, _ClockSerializer)


def data_function(
    model: str, name: str, purpose: str, body: str, *imports: str, value: str = ""
) -> DataFunction:
    """
    Return a function on the rows of a model; its body is given without indentation.

    Where what is imported has the name of a variable, ``value`` is an argument.
    """
    roots = {each.split()[1].partition(".")[0] for each in imports}
    argument = ""
    if value and roots & _VARIABLES:
        argument, body = f", value={value}", body.replace(f"={value}", "=value")
    head = _HEAD.format(name=name, argument=argument, purpose=purpose)
    source = head + textwrap.indent(body, "    ") + _TAIL
    return DataFunction(name, source, frozenset({MODELS, *imports}), model)


def fill(app_label: str, model: str, name: str, value: Any) -> DataFunction:
    """Return a function that gives rows without a value one: a value, or a call's."""
    text, imports = MigrationWriter.serialize(value)
    if callable(value):
        body = (
            f"empty = rows.filter({name}__isnull=True)\n"
            'for key in list(empty.values_list("pk", flat=True)):\n'
            f"    rows.filter(pk=key).update({name}={text}())\n"
        )
    else:
        body = f"rows.filter({name}__isnull=True).update({name}={text})\n"
    return data_function(
        model,
        f"fill_{model.lower()}_{name}",
        f"Give {model}.{name} a value where it has none.",
        _rows(app_label, model) + body,
        *imports,
        value=text,
    )


def copy(app_label: str, model: str, old: str, new: str) -> DataFunction:
    """Return a function that copies one field to another where that has no value."""
    return data_function(
        model,
        f"copy_{model.lower()}_{old}",
        f"Copy {model}.{old} to {new} where that has no value.",
        _rows(app_label, model)
        + f'rows.filter({new}__isnull=True).update({new}=models.F("{old}"))\n',
    )


def _rows(app_label: str, model: str) -> str:
    # Without a manager, which might leave rows out.
    return (
        f'{model} = apps.get_model("{app_label}", "{model}")\n'
        f"rows = models.QuerySet({model}, using=schema_editor.connection.alias)\n"
    )
