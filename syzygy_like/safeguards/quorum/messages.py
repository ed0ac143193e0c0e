"""Messages about several parties that apply a plan once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from syzygy_like.conf import QUORUM_CACHE, format_duration
from syzygy_like.safeguards.quorum.errors import (
    Arrived,
    CacheFault,
    CacheFaultError,
    DifferentSizeError,
    Done,
    Elsewhere,
    EvictedError,
    Led,
    Lost,
    MeetingPlaceError,
    PartyClaimedError,
    Place,
    QuorumFailedError,
    QuorumTimeoutError,
    UnfitCacheError,
    UnreachableError,
    Withdrawn,
)

PAGE = "See docs/how-to/several-clusters.rst."
CACHE_FAULTS = {
    CacheFault.FORGETS: "it does not keep the values that it is given",
    CacheFault.LOCKED: "another process has its lock and does not release it",
}


def arrived(event: Arrived) -> str:
    """Say that a party has arrived."""
    return f"Party {event.party} is here: {event.count} of {event.size}."


def withdrawn(event: Withdrawn) -> str:
    """Say that a party has left."""
    return f"Party {event.party} has left: {event.count} of {event.size}."


def lost(event: Lost) -> str:
    """Say that a party no longer counts."""
    return (
        f"Party {event.party} has sent no heartbeat for "
        f"{format_duration(event.silence)} and no longer counts: {event.count} of "
        f"{event.size}."
    )


def elsewhere(event: Elsewhere) -> str:
    """Say that parties wait for something else."""
    return (
        f"{event.count} of {event.size} are here; {_others(event.parties)}. "
        "All parties have to run the same command on the same code."
    )


def led(event: Led) -> str:
    """Say who applies the plan."""
    own = " (this one)" if event.is_own else ""
    if event.former:
        return (
            f"Party {event.former}, which was applying the plan, has sent no heartbeat "
            f"for {format_duration(event.silence)}. Party {event.party}{own} continues."
        )
    return f"Party {event.party}{own} applies the plan for all."


def done(event: Done) -> str:
    """Say that the plan is applied."""
    return f"Party {event.party} has applied the plan."


def timed_out(error: QuorumTimeoutError) -> str:
    """Say who has arrived, and who has not."""
    here = len(error.parties)
    missing = error.size - here
    others = f"\n{_others(error.elsewhere)}." if error.elsewhere else ""
    return (
        f"Only {here} of {error.size} parties {'has' if here == 1 else 'have'} arrived "
        f"in {format_duration(error.timeout)}: {_named(error.parties)}. "
        f"{missing} {'is' if missing == 1 else 'are'} missing.{others}\n"
        "Nothing was applied, and this party has left.\n"
        "Fix: run the same command again on all parties, with a longer "
        f"--quorum-timeout if they need more time to arrive. {PAGE}"
    )


def failed(error: QuorumFailedError) -> str:
    """Say why the leader could not apply the plan."""
    if not error.reason:
        return (
            f"Party {error.party}, which applied the plan for all, was stopped.\n"
            "Fix: run the same command again on all parties. It continues where the "
            "other run stopped."
        )
    return (
        f"Party {error.party}, which applied the plan for all, has failed:\n\n"
        f"{error.reason}\n\n"
        "When that is fixed, run the same command again on all parties."
    )


def claimed(error: PartyClaimedError) -> str:
    """Say that two processes use one name."""
    return (
        f"Another process has arrived as party {error.party}, so this one no longer "
        "counts.\n"
        "If this party was not restarted, two parties have the same name.\n"
        f"Fix: give each party its own name with --party. {PAGE}"
    )


def different(error: DifferentSizeError) -> str:
    """Say that parties do not agree on how many they are."""
    return (
        f"This party was started with --quorum {error.size}, but party {error.party} "
        f"waits with --quorum {error.other}. Nothing was applied, and this party has "
        f"left.\nFix: start all parties with the same number. {PAGE}"
    )


def evicted(error: EvictedError) -> str:
    """Say that the votes are gone."""
    place = error.place
    cause = "evicted from" if place.is_cache else "deleted from"
    more = (
        f"\nUse a cache that keeps its values, or remove {QUORUM_CACHE}: the parties "
        "then meet in the database."
        if place.is_cache
        else ""
    )
    return (
        f"The votes of the quorum were {cause} {_place(place)}. So this party does not "
        "know who is here, or whether the plan was applied.\n"
        "Fix: run the same command again on all parties. It continues if anything is "
        f"left to apply.{more}"
    )


def unfit(error: UnfitCacheError) -> str:
    """Say why parties cannot meet in a cache."""
    return (
        f"{QUORUM_CACHE} is {error.alias!r}, a {error.backend}. Processes cannot find "
        "each other in such a cache.\n"
        "Fix: use Redis, Memcached or the database cache. Or remove the setting: the "
        f"parties then meet in the database. {PAGE}"
    )


def unfit_place(error: MeetingPlaceError) -> str:
    """Say why parties cannot meet."""
    why = error.error
    text = CACHE_FAULTS[why.fault] if isinstance(why, CacheFaultError) else str(why)
    other = (
        f"remove {QUORUM_CACHE}: the parties then meet in the database"
        if error.place.is_cache
        else f"set {QUORUM_CACHE}: the parties then meet in a cache"
    )
    return (
        f"The parties of the quorum cannot meet in {_place(error.place)}: "
        f"{text.strip()}\nFix that, or {other}. {PAGE}"
    )


def _place(place: Place) -> str:
    kind = "cache" if place.is_cache else "database"
    file = f" (file {place.path})" if place.path else ""
    return f"the {kind} {place.alias!r}{file}"


def _named(parties: Sequence[str]) -> str:
    return ", ".join(parties)


def _others(parties: Sequence[str]) -> str:
    verb = "meets" if len(parties) == 1 else "meet"
    about = "about other migrations, another stage or another target"
    return f"{_named(parties)} {verb} {about}"


ERRORS: dict[type[Exception], Callable[..., str]] = {
    QuorumTimeoutError: timed_out,
    QuorumFailedError: failed,
    PartyClaimedError: claimed,
    DifferentSizeError: different,
    EvictedError: evicted,
    UnfitCacheError: unfit,
    UnreachableError: unfit_place,
    MeetingPlaceError: unfit_place,
}
EVENTS: dict[type, Callable[..., str]] = {
    Arrived: arrived,
    Withdrawn: withdrawn,
    Lost: lost,
    Elsewhere: elsewhere,
    Led: led,
    Done: done,
}
