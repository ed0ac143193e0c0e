"""Sentences about what a rehearsal has found, one finding at a time."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import DEFAULT_DB_ALIAS

from syzygy_like.compatibility import RULES
from syzygy_like.compatibility.wording import NEW, OLD
from syzygy_like.rehearsal.report import (
    DeployProblem,
    Failure,
    Phase,
    Reason,
    Report,
    Traffic,
    Unconfirmed,
    Verdict,
    Version,
)

LONGEST_QUERY = 300
MOST_OTHERS = 5

_CODES = {Version.OLD: OLD, Version.NEW: NEW}
_MOMENTS = {
    Phase.WINDOW: "in the window",
    Phase.AFTER: "after the deploy",
    Phase.STRAIGHT: "after a plain migrate",
    Phase.REVERTED: "after reverting",
}
_TROUBLES = {
    "blocked": "The plan is blocked: nothing is applied.",
    "failed": "A migration did not run.",
    "schema": "The deploy ends with another schema than a plain migrate.",
    "not reverted": "Reverting does not lead back to the schema of the start.",
}
MADE_UP = "The rows that it found are made up. If that is why: --rows 0"
UNPREDICTED = "Something failed that nothing had predicted."
UNCONFIRMED = "Predicted, but nothing failed"
HELP = 'See the page "Formats of a rehearsal\'s report" of the documentation.'
REPORT_IT = (
    "If a migration does what cannot be read (RunPython, RunSQL, an operation of "
    "your own), set its stage by hand. Otherwise this is a bug of syzygy-like: please "
    "report it, with the migration and these lines."
)


def shortened(text: str, limit: int = LONGEST_QUERY) -> str:
    """Return a text on one line, without its middle where it has over ``limit``."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    half = (limit - 5) // 2
    return f"{line[: limit - 5 - half]} ... {line[-half:]}"


def first_line(text: str) -> str:
    """Return the first line of a text that says something."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def named(migration: str, database: str) -> str:
    """Return the name of a migration, with the database if it is not the default."""
    place = "" if database == DEFAULT_DB_ALIAS else f" on {database}"
    return " ".join(f"{migration}{place}".split())


def summary(failure: Failure) -> str:
    """Return who failed, when and at what: "The old code fails in the window: ..."."""
    what = ", ".join(filter(None, (failure.model, failure.action)))
    code, phase = _CODES[failure.version].capitalize(), _MOMENTS[failure.phase]
    return shortened(named(f"{code} fails {phase}: {what}", failure.database))


def evidence(failure: Failure) -> list[str]:
    """Return the statement, the error and what failed likewise, a line each."""
    lines = [shortened(failure.sql), first_line(failure.error)]
    if failure.others:
        shown = [shortened(each) for each in failure.others[:MOST_OTHERS]]
        rest = ", ..." if len(failure.others) > MOST_OTHERS else ""
        lines.append(f"and {len(failure.others)} more: {', '.join(shown)}{rest}")
    return [line for line in lines if line]


def why(reason: Reason) -> str:
    """Return the sentence of a rule with its id: "... writes NULL [null-rejected]"."""
    text, mark = shortened(reason.text, 1000), f"[{reason.rule}]"
    return text if text.endswith(mark) else f"{text} {mark}"


def fix(reason: Reason) -> list[str]:
    """Return the lines of a fix, none if there is none."""
    lines = reason.fix.strip().splitlines()
    if lines and not lines[0].startswith("Fix:"):
        lines[0] = f"Fix: {lines[0]}"
    return [line.rstrip() for line in lines]


def described(failure: Failure) -> str:
    """Return all that is to be said of a mishap, in lines."""
    lines = [summary(failure), *evidence(failure)]
    if failure.reason:
        lines += [f"Why: {why(failure.reason)}", *fix(failure.reason)]
    else:
        lines += [UNPREDICTED, REPORT_IT]
    return "\n".join(lines)


def title(failure: Failure) -> str:
    """Return what a mishap is listed under: "shop.0002_name: null-rejected"."""
    cause = failure.migration or "no migration found"
    rule = failure.reason.rule if failure.reason else "not predicted"
    return f"{named(cause, failure.database)}: {rule}"


def trouble(trouble: DeployProblem) -> str:
    """Return what is wrong with a deployment: "shop.0002_name: A migration..."."""
    text = _TROUBLES.get(trouble.kind, trouble.kind)
    if trouble.migration:
        return f"{named(trouble.migration, trouble.database)}: {text}"
    return named(text.removesuffix("."), trouble.database) + "."


def unconfirmed(finding: Unconfirmed) -> str:
    """Return what was predicted and did not happen."""
    phase = named(_MOMENTS[finding.phase], finding.database)
    doubt = "hazard: " if finding.reason.hazard else ""
    return f"{doubt}{phase}: {why(finding.reason)}"


def blocking(traffic: Traffic) -> str:
    """Return what a migration does to live traffic, and the statements that do it."""
    heading = f"On PostgreSQL, {traffic.stage} {traffic.verdict.value}:"
    statements = [each for each in traffic.statements if each.locks]
    return "\n".join([heading, *(shortened(each.sql) for each in statements)])


def worst(traffic: list[Traffic], database: str, migration: str) -> str:
    """Return the worst verdict on a migration, "" if there is none."""
    found = {
        each.verdict
        for each in traffic
        if (each.database, each.migration) == (database, migration)
    }
    return next((each.value for each in reversed(Verdict) if each in found), "")


def rule(id: str) -> str:
    """Return what is wrong by a rule's id, "unpredicted" or a kind ("not-reverted")."""
    if id in RULES:
        return RULES[id].what_breaks.replace("``", "`")
    return (
        UNPREDICTED if id == "unpredicted" else _TROUBLES.get(id.replace("-", " "), id)
    )


def verdict(report: Report) -> str:
    """Return what comes of a rehearsal, in a sentence or two."""
    counted = [each for each in report.failures if each.counts]
    parts = []
    if counted:
        parts.append(_failures(counted))
    if report.troubles:
        parts.append(_count(len(report.troubles), "trouble"))
    if parts:
        found = f"Not ready to be deployed: {', '.join(parts)}."
    else:
        played = {(each.database, each.migration) for each in report.planned}
        migrations = _count(len(played), "pending migration")
        found = f"Nothing failed: {migrations}, {_count(len(report.steps), 'step')}."
    others = [each for each in report.failures if not each.counts]
    straight = [each for each in others if each.phase is Phase.STRAIGHT]
    if len(straight) < len(others):
        found += " Hazards came true: see above."
    if straight:
        found += f" After a plain migrate: {_failures(straight)} of the old code."
    return found


def _failures(failures: Sequence[Failure]) -> str:
    failed, missed = (
        sum(1 + len(each.others) for each in several)
        for several in (failures, [each for each in failures if each.reason is None])
    )
    note = f" ({missed} not predicted)" if missed else ""
    return f"{_count(failed, 'failure')}{note}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
