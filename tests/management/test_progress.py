"""How far a run has come, on a terminal, and nothing new for programs."""

from __future__ import annotations

import io
import re

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError, OutputWrapper
from django.core.management.commands import migrate as django_migrate
from django.db import migrations, models

from syzygy_like.management.commands.migrate import Command
from syzygy_like.management.migrate.progress import LONG, Counter, clock

KEY = ("id", models.BigAutoField(primary_key=True))
NUMBER = models.IntegerField(null=True)
PLACE = re.compile(
    r"^  \[( ?\d+)/(\d+)  \d:\d\d\]  (Applying|Unapplying) (.+)\.\.\. (\S+)"
)
# Runs a script on a pseudo-terminal of its own, and copies to stdout what it writes.
ON_TERMINAL = (
    "-c",
    "import os, pty, sys\n"
    "status = pty.spawn([sys.executable, *sys.argv[1:]])\n"
    "sys.exit(os.waitstatus_to_exitcode(status))",
)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def write(project, number, app="shop"):
    """Write so many migrations that add columns."""
    # Django sends no signal to an app without models.
    project.app(app, "class Order(models.Model):\n    pass\n")
    project.write(app, "0001", migrations.CreateModel("Order", [KEY]))
    for each in range(2, number + 1):
        add = migrations.AddField("order", f"field_{each}", NUMBER)
        project.write(app, f"{each:04}", add)


def shown(project, *arguments, **options):
    """Return what a command shows on a terminal."""
    out = Terminal()
    options = {"no_color": True, **options}
    with project.active():
        call_command(*arguments, stdout=out, **options)
    return out.getvalue()


def places(text):
    """Return what is said of migrations that succeed: place, total, verb, name."""
    found = [PLACE.match(line) for line in text.splitlines()]
    return [(int(m[1]), int(m[2]), m[3], m[4]) for m in found if m and m[5] == "OK"]


def test_a_long_plan_shows_on_a_terminal_where_it_is(project):
    pytest.importorskip("pty")
    write(project, LONG)
    run = project.manage("migrate", "--no-color", python=ON_TERMINAL)
    assert run.returncode == 0, run.stdout
    assert places(run.stdout) == [
        (number, LONG, "Applying", f"shop.{number:04}") for number in range(1, LONG + 1)
    ]
    assert re.search(r"\n  \[ 1/10  \d:\d\d\]  Applying shop.0001... OK\n", run.stdout)
    piped = project.manage("migrate", "shop", "zero")
    assert "\n  Unapplying shop.0001... OK\n" in piped.stdout


@pytest.mark.databases("sqlite")
def test_colours_are_djangos(project, databases, database):
    write(project, LONG)
    options = {"database": database, "no_color": False, "force_color": True}
    out = shown(project, "migrate", **options)
    databases.empty(database)
    stock = shown(project, django_migrate.Command(), **options)
    assert "\x1b[" in out
    assert re.sub(r"  \[ ?\d+/10  \d:\d\d\]", "", out) == stock


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("number", "out", "verbosity"),
    [
        (LONG, io.StringIO, 1),
        (LONG - 1, Terminal, 1),
        (LONG, Terminal, 0),
    ],
    ids=["piped", "short", "silent"],
)
def test_all_else_is_byte_for_byte_djangos(
    project, databases, database, number, out, verbosity
):
    write(project, number)
    texts = []
    for command in ("migrate", django_migrate.Command()):
        databases.empty(database)
        target = out()
        with project.active():
            call_command(
                command,
                database=database,
                verbosity=verbosity,
                stdout=target,
                no_color=True,
            )
        texts.append(target.getvalue())
    assert texts[0] == texts[1]
    assert bool(texts[0]) == bool(verbosity)


@pytest.mark.databases("sqlite")
def test_what_is_undone_and_its_time_are_shown(project, database):
    write(project, LONG + 2)
    project.migrate(database=database)
    out = shown(project, "migrate", "shop", "0002", database=database, verbosity=2)
    assert places(out)[0] == (1, LONG, "Unapplying", "shop.0012")
    assert places(out)[-1] == (LONG, LONG, "Unapplying", "shop.0003")
    assert re.search(r"  Unapplying shop.0003... OK \(\d+\.\d+s\)\n", out)


@pytest.mark.databases("sqlite")
def test_both_sides_of_a_deploy_count_what_is_theirs(project, database):
    write(project, LONG)
    project.migrate("shop", "0001", database=database)
    required = models.IntegerField(default=7)
    project.write("shop", "0011", migrations.AddField("order", "a", required))
    out = shown(project, "migrate", "--pre-deploy", "--bridge", database=database)
    expected = [f"shop.{number:04}" for number in range(2, LONG + 1)]
    expected.append("shop.0011 (expand)")
    assert places(out) == [
        (number, LONG, "Applying", name) for number, name in enumerate(expected, 1)
    ]
    out = shown(project, "migrate", "--post-deploy", database=database)
    assert "\n  Applying shop.0011 (contract)... OK\n" in out


@pytest.mark.databases("sqlite")
def test_a_failure_is_seen_where_it_happens(project, database):
    write(project, LONG)
    broken = migrations.RunSQL("SELECT nothing", migrations.RunSQL.noop)
    project.write("shop", "0011", broken)
    out = Terminal()
    with project.active(), pytest.raises(CommandError, match=r"shop\.0011 failed"):
        call_command(
            "migrate", "--pre-deploy", database=database, stdout=out, no_color=True
        )
    line = out.getvalue().splitlines()[-1]
    assert re.fullmatch(r"  \[11/11  \d:\d\d\]  Applying shop.0011... FAILED", line)


@pytest.mark.databases("sqlite")
def test_another_run_is_not_counted(project, database):
    write(project, LONG)
    out = OutputWrapper(Terminal())
    other = Counter(out)
    with other.counting():
        assert len(places(shown(project, "migrate", database=database))) == LONG
        other.show("apply_start", "shop.0001")
    assert out.getvalue() == ""


@pytest.mark.databases("sqlite")
def test_a_command_that_runs_again_counts_again(project, database):
    write(project, LONG)
    command = Command()
    assert len(places(shown(project, command, database=database))) == LONG
    project.call(command, "shop", "zero", database=database)
    out = project.call(command, database=database)
    assert "\n  Applying shop.0010... OK\n" in out


@pytest.mark.parametrize(
    ("length", "text"),
    [(0.9, "0:00"), (12, "0:12"), (125.5, "2:05"), (3605, "1:00:05")],
)
def test_a_clock(length, text):
    assert clock(length) == text
