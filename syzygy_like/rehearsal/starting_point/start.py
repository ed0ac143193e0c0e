"""Where a rehearsal begins: the migrations that are applied then."""

from __future__ import annotations

import dataclasses
import enum
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

from syzygy_like.conf import is_installed
from syzygy_like.executor.ledger import Ledger
from syzygy_like.planning.history import Key
from syzygy_like.rehearsal.starting_point import git, names
from syzygy_like.rehearsal.starting_point.recorded import RecordedLoader, load


class NoteKind(enum.Enum):
    """What is to be known of a start, beside what is applied."""

    UNDER_WAY = "under way"  # a deploy is; the start has what Django has recorded of it
    WITHOUT_FILE = "without file"  # recorded migrations that nothing is known of
    DRAGGED = "dragged"  # migrations that others of the start depend on
    AT_END = "at end"  # apps that git does not know, taken with all their migrations
    ADDED = "added"  # apps that had no migrations at the revision


@dataclasses.dataclass(frozen=True)
class Note:
    """Something to be known of a start: which apps or migrations it is about."""

    kind: NoteKind
    apps: tuple[str, ...] = ()
    migrations: tuple[Key, ...] = ()


@dataclasses.dataclass(frozen=True)
class FromDatabase:
    """The start is what a database has recorded."""

    alias: str


@dataclasses.dataclass(frozen=True)
class FromNames:
    """The start is given by names of migrations, as they were written."""

    names: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class FromGit:
    """The start is a revision: in each work tree, by its root, a commit."""

    revision: str
    commits: tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True)
class Start:
    """
    Migrations that are applied when a rehearsal begins.

    ``applied`` is what Django's table would hold: squashed migrations and those that
    they replace alike. Where there are files, it has all that its migrations depend on.
    """

    applied: frozenset[Key]
    origin: FromDatabase | FromNames | FromGit
    notes: tuple[Note, ...] = ()


def from_database(alias: str) -> Start:
    """
    Return what a database has recorded. Raises UnloadableError and InvalidRecordError.
    """
    applied = MigrationRecorder(connections[alias]).applied_migrations()
    is_under_way = Ledger(connections[alias]).record.is_under_way
    notes = [Note(NoteKind.UNDER_WAY)] if is_under_way else []
    return closed(applied, FromDatabase(alias), notes)


def from_names(asked: Iterable[str]) -> Start:
    """
    Return what is applied with some apps at the migrations named: "shop.0003".

    All others are at their end, but for what descends from a later migration of the
    apps named. A name may be an unambiguous prefix, and "zero" is none of an app.
    Raises InvalidNameError and UnloadableError.
    """
    given = tuple(asked)
    return closed(names.recorded_at(given), FromNames(given))


def from_git(revision: str) -> Start:
    """
    Return what a database has that was migrated with the code of a revision.

    Apps that git knows nothing of are taken as at their end, as are those in work
    trees without that revision. Raises GitError and UnloadableError.
    """
    loader = load()
    folders = dict(_folders(loader))
    roots = {label: git.work_tree(folder) for label, folder in folders.items()}
    commits = _commits({root for root in roots.values() if root}, revision)
    recorded: set[Key] = set()
    unknown, added = [], []
    for label in sorted(loader.migrated_apps):
        commit = commits.get(roots.get(label))
        modules = git.modules(folders[label], commit) if commit else set()
        keys = [(label, name) for name in modules if name[0] not in "_~"]
        if not commit or (not keys and git.is_ignored(folders[label], revision)):
            unknown.append(label)
            recorded |= loader.names_of_app(label)
        elif not keys:
            added.append(label)
        recorded.update(*(loader.names(key) for key in keys))
    notes = [
        Note(kind, apps=tuple(apps))
        for kind, apps in ((NoteKind.AT_END, unknown), (NoteKind.ADDED, added))
        if apps
    ]
    pairs = sorted((str(root), commit) for root, commit in commits.items())
    return closed(recorded, FromGit(revision, tuple(pairs)), notes)


def _folders(loader: RecordedLoader) -> Iterator[tuple[str, Path]]:
    """Yield the apps whose migrations may be in a work tree, with their folders."""
    for label in loader.migrated_apps:
        module, _ = loader.migrations_module(label)
        folder = Path(next(iter(sys.modules[module or ""].__path__))).resolve()
        if folder.is_dir() and not is_installed(str(folder)):
            yield label, folder


def _commits(roots: set[Path], revision: str) -> dict[Path | None, str]:
    """Return the commits that a revision is in work trees. Raises GitError if none."""
    commits: dict[Path | None, str] = {}
    error = git.GitError(git.GitFault.NO_REPOSITORY, revision)
    for root in sorted(roots):
        try:
            commits[root] = git.commit(root, revision)
        except git.GitError as unknown:
            if unknown.fault is not git.GitFault.NO_SUCH_REVISION:
                raise
            error = unknown
    if not commits:
        raise error
    return commits


def closed(
    recorded: Iterable[Key],
    origin: FromDatabase | FromNames | FromGit,
    notes: Iterable[Note] = (),
) -> Start:
    """Return a start with what its migrations depend on. Raises UnloadableError."""
    loader = load(recorded)
    dragged: set[Key] = set()
    while missing := loader.missing():
        # With it a squash may be complete, and so the graph another one.
        dragged.update(*(loader.names(key) for key in missing))
        loader = load(loader.recorded | dragged)
    found = {
        NoteKind.DRAGGED: dragged,
        NoteKind.WITHOUT_FILE: loader.without_file(),
    }
    more = [
        Note(kind, migrations=tuple(sorted(keys)))
        for kind, keys in found.items()
        if keys
    ]
    return Start(loader.recorded, origin, (*notes, *more))
