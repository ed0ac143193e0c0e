"""Random life cycles of a project: whatever people do, nobody is stuck."""

from __future__ import annotations

import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.laws.test_soundness import on_database
from tests.support.life_cycles import BLOCKED, Life
from tests.support.orders import ABORT, POST, PRE

CHANGES = ["add", "add", "add", "remove", "remove", "alter", "alter", "remove_later"]
ACTIONS = [
    *["deploy"] * 6,
    *["pre_deploy"] * 4,
    *["roll_out"] * 4,
    *["post_deploy"] * 2,
    "late_post_deploy",
    "plain",
    "roll_back",
    "abort",
    "killed_pre_deploy",
    "killed_post_deploy",
    "killed_abort",
    "time",
    "old_image",
    "hotfix",
]


class Walk:
    """A walk through the states that a deploy can be in."""

    def __init__(self, life, draw):
        self.life = life
        self._draw = draw
        self.met = set()

    def draw(self, options):
        return self._draw(st.sampled_from(options))

    def kinds(self):
        return [self.draw(CHANGES) for _ in range(self.draw([1, 2, 3]))]

    def go(self):
        for _ in range(self.draw(range(2, 15))):
            action = self.draw(ACTIONS)
            self.life.log.append(f"- {action}")
            getattr(self, action)()
            self.life.check()
            self.note()
        self.life.finish()

    def note(self):
        """Count what was met."""
        record = self.life.record
        releases = {each.release for each in record.entries}
        self.met |= {f"{len(releases)} releases at once"} if releases else set()
        if any(not each.is_done for each in record.entries):
            self.met.add("half done")
        if record.rolled_out:
            self.met.add("being finished, or held")

    @property
    def is_steady(self):
        return len(self.life.serving) == 1

    @property
    def is_aborted(self):
        """Whether there is anything to take back; no migration, no release."""
        prepared = self.life.prepared
        changes = self.life.versions[prepared].changes
        return prepared > self.life.current and bool(changes)

    @property
    def next(self):
        """The version after the one that serves, made if there is none yet."""
        number = self.life.current + 1
        if number == len(self.life.versions):
            self.life.release(self.kinds(), self.draw)
        return number

    def pre_deploy(self):
        """Prepare the next version; if it cannot join, finish the one that serves."""
        if not self.is_steady:
            return
        number = self.next
        code, out = self.life.run(number, PRE)
        if code and "cannot join the deploy" in out:
            self.met.add("cannot join")
            if "by its stage_delay" in out:
                self.met.add("cannot join what is held")
                code, out = self.life.run(self.life.current)
            else:
                code, out = self.life.run(number, POST)
            assert code == 0, f"{self.life.story()}\n{out}"
            self.life.check()
            code, out = self.life.run(number, PRE)
            assert "cannot join" not in out, f"{self.life.story()}\n{out}"
        if code and BLOCKED in out:
            self.met.add("blocked")
            assert self.life.interrupt(number), self.life.story()
        else:
            assert code == 0, f"{self.life.story()}\n{out}"
        self.life.prepared = number

    def killed_pre_deploy(self):
        if self.is_steady:
            statement = self.draw(range(13))
            self.life.kill(self.next, statement, PRE)

    def roll_out(self):
        """Begin to roll out what is prepared, or complete it."""
        life = self.life
        if not self.is_steady:
            life.serving = {max(life.serving)}
        elif life.prepared == life.current + 1:
            life.serving.add(life.prepared)

    def deploy(self):
        """Roll out the next version, and forget about its end."""
        for action in (self.pre_deploy, self.roll_out, self.roll_out):
            action()
            self.life.check()

    def roll_back(self):
        if not self.is_steady:
            self.life.serving = {self.life.current}

    def post_deploy(self):
        if self.is_steady:
            code, out = self.life.run(self.life.current, POST)
            self.refused(code, out)

    def late_post_deploy(self):
        """Finish the version that serves from the image of the next one."""
        life = self.life
        if self.is_steady and life.prepared <= life.current and life.record.entries:
            life.run(self.next, POST)

    def killed_post_deploy(self):
        if self.is_steady and self.life.prepared <= self.life.current:
            statement = self.draw(range(13))
            self.life.kill(self.life.current, statement, POST)
            # Where one release makes a rule and takes it back, it holds in between.
            code, out = self.life.run(self.life.current, POST)
            self.refused(code, out)

    def plain(self):
        """Migrate without a stage, as somebody does who knows of none."""
        if self.is_steady and self.life.prepared <= self.life.current:
            code, out = self.life.run(self.life.current)
            self.refused(code, out)

    def abort(self):
        life = self.life
        if self.is_steady and self.is_aborted:
            code, out = life.run(life.prepared, ABORT)
            if code == 0:
                life.prepared = life.current
            self.refused(code, out)

    def killed_abort(self):
        life = self.life
        if self.is_steady and self.is_aborted:
            statement = self.draw(range(13))
            life.kill(life.prepared, statement, ABORT)
            life.prepared = life.current

    def time(self):
        self.life.pass_time()

    def old_image(self):
        """Start the image of a version that is long gone."""
        number = self.draw(range(self.life.current + 1))
        for arguments in ([PRE, "--check"], [PRE], [PRE, "--plan"]):
            code, out = self.life.attempt(number, *arguments)
            assert code == 0, f"{self.life.story()}\n{out}"

    def hotfix(self):
        self.life.assert_hotfix_is_told()

    def refused(self, code, out):
        """Assert that what is refused has a way out that is not what was refused."""
        told = "migrate --" in out or "No deploy is under way" in out
        assert code == 0 or told, f"{self.life.story()}\n{out}"


def walks(databases, alias, folder, examples):
    @given(st.data())
    @on_database(examples)
    def walk(data):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        Walk(Life(folder, databases, alias), data.draw).go()

    walk()


@pytest.mark.databases("sqlite", "postgresql", "mysql")
def test_nobody_is_stuck_whatever_people_do(databases, database, tmp_path):
    walks(databases, database, tmp_path / "life", 6 if database == "default" else 2)
