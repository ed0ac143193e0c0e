"""The steps of a meeting, and who is taken for alive: data, with no database."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syzygy_like.management.migrate import messages
from syzygy_like.safeguards.quorum.errors import (
    CacheFault,
    CacheFaultError,
    EvictedError,
    MeetingPlaceError,
    Place,
    QuorumTimeoutError,
)
from syzygy_like.safeguards.quorum.liveness import Liveness
from syzygy_like.safeguards.quorum.meeting import (
    KEPT,
    Meeting,
    Meetings,
    Member,
    Phase,
    dumps,
    loads,
)

# Two processes of one party among them.
MEMBERS = [Member("a", "1", 2), Member("a", "2", 2), Member("b", "3", 2)]
tokens = st.sampled_from(["1", "2", "3"])
subjects = st.sampled_from(["this", "that"])
ends = st.sampled_from([Phase.DONE, Phase.FAILED])


@dataclasses.dataclass(frozen=True)
class Step:
    """A step that a process makes at a meeting, in its turn or not."""

    name: str
    token: str
    argument: object = None
    reason: str = ""

    def __call__(self, meeting: Meeting) -> Meeting:
        if self.name == "arrive":
            return meeting.arrive(MEMBERS[int(self.token) - 1])
        more = {"lead": (self.argument,), "close": (self.argument, self.reason)}
        return getattr(meeting, self.name)(self.token, *more.get(self.name, ()))


steps = st.one_of(
    st.builds(
        Step, st.sampled_from(["arrive", "add_heartbeat", "withdraw", "leave"]), tokens
    ),
    st.builds(Step, st.just("lead"), tokens, st.sampled_from(["", "1", "2", "3"])),
    st.builds(Step, st.just("close"), tokens, ends, st.text(max_size=3)),
)


@given(st.lists(steps, max_size=20))
def test_a_party_has_one_vote_and_a_leader_is_replaced_by_whoever_names_it(several):
    meeting = Meeting("name", "this")
    for step in several:
        after = step(meeting)
        votes = [m.party for m in after.members if m.token != after.leader]
        assert len(votes) == len({*votes})
        if after.leader != meeting.leader:
            assert step.name == "lead"
            assert step.argument == meeting.leader
            assert after.member(step.token)
            assert not after.member(meeting.leader)
            assert after.phase is Phase.APPLYING
        if not meeting.is_open:
            assert dataclasses.replace(after, members=()) == dataclasses.replace(
                meeting, members=()
            )
            assert {*after.members} <= {
                *meeting.members
            } or step.name == "add_heartbeat"
        if after.phase is not meeting.phase and not after.is_open:
            assert step.token == meeting.leader
        meeting = after


@given(st.lists(steps, max_size=20), steps)
def test_a_step_that_is_made_twice_is_made_once(several, last):
    meeting = Meeting("name", "this")
    for step in several:
        meeting = step(meeting)
    if last.name != "add_heartbeat":
        assert last(last(meeting)) == last(meeting)


@given(st.lists(st.tuples(subjects, steps), max_size=20))
def test_all_that_is_said_is_kept_as_a_text(several):
    meetings = Meetings()
    for number, (subject, step) in enumerate(several):
        member = MEMBERS[int(step.token) - 1]
        if step.name == "arrive":
            meetings = meetings.arrive(subject, member, str(number))
            assert meetings.open_about(subject).member(member.token)
        else:
            found = meetings.open_about(subject)
            meetings = meetings.change(found.name if found else "", step)
        assert loads(dumps(meetings)) == meetings
        assert all(each.members for each in meetings.meetings)
        open_ones = [each.subject for each in meetings.meetings if each.is_open]
        assert len(open_ones) == len({*open_ones})
        assert meetings.forget(meetings.heartbeats) == Meetings()
        assert meetings.forget(()) == meetings


@pytest.mark.parametrize(
    "text", ["", "?", "7", '[{"name": "a"}]', '[{"x": 1}]', "[[]]"]
)
def test_a_text_of_others_is_none_of_ours(text):
    with pytest.raises(ValueError, match=r".*"):
        loads(text)


def test_what_dead_parties_leave_does_not_grow_for_ever():
    meetings = Meetings()
    for number in range(3 * KEPT):
        member = Member("a", str(number), 2)
        meetings = meetings.arrive(f"subject {number}", member, str(number))
    assert len(meetings.meetings) == KEPT
    assert meetings.meetings[-1].members == (member,)


def test_a_party_is_lost_if_it_is_silent_and_found_if_it_is_not():
    liveness = Liveness(limit=3)
    liveness.observe({"dead": 5, "alive": 5}, 1)
    assert not liveness.is_heard("dead")
    assert not liveness.is_heard("alive")
    for number in (6, 7, 8):
        liveness.observe({"dead": 5, "alive": number}, 1)
    assert liveness.lost == {"dead"}
    assert liveness.is_heard("alive")
    liveness.observe({"dead": 6, "alive": 8, "new": 0}, 1)
    assert liveness.lost == set()
    assert liveness.is_heard("dead")
    assert liveness.is_heard("new")
    liveness.observe({"alive": 8}, 1)
    assert not liveness.is_heard("new")


looks = st.lists(st.tuples(st.booleans(), st.floats(0, 2)), max_size=30)


@given(looks)
def test_who_sends_heartbeats_in_time_is_never_lost(several):
    liveness, heartbeats, silence = Liveness(limit=3), 0, 0.0
    liveness.observe({"a": 0}, 0)
    for is_sent, elapsed in several:
        heartbeats += is_sent
        silence = 0.0 if is_sent else silence + elapsed
        liveness.observe({"a": heartbeats}, elapsed)
        assert liveness.is_lost("a") == (silence >= 3)
        assert liveness.is_heard("a") == (heartbeats > 0 and silence < 3)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            QuorumTimeoutError(3, 60, ["a"], ["b", "c"]),
            "Only 1 of 3 parties has arrived in 1 min: a. 2 are missing.\nb, c meet "
            "about other migrations, another stage or another target.\nNothing was",
        ),
        (EvictedError(Place("x", is_cache=True)), "were evicted from the cache 'x'"),
        (
            MeetingPlaceError(Place("x"), CacheFaultError(CacheFault.LOCKED)),
            "in the database 'x': another process has its lock",
        ),
    ],
)
def test_errors_are_told(error, text):
    assert text in messages.failed(error)
