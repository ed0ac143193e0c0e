"""What is said of limits, as the documentation shows it."""

from __future__ import annotations

import dataclasses

import pytest

from syzygy_like.management.migrate import messages
from syzygy_like.safeguards.timeouts.blockers import Blocker
from syzygy_like.safeguards.timeouts.errors import (
    LockTimeoutError,
    Retry,
    StatementTimeoutError,
)
from tests.support.projects import ROOT

NAME = "shop.0007_order_note"
SQL = 'ALTER TABLE "shop_order" ADD COLUMN "note" text NULL'
BLOCKER = Blocker(
    4711,
    "reports",
    "shop",
    "idle in transaction",
    720,
    'SELECT * FROM "shop_order"',
)
PAGE = ROOT / "docs" / "how-to" / "lock-timeouts.rst"


def assert_shown(text):
    """Assert that the page about limits shows a text."""
    lines = [f"   {line}" for line in text.splitlines()]
    assert "\n".join(lines) in PAGE.read_text(encoding="utf-8")


def failed(error):
    return f"CommandError: {NAME} failed: {messages.failed(error)}"


def lock_error(*blockers, is_safe=True):
    error = LockTimeoutError(NAME, 0.5, SQL, is_safe)
    error.tries, error.seconds, error.vendor = 21, 201.0, "postgresql"
    error.blockers = blockers
    return error


def test_a_retry_as_it_is_shown():
    assert_shown(messages.told(Retry(NAME, 1, 20, 0.062, SQL, (BLOCKER,))))


def test_a_lock_that_was_not_to_be_had_as_it_is_shown():
    error = lock_error(dataclasses.replace(BLOCKER, age=1020))
    assert_shown(failed(error))


def test_a_statement_that_took_too_long_as_it_is_shown():
    sql = 'UPDATE "shop_order" SET "note" = \'\''
    error = StatementTimeoutError(NAME, 5.0, sql, True)
    assert_shown(failed(error))


@pytest.mark.parametrize(
    ("blocker", "expected"),
    [
        (Blocker(0), "Blocked by a prepared transaction"),
        (Blocker(4711), "Blocked by process 4711"),
        (
            Blocker(4711, user="root", state="Sleep", is_certain=False),
            "Maybe blocked by process 4711 (user root), Sleep",
        ),
    ],
)
def test_blockers_of_whom_little_is_known(blocker, expected):
    assert messages.failed(lock_error(blocker)).splitlines()[2] == expected


def test_only_who_certainly_blocks_is_to_be_ended():
    likely = dataclasses.replace(BLOCKER, is_certain=False)
    ends = "SELECT pg_terminate_backend(4711);"
    assert ends not in messages.failed(lock_error(likely, Blocker(0)))
    assert messages.failed(lock_error(likely, BLOCKER)).count(ends) == 1


def queued(holding, waiting):
    """Return who is ahead in the queue, by numbers from 1, as the server lists them."""
    return [
        Blocker(number, waits=number > holding)
        for number in range(1, holding + waiting + 1)
    ]


@pytest.mark.parametrize(
    ("holding", "waiting", "rest"),
    [
        (1, 3, ["Blocked by process 4, also waiting"]),
        (1, 5, ["and 1 that also waits"]),
        (2, 15, ["and 12 that also wait"]),
        (8, 2, ["and 3 more", "and 2 that also wait"]),
    ],
)
def test_who_only_waits_is_not_to_be_ended_nor_are_all_named(holding, waiting, rest):
    text = messages.failed(lock_error(*queued(holding, waiting)))
    named = [line for line in text.splitlines() if line.startswith("Blocked by")]
    assert len(named) == min(holding + waiting, 5)
    assert text.splitlines()[-2 - len(rest) : -2] == rest
    assert text.count("pg_terminate_backend") == min(holding, 5)
    assert "pg_terminate_backend(1);" in text


@pytest.mark.parametrize(("tries", "said"), [(1, "one"), (3, "the last of 3")])
def test_a_deadlock_is_called_one(tries, said):
    error = lock_error(BLOCKER)
    error.is_deadlock, error.tries = True, tries
    text = messages.failed(error)
    unit = "try" if tries == 1 else "tries"
    assert text.startswith(f"a deadlock, in {said} {unit}, after 3 min 21 s.")
    assert "pg_terminate_backend" not in text
    retry = Retry(NAME, 1, 20, 0.062, SQL, (), is_deadlock=True)
    assert messages.told(retry) == f"{NAME} was in a deadlock; retry 1 of 20 in 62 ms."


def test_what_is_not_tried_again_may_not_simply_be_run_again():
    text = messages.failed(lock_error(BLOCKER, is_safe=False))
    assert "It was not tried again" in text
    assert "run this again" not in text
