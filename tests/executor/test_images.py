"""Images of several versions, and one database."""

from __future__ import annotations

import datetime
import os
import signal

import pytest
from django.db import migrations, models

from tests.support.images import Images, linger, lingering
from tests.support.orders import ABORT, PK, POST, PRE, REQUIRED, add, execute, remove
from tests.support.projects import columns

LEFT_ALONE = "A deploy of another version is under way and left alone: "
TEXT = models.CharField(max_length=9, default="x")
WEEK = datetime.timedelta(days=7)
# What an image is started with, and what asks whether it may be.
STARTS = ((PRE, "--check"), (PRE,), (), (POST,), ("--check",), ("--plan",))


def fail(apps, editor):
    raise ValueError("no such file")


def die(apps, editor):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def images(tmp_path, databases, database):
    """Return what makes images; the first of them is served."""
    return Images(tmp_path, databases, database)


@pytest.fixture
def shop(images):
    """Return the images of two versions; the newer adds and removes a column."""
    new = images.release("v1", images.served, add("total", REQUIRED), remove("price"))
    return images.served, new


def left_alone(said):
    """Tell whether a run did nothing, and said so in one line."""
    lines = [each for each in said.splitlines() if each.startswith(LEFT_ALONE)]
    return len(lines) == 1 and "Applying" not in said


def orders(database):
    return execute(database, "SELECT COUNT(*) FROM shop_order")[0][0]


# An older image.


def test_an_old_image_can_be_started_while_a_newer_one_is_rolled_out(images, shop):
    old, new = shop
    new.passes(PRE)
    for arguments in STARTS:
        assert left_alone(old.passes(*arguments)), arguments
        assert "--plan" in arguments or not old.passes(*arguments, "--verbosity=0")
    old.passes(command="showmigrations")
    old.assert_works()
    new.assert_works()
    new.passes(POST)
    images.assert_ended(new)


@pytest.mark.parametrize("atomic", [True, False], ids=["atomic", "not-atomic"])
def test_an_old_image_does_not_wait_for_a_pre_deploy(images, tmp_path, atomic):
    """Neither before anything of it is there to be seen, nor after that."""
    old, waits = images.served, migrations.RunPython(linger)
    first, second = tmp_path / "first", tmp_path / "second"
    new = images.release("v1", old, waits, add("total", REQUIRED), atomic=atomic)
    newer = images.release("v2", new, waits, remove("price"), atomic=atomic)
    for image, gate in ((new, first), (newer, second)):
        with lingering(image, gate) as process:
            for arguments in STARTS:
                said = old.start(*arguments).end(20).said
                assert "Applying" not in said
                assert "Another run" not in said
            assert process.wait(0) is None
            if images.database != "default":  # SQLite lets one write at a time
                old.assert_works()
        assert process.end().code == 0
    newer.passes(POST)
    images.assert_ended(newer)


def test_going_back_to_the_old_image(images, shop):
    old, new = shop
    new.passes(PRE)
    new.insert()
    for arguments in ((PRE,), ()):
        old.passes(*arguments)
    old.assert_works()
    assert "with the version that began it" in old.fails(ABORT)
    new.passes(ABORT, "--allow-loss")
    old.passes()
    images.assert_ended(old)


def test_trying_again_after_going_back_to_the_old_image(images, shop):
    old, new = shop
    new.passes(PRE)
    old.passes(PRE)
    assert "Applying" not in new.passes(PRE)
    new.passes(POST)
    images.assert_ended(new)


@pytest.mark.parametrize(
    "arguments", [(PRE,), (), (POST,)], ids=["pre", "plain", "post"]
)
def test_a_hotfix_of_the_old_image_has_a_way_out(images, shop, arguments):
    old, new = shop
    new.passes(PRE)
    hotfix = images.make("hotfix", old)
    hotfix.write("0002_hotfix", add("weight"))
    said = hotfix.fails(*arguments)
    assert "shop.0002_hotfix cannot be applied." in said
    assert "migrate --abort-deploy" in said
    assert hotfix.run(PRE, "--check").code == 1
    new.passes(ABORT, "--allow-loss")
    hotfix.passes()
    hotfix.assert_works()
    old.assert_works()
    images.assert_ended(hotfix)


def test_a_version_that_has_a_hotfix_too_brings_it(images, shop):
    old, new = shop
    new.passes(PRE)
    both = images.make("both", new)
    first = [("shop", "0001_initial")]
    both.write("0002_hotfix", add("weight"), dependencies=first)
    both.write("0004", dependencies=[("shop", "0002_hotfix"), ("shop", "0003")])
    both.passes(PRE)
    for image in (old, new, both):
        image.assert_works()
    both.passes(POST)
    images.assert_ended(both)


# Who is bound by a pre-deploy, and who is not.


@pytest.mark.parametrize("atomic", [True, False], ids=["atomic", "not-atomic"])
def test_a_pre_deploy_that_failed_at_once_binds_nobody(images, atomic):
    new = images.release(
        "v1",
        images.served,
        migrations.RunPython(fail),
        add("total", REQUIRED),
        atomic=atomic,
    )
    assert "no such file" in new.run(PRE).said
    hotfix = images.release("hotfix", images.served, add("weight"))
    for arguments in ((PRE, "--check"), (POST, "--check")):
        assert LEFT_ALONE not in hotfix.run(*arguments).said
    hotfix.passes()
    images.assert_ended(hotfix)


def test_a_pre_deploy_that_was_killed_at_once_binds_nobody(images):
    new = images.release(
        "v1", images.served, migrations.RunPython(die), add("total", REQUIRED)
    )
    assert new.run(PRE).code == -signal.SIGKILL
    if images.database == "mysql":  # where nobody can know that it was at once
        new.passes(ABORT, "--noinput")
    hotfix = images.release("hotfix", images.served)
    hotfix.write("0002_hotfix", add("weight"))
    assert LEFT_ALONE not in hotfix.passes(PRE)
    hotfix.passes()
    images.assert_ended(hotfix)


def test_a_pre_deploy_that_begins_while_all_is_migrated(images, tmp_path):
    waits = migrations.RunPython(linger)
    new = images.release("v1", images.served, waits, add("total", REQUIRED))
    newer = images.release("v2", new, remove("price"), add("weight", REQUIRED))
    gate = tmp_path / "gate"
    with lingering(new, gate, "--verbosity=1") as process:
        others = [new.start(PRE), newer.start(PRE)]
        for each in others:
            each.wait_for("Another run migrates")
        gate.touch()
        assert [each.end().code for each in (process, *others)] == [0] * 3
    assert "Applying" not in others[0].output
    newer.assert_works()
    new.assert_works()
    newer.passes(POST)
    images.assert_ended(newer)


# A second release before the first one is finished.


def test_a_release_joins_the_one_before_it(images, shop):
    old, new = shop
    newer = images.release("v2", new, add("weight", REQUIRED), remove("note"))
    served, rows = [old], []
    for image in (new, newer):
        image.passes(PRE)
        served.append(image)
        rows += [each.insert() for each in served]
        for each in served:
            each.assert_works()
    assert "not part of it" not in newer.passes(POST)
    assert orders(images.database) == len(rows)
    found = execute(images.database, "SELECT id, code, total, weight FROM shop_order")
    assert sorted(found) == [(each, "a", 7, 7) for each in rows]
    images.assert_ended(newer)


def test_two_makemigrations_in_a_release(images, shop, database):
    """The image was deployed in between, though nobody released it."""
    old, new = shop
    new.passes(PRE)
    newer = images.release("v2", new, add("extra", TEXT), remove("extra"))
    newer.passes(PRE)
    for each in (old, new, newer):
        each.insert()
        each.assert_works()
    newer.passes(POST)
    assert orders(database) == 3
    images.assert_ended(newer)


@pytest.fixture
def returning(images):
    """Return two versions: the newer needs a column again that the older removes."""
    new = images.release("v1", images.served, remove("price"), add("total", REQUIRED))
    return new, images.release("v2", new, add("price", TEXT))


@pytest.mark.parametrize("by", [0, 1], ids=["served", "newer"])
def test_who_cannot_join_is_told_what_helps(images, returning, by):
    new, newer = returning
    new.passes(PRE)
    new.insert()
    said = newer.fails(PRE)
    assert "shop.0004 cannot join the deploy that is under way" in said
    assert "migrate --post-deploy" in said
    assert "shop.0002" in said
    new.assert_works()
    returning[by].passes(POST)
    new.assert_works()
    newer.passes(PRE)
    new.assert_works()
    newer.assert_works()
    newer.passes(POST)
    assert orders(images.database) == 1
    images.assert_ended(newer)


def test_who_cannot_join_what_is_held_is_told_what_helps(images):
    """What comes after it keeps that deploy under way."""
    new = images.release("v1", images.served, remove("price"), stage_delay=WEEK)
    new.write("0003", add("total", REQUIRED))
    new.passes(PRE)
    new.passes(POST)
    newer = images.release("v2", new, add("price", TEXT))
    said = newer.fails(PRE)
    assert "what is left of shop.0002, shop.0003 is in the way" in said
    assert "It is held until" in said
    assert "migrate without a stage ignores delays" in said
    new.assert_works()
    new.passes()
    newer.passes(PRE)
    new.assert_works()
    newer.passes(POST)
    images.assert_ended(newer)


def test_a_post_deploy_does_not_begin_what_no_pre_deploy_has_begun(images, shop):
    """The newer image is started for the first time, and nothing of it serves."""
    _, new = shop
    newer = images.release("v2", new, remove("note"), add("weight", REQUIRED))
    new.passes(PRE)
    said = newer.passes(POST)
    assert "did not have shop.0004 and 1 more" in said
    assert "note" in columns(images.database, "shop_order")
    new.assert_works()
    newer.passes(PRE)
    new.assert_works()
    newer.assert_works()
    newer.passes(POST)
    images.assert_ended(newer)


@pytest.fixture
def failed(images, shop):
    """Return two versions, and one more whose pre-deploy has failed in the middle."""
    old, new = shop
    table = migrations.CreateModel("Extra", [PK])
    newer = images.release("v2", new, add("weight", REQUIRED), table)
    new.passes(PRE)
    execute(images.database, "CREATE TABLE shop_extra (id INTEGER)")
    assert "shop.0005 failed" in newer.run(PRE).said
    execute(images.database, "DROP TABLE shop_extra")
    for each in (old, new):
        each.assert_works()
        each.passes(PRE)
    return old, new, newer


def test_a_release_that_failed_in_the_middle_goes_on(images, failed):
    *_, newer = failed
    assert "--pre-deploy again" in newer.fails(POST)
    newer.passes(PRE)
    for each in failed:
        each.assert_works()
    newer.passes(POST)
    images.assert_ended(newer)


def test_a_release_that_failed_in_the_middle_is_given_up(images, failed):
    old, new, newer = failed
    newer.passes(ABORT, "--noinput")
    old.assert_works()
    new.assert_works()
    new.passes(POST)
    images.assert_ended(new)


# Giving up.


def test_giving_up_asks_before_anything_is_dropped(images, shop, database):
    old, new = shop
    new.passes(PRE)
    new.insert(total=9)
    for answer in ("no\n", "", "\n"):
        said = new.fails(ABORT, answer=answer)
        assert "shop_order.total" in said
        assert "Type 'yes'" in said
        assert "Nothing was changed." in said
    said = new.fails(ABORT, "--noinput")
    assert "shop_order.total" in said
    assert "--allow-loss" in said
    assert execute(database, "SELECT total FROM shop_order") == [(9,)]
    new.passes(ABORT, answer="yes\n")
    assert orders(database) == 1
    old.assert_works()
    images.assert_ended(old)


def test_giving_up_without_being_asked(images, shop):
    _, new = shop
    new.passes(PRE)
    new.passes(ABORT, "--noinput", "--allow-loss")
    images.assert_ended(images.served)


def test_giving_up_what_has_not_come_to_its_end_drops_nothing_of_anybody(images):
    new = images.release(
        "v1", images.served, add("total", REQUIRED), migrations.RunPython(fail)
    )
    assert "no such file" in new.run(PRE).said
    assert "Type" not in new.passes(ABORT, "--noinput")
    images.assert_ended(images.served)


def test_giving_up_takes_back_the_newest_release_only(images, shop, database):
    old, new = shop
    newer = images.release("v2", new, add("weight", REQUIRED))
    new.passes(PRE)
    newer.passes(PRE)
    old_row, new_row = old.insert(), new.insert(total=9)
    assert "shop.0004" in new.fails(ABORT, "--allow-loss")
    newer.passes(ABORT, "--allow-loss")
    assert "weight" not in columns(database, "shop_order")
    old.assert_works()
    new.assert_works()
    new.passes(POST)
    found = execute(database, "SELECT id, total FROM shop_order")
    assert sorted(found) == [(old_row, 7), (new_row, 9)]
    images.assert_ended(new)
