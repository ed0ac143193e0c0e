"""A deployment in stages: no query of either version fails."""

from demo.console import block, changes, say
from demo.errors import DemoError
from demo.session import Session
from demo.versions import Version, check_out

NAME = "product_stock"
PARTS = (f"0002_{NAME}_expand.py", f"0003_{NAME}_contract.py")


def deploy(session: Session) -> None:
    """Take the shop from version 1 to version 2."""
    old = serve_first_version(session)
    new = write_second_version(session, old)
    make_migrations(session, new)
    migrate_before_roll_out(session, new)
    roll_out(session, old, new)
    migrate_after_roll_out(session, new)
    session.report()
    expect_no_failure(session)


def serve_first_version(session: Session) -> Version:
    session.step("Version 1 makes its database and goes into service")
    old = check_out(session.folder, "v1")
    old.manage("migrate")
    session.start(old)
    return old


def write_second_version(session: Session, old: Version) -> Version:
    session.step("A developer edits the models")
    new = check_out(session.folder, "v2", "v2")
    say("   shop/models.py")
    changes(old.models, new.models)
    return new


def make_migrations(session: Session, new: Version) -> None:
    session.step("makemigrations writes a migration for each side of the deploy")
    new.manage("makemigrations", "shop", "--name", NAME, "--no-header")
    for name in PARTS:
        if not (new.migrations / name).exists():
            raise DemoError(f"makemigrations did not write {name}.")
        say(f"   shop/migrations/{name}")
        block((new.migrations / name).read_text())
        say()
    new.manage("check")
    new.manage("makemigrations", "--check")


def migrate_before_roll_out(session: Session, new: Version) -> None:
    session.step("Before the roll-out, with version 1 serving")
    new.manage("migrate", "--pre-deploy", "--check", status=1)
    new.manage("migrate", "--pre-deploy", "--plan")
    new.manage("migrate", "--pre-deploy")
    new.manage("migrate", "--pre-deploy", "--check")


def roll_out(session: Session, old: Version, new: Version) -> None:
    session.step("The roll-out: both versions read and write, then version 1 ends")
    session.start(new)
    session.watch(seconds=4)
    session.stop(old)


def migrate_after_roll_out(session: Session, new: Version) -> None:
    session.step("After the roll-out, with version 2 serving")
    new.manage("migrate", "--post-deploy", "--plan")
    new.manage("migrate", "--post-deploy")
    session.watch(seconds=2)
    session.stop(new)
    new.manage("showmigrations")
    new.manage("migrate", "--check")


def expect_no_failure(session: Session) -> None:
    for name, summary in session.summaries.items():
        if summary.failures:
            raise DemoError(f"{summary.failures} operations of {name} failed.")
        if not summary.rows_of_others:
            raise DemoError(f"{name} never read a row that the other version wrote.")
    say("\nNo query failed.")
