"""What to take back of a state that one of two codes cannot run on, rule by rule."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from django.db import models
from django.db.migrations.state import ModelState
from django.db.migrations.utils import resolve_relation
from django.db.models.fields import NOT_PROVIDED
from django.db.models.options import normalize_together

from syzygy_like.expand_contract.bridge.fields import (
    disposing,
    nullable,
    omittable,
    rebuilt,
    repeatable,
    unconstrained,
    widened,
)
from syzygy_like.expand_contract.bridge.locations import Place
from syzygy_like.expand_contract.bridge.merging import StateMerge
from syzygy_like.schema import ModelKey
from syzygy_like.schema.database_defaults import DatabaseDefaults
from syzygy_like.schema.deletion import Fate, fate
from syzygy_like.schema.expressions import Columns, freeze
from syzygy_like.schema.types import Field

FieldKey = tuple[str, str, str]
OneOffs = dict[FieldKey, Any]


class Relaxer:
    """Knows for each rule how to change a field that breaks it."""

    def __init__(
        self,
        draft: StateMerge,
        database_defaults: DatabaseDefaults,
        one_offs: OneOffs,
        copied: Collection[FieldKey] = (),
    ):
        self.draft = draft
        self.database_defaults = database_defaults
        self.one_offs = one_offs
        self.copied = copied

    def field(self, rule: str, place: Place, field: Field, model: ModelState) -> Any:
        """Return a field that keeps a rule, None if there is none."""
        expand = _BY_RULE.get(rule)
        if expand is None or field.generated:
            return None
        try:
            return expand(self, place, field, model)
        except (TypeError, ValueError):  # a class of its own, which takes no such thing
            return None

    def omittable(self, place: Place, field: Field, model: ModelState) -> Any:
        key = (*place.key, place.field)
        if key in self.copied:
            return nullable(field)  # a default could not be told from a copy
        one_off = self.one_offs.get(key, NOT_PROVIDED)
        if place.field == "_order":
            one_off = 0  # as AlterOrderWithRespectTo has it
        unique = is_in_unique(model, place.field)
        return omittable(field, self.database_defaults, one_off, unique)

    def nullable(self, place: Place, field: Field, model: ModelState) -> Any:
        return nullable(field)

    def unconstrained(self, place: Place, field: Field, model: ModelState) -> Any:
        targets = [_target(place.key, each) for each in self._versions(place)]
        known = {each for each in targets if each}
        # Rows that refer to another table are no rows of this one.
        return unconstrained(field) if len(known) < 2 else None

    def deletable(self, place: Place, field: Field, model: ModelState) -> Any:
        """Let the targets go: the database sees to the rows that refer, if it can."""
        old, new = self.draft.versions(place.key, place.field)
        if old and new:
            return unconstrained(field)
        ways = [disposing(field, each) for each in self._fates(place, field)]
        if isinstance(field, models.ForeignKey):
            remote: Any = (old or new or field).remote_field
            ways.append(rebuilt(unconstrained(field), on_delete=remote.on_delete))
        else:
            ways.append(unconstrained(field))
        return _following(field, [each for each in ways if each is not None])

    def _fates(self, place: Place, field: Field) -> list[Fate]:
        """
        Return what may become of rows whose target goes, the best first.

        A field that comes knows best. One that goes must not take rows along that the
        new code keeps; the rows of a whole model that goes are nobody's but the old
        code's, whose fate they share.
        """
        old, _ = self.draft.versions(place.key, place.field)
        # What is copied may refer to what is gone already.
        if (
            not self.database_defaults.disposes
            or (*place.key, place.field) in self.copied
        ):
            return []
        if old is None:
            return [fate(field)]
        if place.key in self.draft.new.models:
            return [Fate.CLEARED]
        return [fate(old), Fate.CLEARED if old.null else Fate.GOES]

    def repeatable(self, place: Place, field: Field, model: ModelState) -> Any:
        return repeatable(field)

    def defaulting(self, place: Place, field: Field, model: ModelState) -> Any:
        for version in self._versions(place):
            if version.db_default is not NOT_PROVIDED:
                return rebuilt(field, db_default=version.db_default)
        return None

    def widened(self, place: Place, field: Field, model: ModelState) -> Any:
        versions = self._versions(place)
        return widened(field, *versions, unsigned=self.database_defaults.unsigned)

    def uncollated(self, place: Place, field: Field, model: ModelState) -> Any:
        return rebuilt(field, db_collation=NOT_PROVIDED)

    def relying(self, place: Place, field: Field, model: ModelState) -> Any:
        for version in self._versions(place):
            relation: Any = version.remote_field
            if relation and hasattr(relation.on_delete, "operation"):
                return rebuilt(field, on_delete=relation.on_delete)
        return None

    def _versions(self, place: Place) -> list[Field]:
        return [each for each in self.draft.versions(place.key, place.field) if each]


_Loosen = Callable[[Relaxer, Place, Field, ModelState], Any]
_BY_RULE: dict[str, _Loosen] = {
    "required-column": Relaxer.omittable,
    "null-rejected": Relaxer.nullable,
    "missing-default": Relaxer.defaulting,
    "narrower-type": Relaxer.widened,
    "other-collation": Relaxer.uncollated,
    "foreign-key": Relaxer.unconstrained,
    "blocked-delete": Relaxer.deletable,
    "missing-cascade": Relaxer.relying,
    "stricter-unique": Relaxer.repeatable,
}


def _following(field: Field, ways: list[Any]) -> Any:
    """Return the way that comes after the one that a field has taken, if there is."""
    own = field.deconstruct()[1:]
    taken = [place for place, each in enumerate(ways) if each.deconstruct()[1:] == own]
    return next(iter(ways[max(taken, default=-1) + 1 :]), None)


def is_in_unique(model: ModelState, name: str) -> bool:
    """Tell whether a field takes part in a unique constraint over several."""
    together = normalize_together(model.options.get("unique_together", ()))
    constraints = [
        _fields_of(each, model)
        for each in model.options.get("constraints", ())
        if isinstance(each, models.UniqueConstraint)
    ]
    return any(name in names for names in (*together, *constraints))


def _fields_of(constraint: models.UniqueConstraint, model: ModelState) -> set[str]:
    columns = Columns({name: name for name in model.fields})
    freeze(constraint.expressions, columns)
    return {*constraint.fields, *columns.used}


def _target(key: ModelKey, field: Field) -> ModelKey | None:
    """Return the model that a field relates to, if it does."""
    model = getattr(field.remote_field, "model", None)
    return resolve_relation(model, *key) if model else None
