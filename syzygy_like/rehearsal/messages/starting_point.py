"""Why a rehearsal cannot begin, and where it begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from syzygy_like.planning.history import Key
from syzygy_like.planning.messages.checks import listed
from syzygy_like.rehearsal.scratch.errors import (
    InTransactionError,
    LeftBehindError,
    ScratchError,
    WrongDatabaseError,
)
from syzygy_like.rehearsal.scratch.unreachable.refusals import (
    NotRehearsedError,
    OutsideError,
)
from syzygy_like.rehearsal.starting_point.git import GitError, GitFault
from syzygy_like.rehearsal.starting_point.names import InvalidNameError, NameFault
from syzygy_like.rehearsal.starting_point.start import (
    FromDatabase,
    FromGit,
    Note,
    NoteKind,
    Start,
)

MOST = 8
WIDTH = 200
_OUTSIDE = (
    "It was not run. A rehearsal must not change other databases, the server or its "
    "files. Remove the statement from the migration, or rehearse with settings with "
    "which the migration skips it."
)

_NAME_FAULTS: dict[NameFault, str] = {
    NameFault.MALFORMED: "write it as app_label.migration_name, or app_label.zero.",
    NameFault.UNKNOWN_APP: "no installed app has that label.",
    NameFault.NO_MIGRATIONS: "the app has no migrations.",
    NameFault.UNKNOWN: "there is no such migration. The app has {migrations}.",
    NameFault.AMBIGUOUS: "more than one migration matches: {migrations}.",
    NameFault.REPEATED: "{other} names the same app.",
    NameFault.CONTRADICTED: "it depends on {migrations}, which {other} excludes.",
}

_GIT_FAULTS: dict[GitFault, str] = {
    GitFault.NO_PROGRAM: "git is not installed.",
    GitFault.NO_REPOSITORY: "no app of the project is in a git repository.",
    GitFault.NO_SUCH_REVISION: "{folder} has no such revision.",
    GitFault.LOOKS_LIKE_OPTION: "that is not a revision.",
    GitFault.FAILED: "git failed in {folder}: {output}",
}

_NOTES: dict[NoteKind, str] = {
    NoteKind.UNDER_WAY: "A deploy is under way on the database. The rehearsal begins "
    "with what Django has recorded, and rehearses the whole deploy.",
    NoteKind.WITHOUT_FILE: "Left out, because they are recorded without a file: "
    "{names}.",
    NoteKind.DRAGGED: "Taken as applied, because others depend on them: {names}.",
    NoteKind.AT_END: "Taken with all their migrations, because they are not in this "
    "repository: {names}.",
    NoteKind.ADDED: "Taken as new, because they have no migrations at that revision: "
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
        hint = " The clone is shallow. Fetch more history (fetch-depth: 0 in CI)."
    return f"--from-git {error.revision}: {why}{hint}"


def no_scratch(error: ScratchError) -> str:
    """Say why there can be no scratch database."""
    if isinstance(error, WrongDatabaseError):
        return (
            f"The connection {error.alias!r} is not to the scratch database "
            f"{error.error_text}. Its OPTIONS, or a pooler, name another database. "
            "Nothing was changed."
        )
    return (
        f"The scratch database for {error.alias!r} cannot be created: "
        f"{error.error_text.strip()}"
    )


def in_transaction(error: InTransactionError) -> str:
    """Say that a transaction is in the way."""
    return f"A rehearsal cannot run in a transaction, as {error.alias!r} is in one."


def left_behind(error: LeftBehindError) -> str:
    """Say that scratch databases are still there."""
    names = ", ".join(error.names)
    why = f"{type(error.error).__name__}: {str(error.error).strip()}"
    first = error.__cause__
    before = "" if first in (None, error.error) else f"\nBefore that: {first}"
    return f"Not dropped ({why}). Please drop them yourself: {names}{before}"


def not_rehearsed(error: NotRehearsedError) -> str:
    """Say that something was about to use another database."""
    who = f"{'.'.join(error.migration)} uses it" if error.migration else "It is used"
    return (
        f"The database {error.alias!r} is not rehearsed. {who}, so add "
        f"--database {error.alias}"
    )


def outside(error: OutsideError) -> str:
    """Say that a statement was about to do something outside."""
    who = ".".join(error.migration) if error.migration else "A statement"
    lines = [f"{who} leaves the scratch database: {error.name.strip()}"]
    if error.statement:
        text = " ".join(error.statement.split())
        lines.append(f"    {text[:WIDTH]}{'...' if len(text) > WIDTH else ''}")
    return "\n".join([*lines, _OUTSIDE])


def start_failed(key: Key, error: BaseException) -> str:
    """Say that a migration on the way to the start failed."""
    return (
        f"{'.'.join(key)} failed on an empty database. It is applied before the "
        f"rehearsal begins. {type(error).__name__}: {str(error).strip()}"
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
