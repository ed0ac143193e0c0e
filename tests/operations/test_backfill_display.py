"""What a backfill prints while it runs."""

from __future__ import annotations

import io
import multiprocessing
import re
import sys
import threading

import pytest
from django.core.management import call_command
from django.db import connections

from syzygy_like.operations import Backfill, display
from syzygy_like.operations.backfill import BackfillRun
from tests.support.backfills import AGAIN, started
from tests.support.orders import execute

LINE = r"shop\.Order: (\d+) of about (\d+) rows, [\d.]+ (?:ms|s) to go"


@pytest.fixture
def shop(project, database, monkeypatch):
    """A project with seven orders and a backfill of them, which prints every batch."""
    monkeypatch.setattr(display, "LINE_EVERY", 0)
    monkeypatch.setattr(display, "BAR_AFTER", 0)
    started(project, database, *range(1, 8))
    step = Backfill("Order", AGAIN, batch_size=3)
    project.write("shop", "0002_fill", step, atomic=False)
    return project


class Terminal(io.StringIO):
    def isatty(self):
        return True


def analyzed(database):
    """Let the database count the rows of a table."""
    verbs = {"postgresql": "ANALYZE", "mysql": "ANALYZE TABLE"}
    verb = verbs.get(connections[database].vendor)
    if verb:
        execute(database, f"{verb} shop_order")


@pytest.mark.parametrize("arguments", [[], ["--post-deploy"]])
def test_lines_tell_how_far_it_is(shop, database, arguments):
    analyzed(database)
    printed = shop.migrate(*arguments, database=database)
    first, *lines, end = printed.partition("Applying shop.0002_fill...")[2].splitlines()
    assert (first, end) == ("", " OK")
    assert all(line.startswith("    shop.Order: ") for line in lines)
    assert re.fullmatch(LINE, lines[0].strip()).groups() == ("3", "7")
    assert re.fullmatch(LINE, lines[1].strip()).groups() == ("6", "7")
    assert lines[2] == "    shop.Order: 7 rows"
    assert re.fullmatch(r"    shop\.Order: 7 rows in [\d.]+ (ms|s)", lines[3])
    assert len(lines) == 4


@pytest.mark.databases("postgresql")
def test_rows_that_nobody_has_counted(shop, database):
    printed = shop.migrate(database=database)
    assert "    shop.Order: 3 rows\n    shop.Order: 6 rows\n" in printed


@pytest.mark.databases("sqlite")
def test_what_is_over_soon_is_not_worth_a_line(shop, database, monkeypatch):
    monkeypatch.setattr(display, "LINE_EVERY", 60)
    assert "Applying shop.0002_fill... OK\n" in shop.migrate(database=database)


@pytest.mark.databases("sqlite")
def test_other_commands_print_nothing(shop, database):
    quiet = shop.migrate(database=database, verbosity=0)
    assert quiet == ""
    execute(database, "DELETE FROM django_migrations WHERE name = '0002_fill'")
    printed = shop.stock_migrate(database=database)
    assert "Applying shop.0002_fill... OK\n" in printed


@pytest.mark.databases("sqlite")
def test_a_terminal_gets_a_bar(shop, database):
    pytest.importorskip("tqdm")
    threads, children = threading.active_count(), multiprocessing.active_children()
    out = Terminal()
    with shop.active():
        call_command("migrate", database=database, stdout=out, no_color=True)
    printed = out.getvalue().partition("Applying shop.0002_fill...")[2]
    assert printed.startswith("\n\r    shop.Order:  43%|")
    assert "shop.Order: 100%|" in printed
    assert "7.00/7.00" in printed
    assert printed.endswith("\n OK\n")
    assert threading.active_count() == threads
    assert multiprocessing.active_children() == children


@pytest.mark.databases("sqlite")
def test_a_terminal_without_tqdm_gets_lines(shop, database, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    out = Terminal()
    with shop.active():
        call_command("migrate", database=database, stdout=out, no_color=True)
    assert "\n    shop.Order: 3 of about 7 rows" in out.getvalue()


@pytest.mark.databases("sqlite")
def test_it_counts_on_from_where_it_was(shop, database, monkeypatch):
    carry_out = BackfillRun._carry_out

    def fail(self, batch):
        if batch.first > 3:
            raise ValueError("four")
        carry_out(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(BackfillRun, "_carry_out", fail)
        with pytest.raises(ValueError, match="four"):
            shop.migrate(database=database)
    printed = shop.migrate(database=database)
    assert "shop.Order: 3 of" not in printed
    assert "shop.Order: 6 of about 7 rows" in printed
