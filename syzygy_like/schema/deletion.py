"""What a relation wants to become of a row whose target is deleted."""

from __future__ import annotations

import enum
from typing import Any

from syzygy_like.schema.types import Field


class Fate(enum.Enum):
    """What becomes of a row whose target is deleted."""

    GOES = "it is deleted, too"
    CLEARED = "its reference is set to NULL"
    RESET = "its reference is set to a constant default"
    HOLDS = "it keeps its target from being deleted"


def fate(field: Field) -> Fate:
    """
    Return what a foreign key wants for its rows, whoever deletes the target.

    Code that does not know the key cannot ask what SET() or a default that is called
    would give: such a reference is cleared if it may be NULL. What is left has no right
    answer but to keep the target, for that loses nothing: DO_NOTHING, which leaves it
    to the database to refuse, and functions that are not Django's.
    """
    kind = kind_of(field).removeprefix("DB_")
    if kind == "CASCADE":
        return Fate.GOES
    if kind == "SET_DEFAULT" and not callable(field.default):
        return Fate.CLEARED if field.default is None else Fate.RESET
    if kind in ("SET_NULL", "SET_DEFAULT", "set_on_delete") and field.null:
        return Fate.CLEARED
    return Fate.HOLDS


def kind_of(field: Field) -> str:
    """Return the name of a relation's ``on_delete``, of SET() that of its function."""
    remote: Any = field.remote_field
    return str(getattr(remote.on_delete, "__name__", ""))
