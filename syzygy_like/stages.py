"""When a migration may run, and how that is known."""

from __future__ import annotations

import enum


class Stage(enum.Flag):
    """
    When a migration may run in a deploy.

    ``PRE_DEPLOY`` is before the new version is rolled out, ``POST_DEPLOY`` after it,
    ``ANY`` both. A stage with no member is false: the migration fits no stage.
    """

    PRE_DEPLOY = enum.auto()
    POST_DEPLOY = enum.auto()
    ANY = PRE_DEPLOY | POST_DEPLOY

    @property
    def reverse(self) -> Stage:
        """Return the stage of undoing what this stage does."""
        if self in (Stage.PRE_DEPLOY, Stage.POST_DEPLOY):
            return self ^ Stage.ANY
        return self

    @classmethod
    def _missing_(cls, value: object) -> Stage | None:
        """Return the stage with that label, which migration files name it by."""
        if isinstance(value, str):
            named = [stage for stage, label in _LABELS.items() if label == value]
            return named[0] if named else None
        found: Stage | None = super()._missing_(value)
        return found

    def deconstruct(self) -> tuple[str, list[str], dict[str, object]]:
        """Return how migration files write it; Django cannot on Python 3.10."""
        return "syzygy_like.Stage", [self.label], {}

    @property
    def label(self) -> str:
        """Return the word that people read: "pre-deploy", "any", "none"..."""
        return _LABELS[self]


_LABELS = {
    Stage.PRE_DEPLOY: "pre-deploy",
    Stage.POST_DEPLOY: "post-deploy",
    Stage.ANY: "any",
    Stage(0): "none",
}


class StageSource(enum.Enum):
    """Where the stage of a migration comes from."""

    DECLARED = "declared"
    OVERRIDE = "override"
    INFERRED = "inferred"
    FALLBACK = "fallback"
