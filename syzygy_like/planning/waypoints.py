"""Where to stop on a way back that cannot be gone in one deploy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from django.db.migrations.graph import MigrationGraph

from syzygy_like.planning.plan import Key, Waypoint

Target = tuple[str, "str | None"]


def waypoint(
    graph: MigrationGraph,
    applied: Collection[Key],
    keys: Collection[Key],
    is_blocked: Callable[[Collection[Key]], bool],
) -> Waypoint | None:
    """
    Return the farthest stop that one deploy gets to, None if there is none.

    ``keys`` are all that is to be unapplied, and a stop is short of that. What goes
    until then is blocked if it cannot go without failing queries. Where it is for every
    stop, the nearest is returned.
    """
    stops = sorted(_stops(graph, applied, keys), key=lambda stop: -len(stop[1]))
    for (app_label, name), gone in stops:
        if not is_blocked(gone):
            return Waypoint(app_label, name)
    return Waypoint(*stops[-1][0], interrupts=True) if stops else None


def _stops(
    graph: MigrationGraph, applied: Collection[Key], keys: Collection[Key]
) -> Iterator[tuple[Target, set[Key]]]:
    """Yield where Django can be told to stop, with what it unapplies until there."""
    for key in keys:
        parents = [each.key for each in graph.node_map[key].parents]
        own = [each for each in parents if each[0] == key[0]]
        targets: list[Target] = [*own] or [(key[0], None)]
        for target in targets:
            gone = _gone(graph, target) & set(applied)
            if gone < set(keys):
                yield target, gone


def _gone(graph: MigrationGraph, target: Target) -> set[Key]:
    """Return what Django unapplies to get to a target, if it is applied."""
    app_label, name = target
    if name is None:
        first = [key for key in graph.root_nodes() if key[0] == app_label]
    else:
        children = graph.node_map[app_label, name].children
        first = [each.key for each in children if each.key[0] == app_label]
    return set[Key]().union(*(graph.backwards_plan(key) for key in first))
