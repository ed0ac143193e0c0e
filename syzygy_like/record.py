"""
The deploy record: what a database has beyond Django's own history.

A record is a value. It says which releases have begun a deploy, and lists what is
carried out of each migration, in the order in which that happened. What the database
has by now follows from the list and the files.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Mapping
from typing import Any

from syzygy_like.crossing import Extent

Key = tuple[str, str]

# How the parts are called in the table.
WORDS = {
    Extent.WHOLE: "whole",
    Extent.FIRST: "expand",
    Extent.SECOND: "contract",
    None: "nothing",
}
PARTS = {word: part for part, word in WORDS.items()}


class InvalidRecordError(Exception):
    """The table does not hold what it should; ``reason`` says what is wrong."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


@dataclasses.dataclass(frozen=True)
class Entry:
    """
    A part of a migration that is carried out, or begun.

    ``release`` is the number of the release that began it. ``operations`` is how many
    operations of the part are carried out while it is under way, None when all are.
    ``file`` and ``digest`` tell the migration from others, ``effect`` what the part
    does to the schema from anything else. ``since`` is a moment in ISO 8601.
    """

    key: Key
    part: Extent
    release: int
    operations: int | None = None
    file: str = ""
    digest: str = ""
    effect: str = ""
    since: str = ""

    @property
    def is_done(self) -> bool:
        """Whether the part is wholly carried out."""
        return self.operations is None

    @property
    def place(self) -> tuple[Key, Extent]:
        """What tells it from other entries of a record."""
        return self.key, self.part


@dataclasses.dataclass(frozen=True)
class Begun:
    """
    A migration of no deploy that was begun and not ended.

    ``operations`` is how many are carried out; ``digest`` is of those, ``file`` of all.
    """

    key: Key
    backwards: bool
    operations: int
    file: str = ""
    digest: str = ""


@dataclasses.dataclass(frozen=True)
class Release:
    """
    A version of the code whose ``--pre-deploy`` has begun.

    ``migrations`` are those that it brought, with how much of each precedes the
    roll-out. ``serving`` is the number of the oldest release that may have been serving
    at that time, 0 for the code before the first one. ``basis`` is what the computation
    of the parts depended on.
    """

    migrations: Mapping[Key, Extent | None]
    serving: int = 0
    basis: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Record:
    """
    The deploy under way on a database, and what was begun outside of deploys.

    ``rolled_out`` is the number of the newest release that is known to be rolled out,
    for something was carried out that follows its roll-out.
    """

    releases: tuple[Release, ...] = ()
    entries: tuple[Entry, ...] = ()
    rolled_out: int = 0
    begun: tuple[Begun, ...] = ()

    @property
    def is_under_way(self) -> bool:
        """Whether anything of a deploy is carried out: nothing else binds anybody."""
        return bool(self.entries)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to remember."""
        return not (self.entries or self.begun)

    @property
    def members(self) -> dict[Key, int]:
        """All migrations of the deploy, with the number of their release."""
        return {
            key: number
            for number, release in enumerate(self.releases, start=1)
            for key in release.migrations
        }

    def planned(self, key: Key) -> Extent | None:
        """Return how much of a member is to precede the roll-out of its release."""
        return self.releases[self.members[key] - 1].migrations[key]

    def entry(self, key: Key) -> Entry | None:
        """Return the last entry of a migration, if it has any."""
        mine = [each for each in self.entries if each.key == key]
        return mine[-1] if mine else None

    def put(self, entry: Entry) -> Record:
        """Return a record with an entry, in its place if it has one."""
        places = [each.place for each in self.entries]
        entries = list(self.entries)
        if entry.place in places:
            entries[places.index(entry.place)] = entry
        else:
            entries.append(entry)
        return dataclasses.replace(self, entries=tuple(entries))

    def drop(self, entry: Entry) -> Record:
        """Return a record without an entry."""
        entries = (each for each in self.entries if each.place != entry.place)
        return dataclasses.replace(self, entries=tuple(entries))

    def begin(self, begun: Begun) -> Record:
        """Return a record with a migration of no deploy that is under way."""
        rest = self.end(begun.key).begun
        return dataclasses.replace(self, begun=(*rest, begun))

    def end(self, key: Key) -> Record:
        """Return a record without a migration of no deploy."""
        begun = tuple(each for each in self.begun if each.key != key)
        return dataclasses.replace(self, begun=begun)

    def release(self, number: int, release: Release) -> Record:
        """Return a record with a release, in the place of one or after the last."""
        releases = (*self.releases[: number - 1], release, *self.releases[number:])
        return dataclasses.replace(self, releases=releases)

    def without_deploy(self) -> Record:
        """Return a record in which no deploy is under way."""
        return Record(begun=self.begun)


def dumps(record: Record) -> str:
    """Return a record as text, which ``loads`` reads."""
    document = {
        "releases": [
            {
                "migrations": {
                    _name(key): WORDS[part] for key, part in each.migrations.items()
                },
                "serving": each.serving,
                "basis": dict(each.basis),
            }
            for each in record.releases
        ],
        "rolled_out": record.rolled_out,
        "done": [_entry(each) for each in record.entries],
        "begun": [
            {**dataclasses.asdict(each), "key": _name(each.key)}
            for each in record.begun
        ],
    }
    return json.dumps(document, indent=1)


def loads(text: str) -> Record:
    """Return the record of a text. Raises InvalidRecordError if it has none."""
    try:
        return _record(json.loads(text))
    except KeyError as error:
        raise InvalidRecordError(f"there is no {error.args[0]!r}") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise InvalidRecordError(str(error)) from error


def _record(document: Any) -> Record:
    releases = enumerate(document["releases"], start=1)
    record = Record(
        tuple(_release(each, number) for number, each in releases),
        tuple(_entry_of(dict(each)) for each in document["done"]),
        _number(document["rolled_out"]),
        tuple(_begun_of(dict(each)) for each in document["begun"]),
    )
    members, count = record.members, len(record.releases)
    for entry in record.entries:
        if entry.key not in members or not 1 <= entry.release <= count:
            raise ValueError(f"{_name(entry.key)} is of no release")
    if record.rolled_out > count:
        raise ValueError(f"there is no release {record.rolled_out}")
    return record


def _release(document: Any, number: int) -> Release:
    migrations = {
        _key(name): _part(word) for name, word in document["migrations"].items()
    }
    serving = _number(document["serving"])
    if serving >= number:
        raise ValueError(f"release {number} is not served before itself")
    return Release(migrations, serving, dict(document["basis"]))


def _entry(entry: Entry) -> dict[str, Any]:
    fields = dataclasses.asdict(entry)
    return {**fields, "key": _name(entry.key), "part": WORDS[entry.part]}


def _entry_of(fields: dict[str, Any]) -> Entry:
    part = _part(fields.pop("part"))
    if part is None:
        raise ValueError("nothing of a migration cannot be done")
    if fields["operations"] is not None:
        _number(fields["operations"])
    _number(fields["release"])
    datetime.datetime.fromisoformat(fields["since"])
    return Entry(part=part, **_told(fields, "file", "digest", "effect"))


def _begun_of(fields: dict[str, Any]) -> Begun:
    _number(fields["operations"])
    if not isinstance(fields["backwards"], bool):
        raise TypeError("a migration goes neither forwards nor backwards")
    return Begun(**_told(fields, "file", "digest"))


def _told(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return the fields of a migration, of which some are texts."""
    for name in names:
        if not isinstance(fields[name], str):
            raise TypeError(f"the {name} of {fields['key']} is no text")
    return {**fields, "key": _key(fields["key"])}


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError(f"{value!r} is no number of anything")
    return value


def _part(word: Any) -> Extent | None:
    if word not in PARTS:
        raise ValueError(f"{word!r} is no part of a migration")
    return PARTS[word]


def _name(key: Key) -> str:
    return ".".join(key)


def _key(name: str) -> Key:
    app_label, dot, rest = name.partition(".")
    if not dot:
        raise ValueError(f"{name!r} is no migration")
    return app_label, rest
