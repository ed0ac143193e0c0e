"""What becomes of a row whose target is deleted: on_delete, without a code to ask."""

from __future__ import annotations

import enum

from syzygy_like.schema.types import Field


class OnDelete(enum.Enum):
    """What becomes of a row whose target is deleted."""

    CASCADE = "it is deleted, too"
    SET_NULL = "its reference is set to NULL"
    SET_DEFAULT = "its reference is set to a constant default"
    PROTECT = "it keeps its target from being deleted"


def on_delete_of(field: Field) -> OnDelete:
    """
    Return what should happen to a row when its target is deleted by any version.

    A version that does not know the foreign key cannot call SET() or a default: such
    a reference is set to NULL where that is allowed. Everything else protects the
    target, as that loses nothing: DO_NOTHING, which leaves it to the database to
    refuse, and functions that are not Django's.
    """
    kind = kind_of(field).removeprefix("DB_")
    if kind == "CASCADE":
        return OnDelete.CASCADE
    if kind == "SET_DEFAULT" and not callable(field.default):
        return OnDelete.SET_NULL if field.default is None else OnDelete.SET_DEFAULT
    if kind in ("SET_NULL", "SET_DEFAULT", "set_on_delete") and field.null:
        return OnDelete.SET_NULL
    return OnDelete.PROTECT


def kind_of(field: Field) -> str:
    """Return the name of a relation's ``on_delete``, of SET() that of its function."""
    on_delete = field.remote_field and field.remote_field.on_delete
    return str(getattr(on_delete, "__name__", ""))
