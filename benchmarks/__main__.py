"""``python -m benchmarks``: what staged migrations cost beside Django alone."""

import argparse
import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path

import django

from benchmarks import comparisons
from benchmarks.backfill import Result, backfill
from benchmarks.project import Project
from benchmarks.timing import Comparison, Variant
from demo.databases import DATABASES

SUBJECTS = {
    "check": comparisons.check,
    "migrate": comparisons.migrate,
    "plan": comparisons.plan,
    "makemigrations": comparisons.makemigrations,
    "rehearse": comparisons.rehearse,
}
# It has a table to fill, rather than a project of many migrations.
BACKFILL = "backfill"
# The others put their database into a state of their own.
ON_ANY_DATABASE = {"rehearse", BACKFILL}
ROW = "  {:<14} {:>8} {:>8} {:>8}   {:>7} {:>7}{}"
FILLED = "  {:<18} {:>10} {:>10} {:>8} {:>8} {:>12}"


def main() -> int:
    options = parse()
    say(machine())
    for subject in options.subjects or [*SUBJECTS, BACKFILL]:
        if subject == BACKFILL:
            fill(options)
            continue
        with tempfile.TemporaryDirectory(prefix="syzygy-benchmark-") as folder:
            project = Project(Path(folder) / "project")
            project.create(options.migrations)
            with DATABASES[options.database](Path(folder), False) as database:
                if options.database != "sqlite":  # which is the project's own file
                    project.use(database)
                for comparison in SUBJECTS[subject](project):
                    comparison.measure(project, options.rounds)
                    report(comparison, options)
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "subjects",
        nargs="*",
        metavar="subject",
        help=f"any of {', '.join([*SUBJECTS, BACKFILL])}",
    )
    parser.add_argument("--rows", type=int, default=100_000, help="of the backfill")
    parser.add_argument("--migrations", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    options = parser.parse_args()
    if options.database != "sqlite":
        options.subjects = options.subjects or sorted(ON_ANY_DATABASE)
        if stuck := set(options.subjects) - ON_ANY_DATABASE:
            parser.error(f"on SQLite only: {', '.join(sorted(stuck))}")
    if unknown := set(options.subjects) - {*SUBJECTS, BACKFILL}:
        parser.error(f"no such subjects: {', '.join(sorted(unknown))}")
    if options.migrations < 1 or options.rounds < 1 or options.rows < 1:
        parser.error("--migrations, --rounds and --rows must be 1 or more")
    return options


def machine() -> str:
    """Describe what the figures depend on."""
    return (
        f"Django {django.get_version()}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    )


def report(comparison: Comparison, options: argparse.Namespace) -> None:
    size = f"{options.migrations} migrations, {options.rounds} rounds"
    size += f", {options.database}"
    say(f"\n{comparison.title} ({size})")
    say(ROW.format("seconds", "min", "median", "max", "ratio", "CPU", ""))
    for variant in comparison.variants:
        say(row(comparison, variant))


def row(comparison: Comparison, variant: Variant) -> str:
    times = [min(variant.elapsed), statistics.median(variant.elapsed)]
    cells = [f"{each:.3f}" for each in (*times, max(variant.elapsed))]
    if variant is comparison.variants[0]:
        ratios, note = ["", ""], ""
    else:
        ratios = [f"{ratio:.3f}x" for ratio in comparison.ratios(variant)]
        note = f"   (limit {comparison.limit:.2f}x)" if comparison.limit else ""
    if variant.status:
        note += f"   exit status {variant.status}"
    return ROW.format(variant.name, *cells, *ratios, note)


def fill(options: argparse.Namespace) -> None:
    """Compare ways to fill a table, and print what they take."""
    say(f"\nbackfill ({options.rows:,} rows, {options.database})")
    titles = ("rows", "rows/s", "ratio", "MB", "row locked")
    say(FILLED.format("", *titles))
    with tempfile.TemporaryDirectory(prefix="syzygy-benchmark-") as name:
        folder = Path(name)
        with DATABASES[options.database](folder, False) as database:
            first: Result | None = None
            for result in backfill(folder / "project", database, options.rows):
                first = first or result
                say(filled(result, first))


def filled(result: Result, first: Result) -> str:
    """Return a row: the speed beside that of the first way, memory, longest lock."""
    waited = "" if result.waited is None else f"{result.waited * 1000:,.0f} ms"
    return FILLED.format(
        result.name,
        f"{result.rows:,}",
        f"{result.speed:,.0f}",
        f"{result.speed / first.speed:.2f}x",
        f"{result.memory:.1f}",
        waited,
    )


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
