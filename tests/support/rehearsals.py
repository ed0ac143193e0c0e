"""Rehearsals of throw-away projects, and what they find."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import Any

from django.core.management import call_command

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

    def failures(self, phase: str = "", **wanted: Any) -> list[dict[str, Any]]:
        """Return what failed, at a phase and with these other values."""
        wanted |= {"phase": phase} if phase else {}
        return [
            each
            for each in self.report["failures"]
            if all(each[name] == value for name, value in wanted.items())
        ]

    @property
    def deploy_problems(self) -> list[tuple[str, str]]:
        """The kinds of what is wrong as a whole, and the migrations."""
        return [
            (each["kind"], each["migration"]) for each in self.report["deploy_problems"]
        ]

    def __repr__(self) -> str:
        wrong = ("failures", "deploy_problems", "unconfirmed", "planned", "notes")
        return "\n".join(
            [str(self.code), *(str(e) for name in wrong for e in self.report[name])]
        )

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong at all."""
        wrong = ("failures", "deploy_problems", "unconfirmed")
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
