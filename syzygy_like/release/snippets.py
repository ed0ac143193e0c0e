"""Functions that are written into migrations: what they do to rows, as source."""

from __future__ import annotations

import dataclasses
import itertools
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import models
from django.db.migrations import RunPython
from django.db.migrations.operations.base import Operation
from django.db.migrations.serializer import BaseSerializer
from django.db.migrations.writer import MigrationWriter

from syzygy_like.schema.names import field_attname, is_parent_link
from syzygy_like.schema.types import Field

_HEAD = '''\
def {name}(apps, schema_editor):
    """{purpose}"""
'''
# PostgreSQL: "cannot ALTER TABLE because it has pending trigger events".
_TAIL = """\
    if schema_editor.connection.vendor == "postgresql":
        # A table whose rows are still to be checked cannot be altered.
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
"""


@dataclasses.dataclass(frozen=True)
class Snippet:
    """
    A function for RunPython: its name, its source, and the imports it needs.

    ``model`` is the name of the model whose rows it changes.
    """

    name: str
    source: str
    imports: frozenset[str] = frozenset()
    model: str = ""

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

    def called(self, name: str) -> Snippet:
        """Return the same function under another name."""
        source = self.source.replace(f"def {self.name}(", f"def {name}(", 1)
        return dataclasses.replace(self, name=name, source=source)


# As one writes it by hand; Django would write the path of its module.
NOOP = Snippet("migrations.RunPython.noop", "")


def distinct(snippets: Iterable[Snippet]) -> Iterator[Snippet]:
    """Yield functions, each under a name of its own."""
    names: set[str] = set()
    for each in snippets:
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
        dict.fromkeys(each.source for each in codes if isinstance(each, Snippet))
    )


class _SnippetSerializer(BaseSerializer):
    def serialize(self) -> tuple[str, set[str]]:
        return self.value.name, set(self.value.imports)


MigrationWriter.register_serializer(Snippet, _SnippetSerializer)


def _snippet(model: str, name: str, purpose: str, body: str, *imports: str) -> Snippet:
    head = _HEAD.format(name=name, purpose=purpose)
    source = head + textwrap.indent(textwrap.dedent(body), "    ") + _TAIL
    return Snippet(name, source, frozenset(imports), model)


def _rows(app_label: str, model: str) -> str:
    return (
        f'{model} = apps.get_model("{app_label}", "{model}")\n'
        f"rows = {model}._base_manager.using(schema_editor.connection.alias)\n"
    )


def fill(app_label: str, model: str, name: str, value: Any) -> Snippet:
    """Return a function that gives rows without a value one: a value, or a call's."""
    callable_ = callable(value)
    text, imports = MigrationWriter.serialize(value)
    if callable_:
        body = (
            f"empty = rows.filter({name}__isnull=True)\n"
            'for key in list(empty.values_list("pk", flat=True)):\n'
            f"    rows.filter(pk=key).update({name}={text}())\n"
        )
    else:
        body = f"rows.filter({name}__isnull=True).update({name}={text})\n"
    return _snippet(
        model,
        f"fill_{model.lower()}_{name}",
        f"Give {model}.{name} a value where it has none.",
        _rows(app_label, model) + body,
        *imports,
    )


def copy(app_label: str, model: str, old: str, new: str) -> Snippet:
    """Return a function that copies one field to another where that has no value."""
    return _snippet(
        model,
        f"copy_{model.lower()}_{old}",
        f"Copy {model}.{old} to {new} where that has no value.",
        _rows(app_label, model)
        + f'rows.filter({new}__isnull=True).update({new}=models.F("{old}"))\n',
        "from django.db import models",
    )


def settle(app_label: str, model: str, name: str, field: Any) -> Snippet:
    """
    Return a function for rows whose target is gone, as no constraint kept it.

    They are treated as ``on_delete`` says. What nobody says for a target that was
    deleted in spite of PROTECT is the same: NULL where that is allowed.
    """
    if isinstance(field, models.ManyToManyField):
        return _settle_many(app_label, model, name)
    if is_parent_link(field):
        return _settle_child(app_label, model, name)
    attname = field_attname(name, field)
    target = (field.to_fields or [None])[0] or "pk"
    what, action, imports = _on_delete(field, name)
    body = (
        f'{model} = apps.get_model("{app_label}", "{model}")\n'
        f'target = {model}._meta.get_field("{name}").related_model\n'
        "alias = schema_editor.connection.alias\n"
        f"there = target._base_manager.using(alias)"
        f'.filter({target}=models.OuterRef("{attname}"))\n'
        f"rows = {model}._base_manager.using(alias).exclude({name}=None)\n"
        f"rows.filter(~models.Exists(there)).{action}\n"
    )
    return _snippet(
        model,
        f"settle_{model.lower()}_{name}",
        f"{what} rows of {model} whose {name} was deleted meanwhile.",
        body,
        "from django.db import models",
        *imports,
    )


def _on_delete(field: Field, name: str) -> tuple[str, str, set[str]]:
    """
    Return what happens to a row whose target is gone.

    That is in words, as a call, and the imports that it needs.
    """
    remote: Any = field.remote_field
    kind = remote.on_delete.__name__.removeprefix("DB_")
    if kind == "SET_DEFAULT" and not callable(field.default):
        text, imports = MigrationWriter.serialize(field.default)
        return f"Reset {name} in", f"update({name}={text})", imports
    if kind != "CASCADE" and field.null:
        return f"Clear {name} in", f"update({name}=None)", set()
    return "Delete", "delete()", set()


def _settle_many(app_label: str, model: str, name: str) -> Snippet:
    body = (
        f'{model} = apps.get_model("{app_label}", "{model}")\n'
        f"through = {model}.{name}.through\n"
        "alias = schema_editor.connection.alias\n"
        "for field in through._meta.fields:\n"
        "    if field.many_to_one:\n"
        "        there = field.related_model._base_manager.using(alias).filter(\n"
        "            pk=models.OuterRef(field.attname)\n"
        "        )\n"
        "        rows = through._base_manager.using(alias)\n"
        "        rows.filter(~models.Exists(there)).delete()\n"
    )
    return _snippet(
        model,
        f"settle_{model.lower()}_{name}",
        f"Delete rows of {model}.{name} of which an end was deleted meanwhile.",
        body,
        "from django.db import models",
    )


def _settle_child(app_label: str, model: str, name: str) -> Snippet:
    body = (
        f'{model} = apps.get_model("{app_label}", "{model}")\n'
        f'link = {model}._meta.get_field("{name}")\n'
        "parent = link.related_model._meta\n"
        "names = (\n"
        f"    {model}._meta.db_table,\n"
        "    parent.db_table,\n"
        "    parent.pk.column,\n"
        "    link.column,\n"
        ")\n"
        "child, table, key, column = map(schema_editor.quote_name, names)\n"
        "schema_editor.execute(\n"
        '    f"DELETE FROM {child} WHERE NOT EXISTS "\n'
        '    f"(SELECT 1 FROM {table} WHERE {table}.{key} = {child}.{column})"\n'
        ")\n"
    )
    return _snippet(
        model,
        f"settle_{model.lower()}_{name}",
        f"Delete rows of {model} whose parent was deleted meanwhile.",
        body,
    )
