"""Several parties that migrate one database: who applies, who waits, who leaves."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest
from django.core.management.base import CommandError
from django.db import connections, migrations, models

from syzygy_like.safeguards.interrupts import TERMINATION
from syzygy_like.safeguards.limits import Quorum
from syzygy_like.safeguards.locking.vendors import database_name
from syzygy_like.safeguards.quorum.database_store import SUFFIX, TABLE
from syzygy_like.safeguards.quorum.joining import join_quorum
from syzygy_like.safeguards.quorum.meeting import Meetings
from tests.support.orders import add, ledger, refused, remove, started
from tests.support.parties import (
    SHORT_SILENCE,
    Parties,
    meetings,
    members,
    remove_meetings,
    table_of,
    wait_until,
)
from tests.support.pgbouncer import pooled, registered
from tests.support.projects import Project, applied, tables

PK = ("id", models.BigAutoField(primary_key=True))
NOTHING = "No migrations to apply."
on_postgresql = pytest.mark.databases("postgresql")


@pytest.fixture
def parties(project, database):
    """Return what starts parties with two migrations to apply."""
    project.write("shop", "0001_initial", migrations.CreateModel("Order", [PK]))
    found = Parties(project, database)
    found.write("first()")
    yield found
    found.end()
    remove_meetings(database)


def ends(*several):
    return [each.ends() for each in several]


def test_three_parties_apply_a_plan_once(parties, database):
    several = parties.start_all()
    assert ends(*several) == [0, 0, 0]
    assert parties.times == 1
    assert applied(database) == ["shop.0001_initial", "shop.0002_work"]
    leader, *followers = sorted(several, key=lambda each: NOTHING in each.said)
    assert f"Party {leader.name} (this one) applies the plan for all." in leader.said
    assert "Applying shop.0002_work... OK" in leader.said
    for each in followers:
        assert f"Party {leader.name} applies the plan for all." in each.said
        assert f"Party {leader.name} has applied the plan." in each.said
        assert NOTHING in each.said
    assert meetings(database) == Meetings()


def test_another_goes_on_if_the_leader_is_killed(parties, database):
    parties.silence = SHORT_SILENCE
    parties.write("if first():\n    os.kill(os.getpid(), signal.SIGKILL)")
    several = parties.start_all()
    assert sorted(ends(*several)) == [-signal.SIGKILL, 0, 0]
    (killed,) = (each.name for each in several if each.ends() < 0)
    assert applied(database) == ["shop.0001_initial", "shop.0002_work"]
    told = (
        f"Party {killed}, which was applying the plan, has sent no heartbeat for "
        "500 ms."
    )
    assert any(told in each.said for each in several)


@on_postgresql
def test_a_leader_that_only_stalls_does_no_harm(parties, database):
    parties.silence = SHORT_SILENCE
    parties.write("first()\nwait_to_go_on()")
    several = parties.start_all()
    assert wait_until(lambda: parties.times)
    (leader,) = (each for each in several if "Applying" in each.said)
    leader.signal(signal.SIGSTOP)
    told = f"Party {leader.name}, which was applying the plan, has sent no heartbeat"
    assert wait_until(lambda: any(told in each.said for each in several))
    parties.go_on()
    leader.signal(signal.SIGCONT)
    assert ends(*several) == [0, 0, 0]
    assert parties.times == 1


def test_a_leader_gives_signs_of_life_while_it_applies(parties, database):
    """Even in a transaction that has written, on a database with one writer."""
    parties.write(
        "apps.get_model('shop', 'Order').objects.using("
        "schema_editor.connection.alias).create()\nfirst()\nwait_to_go_on()"
    )
    leader = parties.start("a", quorum=1)
    assert wait_until(lambda: parties.times)
    seen = set()
    assert wait_until(lambda: seen.update(heartbeats(database)) or len(seen) > 2)
    parties.go_on()
    assert leader.ends() == 0
    assert meetings(database) == Meetings()


def heartbeats(database):
    return meetings(database).heartbeats.values()


@on_postgresql
def test_all_fail_if_the_leader_fails(parties, database):
    parties.write("first()\nraise ValueError('The shelf is empty.')")
    several = parties.start_all()
    assert ends(*several) == [1, 1, 1]
    for each in several:
        assert "CommandError: " in each.said
        assert "The shelf is empty." in each.said
    assert parties.times == 1
    assert meetings(database) == Meetings()
    parties.write("first()")
    assert ends(*parties.start_all()) == [0, 0, 0]
    assert parties.times == 2


@on_postgresql
def test_all_are_told_if_the_leader_is_stopped(parties, database):
    parties.write("if first():\n    raise KeyboardInterrupt")
    several = parties.start_all()
    assert sorted(ends(*several)) == [1, 1, 130]
    leader, *followers = sorted(several, key=lambda each: -each.ends())
    for each in followers:
        assert f"Party {leader.name}, which applied the plan for all, was" in each.said


@on_postgresql
def test_who_comes_later_waits_for_what_is_being_applied(parties, database):
    parties.write("first()\nwait_to_go_on()")
    several = parties.start_all()
    assert wait_until(lambda: parties.times)
    fourth = parties.start("d")
    fourth.says("applies the plan for all.")
    parties.go_on()
    assert ends(*several, fourth) == [0, 0, 0, 0]
    assert NOTHING in fourth.said
    assert parties.times == 1


@on_postgresql
def test_a_vote_is_withdrawn_if_the_others_do_not_come(parties, database):
    alone = parties.start("a", quorum_timeout="100ms")
    assert alone.ends() == 1
    assert "Only 1 of 3 parties has arrived in 100 ms: a. 2 are missing." in alone.said
    assert meetings(database) == Meetings()
    assert parties.times == 0


@on_postgresql
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_vote_is_withdrawn_if_the_party_is_stopped(parties, database, number):
    first, second = parties.start("a"), parties.start("b")
    for each in first, second:
        each.says("2 of 3.")
    second.signal(number)
    second.signal(number)  # as some do, though it comes as one if it is quick
    assert second.ends() == 128 + number
    first.says("Party b has left: 1 of 3.")
    assert members(database) == ["a"]


@on_postgresql
def test_who_leads_is_terminated_as_any_other_process(parties, database):
    parties.write("first()\nwait_to_go_on()")
    leader = parties.start("a", quorum=1)
    assert wait_until(lambda: parties.times)
    leader.signal(signal.SIGTERM)
    assert leader.ends() == -signal.SIGTERM


@on_postgresql
def test_a_process_handles_signals_as_before_when_it_has_waited(parties, database):
    handlers = {each: signal.getsignal(each) for each in TERMINATION}
    parties.project.migrate("--quorum=1", database=database)
    assert {each: signal.getsignal(each) for each in TERMINATION} == handlers


def test_a_party_that_is_started_again_votes_once(parties, database):
    killed = parties.start("a")
    killed.says("Party a is here: 1 of 3.")
    killed.kill()
    assert members(database) == ["a"]
    again, second = parties.start("a"), parties.start("b")
    again.says("2 of 3.")
    assert sorted(members(database)) == ["a", "b"]
    assert parties.times == 0
    assert ends(parties.start("c"), again, second) == [0, 0, 0]
    assert parties.times == 1


@on_postgresql
def test_a_party_that_is_dead_does_not_count(parties, database):
    parties.silence = SHORT_SILENCE
    killed = parties.start("a")
    killed.says("Party a is here: 1 of 3.")
    killed.kill()
    others = [parties.start("b"), parties.start("c")]
    for each in others:
        each.says("Party a has sent no heartbeat for 500 ms and no longer counts")
    assert parties.times == 0
    assert ends(parties.start("a"), *others) == [0, 0, 0]


@on_postgresql
def test_what_dead_parties_have_left_is_cleared_away(parties, database):
    parties.silence = SHORT_SILENCE
    killed = parties.start("a")
    killed.says("Party a is here: 1 of 3.")
    killed.kill()
    other = parties.start("b", "--fake")
    assert wait_until(lambda: members(database) == ["b"])
    assert not other.has_ended()


@on_postgresql
def test_a_party_that_comes_when_all_is_done_waits_for_nobody(parties, database):
    assert ends(*parties.start_all()) == [0, 0, 0]
    late = parties.start("c", quorum_timeout=0)
    assert late.ends() == 0
    assert late.said.startswith("Operations to perform:")
    assert NOTHING in late.said


@on_postgresql
def test_a_party_that_comes_just_when_all_have_left_waits_for_nobody(database):
    agendas = iter([["this"], None])
    meeting = join_quorum(
        Quorum(3, "a", 60), database, lambda: next(agendas), str, print
    )
    with meeting as is_done:
        assert is_done
    assert meetings(database) == Meetings()


@pytest.fixture
def without_meetings(database):
    """Fail if anybody has met in the database."""
    yield
    assert TABLE not in tables(database)


@on_postgresql
@pytest.mark.parametrize("option", ["--plan", "--check"])
def test_who_only_looks_joins_nothing(parties, database, option, without_meetings):
    arguments = [option, "--quorum=3", "--quorum-timeout=0", f"--database={database}"]
    code = parties.project.exit_code("migrate", *arguments)
    assert code == (1 if option == "--check" else 0)


@on_postgresql
def test_a_plan_that_is_blocked_is_refused_at_once(project, database, without_meetings):
    started(project, database, bridge="none")
    project.write("shop", "0002", add("note2", models.CharField(max_length=3)))
    options = {"database": database, "quorum": 3, "quorum_timeout": 0}
    text = refused(project, "migrate", "--pre-deploy", **options)
    assert "shop.0002" in text


@on_postgresql
def test_what_cannot_be_planned_is_refused_at_once(parties, database, without_meetings):
    options = {"database": database, "quorum": 3, "quorum_timeout": 0}
    text = refused(parties.project, "migrate", "shop", "0009", **options)
    assert "Cannot find a migration matching '0009'" in text


@on_postgresql
def test_parties_with_other_code_do_not_count(parties, database, tmp_path):
    (tmp_path / "other").mkdir()
    other = Project(tmp_path / "other")
    other.write("shop", "0001_initial", migrations.CreateModel("Order", [PK]))
    first = parties.start("a", quorum=2)
    others = Parties(other, database)
    second = others.start("b", quorum=2)
    try:
        first.says(
            "1 of 2 are here; b meets about other migrations, another stage or another "
            "target. All parties have to run the same command on the same code."
        )
        second.says("1 of 2 are here; a meets about other migrations")
        assert sorted(members(database)) == ["a", "b"]
    finally:
        others.end()


@on_postgresql
def test_parties_at_another_stage_do_not_count(parties, database):
    first = parties.start("a", "--pre-deploy", quorum=2)
    second = parties.start("b", quorum=2)
    first.says("1 of 2 are here; b meets about")
    second.says("1 of 2 are here; a meets about")


@on_postgresql
def test_of_two_with_one_name_the_later_one_counts(parties, database):
    first = parties.start("a")
    first.says("Party a is here: 1 of 3.")
    second = parties.start("a")
    assert first.ends() == 1
    assert "Another process has arrived as party a" in first.said
    assert members(database) == ["a"]
    assert ends(parties.start("b"), parties.start("c"), second) == [0, 0, 0]


@on_postgresql
def test_parties_have_to_agree_on_how_many_they_are(parties, database):
    first = parties.start("a")
    first.says("Party a is here: 1 of 3.")
    second = parties.start("b", quorum=2)
    assert second.ends() == 1
    assert (
        "This party was started with --quorum 2, but party a waits with --quorum 3."
        in second.said
    )
    first.says("Party b has left: 1 of 3.")


def test_votes_that_are_deleted_are_missed(parties, database):
    first = parties.start("a")
    first.says("Party a is here: 1 of 3.")
    with table_of(database) as table:
        table.change(lambda each: Meetings())
    assert first.ends() == 1
    assert "The votes of the quorum were deleted from the database" in first.said


@on_postgresql
def test_a_connection_that_is_cut_is_opened_again(parties, database):
    first = parties.start("a", quorum=2)
    assert wait_until(lambda: any(heartbeats(database)))
    with connections[database].cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchone()[0]
    assert ends(first, parties.start("b", quorum=2)) == [0, 0]


@on_postgresql
def test_it_works_behind_a_pooler(parties, database):
    with pooled(database) as behind:
        parties.project.settings = {"MIGRATION_LOCK_DATABASE": {behind: database}}
        several = parties.start_all(database=behind)
        assert ends(*several) == [0, 0, 0]
        assert parties.times == 1


def test_a_single_party_waits_for_nobody(parties, database):
    said = parties.project.migrate("--quorum=1", "--party=a", database=database)
    assert "Party a is here: 1 of 1." in said
    assert "Party a (this one) applies the plan for all." in said
    assert parties.times == 1
    assert meetings(database) == Meetings()
    assert "syzygy_like.safeguards.quorum" not in {
        each.name for each in threading.enumerate()
    }


@on_postgresql
def test_a_deploy_is_taken_back_once(project, database):
    started(project, database)
    project.write("shop", "0002", add("weight"), remove("note"))
    project.migrate("--pre-deploy", database=database, verbosity=0)
    assert ledger(database)
    parties = Parties(project, database)
    try:
        assert ends(*parties.start_all("--abort-deploy", "--allow-loss")) == [0, 0, 0]
    finally:
        parties.end()
    assert ledger(database) is None


@on_postgresql
def test_a_place_that_is_refused_is_named(parties, database):
    with table_of(database) as table:
        table.change(lambda each: each)
        table._insert(Meetings())
        table._execute("UPDATE {table} SET {text} = %s", "?")
    with pytest.raises(CommandError, match="cannot meet in the database 'postgresql'"):
        parties.project.migrate("--quorum=1", database=database)


@pytest.mark.databases("sqlite")
def test_a_file_that_cannot_be_used_is_named(parties, database):
    file = Path(f"{database_name(connections[database])}{SUFFIX}")
    file.mkdir()
    try:
        with pytest.raises(CommandError) as caught:
            parties.project.migrate("--quorum=1", database=database)
    finally:
        file.rmdir()
    said = f"meet in the database '{database}' (file {file}): unable to open"
    assert said in str(caught.value)


@on_postgresql
def test_who_waits_has_no_connection_to_the_tables(parties, database):
    config = {**connections.settings[database], "AUTOCOMMIT": False}
    with registered("manual", config) as manual:
        first = parties.start("a", quorum=2, database=manual)
        assert wait_until(lambda: any(heartbeats(database)))
        with connections[database].cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE state LIKE 'idle in %' AND datname = current_database()"
            )
            assert cursor.fetchone() == (0,)
        first.kill()


@on_postgresql
def test_the_table_is_nothing_to_other_commands(parties, database):
    project = parties.project
    project.migrate("--quorum=1", database=database)
    assert TABLE in tables(database)
    assert NOTHING in project.migrate(database=database)
    assert NOTHING in project.stock_migrate(database=database)
    project.call("flush", interactive=False, database=database)
    assert TABLE in project.call("inspectdb", database=database)
