"""The same deployment with Django alone: the old version breaks."""

from demo.console import say
from demo.errors import DemoError
from demo.session import Session
from demo.staged import NAME, serve_first_version, write_second_version


def deploy_at_once(session: Session) -> None:
    """Take the shop from version 1 to version 2 with one plain ``migrate``."""
    old = serve_first_version(session)
    new = write_second_version(session, old)
    session.step("Everything is migrated at once, with version 1 serving")
    new.manage("makemigrations", "shop", "--name", NAME, "--no-split")
    new.manage("migrate")
    session.step("The roll-out: both versions serve, then version 1 ends")
    session.start(new)
    session.watch(seconds=4)
    session.stop(old)
    session.stop(new)
    session.report()
    if not session.summaries[old.name].failures:
        raise DemoError("The old version survived, which it should not.")
    if session.summaries[new.name].failures:
        raise DemoError("The new version failed, which it should not.")
    failed = session.summaries[old.name].failures
    say(f"\n{failed} operations of the old version failed.")
