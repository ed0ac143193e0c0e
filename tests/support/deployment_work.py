"""
What one version of the code does on a database that another one uses, too.

Rows stay, for the other version to meet them. Only what is rehearsed is undone.
"""

from __future__ import annotations

import itertools
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from django.db import IntegrityError, models, transaction

from syzygy_like.rehearsal.workload import values
from syzygy_like.rehearsal.workload.actions import Action, own_rows, shared_rows
from syzygy_like.rehearsal.workload.reading import existing
from syzygy_like.rehearsal.workload.rows import (
    Rows,
    highest,
    lowest,
    sparse,
    tables,
    typical,
)
from syzygy_like.rehearsal.workload.runner import OWN_RULES, attempt
from tests.support.deployment_rows import (
    Key,
    Recording,
    create,
    key_of,
    keys_of,
    links,
    recorded,
    remove,
    resave,
    table,
)

SAMPLE = 5  # the rows of the other version with which everything is tried


class Server:
    """Works on one database with the models of this process."""

    def __init__(self, alias: str):
        from django.apps import apps

        self.alias = alias
        self.models = tables(apps, alias)
        self.number = 1
        self.written: dict[Key, dict[str, Any]] = {}
        self.remembered: list[Key] = []
        self.deleted: list[Key] = []
        self.failures: list[str] = []
        self.protected: set[str] = set()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Take the turns that are asked for, one after the other."""
        self.number = max(self.number, request["number"])
        self.failures, self.deleted = [], []
        self.protected = set(request["protected"])
        for step in request["steps"]:
            try:
                getattr(self, step)(request)
            except Exception:
                self.failures.append(f"{step}: {traceback.format_exc(limit=-3)}")
        return {
            "failures": self.failures,
            "number": self.number,
            "deleted": self.deleted,
        }

    def write(self, request: dict[str, Any]) -> None:
        """Insert rows of all kinds, with what they are related to."""
        fills = (typical,) if request["tidy"] else (typical, sparse, lowest, highest)
        for model in self.models:
            for fill in fills:
                self.commit(
                    model,
                    f"INSERT {fill.__name__}",
                    lambda rows, model=model, fill=fill: create(rows, model, fill),
                )

    def rehearse(self, request: dict[str, Any]) -> None:
        """Do all that code does with rows of its own, and undo it."""
        for model in self.models:
            self.attempt(model, own_rows(model, self.alias))

    def share(self, request: dict[str, Any]) -> None:
        """Do all that code does with rows of the other version, and undo it."""
        for model in self.models:
            self.attempt(model, self.shared(model))

    def shared(self, model: Any) -> Iterator[Action]:
        """Yield what is done with rows that there are, but with a sample of them."""
        # A child whose parent is gone has a key, but no row.
        every = [row.pk for row in self.rows(model)]
        sample = set(every[:: 1 + len(every) // SAMPLE])
        for action in shared_rows(model, self.alias):
            if action.key is None or action.key in sample:
                yield action

    def meddle(self, request: dict[str, Any]) -> None:
        """Save the rows of the other version, and delete some, for good."""
        kept = set(request["kept"])
        for model in self.models:
            others = [key for key in self.keys(model) if key not in self.written]
            for key in others:
                self.on_row(model, key, "save", resave)
            for key in others[::3]:
                if key not in kept and self.on_row(model, key, "DELETE", remove):
                    self.deleted += keys_of(model, key[1])

    def verify(self, request: dict[str, Any]) -> None:
        """Tell which rows that were written here are lost, or changed."""
        gone = {*request["gone"], *self.deleted}
        volatile = set(request["volatile"])
        for model in self.models:
            there = {key_of(row): row for row in self.rows(model)}
            for key, row in there.items() if not request["dangling"] else ():
                if self.is_dangling(model, links(row, held=True)):
                    self.fail(model, f"row {key[1]}", "it refers to what is gone")
            for key, written in self.written.items():
                if key[0] != table(model) or key in gone:
                    continue
                if request["intact"] or not self.is_dangling(model, written):
                    stable = {k: written[k] for k in written.keys() - volatile}
                    self.compare(model, key, stable, there.get(key))

    def complete(self, request: dict[str, Any]) -> None:
        """Tell which rows have no value where the model says that all have one."""
        for model in self.models:
            required = [each for each in model._meta.concrete_fields if not each.null]
            for row, field in itertools.product(self.rows(model), required):
                if getattr(row, field.attname) is None:
                    self.fail(model, f"{field.name} of row {row.pk}", "it is NULL")

    def compare(
        self,
        model: Any,
        key: Key,
        written: dict[str, Any],
        row: models.Model | None,
    ) -> None:
        if row is None:
            self.fail(model, f"row {key[1]}", "it is lost")
            return
        for name, value in written.items():
            read = values.plain(getattr(row, name))
            if read != value:
                message = f"{read!r}, but {value!r} was written"
                self.fail(model, f"{name} of row {key[1]}", message)

    def remember(self, request: dict[str, Any]) -> None:
        """Note the rows that have to outlive the rest of the migrations."""
        found = {
            key_of(row): (model, links(row))
            for model in self.models
            for row in self.rows(model)
        }
        lost = set(request["gone"])
        while dangling := {
            key
            for key, (model, fields) in found.items()
            if key not in lost and self.is_dangling(model, fields, lost)
        }:
            lost |= dangling
        self.remembered = [key for key in found if key not in lost]

    def survey(self, request: dict[str, Any]) -> None:
        """Report the rows that refer to others which are not there."""
        for model in self.models:
            for row in self.rows(model):
                if self.is_dangling(model, links(row)):
                    self.deleted.append(key_of(row))

    def recall(self, request: dict[str, Any]) -> None:
        """Tell which of the rows that were noted are lost."""
        for model in self.models:
            there = set(self.keys(model))
            for key in self.remembered:
                if key[0] == table(model) and key not in there:
                    self.fail(model, f"row {key[1]}", "it is lost")

    def is_dangling(
        self, model: Any, written: dict[str, Any], lost: Any = frozenset()
    ) -> bool:
        """Tell whether a row refers to one that is not there."""
        for field in model._meta.concrete_fields:
            value = written.get(field.attname)
            if not field.remote_field or value is None:
                continue
            target = field.remote_field.model
            found = target._base_manager.using(self.alias).filter(
                **{field.target_field.attname: value}
            )
            keys = [(table(target), pk) for pk in found.values_list("pk", flat=True)]
            if not keys or lost.issuperset(keys):
                return True
        return False

    def rows(self, model: Any) -> list[models.Model]:
        return list(existing(Rows(self.alias), model))

    def keys(self, model: Any) -> list[Key]:
        return [key_of(row) for row in self.rows(model)]

    def on_row(
        self, model: Any, key: Key, name: str, action: Callable[[Rows, Any], Any]
    ) -> bool:
        """Do something with a row that is there; tell whether it was done."""
        row = existing(Rows(self.alias), model).filter(pk=key[1]).first()
        return row is not None and self.commit(
            model, f"{name} {key[1]}", lambda rows: action(rows, row)
        )

    def commit(self, model: Any, name: str, action: Callable[[Any], Any]) -> bool:
        """Do something for good; tell whether it was done."""
        rows = Recording(self.alias, self.number)
        try:
            with transaction.atomic(using=self.alias):
                action(rows)
        except OWN_RULES:
            return False
        except Exception as error:
            if not self.is_foreseen(model, name, error):
                self.fail(model, name, error)
            return False
        finally:
            self.number = next(rows.numbers)
        for row in rows.saved:
            self.written.update(recorded(row))
        return True

    def attempt(self, model: Any, actions: Iterator[Action]) -> None:
        """Do things and undo them."""
        for action in actions:
            rows = Rows(self.alias, self.number)
            failed = attempt(self.alias, action.do, rows)
            if failed and not self.is_foreseen(model, action.name, failed[0]):
                self.fail(model, action.name, failed[0])

    def is_foreseen(self, model: Any, action: str, error: Exception) -> bool:
        """Tell of an error whether rows of the other version protect a row."""
        deletes = action.startswith("DELETE") and table(model) in self.protected
        return deletes and isinstance(error, IntegrityError)

    def fail(self, model: Any, action: str, error: Any) -> None:
        kind = f"{type(error).__name__}: " if isinstance(error, Exception) else ""
        message = str(error).strip().replace("\n", "\n      ")
        self.failures.append(f"{model._meta.label}, {action}: {kind}{message}")
