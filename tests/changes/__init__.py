"""
The catalogue of changes that people make to their models.

It is data, for the tests and for the documentation.
"""

from tests.changes import (
    added_fields,
    constraints,
    foreign_keys,
    many_to_many,
    nulls_and_defaults,
    refused,
    removed_fields,
    renames,
    several,
    tables,
    types,
)
from tests.changes.change import Change, Outcome

MODULES = (
    added_fields,
    removed_fields,
    nulls_and_defaults,
    types,
    constraints,
    foreign_keys,
    many_to_many,
    tables,
    renames,
    several,
    refused,
)
CHANGES: list[Change] = [change for module in MODULES for change in module.CHANGES]

__all__ = ["CHANGES", "Change", "Outcome"]
