"""Messages about several parties that apply a plan once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from syzygy_like import durations
from syzygy_like.conf import QUORUM_CACHE
from syzygy_like.safeguards.quorum import (
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

CACHE_FAULTS = {
    CacheFault.FORGETS: "it does not keep what it is given",
    CacheFault.LOCKED: "another process has its lock and does not give it back",
}
MEETS = {
    True: "meets about other migrations, another stage or another target",
    False: "meet about other migrations, another stage or another target",
}


def arrived(event: Arrived) -> str:
    """Say that a party has come."""
    return f"Party {event.party} is here: {event.count} of {event.size}."


def withdrawn(event: Withdrawn) -> str:
    """Say that a party has gone."""
    return f"Party {event.party} has left: {event.count} of {event.size}."


def lost(event: Lost) -> str:
    """Say that a party does not count any more."""
    return (
        f"Party {event.party} was not heard of for {durations.text(event.silence)}, "
        f"and does not count: {event.count} of {event.size}."
    )


def elsewhere(event: Elsewhere) -> str:
    """Say that parties wait for something else."""
    return (
        f"{event.count} of {event.size} are here; {_others(event.parties)}. "
        "They have to run the same command on the same code."
    )


def led(event: Led) -> str:
    """Say who applies the plan."""
    own = " (this one)" if event.is_own else ""
    if event.former:
        return (
            f"Party {event.former}, which was applying the plan, was not heard of for "
            f"{durations.text(event.silence)}. Party {event.party}{own} goes on."
        )
    return f"Party {event.party}{own} applies the plan for all."


def done(event: Done) -> str:
    """Say that the plan is applied."""
    return f"Party {event.party} has applied the plan."


def timed_out(error: QuorumTimeoutError) -> str:
    """Say who has come, and who has not."""
    here = len(error.parties)
    missing = error.size - here
    others = f"\nBut {_others(error.elsewhere)}." if error.elsewhere else ""
    return (
        f"Only {here} of {error.size} parties have come in "
        f"{durations.text(error.timeout)}: {_named(error.parties)}. "
        f"{missing} {'is' if missing == 1 else 'are'} missing.{others}\n"
        "Nothing was applied, and this party has left. Run the same again on all of "
        "them, with a longer --quorum-timeout if they need more time to come."
    )


def failed(error: QuorumFailedError) -> str:
    """Say what has kept the leader from applying the plan."""
    if not error.reason:
        return (
            f"Party {error.party}, which applied the plan for all, was stopped. Run "
            "the same again on all parties: it goes on where it ended."
        )
    return (
        f"Party {error.party}, which applied the plan for all, has failed:\n\n"
        f"{error.reason}\n\n"
        "When that is mended, run the same again on all parties."
    )


def claimed(error: PartyClaimedError) -> str:
    """Say that there are two of one name."""
    return (
        f"Another process has come as party {error.party}, so this one does not count "
        "any more.\n"
        "If it was not started anew, two parties have one name: give each its own "
        "with --party."
    )


def different(error: DifferentSizeError) -> str:
    """Say that parties are not agreed on how many they are."""
    return (
        f"This party was started with --quorum {error.size}, but party {error.party} "
        f"waits with --quorum {error.other}. Nothing was applied, and this party has "
        "left. Start all of them with the same number."
    )


def evicted(error: EvictedError) -> str:
    """Say that the votes are gone."""
    place = error.place
    cause = "evicted from" if place.is_cache else "deleted from"
    more = (
        f"\nUse a cache that keeps what it is given, or remove {QUORUM_CACHE}: then "
        "they meet in the database."
        if place.is_cache
        else ""
    )
    return (
        f"The votes of the quorum were {cause} {_place(place)}, so it cannot be told "
        "any more who is here, or what has come of the plan. Run the same again on all "
        f"parties: it goes on if anything is left to apply.{more}"
    )


def unfit(error: UnfitCacheError) -> str:
    """Say why parties cannot meet in a cache."""
    return (
        f"{QUORUM_CACHE} is {error.alias!r}, a {error.backend}, in which processes do "
        "not find each other. Use Redis, Memcached or the database cache, or remove "
        "the setting: then the parties meet in the database."
    )


def unfit_place(error: MeetingPlaceError) -> str:
    """Say why parties cannot meet."""
    why = error.error
    text = CACHE_FAULTS[why.fault] if isinstance(why, CacheFaultError) else str(why)
    other = (
        f"remove {QUORUM_CACHE}: then they meet in the database"
        if error.place.is_cache
        else f"set {QUORUM_CACHE}: then they meet in a cache"
    )
    return (
        f"The parties of the quorum cannot meet in {_place(error.place)}: "
        f"{text.strip()}\nMend that, or {other}."
    )


def _place(place: Place) -> str:
    kind = "cache" if place.is_cache else "database"
    file = f" (file {place.path})" if place.path else ""
    return f"the {kind} {place.alias!r}{file}"


def _named(parties: Sequence[str]) -> str:
    return ", ".join(parties)


def _others(parties: Sequence[str]) -> str:
    return f"{_named(parties)} {MEETS[len(parties) == 1]}"


ERRORS: dict[type[Exception], Callable[[Any], str]] = {
    QuorumTimeoutError: timed_out,
    QuorumFailedError: failed,
    PartyClaimedError: claimed,
    DifferentSizeError: different,
    EvictedError: evicted,
    UnfitCacheError: unfit,
    UnreachableError: unfit_place,
    MeetingPlaceError: unfit_place,
}
EVENTS: dict[type, Callable[[Any], str]] = {
    Arrived: arrived,
    Withdrawn: withdrawn,
    Lost: lost,
    Elsewhere: elsewhere,
    Led: led,
    Done: done,
}
