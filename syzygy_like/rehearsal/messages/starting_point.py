"""Why a rehearsal cannot begin, and where it begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from syzygy_like.planning.history import Key
from syzygy_like.planning.messages.checks import listed
from syzygy_like.rehearsal.scratch import (
    InTransactionError,
    LeftBehindError,
    ScratchError,
    WrongDatabaseError,
)
from syzygy_like.rehearsal.scratch.unreachable import NotRehearsedError, OutsideError
from syzygy_like.rehearsal.starting_point import (
    FromDatabase,
    FromGit,
    Note,
    NoteKind,
    Start,
)
from syzygy_like.rehearsal.starting_point.git import GitError, GitFault
from syzygy_like.rehearsal.starting_point.names import InvalidNameError, NameFault

MOST = 8
WIDTH = 200
_OUTSIDE = (
    "It was not run. A rehearsal may do nothing to other databases, to the server or "
    "to its files. Take that out of the migration, or rehearse with settings under "
    "which the migration leaves it out."
)

_NAME_FAULTS: dict[NameFault, str] = {
    NameFault.MALFORMED: "write it as app_label.migration_name, or app_label.zero.",
    NameFault.UNKNOWN_APP: "no installed app has that label.",
    NameFault.NO_MIGRATIONS: "the app has no migrations.",
    NameFault.UNKNOWN: "there is no such migration. There are {migrations}.",
    NameFault.AMBIGUOUS: "it may be any of {migrations}.",
    NameFault.REPEATED: "the app is in {other} already.",
    NameFault.CONTRADICTED: "it needs {migrations}, which {other} leaves out.",
}

_GIT_FAULTS: dict[GitFault, str] = {
    GitFault.NO_PROGRAM: "there is no program named git.",
    GitFault.NO_REPOSITORY: "no app of the project is in a work tree of git.",
    GitFault.NO_SUCH_REVISION: "there is no such revision in {folder}.",
    GitFault.LOOKS_LIKE_OPTION: "that is no revision.",
    GitFault.FAILED: "git failed in {folder}: {output}",
}

_NOTES: dict[NoteKind, str] = {
    NoteKind.UNDER_WAY: "A deploy is under way on the database: the rehearsal begins "
    "with what Django has recorded, and plays the whole deploy.",
    NoteKind.WITHOUT_FILE: "Recorded, but without a file, and so left out: {names}.",
    NoteKind.DRAGGED: "Taken as applied, for others depend on it: {names}.",
    NoteKind.AT_END: "Not in this repository, and so taken with all their migrations: "
    "{names}.",
    NoteKind.ADDED: "Without migrations at that revision, and so taken as new: "
    "{names}.",
}


def invalid_name(error: InvalidNameError) -> str:
    """Say what is wrong with a name that was given to --from."""
    why = _NAME_FAULTS[error.fault].format(
        migrations=_some(error.migrations), other=error.other
    )
    return f"--from {error.name}: {why}"


def no_revision(error: GitError) -> str:
    """Say why git does not know what there was at a revision."""
    why = _GIT_FAULTS[error.fault].format(folder=error.folder, output=error.output)
    hint = ""
    if error.is_shallow:
        hint = " The clone is shallow: fetch more of it (fetch-depth: 0 in CI)."
    return f"--from-git {error.revision}: {why}{hint}"


def no_scratch(error: ScratchError) -> str:
    """Say why there can be no scratch database."""
    if isinstance(error, WrongDatabaseError):
        return (
            f"The connection {error.alias!r} does not lead to the scratch database "
            f"{error.error_text}: another one is named by its OPTIONS, or by a pooler "
            "in front of it. Nothing was touched."
        )
    return (
        f"No scratch database could be made for {error.alias!r}: "
        f"{error.error_text.strip()}"
    )


def in_transaction(error: InTransactionError) -> str:
    """Say that a transaction is in the way."""
    return f"A rehearsal cannot run within a transaction (of {error.alias!r})."


def left_behind(error: LeftBehindError) -> str:
    """Say that scratch databases are still there."""
    names = ", ".join(error.names)
    why = f"{type(error.error).__name__}: {str(error.error).strip()}"
    first = error.__cause__
    before = "" if first in (None, error.error) else f"\nBefore that: {first}"
    return f"Not dropped, please do it by hand: {names} ({why}){before}"


def not_rehearsed(error: NotRehearsedError) -> str:
    """Say that something was about to use another database."""
    who = f" by {'.'.join(error.migration)}" if error.migration else ""
    return (
        f"The database {error.alias!r} is needed{who} too, but is not rehearsed. "
        f"Add --database {error.alias}"
    )


def outside(error: OutsideError) -> str:
    """Say that a statement was about to do something outside."""
    who = ".".join(error.migration) if error.migration else "A statement"
    lines = [f"{who} leads outside of the scratch database: {error.name.strip()}"]
    if error.statement:
        text = " ".join(error.statement.split())
        lines.append(f"    {text[:WIDTH]}{'...' if len(text) > WIDTH else ''}")
    return "\n".join([*lines, _OUTSIDE])


def unopened(key: Key, error: BaseException) -> str:
    """Say that a migration on the way to the start failed."""
    return (
        f"{'.'.join(key)}, which is applied where the rehearsal begins, failed on an "
        f"empty database: {type(error).__name__}: {str(error).strip()}"
    )


def start(found: Start) -> str:
    """Say where a rehearsal begins."""
    origin = found.origin
    if isinstance(origin, FromDatabase):
        return f"what is applied on {origin.alias!r}"
    if isinstance(origin, FromGit):
        commits = listed(sorted({commit[:10] for _, commit in origin.commits}))
        return f"the migrations of {origin.revision} ({commits})"
    return listed(origin.names)


def notes(found: Start) -> list[str]:
    """Return what is to be known of a start."""
    return [_note(each) for each in found.notes]


def _note(note: Note) -> str:
    keys = [*((each,) for each in note.apps), *note.migrations]
    return _NOTES[note.kind].format(names=_some(keys))


def _some(keys: Iterable[tuple[str, ...]]) -> str:
    names = [".".join(each) for each in keys]
    if len(names) > MOST:
        return f"{', '.join(names[:MOST])} and {len(names) - MOST} more"
    return listed(names) if names else "none"


MESSAGES: dict[type[BaseException], Callable[..., str]] = {
    InvalidNameError: invalid_name,
    GitError: no_revision,
    ScratchError: no_scratch,
    InTransactionError: in_transaction,
    LeftBehindError: left_behind,
    NotRehearsedError: not_rehearsed,
    OutsideError: outside,
}
