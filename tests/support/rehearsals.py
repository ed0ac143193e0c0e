"""Rehearsals of throw-away projects, and what they find."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import Any

from django.core.management import call_command

from tests.support.orders import ORDER
from tests.support.projects import Project


@dataclasses.dataclass(frozen=True)
class Rehearsal:
    """What a rehearsal exits with, reports and tells meanwhile."""

    code: Any
    report: dict[str, Any]
    told: str

    @property
    def outcomes(self) -> dict[str, list[str]]:
        """What becomes of each migration, in order."""
        found: dict[str, list[str]] = {}
        for each in self.report["planned"]:
            found.setdefault(each["migration"], []).append(each["outcome"])
        return found

    def failures(self, moment: str = "", **wanted: Any) -> list[dict[str, Any]]:
        """Return what failed, at a moment and with these other values."""
        wanted |= {"moment": moment} if moment else {}
        return [
            each
            for each in self.report["mishaps"]
            if all(each[name] == value for name, value in wanted.items())
        ]

    @property
    def troubles(self) -> list[tuple[str, str]]:
        """The kinds of what is wrong as a whole, and the migrations."""
        return [(each["kind"], each["migration"]) for each in self.report["troubles"]]

    def __repr__(self) -> str:
        wrong = ("mishaps", "troubles", "unconfirmed", "planned", "notes")
        return "\n".join(
            [str(self.code), *(str(e) for name in wrong for e in self.report[name])]
        )

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong at all."""
        wrong = ("mishaps", "troubles", "unconfirmed")
        return self.code == 0 and not any(self.report[each] for each in wrong)


def run(project: Project, *arguments: str, **options: Any) -> tuple[Any, str, str]:
    """Rehearse, and return the exit code and what was written to stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    code: Any = 0
    with project.active():
        try:
            call_command("rehearse", *arguments, stdout=out, stderr=err, **options)
        except SystemExit as exit:
            code = exit.code
    return code, out.getvalue(), err.getvalue()


def rehearse(
    project: Project, database: str | list[str], *arguments: str, **options: Any
) -> Rehearsal:
    """Rehearse what is pending on databases."""
    aliases = [database] if isinstance(database, str) else database
    options = {"database": aliases, "format": "json", "rows": 4, **options}
    code, out, err = run(project, *arguments, **options)
    return Rehearsal(code, json.loads(out), err)


def begun(project: Project, database: str) -> Project:
    """Write the first migration of a shop, and apply it."""
    project.write("shop", "0001_initial", ORDER)
    project.migrate(database=database, verbosity=0)
    return project
