"""Why a migration cannot be applied in parts."""

from __future__ import annotations

from syzygy_like.compatibility.wording import NEW, OLD, sentences
from syzygy_like.expand_contract.simulation import NoHalvesError, Obstacle

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
