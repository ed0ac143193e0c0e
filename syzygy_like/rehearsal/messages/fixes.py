"""What to do about a migration that makes queries fail."""

from __future__ import annotations

from syzygy_like.planning.explanation import Explanation
from syzygy_like.planning.messages.fixes import fix
from syzygy_like.planning.policy import is_third_party
from syzygy_like.planning.resolver import Resolution
from syzygy_like.stages import Stage, StageSource

# How to undo what somebody has said of a migration's stage.
_UNSET = {
    StageSource.DECLARED: "take the stage out of {migration}",
    StageSource.OVERRIDE: "take {migration} out of MIGRATION_STAGES_OVERRIDE",
}


def too_early(
    migration: str,
    source: StageSource | None,
    inferred: Resolution,
    explanation: Explanation,
) -> str:
    """
    Say what to do about a migration that breaks the code now serving.

    ``source`` says who has set its stage, if anybody has.
    """
    if (
        source in _UNSET
        and not inferred.stage
        and is_third_party(explanation.migration)
    ):
        return f"Fix: {_unset(migration, source)}, so that it is applied in halves."
    if not inferred.stage:
        return fix(explanation)
    if Stage.PRE_DEPLOY in inferred.stage:
        return (
            f"Fix: if {migration} does what cannot be read, say when it may run: "
            "stage = Stage.POST_DEPLOY"
        )
    if source in _UNSET:
        return (
            f"Fix: {_unset(migration, source)}: by what it does it belongs after the "
            "deploy, and there migrate --pre-deploy leaves it."
        )
    return (
        f"Fix: run migrate --pre-deploy, which leaves {migration} for after the deploy."
    )


def too_late(migration: str, source: StageSource | None) -> str:
    """Say what to do about a migration that the new code cannot wait for."""
    if source in _UNSET:
        unset = _unset(migration, source)
        return f"Fix: {unset}: by what it does it belongs before the deploy."
    return f"Fix: have {migration} applied before the deploy: stage = Stage.PRE_DEPLOY"


def _unset(migration: str, source: StageSource | None) -> str:
    return _UNSET[source].format(migration=migration) if source else ""
