"""How to relax a field that one of two versions cannot run on, rule by rule."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from django.db import models
from django.db.migrations.state import ModelState
from django.db.migrations.utils import resolve_relation
from django.db.models.fields import NOT_PROVIDED
from django.db.models.options import normalize_together

from syzygy_like.expand_contract.bridge.locations import Location
from syzygy_like.expand_contract.bridge.merging import StateMerge
from syzygy_like.schema import ModelKey
from syzygy_like.schema.database_defaults import DatabaseDefaults
from syzygy_like.schema.deletion import OnDelete, on_delete_of
from syzygy_like.schema.expressions import Columns, freeze
from syzygy_like.schema.names import is_parent_link
from syzygy_like.schema.types import INTEGERS, ColumnType, Field, column_type

FieldKey = tuple[str, str, str]
OneOffs = dict[FieldKey, object]


class Relaxer:
    """Knows for each rule how to change a field that breaks it."""

    def __init__(
        self,
        merge: StateMerge,
        database_defaults: DatabaseDefaults,
        one_offs: OneOffs,
        copied: Collection[FieldKey] = (),
    ):
        self.merge = merge
        self.database_defaults = database_defaults
        self.one_offs = one_offs
        self.copied = copied

    def field(
        self, rule: str, location: Location, field: Field, model: ModelState
    ) -> Field | None:
        """Return a field that keeps a rule, None if there is none."""
        expand = _BY_RULE.get(rule)
        if expand is None or field.generated:
            return None
        try:
            return expand(self, location, field, model)
        except (TypeError, ValueError):  # a class of its own, which takes no such thing
            return None

    def omittable(
        self, location: Location, field: Field, model: ModelState
    ) -> Field | None:
        key = (*location.key, location.field)
        if key in self.copied:
            return nullable(field)  # a default could not be told from a copy
        one_off = self.one_offs.get(key, NOT_PROVIDED)
        if location.field == "_order":
            one_off = 0  # as AlterOrderWithRespectTo has it
        unique = is_in_unique(model, location.field)
        return omittable(field, self.database_defaults, one_off, unique)

    def nullable(
        self, location: Location, field: Field, model: ModelState
    ) -> Field | None:
        return nullable(field)

    def unconstrained(
        self, location: Location, field: Field, model: ModelState
    ) -> Field | None:
        targets = [_target(location.key, each) for each in self._variants(location)]
        known = {each for each in targets if each}
        # Rows that refer to another table are no rows of this one.
        return unconstrained(field) if len(known) < 2 else None

    def deletable(
        self, location: Location, field: Field, model: ModelState
    ) -> Field | None:
        """Let the targets go: the database sees to the rows that refer, if it can."""
        old, new = self.merge.pair(location.key, location.field)
        if old and new:
            return unconstrained(field)
        ways = [disposing(field, each) for each in self._actions(location, field)]
        if isinstance(field, models.ForeignKey):
            relation = (old or new or field).remote_field
            on_delete = relation and relation.on_delete
            ways.append(rebuild(field, db_constraint=False, on_delete=on_delete))
        else:
            ways.append(unconstrained(field))
        return _following(field, [each for each in ways if each is not None])

    def _actions(self, location: Location, field: Field) -> list[OnDelete]:
        """
        Return what may become of rows whose target goes, the best first.

        A field that comes knows best. One that goes must not take rows along that the
        new version keeps; only the old version has the rows of a whole model that goes,
        and its own on_delete is right for them.
        """
        old, _ = self.merge.pair(location.key, location.field)
        # What is copied may refer to what is gone already.
        if (
            not self.database_defaults.disposes
            or (*location.key, location.field) in self.copied
        ):
            return []
        if old is None:
            return [on_delete_of(field)]
        if location.key in self.merge.new.models:
            return [OnDelete.SET_NULL]
        return [on_delete_of(old), OnDelete.SET_NULL if old.null else OnDelete.CASCADE]

    def repeatable(
        self, location: Location, field: Field, model: ModelState
    ) -> Field | None:
        return repeatable(field)

    def defaulting(
        self, location: Location, field: Field, model: ModelState
    ) -> Field | None:
        for version in self._variants(location):
            if version.db_default is not NOT_PROVIDED:
                return rebuild(field, db_default=version.db_default)
        return None

    def widen(
        self, location: Location, field: Field, model: ModelState
    ) -> Field | None:
        versions = self._variants(location)
        return widen(field, *versions, unsigned=self.database_defaults.unsigned)

    def uncollated(
        self, location: Location, field: Field, model: ModelState
    ) -> Field | None:
        return rebuild(field, db_collation=NOT_PROVIDED)

    def relying(
        self, location: Location, field: Field, model: ModelState
    ) -> Field | None:
        for version in self._variants(location):
            on_delete = version.remote_field and version.remote_field.on_delete
            if hasattr(on_delete, "operation"):
                return rebuild(field, on_delete=on_delete)
        return None

    def _variants(self, location: Location) -> list[Field]:
        return [each for each in self.merge.pair(location.key, location.field) if each]


_Relax = Callable[[Relaxer, Location, Field, ModelState], Field | None]
_BY_RULE: dict[str, _Relax] = {
    "required-column": Relaxer.omittable,
    "null-rejected": Relaxer.nullable,
    "missing-default": Relaxer.defaulting,
    "narrower-type": Relaxer.widen,
    "other-collation": Relaxer.uncollated,
    "foreign-key": Relaxer.unconstrained,
    "blocked-delete": Relaxer.deletable,
    "missing-cascade": Relaxer.relying,
    "stricter-unique": Relaxer.repeatable,
}


def _following(field: Field, ways: list[Field]) -> Field | None:
    """Return the way that comes after the one that a field has taken, if there is."""
    own = field.deconstruct()[1:]
    taken = [
        number for number, each in enumerate(ways) if each.deconstruct()[1:] == own
    ]
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


def rebuild(field: Field, cls: type[Field] | None = None, **changes: object) -> Field:
    """Return a field with other arguments; NOT_PROVIDED takes one away."""
    _, _, args, kwargs = field.deconstruct()
    kwargs.update(changes)
    kept = {name: arg for name, arg in kwargs.items() if arg is not NOT_PROVIDED}
    return (cls or type(field))(*args, **kept)


def nullable(field: Field) -> Field | None:
    """Return a field that allows NULL, None for a key or a generated column."""
    if field.primary_key or field.generated or field.many_to_many:
        return None
    # A default would be put into the rows that exist, whatever it is made by.
    return rebuild(field, null=True, default=NOT_PROVIDED)


def omittable(
    field: Field, database_defaults: DatabaseDefaults, one_off: object, unique: bool
) -> Field | None:
    """
    Return a field whose column INSERT may leave out, None if there is none.

    ``one_off`` is the value that the author gave for rows that exist, NOT_PROVIDED
    if there is none; ``unique`` tells whether no two rows may have the same.
    """
    if field.primary_key or field.generated:
        return None
    unique = unique or field.unique
    db_default = database_defaults.default(field, one_off, unique)
    if db_default is NOT_PROVIDED:
        return nullable(field)
    if callable(field.default):
        return rebuild(field, db_default=db_default, default=NOT_PROVIDED)
    return rebuild(field, db_default=db_default)


def unconstrained(field: Field) -> Field | None:
    """Return a relation that the database does not enforce, None for other fields."""
    if isinstance(field, (models.ForeignKey, models.ManyToManyField)):
        return rebuild(field, db_constraint=False)
    return None


def disposing(field: Field, on_delete: OnDelete) -> Field | None:
    """
    Return a foreign key of which the database itself does ON DELETE.

    None where Django has no such thing (6.1, "ForeignKey.on_delete"), or not for this
    action or field.
    """
    if not isinstance(field, models.ForeignKey) or is_parent_link(field):
        return None
    if not hasattr(models, "DB_CASCADE"):
        return None
    if on_delete is OnDelete.CASCADE:
        return rebuild(field, on_delete=models.DB_CASCADE)
    cleared = field if field.null else nullable(field)
    if on_delete is not OnDelete.SET_NULL or cleared is None:
        return None
    return rebuild(cleared, on_delete=models.DB_SET_NULL)


def repeatable(field: Field) -> Field | None:
    """Return a field whose values need not be unique, None for a key."""
    if field.primary_key:
        return None
    if isinstance(field, models.OneToOneField):
        return rebuild(field, models.ForeignKey)
    return rebuild(field, unique=False)


def widen(field: Field, *others: Field, unsigned: bool = False) -> Field | None:
    """
    Return a field that holds what it and others hold, None if there is none.

    ``unsigned`` tells whether positive integers use the bit of the sign for values.
    """

    def held(field: Field) -> ColumnType:
        return column_type(field).unsigned() if unsigned else column_type(field)

    wanted = [held(each) for each in (field, *others)]
    for candidate in _candidates(field, others):
        actual = held(candidate)
        if all(actual.same_kind(each) and actual.holds(each) for each in wanted):
            return candidate
    return None


def _candidates(field: Field, others: tuple[Field, ...]) -> Iterator[Field]:
    every = (field, *others)
    if all(isinstance(each, models.DecimalField) for each in every):
        places = max(each.decimal_places for each in every)  # type: ignore[attr-defined]
        whole = max(each.max_digits - each.decimal_places for each in every)  # type: ignore[attr-defined]
        yield rebuild(field, max_digits=whole + places, decimal_places=places)
        return
    kind = field.get_internal_type()
    if kind in INTEGERS and not field.primary_key:
        for name in INTEGERS:
            if not name.endswith("AutoField"):
                yield rebuild(field, getattr(models, name))
        return
    sizes = [each.max_length for each in every]
    known = [size for size in sizes if size is not None]
    if len(known) == len(every):
        yield rebuild(field, max_length=max(known))
    elif known:
        yield rebuild(field, models.TextField, max_length=NOT_PROVIDED)
