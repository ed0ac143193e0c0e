"""Messages about deploys that are under way."""

from __future__ import annotations

from syzygy_like.conflicts import Conflict, Fault, InvalidEntryError
from syzygy_like.crossing import NoHalvesError, Obstacle
from syzygy_like.ledger import ConcurrentRunError
from syzygy_like.messages.problems import NEW, OLD, sentences
from syzygy_like.rows import LostRowsError

FINISH = "migrate --post-deploy"
ABORT = "migrate --abort-deploy"
WAYS_OUT = f"Finish it first with {FINISH}, or take it back with {ABORT}."

CONFLICTS = {
    Conflict.FAKE: (
        "--fake and --fake-initial take migrations as a whole, and this deploy takes "
        "some in halves, or before others. Nothing was changed."
    ),
    Conflict.FINISHING: (
        "What follows the roll-out has begun: this deploy can only be finished, with "
        f"{FINISH}."
    ),
    Conflict.INCOMPLETE: (
        "What precedes the roll-out is not all applied. Run the same with --pre-deploy "
        "again, or migrate without a stage to apply everything."
    ),
    Conflict.NEXT: f"Another deploy is under way, which did not have it. {WAYS_OUT}",
    Conflict.NOTHING: (
        "No deploy is under way: no migration is applied in halves or before one that "
        "it depends on. To go back, migrate to an earlier migration."
    ),
    Conflict.SQUASHED: (
        "Only some of what this squashed migration replaces are applied, and this "
        "deploy takes migrations in halves, or before others. Fix: finish them first: "
        "migrate to the last that it replaces."
    ),
    Conflict.TARGETS: (
        "A deploy is under way, which can only be finished as a whole: "
        f"leave out the app and the migration. {WAYS_OUT}"
    ),
}


def conflict(conflict: Conflict, key: tuple[str, str] | None) -> str:
    """Say why something cannot be done while a deploy is under way."""
    subject = f"{'.'.join(key)} cannot be applied. " if key else ""
    if conflict is Conflict.INCOMPLETE and key:
        subject = f"{'.'.join(key)} is not applied. "
    return subject + CONFLICTS[conflict]


def lost_rows(error: LostRowsError) -> str:
    """Say that rows have no value for a field that is required."""
    label, field = error.label, error.field
    again = " again" if error.again else ""
    return (
        f"{label}.{field} is required{again}, and {error.count} rows have no value "
        "there, nor is there a default. Nothing was changed.\n"
        f"Fix: give them one, or delete them, and run the same again: {field} allows "
        "NULL until then."
    )


FAULTS = {
    Fault.CHANGED: (
        "is not what it was when it was applied, in part at least. Run this with the "
        "file that it had then."
    ),
    Fault.RECORDED: (
        "is recorded as applied, but not by this app: somebody ran Django's own "
        "migrate in the middle of the deploy. The table syzygy_like_ledger does not "
        "tell any longer what the database has.\nFix: complete the deploy without "
        "this app (migrate, with --fake for what the table says is built), and drop "
        "that table."
    ),
    Fault.UNKNOWN: (
        "is not among the migrations here. Run this with the code that began it."
    ),
}


def invalid_entry(error: InvalidEntryError) -> str:
    """Say that the ledger does not fit the files, or Django's history."""
    name = ".".join(error.key)
    return f"A deploy is under way, and {name} {FAULTS[error.fault]}"


def concurrent(error: ConcurrentRunError) -> str:
    """Say that another run is at work."""
    return (
        f"Another migrate is at work on {'.'.join(error.key)}, or was. What this one "
        "has applied stays applied. Run it again when the other one has ended."
    )


OBSTACLES = {
    Obstacle.BREAKS: "there is nothing between that both codes can run on",
    Obstacle.MOVES: (
        "it takes values to another name, and old and new code each look for them "
        "under their own"
    ),
    Obstacle.TAKEN: (
        "it makes what is there already, under the same name, and is still in use"
    ),
    Obstacle.UNREADABLE: (
        "what it does to the database is more than, or not what, it does to the models"
    ),
    Obstacle.NULLS: (
        "it would find NULL in columns that have none by its models, for the code now "
        "serving writes it until the deploy"
    ),
    Obstacle.LEAVES: (
        "a migration before it is done in halves, and its second half could not change "
        "a table that is not managed any longer"
    ),
    Obstacle.EARLY: "it needs what has to wait",
}


def obstacle(error: NoHalvesError) -> list[str]:
    """Say which operation cannot be carried out in part, and why not."""
    description = error.operation.describe()
    lines = [f'"{description}" cannot be done in halves: {OBSTACLES[error.obstacle]}.']
    problems = [*sentences(error.old, OLD), *sentences(error.new, NEW)]
    return lines + [f"  {each}" for each in problems]


def endless(error: NoHalvesError) -> str:
    """Say that what has to follow the roll-out could not be carried out then."""
    reasons = "\n".join(f"  {each}" for each in obstacle(error))
    return (
        f"{error.migration} could not be finished after the roll-out:\n{reasons}\n"
        "Nothing was applied. Fix: deploy in turn: first what comes before it."
    )
