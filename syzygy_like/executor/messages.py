"""What the executor says: its errors, its events, and the question of an abort."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db.migrations import Migration

from syzygy_like.executor.errors import (
    ChangedMigrationError,
    ConcurrentRunError,
    Conflict,
    DeployUnderWayError,
    Fault,
    InvalidEntryError,
    IrreversibleRunError,
    LostRowsError,
    UnfinishedMigrationError,
)
from syzygy_like.executor.invalid_indexes import IndexBeingBuilt, IndexRebuilt
from syzygy_like.executor.journal import Resumed
from syzygy_like.executor.record import InvalidRecordError
from syzygy_like.executor.rollback import RollingBack
from syzygy_like.executor.tables import LEDGER
from syzygy_like.planning.database import current_basis
from syzygy_like.planning.history import Key
from syzygy_like.planning.messages import errors
from syzygy_like.planning.messages.plans import date
from syzygy_like.planning.plan import PlannedMigration

FINISH = "migrate --post-deploy"
ABORT = "migrate --abort-deploy"
QUESTION = "Type 'yes' to abort the deploy, or 'no' to leave it: "
PAGE = "See docs/reference/blocked-plans.rst."

CONFLICTS = {
    Conflict.FAKE: (
        "--fake and --fake-initial take migrations as a whole, but this deploy applies "
        "some in parts, or reorders them. Nothing was changed.\n"
        "Fix: run it without these options."
    ),
    Conflict.FINISHING: (
        "What follows the roll-out has begun, so this deploy can only be finished. "
        f"Nothing was changed.\nFix: {FINISH}."
    ),
    Conflict.INCOMPLETE: (
        "What precedes the roll-out is not all applied. Nothing was changed.\n"
        "Fix: run the same with --pre-deploy again. Or migrate without a stage: it "
        "applies everything."
    ),
    Conflict.JOINING: (
        "What is left of the deploy that is under way could not be finished after it. "
        "Nothing was changed.\n"
        f"Fix: when no older version is live, finish that deploy: {FINISH}. It stops "
        "there. Then run this again."
    ),
    Conflict.NEWER: (
        "The deploy that is under way did not have it. It belongs to an older version, "
        f"which may be live.\nFix: abort it with that version: {ABORT}."
    ),
    Conflict.NOTHING: (
        "No deploy is under way: all migrations are applied whole, and in order.\n"
        "Fix: to go back, roll back the code. Then unapply them, with the files of the "
        "new version: migrate app_label migration_name --post-deploy. See "
        "docs/how-to/roll-back.rst."
    ),
    Conflict.SQUASHED: (
        "Only some of the migrations that it replaces are applied, and this deploy "
        "applies migrations in parts, or reorders them. Nothing was changed.\n"
        "Fix: apply the others first: migrate to the last one that it replaces."
    ),
    Conflict.TARGETS: (
        "A deploy is under way, which can only be finished as a whole. Nothing was "
        "changed.\nFix: leave out the app and the migration. Finish the deploy first "
        f"with {FINISH}, or abort it with {ABORT}."
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
    return f"{subject}{CONFLICTS[conflict]}{_held(error.until)}\n{PAGE}"


def _held(until: datetime.datetime | None) -> str:
    """Say what to do if a delay holds the end of a deploy until a time."""
    if until is None:
        return ""
    return (
        f"\nSome of it is held until {date(until)}, by its stage_delay. Wait for that, "
        "or finish it now with the version that is live: migrate without a stage "
        "ignores delays."
    )


def foreign(error: DeployUnderWayError) -> str:
    """Say that another version's deploy is under way."""
    key = ".".join(error.key or ())
    begun = f"A deploy of another version is under way: this one has no file of {key}."
    if error.own is None:
        fix = f"Fix: abort it with the version that began it: {ABORT}."
        return f"{begun} Nothing was changed.\n{fix}\n{PAGE}"
    return (
        f"{'.'.join(error.own)} cannot be applied. {begun}\n"
        f"Fix: with that version, finish it ({FINISH}) or abort it ({ABORT}). Or run "
        f"this with a version that has both.\n{PAGE}"
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
            f"The deploy that was under way did not have {_several(later)}. Begin the "
            "next deploy with migrate --pre-deploy."
        )


def of_another_version(keys: Sequence[Key]) -> str:
    """Say that what is carried out has no files here."""
    has = "has" if len(keys) == 1 else "have"
    names = _several(keys)
    return f"A deploy of another version is under way: {names} {has} no file here."


def begun_without_file(keys: Sequence[Key]) -> str:
    """Say that what was begun outside of a deploy has no files here."""
    was, has, it = ("was", "has", "it") if len(keys) == 1 else ("were", "have", "them")
    return (
        f"{_several(keys)} {was} begun and not finished, and {has} no file here.\n"
        f"Fix: finish {it} with a version that has the file."
    )


def _several(keys: Sequence[Key]) -> str:
    """Return the name of the first of some migrations, and how many there are."""
    more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
    return ".".join(keys[0]) + more


def in_the_way(
    blocked: Sequence[PlannedMigration], left: Mapping[Key, datetime.datetime | None]
) -> str:
    """Say that a deploy cannot join the one under way, maybe until a time."""
    new = _several([each.key for each in blocked])
    rest = ", ".join(".".join(key) for key in left)
    text = (
        f"{new} cannot join the deploy that is under way: what is left of {rest} is in "
        "the way. Nothing was applied.\n"
    )
    moments = [each for each in left.values() if each is not None]
    if moments:
        return text + (
            f"It is held until {date(max(moments))}, by its stage_delay.\n"
            f"Fix: finish that deploy after that ({FINISH}), and run this again. Or "
            "finish it now with the version that is live: migrate without a stage "
            f"ignores delays.\n{PAGE}"
        )
    return text + (
        f"Fix: when no older version is live, finish that deploy: {FINISH}. It stops "
        f"there. Then run this again.\n{PAGE}"
    )


def going(made: Sequence[str]) -> str:
    """Say what an abort drops."""
    return (
        "The new version may have been live. What it has written is dropped with: "
        f"{', '.join(made)}."
    )


def would_go(made: Sequence[str]) -> str:
    """Say that nobody has agreed to lose what an abort drops."""
    return (
        f"{going(made)} Nothing was changed.\n"
        f"Fix: run {ABORT} where it can ask, or accept the loss with --allow-loss.\n"
        "See docs/how-to/abort-deploy.rst."
    )


def invalid_record(error: InvalidRecordError) -> str:
    """Say that the table of the record cannot be read."""
    return (
        f"The table {LEDGER} does not hold the record of a deploy: {error.reason}. "
        "Nothing was changed.\n"
        "Fix: restore the table from a backup. If the database has exactly what "
        f"Django's history says, empty the table instead.\n{PAGE}"
    )


def lost_rows(error: LostRowsError) -> str:
    """Say that rows have no value for a field that is required."""
    again = " again" if error.again else ""
    rows, them = (
        ("1 row has", "it")
        if error.count == 1
        else (f"{error.count} rows have", "them")
    )
    return (
        f"{error.label}.{error.field} is required{again}, but {rows} no value there, "
        "and there is no default. Nothing was changed.\n"
        f"Fix: give {them} one, or delete {them}, and run the same again. "
        f"{error.field} allows NULL until then.\n{PAGE}"
    )


FAULTS = {
    Fault.BASIS: (
        "cannot be finished here: its parts are computed differently than they were."
    ),
    Fault.CHANGED: (
        "is not what it was when it was applied, in part at least.\n"
        "Fix: run this with the file that it had then."
    ),
    Fault.RECORDED: (
        "is recorded as applied, but not by this app: somebody ran Django's own "
        f"migrate in the middle of the deploy. The table {LEDGER} no longer describes "
        "the database.\nFix: complete the deploy without this app (migrate, with "
        "--fake for what the table says is applied), and drop that table."
    ),
}


def invalid_entry(error: InvalidEntryError) -> str:
    """Say that the record does not fit the files, or Django's history."""
    name = ".".join(error.key)
    text = f"A deploy is under way, and {name} {FAULTS[error.fault]}"
    if error.basis is not None:
        here = current_basis()
        differing = [
            f"{what} {value!r}, here {here.get(what)!r}"
            for what, value in error.basis.items()
            if value != here.get(what)
        ]
        began = ", ".join(differing) or "other settings or routers"
        text += f" It was begun with {began}.\nFix: run this where it was begun."
    return f"{text}\n{PAGE}"


def concurrent(error: ConcurrentRunError) -> str:
    """Say that another run is at work."""
    return (
        "Another migrate is at work on this database, or was a moment ago. What this "
        "run has applied stays applied.\n"
        "Fix: run it again when the other one has ended.\n"
        "See docs/how-to/one-at-a-time.rst."
    )


def resumed(event: Resumed) -> str:
    """Say where a run resumes a migration."""
    count = len(event.migration.operations)
    how = "left" if event.backwards else "carried out"
    return (
        f"Going on with {event.migration}: an earlier run ended with {event.done} of "
        f"{count} operations {how}."
    )


def changed(error: ChangedMigrationError) -> str:
    """Say that a file is not what it was when its migration was begun."""
    count = error.operations
    done = "operation" if count == 1 else f"{count} operations"
    return (
        f"{'.'.join(error.key)} cannot go on: an earlier run has carried out its first "
        f"{done}, and the file has other ones now.\n"
        "Fix: run this with the operations that the file had then. Later ones may be "
        "changed.\nSee docs/how-to/killed.rst."
    )


def unfinished(error: UnfinishedMigrationError) -> str:
    """Say that a migration has to be finished first."""
    app, name = error.key
    begun = "unapplied" if error.backwards else "applied"
    command = f"migrate {app} {name}"
    if error.backwards:
        command = "migrate to where that run was going"
        if error.before:
            command = f"migrate {app} {error.before}"
    return (
        f"{app}.{name} was being {begun} when an earlier run was cut off.\n"
        f"Fix: finish that first: {command}. The table {LEDGER} says how far it is.\n"
        "See docs/how-to/killed.rst."
    )


def irreversible(error: IrreversibleRunError) -> str:
    """Say that a run could not be rolled back."""
    if error.backwards:
        return (
            "--rollback-on-failure undoes what a run applies, but this run unapplies "
            "migrations. Nothing was changed.\nFix: leave the option out.\n"
            "See docs/how-to/rollback-on-failure.rst."
        )
    return (
        f"This run could not be rolled back: {named(error.migrations)} cannot be "
        "unapplied. Nothing was applied.\n"
        "Fix: make the operations reversible, for example with reverse_code. Or accept "
        "with --allow-irreversible that a roll-back ends there.\n"
        "See docs/how-to/rollback-on-failure.rst."
    )


def named(migrations: Iterable[Migration]) -> str:
    """Return the names of migrations."""
    return ", ".join(str(each) for each in migrations)


# Takes an error or an event of the type that it is listed for.
Say = Callable[[Any], str]
# How to word each error of this room.
OWN_ERRORS: dict[type[Exception], Say] = {
    ChangedMigrationError: changed,
    ConcurrentRunError: concurrent,
    DeployUnderWayError: conflict,
    InvalidEntryError: invalid_entry,
    InvalidRecordError: invalid_record,
    IrreversibleRunError: irreversible,
    LostRowsError: lost_rows,
    UnfinishedMigrationError: unfinished,
}
# And those that planning raises.
ERRORS = {**OWN_ERRORS, **errors.ERRORS}
EVENTS: dict[type, Say] = {
    IndexBeingBuilt: lambda event: (
        f"Waiting for the index {event.name}: another connection (pid {event.pid}) is "
        "building or dropping it, maybe for a run that was cut off."
    ),
    IndexRebuilt: lambda event: (
        f"The index {event.name} is not valid: its build was cut off. It is dropped, "
        "and built again."
    ),
    Resumed: resumed,
    RollingBack: lambda event: "Rolling back what this run has applied:",
}


def said(error: Exception) -> str:
    """Return the message of one of those errors."""
    return errors.message_of(error, ERRORS)
