"""Messages about deploys that are under way."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from syzygy_like.executor.conflicts import (
    Conflict,
    DeployUnderWayError,
    Fault,
    InvalidEntryError,
)
from syzygy_like.executor.ledger import ConcurrentRunError
from syzygy_like.executor.record import InvalidRecordError
from syzygy_like.executor.rows import LostRowsError
from syzygy_like.executor.tables import LEDGER
from syzygy_like.planning import backends
from syzygy_like.planning.history import Key
from syzygy_like.planning.messages import errors
from syzygy_like.planning.messages.plans import date
from syzygy_like.planning.plan import PlannedMigration

FINISH = "migrate --post-deploy"
ABORT = "migrate --abort-deploy"
WAYS_OUT = f"Finish it first with {FINISH}, or take it back with {ABORT}."
QUESTION = "Type 'yes' to take the deploy back, or 'no' to leave it: "

CONFLICTS = {
    Conflict.FAKE: (
        "--fake and --fake-initial take migrations as a whole, and this deploy takes "
        "some in halves, or before others. Nothing was changed."
    ),
    Conflict.FINISHING: (
        "What follows the roll-out has begun: this deploy can only be finished, with "
        f"{FINISH}."
    ),
    Conflict.INCOMPLETE: (
        "What precedes the roll-out is not all applied. Run the same with --pre-deploy "
        "again, or migrate without a stage to apply everything."
    ),
    Conflict.JOINING: (
        "What is left of the deploy that is under way could not be finished after it. "
        f"Fix: once no older version is served any longer, finish that: {FINISH}. It "
        "stops there. Then run this again."
    ),
    Conflict.NEWER: (
        "The deploy that is under way did not have it. It is that of an older version, "
        f"which may be serving. Take it back with that version: {ABORT}."
    ),
    Conflict.NOTHING: (
        "No deploy is under way: no migration is applied in halves or before one that "
        "it depends on. To go back, migrate to an earlier migration."
    ),
    Conflict.SQUASHED: (
        "Only some of what this squashed migration replaces are applied, and this "
        "deploy takes migrations in halves, or before others. Fix: finish them first: "
        "migrate to the last that it replaces."
    ),
    Conflict.TARGETS: (
        "A deploy is under way, which can only be finished as a whole: "
        f"leave out the app and the migration. {WAYS_OUT}"
    ),
}


def conflict(error: DeployUnderWayError) -> str:
    """Say why something cannot be done while a deploy is under way."""
    conflict, key = error.conflict, error.key
    if conflict is Conflict.FOREIGN:
        return foreign(error)
    subject = f"{'.'.join(key)} cannot be applied. " if key else ""
    if conflict is Conflict.INCOMPLETE and key:
        subject = f"{'.'.join(key)} is not applied. "
    return subject + CONFLICTS[conflict] + _held(error.until)


def _held(until: datetime.datetime | None) -> str:
    """Say what to do about a deploy whose end is held, if it is."""
    if until is None:
        return ""
    return (
        f"\nSome of it is held until {date(until)}, by its stage_delay. Wait for that, "
        "or finish it now, with the version that is served: migrate, without a stage, "
        "waits for no delay."
    )


def foreign(error: DeployUnderWayError) -> str:
    """Say that another version's deploy is in the way."""
    key = ".".join(error.key or ())
    begun = f"A deploy of another version is under way: this one has no file of {key}."
    if error.own is None:
        return f"{begun} Take it back with the version that began it: {ABORT}."
    return (
        f"{'.'.join(error.own)} cannot be applied. {begun} With that version, finish "
        f"it ({FINISH}) or take it back ({ABORT}); or run this with a version that has "
        "both."
    )


def remarks(left_alone: Sequence[Key], later: Sequence[Key]) -> Iterator[str]:
    """Yield what is left to say after a run, line by line."""
    if left_alone:
        yield (
            "A deploy of another version is under way and left alone: this one has no "
            f"file of {_several(left_alone)}."
        )
    if later:
        yield (
            f"The deploy that was under way did not have {_several(later)}: for the "
            "next one, begin with migrate --pre-deploy."
        )


def of_another_version(keys: Sequence[Key]) -> str:
    """Say that there are no files of what is carried out."""
    return (
        f"A deploy of another version is under way: {_several(keys)} has no file here."
    )


def begun_without_file(keys: Sequence[Key]) -> str:
    """Say that there are no files of what was begun outside of a deploy."""
    return (
        f"{_several(keys)} was begun, has not come to its end, and has no file here. "
        "End it with the version that has."
    )


def _several(keys: Sequence[Key]) -> str:
    """Return the name of the first of some migrations, and how many there are."""
    more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
    return ".".join(keys[0]) + more


def in_the_way(
    blocked: Sequence[PlannedMigration], left: Mapping[Key, datetime.datetime | None]
) -> str:
    """Say that a deploy cannot join the one that is under way, maybe until a time."""
    new = _several([each.key for each in blocked])
    rest = ", ".join(".".join(key) for key in left)
    text = (
        f"{new} cannot join the deploy that is under way: what is left of {rest} is in "
        "the way. Nothing was applied.\n"
    )
    moments = [each for each in left.values() if each is not None]
    if moments:
        return text + (
            f"It is held until {date(max(moments))}, by its stage_delay. Fix: finish "
            f"that deploy after that ({FINISH}), and run this again; or finish it now, "
            "with the version that is served: migrate, without a stage, waits for no "
            "delay."
        )
    return text + (
        f"Fix: once no older version is served any longer, finish that deploy: "
        f"{FINISH}. It stops there. Then run this again."
    )


def going(made: Sequence[str]) -> str:
    """Say what is dropped when a deploy is taken back."""
    return (
        "The new version may have been served. What it has written is dropped with: "
        f"{', '.join(made)}."
    )


def would_go(made: Sequence[str]) -> str:
    """Say that nobody has agreed to lose what is dropped."""
    return (
        f"{going(made)} Nothing was changed.\n"
        f"Fix: run {ABORT} where it can ask, or accept the loss with --allow-loss."
    )


def invalid_record(error: InvalidRecordError) -> str:
    """Say that the table cannot be read."""
    return (
        f"The table {LEDGER} does not hold the record of a deploy: {error.reason}. "
        "Nothing was changed.\n"
        "Fix: put back what was there, from a backup of the table. If the database has "
        "just what Django's history says, empty the table instead."
    )


def lost_rows(error: LostRowsError) -> str:
    """Say that rows have no value for a field that is required."""
    label, field = error.label, error.field
    again = " again" if error.again else ""
    return (
        f"{label}.{field} is required{again}, and {error.count} rows have no value "
        "there, nor is there a default. Nothing was changed.\n"
        f"Fix: give them one, or delete them, and run the same again: {field} allows "
        "NULL until then."
    )


FAULTS = {
    Fault.BASIS: (
        "cannot be finished here: other parts of it are computed than were carried out."
    ),
    Fault.CHANGED: (
        "is not what it was when it was applied, in part at least. Run this with the "
        "file that it had then."
    ),
    Fault.RECORDED: (
        "is recorded as applied, but not by this app: somebody ran Django's own "
        "migrate in the middle of the deploy. The table syzygy_like_ledger does not "
        "tell any longer what the database has.\nFix: complete the deploy without "
        "this app (migrate, with --fake for what the table says is built), and drop "
        "that table."
    ),
}


def invalid_entry(error: InvalidEntryError) -> str:
    """Say that the ledger does not fit the files, or Django's history."""
    name = ".".join(error.key)
    text = f"A deploy is under way, and {name} {FAULTS[error.fault]}"
    if error.basis is not None:
        here = backends.basis()
        differing = [
            f"{what} {value!r}, here {here.get(what)!r}"
            for what, value in error.basis.items()
            if value != here.get(what)
        ]
        began = ", ".join(differing) or "other settings or routers"
        text += f" It was begun with {began}.\nFix: run this where it was begun."
    return text


def concurrent(error: ConcurrentRunError) -> str:
    """Say that another run is at work."""
    return (
        "Another migrate is at work on this database, or was since this one has "
        "looked. What this one has applied stays applied. Run it again when the other "
        "one has ended."
    )


# How to say what went wrong, by what is raised; what planning raises, too.
ERRORS: dict[type[Exception], Callable[[Any], str]] = {
    DeployUnderWayError: conflict,
    InvalidRecordError: invalid_record,
    LostRowsError: lost_rows,
    InvalidEntryError: invalid_entry,
    ConcurrentRunError: concurrent,
    **errors.ERRORS,
}


def said(error: Exception) -> str:
    """Return what to say of one of those errors."""
    return next(say for kind, say in ERRORS.items() if isinstance(error, kind))(error)
