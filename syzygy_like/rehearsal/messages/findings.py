"""Sentences about what a rehearsal has found, one finding at a time."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import DEFAULT_DB_ALIAS

from syzygy_like.compatibility import RULES
from syzygy_like.compatibility.wording import NEW, OLD
from syzygy_like.planning.explanation import Explanation
from syzygy_like.planning.messages.fixes import fix as propose
from syzygy_like.planning.policy import is_third_party
from syzygy_like.planning.resolver import Resolution
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
from syzygy_like.stages import Stage, StageSource

LONGEST_QUERY = 300
MOST_OTHERS = 5

_VERSIONS = {Version.OLD: OLD, Version.NEW: NEW}
# How to undo a stage that was set by hand.
_UNSET = {
    StageSource.DECLARED: "remove the stage from {migration}",
    StageSource.OVERRIDE: "remove {migration} from MIGRATION_STAGES_OVERRIDE",
}
_PHASES = {
    Phase.WINDOW: "in the window",
    Phase.AFTER: "after the deploy",
    Phase.PLAIN: "after a plain migrate",
    Phase.REVERTED: "after reverting",
}
_DEPLOY_PROBLEMS = {
    "blocked": "The plan is blocked: nothing is applied.",
    "failed": "The migration failed.",
    "schema": "The deploy ends with a different schema than a plain migrate.",
    "not reverted": "Reverting does not restore the schema of the start.",
}
MADE_UP = "The rehearsal made up the rows. If they are the cause, add --rows 0."
UNPREDICTED = "This failure was not predicted."
UNCONFIRMED = "Predicted, but nothing failed"
HELP = "See docs/reference/rehearsal-formats.rst."
REPORT_IT = (
    "If the migration has RunPython, RunSQL or a custom operation, declare its stage. "
    "Otherwise this is a bug in syzygy-like. Please report it with the migration and "
    "these lines."
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
    """Return who failed, when, at what: "The old version fails in the window: ..."."""
    what = ", ".join(filter(None, (failure.model, failure.action)))
    version, phase = _VERSIONS[failure.version].capitalize(), _PHASES[failure.phase]
    return shortened(named(f"{version} fails {phase}: {what}", failure.database))


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


def too_early(
    migration: str,
    source: StageSource | None,
    inferred: Resolution,
    explanation: Explanation,
) -> str:
    """
    Say what to do about a migration that breaks the old version.

    ``source`` says where its stage was set by hand, if it was.
    """
    if (
        source in _UNSET
        and not inferred.stage
        and is_third_party(explanation.migration)
    ):
        return f"Fix: {_unset(migration, source)}. It is then applied in parts."
    if not inferred.stage:
        return propose(explanation)
    if Stage.PRE_DEPLOY in inferred.stage:
        return (
            f"Fix: if {migration} has RunPython, RunSQL or a custom operation, declare "
            "its stage: stage = Stage.POST_DEPLOY"
        )
    if source in _UNSET:
        return (
            f"Fix: {_unset(migration, source)}. Its operations belong after the "
            "deploy, and migrate --pre-deploy defers them."
        )
    return (
        f"Fix: run migrate --pre-deploy. It defers {migration} until after the deploy."
    )


def too_late(migration: str, source: StageSource | None) -> str:
    """Say what to do about a migration that the new version cannot wait for."""
    if source in _UNSET:
        unset = _unset(migration, source)
        return f"Fix: {unset}. Its operations belong before the deploy."
    return f"Fix: apply {migration} before the deploy: stage = Stage.PRE_DEPLOY"


def _unset(migration: str, source: StageSource | None) -> str:
    return _UNSET[source].format(migration=migration) if source else ""


def describe(failure: Failure) -> str:
    """Return all that a report says of a failure, in lines."""
    lines = [summary(failure), *evidence(failure)]
    if failure.reason:
        lines += [f"Why: {why(failure.reason)}", *fix(failure.reason)]
    else:
        lines += [UNPREDICTED, REPORT_IT]
    return "\n".join(lines)


def title(failure: Failure) -> str:
    """Return what a failure is listed under: "shop.0002_name: null-rejected"."""
    cause = failure.migration or "no migration found"
    rule = failure.reason.rule if failure.reason else "not predicted"
    return f"{named(cause, failure.database)}: {rule}"


def deploy_problem(deploy_problem: DeployProblem) -> str:
    """Return what is wrong with a deploy: "shop.0002_name: The migration failed."."""
    text = _DEPLOY_PROBLEMS.get(deploy_problem.kind, deploy_problem.kind)
    if deploy_problem.migration:
        return f"{named(deploy_problem.migration, deploy_problem.database)}: {text}"
    return named(text.removesuffix("."), deploy_problem.database) + "."


def unconfirmed(finding: Unconfirmed) -> str:
    """Return what was predicted and did not happen."""
    phase = named(_PHASES[finding.phase], finding.database)
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
        UNPREDICTED
        if id == "unpredicted"
        else _DEPLOY_PROBLEMS.get(id.replace("-", " "), id)
    )


def verdict(report: Report) -> str:
    """Return what comes of a rehearsal, in a sentence or two."""
    counted = [each for each in report.failures if each.counts]
    parts = []
    if counted:
        parts.append(_failures(counted))
    if report.deploy_problems:
        parts.append(_count(len(report.deploy_problems), "deploy problem"))
    if parts:
        found = f"Not ready to deploy: {', '.join(parts)}."
    else:
        played = {(each.database, each.migration) for each in report.planned}
        migrations = _count(len(played), "pending migration")
        found = f"Nothing failed: {migrations}, {_count(len(report.steps), 'step')}."
    others = [each for each in report.failures if not each.counts]
    plain = [each for each in others if each.phase is Phase.PLAIN]
    if len(plain) < len(others):
        found += " Some hazards came true: see above."
    if plain:
        found += f" After a plain migrate: {_failures(plain)} of the old version."
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
