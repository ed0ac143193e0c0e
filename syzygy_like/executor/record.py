"""
The deploy record: what a database has beyond Django's own history.

A record is a value. It says which releases have begun a deploy, and lists the parts of
migrations that are carried out, in order. The list and the migration files together say
what the database has.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Mapping
from typing import Any

from syzygy_like.expand_contract.simulation import Part

Key = tuple[str, str]
# What json.loads returns.
Document = Any

# The names of the parts in the table.
WORDS = {
    Part.WHOLE: "whole",
    Part.EXPAND: "expand",
    Part.CONTRACT: "contract",
    None: "nothing",
}
PARTS = {word: part for part, word in WORDS.items()}
# What can be carried out of one migration.
SEQUENCES = ([Part.WHOLE], [Part.EXPAND], [Part.EXPAND, Part.CONTRACT])


@dataclasses.dataclass(eq=False)
class InvalidRecordError(Exception):
    """The table does not hold what it should; ``reason`` says what is wrong."""

    reason: str


@dataclasses.dataclass(frozen=True)
class Entry:
    """
    A part of a migration that is carried out, or begun.

    ``release`` is the number of the release that began it. ``operations`` is how many
    operations of the part are carried out while it is under way, None when all are;
    ``undoing`` tells whether it is being undone, so that the last of them may be undone
    in part. ``file`` and ``digest`` identify the migration, ``effect`` what the part
    does to the schema. ``since`` is a time in ISO 8601.
    """

    key: Key
    part: Part
    release: int
    operations: int | None = None
    undoing: bool = False
    file: str = ""
    digest: str = ""
    effect: str = ""
    since: str = ""

    @property
    def is_done(self) -> bool:
        """Whether the part is wholly carried out."""
        return self.operations is None

    @property
    def place(self) -> tuple[Key, Part]:
        """What identifies it in a record."""
        return self.key, self.part


@dataclasses.dataclass(frozen=True)
class Begun:
    """
    A migration outside of a deploy that was begun and not finished.

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
    A version whose ``--pre-deploy`` has begun.

    ``migrations`` are those that it brought, with how much of each precedes the
    roll-out. ``serving`` is the number of the oldest release that may have been live at
    that time, 0 for the version before the first. ``basis`` is what the parts were
    computed with.
    """

    migrations: Mapping[Key, Part | None]
    serving: int = 0
    basis: Mapping[str, Document] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Record:
    """
    The deploy under way on a database, and what was begun outside of deploys.

    ``rolled_out`` is the number of the newest release that is known to be rolled out:
    a step that follows its roll-out was carried out.
    """

    releases: tuple[Release, ...] = ()
    entries: tuple[Entry, ...] = ()
    rolled_out: int = 0
    begun: tuple[Begun, ...] = ()

    @property
    def is_under_way(self) -> bool:
        """Whether anything of a deploy is carried out; only that has consequences."""
        return bool(self.entries)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to record."""
        return not (self.entries or self.begun)

    @property
    def members(self) -> dict[Key, int]:
        """All migrations of the deploy, with the number of their release."""
        return {
            key: number
            for number, release in enumerate(self.releases, start=1)
            for key in release.migrations
        }

    def planned(self, key: Key) -> Part | None:
        """Return the part of a member that precedes the roll-out of its release."""
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
        """Return a record with a migration that is begun outside of a deploy."""
        rest = self.end(begun.key).begun
        return dataclasses.replace(self, begun=(*rest, begun))

    def end(self, key: Key) -> Record:
        """Return a record without a migration that was begun outside of a deploy."""
        begun = tuple(each for each in self.begun if each.key != key)
        return dataclasses.replace(self, begun=begun)

    def release(self, number: int, release: Release) -> Record:
        """Return a record with a release, in the place of one or after the last."""
        releases = (*self.releases[: number - 1], release, *self.releases[number:])
        return dataclasses.replace(self, releases=releases)

    def without_release(self, number: int) -> Record:
        """Return a record without a release, of which nothing is carried out."""
        if not self.entries:
            return self.without_deploy()
        return dataclasses.replace(self, releases=self.releases[: number - 1])

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


def _record(document: Document) -> Record:
    record = Record(
        tuple(_release(each) for each in document["releases"]),
        tuple(_entry_of(dict(each)) for each in document["done"]),
        _number(document["rolled_out"]),
        tuple(_begun(dict(each)) for each in document["begun"]),
    )
    _validate(record)
    return record


def _validate(record: Record) -> None:
    """Raise ValueError if the parts of a record do not fit each other."""
    count = len(record.releases)
    if not 0 <= record.rolled_out <= count:
        raise ValueError(f"there is no release {record.rolled_out}")
    for number, release in enumerate(record.releases, start=1):
        if not 0 <= release.serving < number:
            raise ValueError(f"release {release.serving} cannot serve before {number}")
    members, parts = record.members, dict[Key, list[Part]]()
    for entry in record.entries:
        if entry.key not in members or not 0 < entry.release <= count:
            raise ValueError(f"{_name(entry.key)} is of no release")
        parts.setdefault(entry.key, []).append(entry.part)
    for key, found in parts.items():
        if found not in SEQUENCES:
            words = ", ".join(WORDS[each] for each in found)
            raise ValueError(f"{_name(key)} cannot have these parts: {words}")


def _release(document: Document) -> Release:
    migrations = {
        _key(name): _part(word) for name, word in document["migrations"].items()
    }
    return Release(migrations, _number(document["serving"]), dict(document["basis"]))


def _entry(entry: Entry) -> dict[str, Document]:
    fields = dataclasses.asdict(entry)
    return {**fields, "key": _name(entry.key), "part": WORDS[entry.part]}


def _entry_of(fields: dict[str, Document]) -> Entry:
    part = _part(fields.pop("part"))
    if part is None:
        raise ValueError("nothing of a migration cannot be done")
    datetime.datetime.fromisoformat(fields["since"])
    entry = Entry(part=part, **{**fields, "key": _key(fields["key"])})
    if entry.operations is not None:
        _number(entry.operations)
    _number(entry.release)
    _texts(entry.file, entry.digest, entry.effect)
    return entry


def _begun(fields: dict[str, Document]) -> Begun:
    begun = Begun(**{**fields, "key": _key(fields["key"])})
    if not isinstance(begun.backwards, bool):
        raise TypeError(f"{begun.backwards!r} is neither true nor false")
    _number(begun.operations)
    _texts(begun.file, begun.digest)
    return begun


def _number(value: object) -> int:
    """Return a value. Raises TypeError if it counts nothing."""
    if type(value) is not int or value < 0:
        raise TypeError(f"{value!r} is no number of anything")
    return value


def _texts(*values: object) -> None:
    """Raise TypeError if a value is no text."""
    for value in values:
        if not isinstance(value, str):
            raise TypeError(f"{value!r} is no text")


def _part(word: object) -> Part | None:
    if not isinstance(word, str) or word not in PARTS:
        raise ValueError(f"{word!r} is no part of a migration")
    return PARTS[word]


def _name(key: Key) -> str:
    return ".".join(key)


def _key(name: object) -> Key:
    app_label, _, rest = str(name).partition(".")
    if not (app_label and rest):
        raise ValueError(f"{name!r} is no migration")
    return app_label, rest
