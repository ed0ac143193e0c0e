"""How a database gets from old code to new code while both run on it."""

from syzygy_like.expand_contract.simulation.deploy_state import DeployState
from syzygy_like.expand_contract.simulation.partial import Part, PartialMigration
from syzygy_like.expand_contract.simulation.refusals import CannotSplitError, Obstacle

__all__ = ["CannotSplitError", "DeployState", "Obstacle", "Part", "PartialMigration"]
