"""The deploy record: a value, and the table that keeps it."""

from __future__ import annotations

import dataclasses

import pytest
from django.db import connections
from hypothesis import given
from hypothesis import strategies as st

from syzygy_like.executor.errors import ConcurrentRunError
from syzygy_like.executor.ledger import Ledger
from syzygy_like.executor.record import (
    Begun,
    Entry,
    InvalidRecordError,
    Record,
    Release,
    dumps,
    loads,
)
from syzygy_like.executor.tables import LEDGER
from syzygy_like.expand_contract.simulation import Part
from syzygy_like.planning.database import current_basis
from tests.support.projects import tables

KEYS = st.tuples(st.sampled_from(["shop", "blog"]), st.sampled_from(["0001", "0002.a"]))
CARRIED = st.sampled_from([Part.WHOLE, Part.EXPAND])
PLANNED = st.sampled_from([Part.WHOLE, Part.EXPAND, None])
SINCE = "2026-01-01T00:00:00+00:00"
COUNTS = st.none() | st.integers(0, 9)


@st.composite
def records(draw):
    """Draw a record of one or two releases."""
    migrations = draw(st.dictionaries(KEYS, PLANNED, min_size=1))
    releases = (Release(migrations, 0, {"django": "5.2", "use_tz": True}),)
    if draw(st.booleans()):
        releases += (Release({("later", "0001"): None}, 1),)
    entries = [
        Entry(
            key,
            draw(CARRIED),
            1,
            draw(COUNTS),
            draw(st.booleans()),
            "f",
            "d",
            "e",
            SINCE,
        )
        for key in draw(st.lists(st.sampled_from(sorted(migrations)), unique=True))
    ]
    begun = draw(st.lists(st.builds(Begun, KEYS, st.booleans(), st.integers(0, 9))))
    rolled_out = draw(st.integers(0, len(releases)))
    return Record(releases, tuple(entries), rolled_out, tuple(begun))


@given(records())
def test_a_record_is_read_as_it_was_written(record):
    assert loads(dumps(record)) == record


@given(records(), st.data())
def test_what_is_cut_off_is_told(record, data):
    text = dumps(record)
    end = data.draw(st.integers(0, len(text) - 2))
    with pytest.raises(InvalidRecordError):
        loads(text[:end])


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "null",
        "{}",
        '{"releases": [], "done": [], "rolled_out": "x", "begun": []}',
        '{"releases": [], "done": [{}], "rolled_out": 0, "begun": []}',
        '{"releases": [{}], "done": [], "rolled_out": 0, "begun": []}',
        '{"releases": [], "done": [], "rolled_out": 0, "begun": [{"key": "shop"}]}',
    ],
)
def test_what_is_no_record_is_told(text):
    with pytest.raises(InvalidRecordError):
        loads(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"part": "whole"', '"part": "half"'),
        ('"part": "whole"', '"part": "nothing"'),
        ('"release": 1', '"release": 2'),
        ('"operations": 3', '"operations": "three"'),
        ('"key": "shop.0001"', '"key": "shop"'),
        ('"key": "shop.0001"', '"key": "shop.0009"'),
        ('"effect"', '"outcome"'),
    ],
)
def test_what_was_edited_by_hand_is_told(old, new):
    release = Release({("shop", "0001"): Part.WHOLE})
    entry = Entry(("shop", "0001"), Part.WHOLE, 1, 3, since=SINCE)
    text = dumps(Record((release,), (entry,)))
    assert old in text
    with pytest.raises(InvalidRecordError):
        loads(text.replace(old, new))


FIRST = Entry(("shop", "0001"), Part.EXPAND, 1, since=SINCE)
RELEASE = Release({("shop", "0001"): Part.EXPAND}, 0, current_basis())
RECORD = Record((RELEASE,), (FIRST,))


@pytest.fixture
def ledgers(databases, database):
    """Two runs that know nothing of each other."""
    databases.empty(database)
    connection = connections[database]
    pair = Ledger(connection), Ledger(connection)
    for each in pair:
        each.open()
        assert each.record == Record()
    yield pair
    databases.empty(database)


def test_of_two_that_begin_one_gives_up(ledgers):
    one, other = ledgers
    one.write(RECORD)
    with pytest.raises(ConcurrentRunError):
        other.write(RECORD)
    assert Ledger(one.connection).record == RECORD


def test_whoever_has_not_seen_a_change_gives_up(ledgers):
    one, other = ledgers
    one.write(RECORD)
    other.forget()
    assert other.record == RECORD
    done = RECORD.put(dataclasses.replace(FIRST, part=Part.CONTRACT))
    one.write(done)
    for record in (RECORD, Record()):
        with pytest.raises(ConcurrentRunError):
            other.write(record)
    assert Ledger(one.connection).record == done


def test_a_deploy_like_one_that_has_ended_is_another_one(ledgers):
    one, other = ledgers
    one.write(RECORD)
    other.forget()
    assert other.record == RECORD
    one.write(Record())
    one.write(RECORD)
    with pytest.raises(ConcurrentRunError):
        other.write(Record())


def test_the_table_goes_when_there_is_nothing_to_remember(ledgers):
    one, _ = ledgers
    one.write(RECORD)
    one.close()
    assert LEDGER in tables(one.connection.alias)
    one.write(Record())
    one.close()
    assert LEDGER not in tables(one.connection.alias)
    assert Ledger(one.connection).record == Record()


def test_what_another_run_has_begun_meanwhile_is_not_dropped(ledgers):
    one, other = ledgers
    one.write(RECORD)
    one.write(Record())
    other.forget()
    other.write(RECORD)
    one.close()
    assert Ledger(one.connection).record == RECORD


def test_a_transaction_that_is_lost_takes_what_it_has_noted_with_it(ledgers):
    one, _ = ledgers
    before = one.state()
    one.write(RECORD)
    one.restore(before)
    assert one.record == Record()
