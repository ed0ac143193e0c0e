"""The names of migrations that a rehearsal is asked to begin after."""

from __future__ import annotations

import dataclasses
import enum
import itertools
from collections.abc import Iterable

from django.apps import apps

from syzygy_like.planning.history import Key
from syzygy_like.rehearsal.starting_point.recorded import RecordedLoader, load

ZERO = "zero"


class NameFault(enum.Enum):
    """What is wrong with a name."""

    MALFORMED = "malformed"  # no "app.name"
    UNKNOWN_APP = "unknown app"
    NO_MIGRATIONS = "no migrations"
    UNKNOWN = "unknown"
    AMBIGUOUS = "ambiguous"
    REPEATED = "repeated"
    CONTRADICTED = "contradicted"


@dataclasses.dataclass(eq=False)
class InvalidNameError(Exception):
    """
    A rehearsal cannot begin after what a name says.

    ``migrations`` are those that it may mean if it is ambiguous, those that there are
    if it is unknown, and if it is contradicted the one that it needs. ``other`` is the
    name that it repeats, or that rules out what it needs.
    """

    name: str
    fault: NameFault
    migrations: tuple[Key, ...] = ()
    other: str = ""


@dataclasses.dataclass(frozen=True)
class Position:
    """Where one app is to be: what it has and needs, and what of it comes later."""

    name: str
    wanted: frozenset[Key]
    later: frozenset[Key]


def recorded_at(names: Iterable[str]) -> set[Key]:
    """
    Return what Django records if some apps are at the migrations named.

    All others are at their end, but for what descends from a later migration of the
    apps named. Raises InvalidNameError and UnloadableError.
    """
    loader = load()
    found = _found(loader, names)
    # A squash is not in the graph if one of those is named that it replaces.
    loader = load(set().union(*(loader.names(key) for _, key in found.values() if key)))
    positions = [_position(loader, name, *found[name]) for name in found]
    for one, other in itertools.permutations(positions, 2):
        if clash := one.wanted & other.later:
            needed = tuple(sorted(clash))
            raise InvalidNameError(one.name, NameFault.CONTRADICTED, needed, other.name)
    gone: set[Key] = set()
    for key in set().union(*(position.later for position in positions)):
        gone.update(loader.graph.backwards_plan(key))
    return set().union(*(loader.names(key) for key in loader.graph.nodes.keys() - gone))


def _position(
    loader: RecordedLoader, name: str, label: str, key: Key | None
) -> Position:
    graph = loader.graph
    wanted = graph.forwards_plan(loader.standing(key)) if key else []
    own = {each for each in graph.nodes if each[0] == label}
    return Position(name, frozenset(wanted), frozenset(own.difference(wanted)))


def _found(
    loader: RecordedLoader, names: Iterable[str]
) -> dict[str, tuple[str, Key | None]]:
    """Return the apps and migrations that names mean. Raises InvalidNameError."""
    found: dict[str, tuple[str, Key | None]] = {}
    asked: dict[str, str] = {}
    for name in names:
        label, key = _find(loader, name)
        if label in asked:
            raise InvalidNameError(name, NameFault.REPEATED, other=asked[label])
        asked[label] = name
        found[name] = label, key
    return found


def _find(loader: RecordedLoader, name: str) -> tuple[str, Key | None]:
    """Return the app and the migration that a name means, None for none of the app."""
    label, _, prefix = name.partition(".")
    if not (label and prefix):
        raise InvalidNameError(name, NameFault.MALFORMED)
    if label not in apps.app_configs:
        raise InvalidNameError(name, NameFault.UNKNOWN_APP)
    there = [key for key in loader.disk_migrations if key[0] == label]
    if not there:
        raise InvalidNameError(name, NameFault.NO_MIGRATIONS)
    if prefix == ZERO:
        return label, None
    if (label, prefix) in there:
        return label, (label, prefix)
    found = [key for key in there if key[1].startswith(prefix)]
    if not found:
        raise InvalidNameError(name, NameFault.UNKNOWN, tuple(sorted(there)))
    if len(found) > 1:
        raise InvalidNameError(name, NameFault.AMBIGUOUS, tuple(sorted(found)))
    return label, found[0]
