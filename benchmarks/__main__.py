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
from benchmarks.migrators import PENDING, Crowd, alone, crowds, migrators
from benchmarks.project import Project
from benchmarks.stall import LIMITS, Way, stall, ways
from benchmarks.timing import Comparison, Variant
from demo.databases import DATABASES

SUBJECTS = {
    "check": comparisons.check,
    "migrate": comparisons.migrate,
    "plan": comparisons.plan,
    "makemigrations": comparisons.makemigrations,
    "rehearse": comparisons.rehearse,
}
# They have a project of their own, rather than one of many migrations.
OTHERS = ("backfill", "migrators", "stall")
# The others put their database into a state of their own.
ON_ANY_DATABASE = {"rehearse", *OTHERS}
# It has no sessions that wait for each other's locks on tables.
NOT_ON_SQLITE = {"stall"}
ROW = "  {:<14} {:>8} {:>8} {:>8}   {:>7} {:>7}{}"
FILLED = "  {:<18} {:>10} {:>10} {:>8} {:>8} {:>12}"
CROWD = "  {:<24} {:>8} {:>8} {:>8} {:>8}  {:>8} {:>8}  {}"
STALLED = "  {:<16} {:>10} {:>10} {:>12} {:>8}"


def main() -> int:
    options = parse()
    say(machine())
    others = {"backfill": fill, "migrators": crowd, "stall": stand_still}
    for subject in options.subjects:
        if subject in others:
            others[subject](options)
            continue
        with tempfile.TemporaryDirectory(prefix="syzygy-benchmark-") as folder:
            project = Project(Path(folder) / "project")
            project.create(options.migrations)
            with DATABASES[options.database](Path(folder), False) as database:
                if options.database != "sqlite":  # which is the project's own file
                    project.use(database)
                for comparison in SUBJECTS[subject](project):
                    comparison.measure(project, options.rounds)
                    report(comparison, options, options.migrations)
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "subjects",
        nargs="*",
        metavar="subject",
        help=f"any of {', '.join([*SUBJECTS, *OTHERS])}",
    )
    parser.add_argument("--rows", type=int, default=100_000, help="of the backfill")
    parser.add_argument("--runs", type=int, default=8, help="of the migrators")
    parser.add_argument("--idle", type=float, default=5, help="seconds of the stall")
    parser.add_argument("--migrations", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    options = parser.parse_args()
    known = [*SUBJECTS, *OTHERS]
    is_sqlite = options.database == "sqlite"
    possible = set(known) - NOT_ON_SQLITE if is_sqlite else ON_ANY_DATABASE
    options.subjects = options.subjects or [each for each in known if each in possible]
    if unknown := set(options.subjects) - set(known):
        parser.error(f"no such subjects: {', '.join(sorted(unknown))}")
    if stuck := set(options.subjects) - possible:
        parser.error(f"not on {options.database}: {', '.join(sorted(stuck))}")
    numbers = ("migrations", "rounds", "rows", "runs")
    if any(getattr(options, name) < 1 for name in numbers) or options.idle <= 0:
        parser.error("numbers must be 1 or more, seconds more than 0")
    return options


def machine() -> str:
    """Describe what the figures depend on."""
    return (
        f"Django {django.get_version()}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    )


def report(
    comparison: Comparison, options: argparse.Namespace, migrations: int
) -> None:
    say(f"\n{comparison.title} ({migrations} migrations, {described(options)})")
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


def crowd(options: argparse.Namespace) -> None:
    """Let several processes migrate at the same time, and print what it takes."""
    with tempfile.TemporaryDirectory(prefix="syzygy-benchmark-") as name:
        folder = Path(name)
        with DATABASES[options.database](folder, False) as database:
            compared = crowds(options.runs)
            project = migrators(folder / "project", database, compared, options.rounds)
            say(f"\nmigrators ({PENDING} pending, {described(options)})")
            titles = ("min", "median", "max", "ratio", "failed", "applied", "")
            say(CROWD.format("seconds, to the last end", *titles).rstrip())
            for each in compared:
                say(crowded(each, compared[0]))
            comparison = alone(project)
            comparison.measure(project, options.rounds)
            report(comparison, options, PENDING)


def crowded(crowd: Crowd, first: Crowd) -> str:
    """Return a row: seconds, beside those of the first; failures and what they were."""
    median = statistics.median(crowd.elapsed)
    times = (min(crowd.elapsed), median, max(crowd.elapsed))
    return CROWD.format(
        crowd.name,
        *(f"{each:.2f}" for each in times),
        f"{crowd.ratio(first):.2f}x",
        f"{crowd.failed}/{crowd.runs}",
        f"{min(crowd.applied)}",
        ", ".join(f"{number} {name}" for name, number in crowd.errors.most_common()),
    ).rstrip()


def stand_still(options: argparse.Namespace) -> None:
    """Compare how long traffic waits behind a migration, and print it."""
    with tempfile.TemporaryDirectory(prefix="syzygy-benchmark-") as name:
        folder = Path(name)
        compared = ways()
        with DATABASES[options.database](folder, False) as database:
            stall(folder / "project", database, compared, options.idle, options.rounds)
    say(f"\nstall ({options.idle:g} s idle in transaction, {described(options)})")
    say(f"  ours with {' '.join(LIMITS)}")
    say(STALLED.format("longest wait", "read", "write", "migration", "ratio"))
    for way in compared:
        say(stalled(way, compared[1]))


def stalled(way: Way, django: Way) -> str:
    """Return a row: the longest waits of all rounds, and what the migration took."""
    return STALLED.format(
        way.name,
        f"{max(way.reads) * 1000:,.0f} ms",
        f"{max(way.writes) * 1000:,.0f} ms",
        f"{way.took:.2f} s" if way.elapsed else "",
        f"{way.longest / django.longest:.3f}x" if way.elapsed else "",
    ).rstrip()


def described(options: argparse.Namespace) -> str:
    return f"{options.rounds} rounds, {options.database}"


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
