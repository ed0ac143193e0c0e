"""A deployment in stages: no query of either version fails."""

import shutil

from demo.console import block, changes, say
from demo.errors import DemoError
from demo.session import Session
from demo.versions import TEMPLATES, Version, check_out

NAME = "product_stock"
FILES = (f"0002_{NAME}.py", "0003_remove_product_shelf.py")


def deploy(session: Session) -> None:
    """Take the shop from version 1 to version 2."""
    old = serve_first_version(session)
    new = write_second_version(session, old)
    split_migration(session, new)
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
    session.step("A developer edits the models and makes a migration")
    new = check_out(session.folder, "v2", "v2")
    for name in FILES:
        (new.migrations / name).unlink()
    say("   shop/models.py")
    changes(old.models, new.models)
    say()
    new.manage("makemigrations", "shop", "--name", NAME)
    return new


def split_migration(session: Session, new: Version) -> None:
    session.step("The check rejects it: it needs both sides of the deploy")
    output = new.manage("check", status=1)
    if "syzygy_like.E001" not in output:
        raise DemoError("The check failed, yet not with syzygy_like.E001.")
    session.step("What the message proposes: two migrations, one for each side")
    write_fix(new)
    new.manage("check")
    new.manage("makemigrations", "--check")


def write_fix(new: Version) -> None:
    """Put the two migrations in place of the one that fits no stage."""
    for name in FILES:
        source = TEMPLATES / "v2" / "shop" / "migrations" / name
        shutil.copy(source, new.migrations)
    say(f"   shop/migrations/{FILES[1]}")
    block((new.migrations / FILES[1]).read_text())
    say()


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
