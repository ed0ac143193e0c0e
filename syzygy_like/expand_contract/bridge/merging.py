"""A state between two others, merged from elements of both."""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.db import models
from django.db.migrations.state import ModelState, ProjectState
from django.db.models.options import normalize_together

from syzygy_like.expand_contract.bridge.locations import Location, together_name
from syzygy_like.schema import ModelKey
from syzygy_like.schema.names import targets
from syzygy_like.schema.types import Field

# An app, a model (app label and name) or a field (of a model, by name).
Element = tuple[str, ...]


class Side(enum.Enum):
    """Whose variant of an element is taken: one version's, or something of both."""

    NEW = enum.auto()
    OLD = enum.auto()
    BOTH = enum.auto()


class StateMerge:
    """
    A state of which each element is the new one, the old one, or made of both.

    Everything is new to begin with. An element that cannot stay new becomes the old
    one, and then one of both: its own elements are compared, and may be edited.
    """

    def __init__(self, old: ProjectState, new: ProjectState):
        self.old = old
        self.new = new
        self._sides: dict[Element, Side] = defaultdict(lambda: Side.NEW)
        self._fields: dict[Element, Field] = {}
        self._dropped: set[tuple[ModelKey, str]] = set()

    def whole(self, location: Location) -> Element | None:
        """Return the largest element around a location that one version has, if any."""
        elements: list[Element] = [location.key[:1]]
        if location.key in self.old.models and location.key in self.new.models:
            elements.append(location.key)
        if all(self.pair(location.key, location.field)):
            elements.append((*location.key, location.field))
        return next(
            (each for each in elements if self._sides[each] is not Side.BOTH), None
        )

    def fall_back(self, element: Element) -> None:
        """Take the old variant of an element; if that is taken, make it of both."""
        was_new = self._sides[element] is Side.NEW
        self._sides[element] = Side.OLD if was_new else Side.BOTH

    def edit(self, key: ModelKey, name: str, field: Field) -> None:
        """Take another variant of a field."""
        self._fields[(*key, name)] = field

    def drop(self, key: ModelKey, constraint: str) -> bool:
        """Leave out a constraint; tell whether it was there."""
        wanted = (key, constraint)
        if wanted in self._dropped:
            return False
        self._dropped.add(wanted)
        return True

    @property
    def mixed(self) -> frozenset[str]:
        """The labels of the apps that are neither the old nor the new one."""
        return frozenset(
            element[0]
            for element, side in self._sides.items()
            if len(element) == 1 and side is Side.BOTH
        )

    def pair(self, key: ModelKey, name: str) -> tuple[Field | None, Field | None]:
        """Return a field as the old and as the new state have it."""
        pair = (self.old.models.get(key), self.new.models.get(key))
        old, new = (model.fields.get(name) if model else None for model in pair)
        return old, new

    def state(self) -> ProjectState:
        """Return the state as it is now."""
        state = ProjectState(real_apps=set(self.old.real_apps))
        for key in {**self.new.models, **self.old.models}:
            model = self._model(key)
            if model is not None:
                state.models[key] = model
        self._keep_targets(state)
        return state

    def _keep_targets(self, state: ProjectState) -> None:
        """Keep models without tables, such as proxies, while a field refers to them."""
        queue = list(state.models.values())
        for model in queue:
            for key in targets(model):
                if key not in state.models and key in self.old.models:
                    state.models[key] = self.old.models[key]
                    queue.append(state.models[key])

    def _model(self, key: ModelKey) -> ModelState | None:
        old, new = self.old.models.get(key), self.new.models.get(key)
        side = self._sides[key[:1]]
        if side is Side.BOTH and old and new:
            side = self._sides[key]
            if side is Side.BOTH:
                return self._merged(key, old, new)
        elif side is Side.BOTH:
            return self._edited(key, old or new)
        return old if side is Side.OLD else new

    def _edited(self, key: ModelKey, model: ModelState | None) -> ModelState | None:
        if model is None:
            return None
        edited = model.clone()
        edited.fields = {
            name: self._fields.get((*key, name), field)
            for name, field in model.fields.items()
        }
        return edited

    def _merged(self, key: ModelKey, old: ModelState, new: ModelState) -> ModelState:
        merged = new.clone()
        merged.fields = dict(self._merged_fields(key, old, new))
        merged.options.update(self._merged_options(key, old, new))
        if _orders_once(old, new):
            merged.options.pop("order_with_respect_to", None)
        return merged

    def _merged_fields(
        self, key: ModelKey, old: ModelState, new: ModelState
    ) -> Iterator[tuple[str, Field]]:
        for name, field in {**new.fields, **old.fields}.items():
            shared = name in old.fields and name in new.fields
            chosen = field
            if shared and self._sides[(*key, name)] is not Side.OLD:
                chosen = new.fields[name]
            if not shared or self._sides[(*key, name)] is Side.BOTH:
                chosen = self._fields.get((*key, name), chosen)
            yield name, chosen
        if _orders_once(old, new):
            # The column of Meta.order_with_respect_to, which one version only has.
            yield "_order", self._fields.get((*key, "_order"), models.OrderWrt())

    def _merged_options(
        self, key: ModelKey, old: ModelState, new: ModelState
    ) -> dict[str, object]:
        constraints = _by_name(old, new, "constraints")
        together = [
            names
            for model in (new, old)
            for names in normalize_together(model.options.get("unique_together", ()))
        ]
        merged: dict[str, object] = {
            "constraints": [
                each for each in constraints if (key, each.name) not in self._dropped
            ],
            "indexes": _by_name(old, new, "indexes"),
        }
        if together:
            merged["unique_together"] = {
                names
                for names in together
                if (key, together_name(names)) not in self._dropped
            }
        return merged


def _by_name(old: ModelState, new: ModelState, option: str) -> list[Any]:
    """Return constraints or indexes of both models; of namesakes the new one."""
    newest = new.options.get(option, ())
    names = {each.name for each in newest}
    return [
        *newest,
        *(each for each in old.options.get(option, ()) if each.name not in names),
    ]


def _orders_once(old: ModelState, new: ModelState) -> bool:
    """Tell whether one of two models only is ordered with respect to another one."""
    orders = [model.options.get("order_with_respect_to") for model in (old, new)]
    return orders.count(None) == 1
