"""The report of a rehearsal, for people."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Callable, Iterable, Sequence

from django.core.management.color import Style

from syzygy_like.rehearsal.messages import findings
from syzygy_like.rehearsal.report import Failure, Phase, Report, Statement, Verdict

WIDTH = 100


def render(report: Report, style: Style) -> str:
    """Return a report in lines, the worst first and the verdict last."""
    parts = [each(report, style) for each in _SECTIONS]
    write = style.ERROR if report.exit_code else style.SUCCESS
    parts.append([write(findings.verdict(report))])
    return "\n\n".join("\n".join(part) for part in parts if part)


def _unpredicted(report: Report, style: Style) -> list[str]:
    if not report.disagreements:
        return []
    return [
        style.MIGRATE_HEADING("Failures that were not predicted:"),
        *_by_migration(report.disagreements, style),
        *_wrapped(findings.REPORT_IT, 2),
    ]


def _deploy_problems(report: Report, style: Style) -> list[str]:
    if not report.deploy_problems:
        return []
    lines = [style.MIGRATE_HEADING("Problems of the whole deploy:")]
    for deploy_problem in report.deploy_problems:
        lines += _wrapped(findings.deploy_problem(deploy_problem), 2, style.ERROR)
        lines += _indented(deploy_problem.text.splitlines(), 4)
        if deploy_problem.kind == "failed":
            lines += _wrapped(findings.MADE_UP, 4)
    return lines


def _failures(report: Report, style: Style) -> list[str]:
    found = [each for each in report.failures if each.counts]
    return _predicted("Failures:", found, style)


def _hazards(report: Report, style: Style) -> list[str]:
    found = [
        each
        for each in report.failures
        if not each.counts and each.phase is not Phase.PLAIN
    ]
    return _predicted("Hazards that came true:", found, style)


def _contrast(report: Report, style: Style) -> list[str]:
    found = [each for each in report.failures if each.phase is Phase.PLAIN]
    return _predicted("What a plain migrate would break:", found, style)


def _predicted(heading: str, found: Iterable[Failure], style: Style) -> list[str]:
    predicted = [each for each in found if each.reason]
    if not predicted:
        return []
    return [style.MIGRATE_HEADING(heading), *_by_migration(predicted, style)]


def _by_migration(failures: Iterable[Failure], style: Style) -> list[str]:
    """Return the failures under their migrations, those of one reason together."""
    groups: dict[str, list[Failure]] = {}
    for each in failures:
        cause = findings.named(each.migration or "No migration found", each.database)
        path = f" ({each.path})" if each.path else ""
        groups.setdefault(findings.shortened(f"{cause}{path}"), []).append(each)
    lines = []
    for heading, members in groups.items():
        lines.append(f"  {style.MIGRATE_LABEL(heading)}")
        for reason in dict.fromkeys(each.reason for each in members):
            for failure in (each for each in members if each.reason == reason):
                lines += _failure(failure, style)
            if reason:
                lines += _wrapped(f"Why: {findings.why(reason)}", 4)
                lines += _indented(findings.fix(reason), 4)
    return lines


def _failure(failure: Failure, style: Style) -> list[str]:
    lines = _wrapped(findings.summary(failure), 4, style.ERROR)
    for each in findings.evidence(failure):
        lines += _wrapped(each, 6)
    return lines


def _unconfirmed(report: Report, style: Style) -> list[str]:
    if not report.unconfirmed:
        return []
    lines = [style.MIGRATE_HEADING(f"{findings.UNCONFIRMED}:")]
    for each in dict.fromkeys(map(findings.unconfirmed, report.unconfirmed)):
        lines += _wrapped(each, 2, style.WARNING)
    return lines


def _plan(report: Report, style: Style) -> list[str]:
    if not report.planned:
        return []
    rows = [
        (
            findings.named(each.migration, each.database),
            each.outcome,
            findings.worst(report.traffic, each.database, each.migration),
        )
        for each in report.planned
    ]
    verdict = "On PostgreSQL" if report.traffic else ""
    headings = ("Migration", "Outcome", verdict)
    return [style.MIGRATE_HEADING("Plan:"), *_table([headings, *rows], 2)]


def _traffic(report: Report, style: Style) -> list[str]:
    if not report.traffic:
        return []
    lines = [style.MIGRATE_HEADING("Traffic on PostgreSQL:")]
    for each in report.traffic:
        write = style.SUCCESS if each.verdict is Verdict.ONLINE else style.WARNING
        name = findings.named(each.migration, each.database)
        lines.append(f"  {name} ({each.stage}): {write(each.verdict.value)}")
        lines += _statements(each.statements)
    return lines


def _statements(statements: Sequence[Statement]) -> list[str]:
    """Return each statement with what it does to the tables, in columns."""
    rows = [_rows(each) for each in statements]
    headings = ("Lock", "Table", "Held", "")
    table = iter(_table([headings, *itertools.chain(*rows)], 6))
    lines = [next(table)]
    for statement, several in zip(statements, rows, strict=True):
        lines += _wrapped(findings.shortened(statement.sql), 4)
        lines += itertools.islice(table, len(several))
    return lines


def _rows(statement: Statement) -> list[tuple[str, str, str, str]]:
    """Return a row for each table that a statement locks, rewrites or scans."""
    locks = {lock.table: lock for lock in statement.locks}
    rows = []
    for table in dict.fromkeys([*locks, *statement.rewritten, *statement.scanned]):
        lock = locks.get(table)
        effects = [
            *(["rewritten"] if table in statement.rewritten else []),
            *(["scanned"] if table in statement.scanned else []),
        ]
        held = f"{lock.seconds * 1000:.1f} ms" if lock else ""
        mode = lock.mode if lock else "(as above)"
        rows.append((mode, table, held, ", ".join(effects)))
    return rows


def _steps(report: Report, style: Style) -> list[str]:
    if not report.steps:
        return []
    rows = [(each.text, f"{each.seconds:.1f} s") for each in report.steps]
    heading = findings.shortened(f"Steps, from {report.start}:")
    return [style.MIGRATE_HEADING(heading), *_table(rows, 2)]


def _notes(report: Report, style: Style) -> list[str]:
    if not report.notes:
        return []
    lines = [style.MIGRATE_HEADING("Not tried:")]
    for note in report.notes:
        lines += _wrapped(note, 2)
    return lines


_SECTIONS = (
    _unpredicted,
    _deploy_problems,
    _failures,
    _hazards,
    _contrast,
    _unconfirmed,
    _plan,
    _traffic,
    _steps,
    _notes,
)


def _table(rows: Sequence[Sequence[str]], indent: int) -> list[str]:
    """Return rows as lines, with columns as wide as they need to be."""
    clean = [[" ".join(cell.split()) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*clean, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in clean
    ]
    return _indented((line.rstrip() for line in lines), indent)


def _wrapped(text: str, indent: int, write: Callable[[str], str] = str) -> list[str]:
    """Return a text in lines of ``WIDTH``; ``write`` colours each."""
    lines = textwrap.wrap(
        text,
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 2),
        break_on_hyphens=False,
        break_long_words=False,
    )
    return [write(line) for line in lines]


def _indented(lines: Iterable[str], indent: int) -> list[str]:
    return [f"{' ' * indent}{line}".rstrip() for line in lines]
