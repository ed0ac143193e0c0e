"""Rules on single columns."""

from __future__ import annotations

from collections.abc import Iterator

from syzygy_like.compatibility.rules import Comparison, Problem, rule


@rule("required-column")
def required_column(comparison: Comparison) -> Iterator[Problem]:
    """
    The code's INSERT leaves out a column that needs a value: it is NOT NULL and has
    no default in the database (Field.default is none).
    """
    if not comparison.known:
        return
    for column in comparison.unwritten.values():
        if not column.omittable:
            yield comparison.problem("required-column", column)


@rule("null-rejected")
def null_rejected(comparison: Comparison) -> Iterator[Problem]:
    """The code writes NULL to a column that the database has as NOT NULL."""
    for mine, theirs in comparison.shared:
        if mine.null and not mine.generated and not theirs.null:
            yield comparison.problem("null-rejected", theirs)


@rule("null-read")
def null_read(comparison: Comparison) -> Iterator[Problem]:
    """The code may read NULL from a column that is NOT NULL by its models."""
    for mine, theirs in comparison.shared:
        if theirs.null and not mine.null:
            yield comparison.problem("null-read", theirs, hazard=True)


@rule("missing-default")
def missing_default(comparison: Comparison) -> Iterator[Problem]:
    """The code leaves a value to a default that the database does not have."""
    for mine, theirs in comparison.shared:
        if mine.default and not (theirs.default or theirs.auto):
            yield comparison.problem("missing-default", theirs)


@rule("missing-sequence")
def missing_sequence(comparison: Comparison) -> Iterator[Problem]:
    """The code leaves a key to the database, which does not number its rows."""
    for mine, theirs in comparison.shared:
        if mine.auto and not (theirs.auto or theirs.default):
            yield comparison.problem("missing-sequence", theirs)


@rule("generated-column")
def generated_column(comparison: Comparison) -> Iterator[Problem]:
    """The code writes a column whose values the database generates."""
    for mine, theirs in comparison.shared:
        if theirs.generated and not mine.generated:
            yield comparison.problem("generated-column", theirs)


@rule("computed-column")
def computed_column(comparison: Comparison) -> Iterator[Problem]:
    """
    The database computes a column in another way than the code knows, and rejects
    rows for which the result does not fit.
    """
    for column in comparison.unwritten.values() if comparison.known else ():
        own = comparison.code.columns.get(column.name) if comparison.code else None
        if column.generated and not (own and own.generated == column.generated):
            yield comparison.problem("computed-column", column, hazard=True)


@rule("other-type")
def other_type(comparison: Comparison) -> Iterator[Problem]:
    """
    The code reads and writes a column as one type, the database has another.

    A field of a class that is not Django's, and that only has other arguments, is a
    hazard: what it stores may be something else, or just the same.
    """
    for mine, theirs in comparison.shared:
        if not theirs.type.same_kind(mine.type):
            detail = f"{theirs.type}, not {mine.type}"
            yield comparison.problem("other-type", theirs, detail=detail)
        elif theirs.type.arguments != mine.type.arguments:
            yield comparison.problem(
                "other-type", theirs, detail="arguments", hazard=True
            )


@rule("narrower-type")
def narrower_type(comparison: Comparison) -> Iterator[Problem]:
    """The code writes values that are too long or too large for the column."""
    for mine, theirs in comparison.shared:
        if mine.generated or not theirs.type.same_kind(mine.type):
            continue
        if not theirs.type.holds(mine.type):
            detail = f"{theirs.type}, not {mine.type}"
            yield comparison.problem("narrower-type", theirs, detail=detail)


@rule("other-collation")
def other_collation(comparison: Comparison) -> Iterator[Problem]:
    """
    The database compares a column by a collation that the code does not expect:
    more values may be equal, so that unique rejects them, and LIKE may not work.

    Code that expects a collation of its own where the database has none is only a
    hazard: its comparisons find other rows.
    """
    for mine, theirs in comparison.shared:
        if mine.collation != theirs.collation:
            detail = theirs.collation or mine.collation or ""
            hazard = not theirs.collation
            yield comparison.problem(
                "other-collation", theirs, detail=detail, hazard=hazard
            )


@rule("foreign-key")
def foreign_key(comparison: Comparison) -> Iterator[Problem]:
    """The code writes values that a foreign key which it does not know rejects."""
    for mine, theirs in comparison.shared:
        target = theirs.reference
        if target is None or not target.constraint or mine.generated:
            continue
        known = mine.reference
        if not (known and known.constraint and known.same_target(target)):
            yield comparison.problem("foreign-key", theirs, detail=target.table)


@rule("missing-cascade")
def missing_cascade(comparison: Comparison) -> Iterator[Problem]:
    """
    The code leaves it to the database to delete or clear the rows that refer to a
    row that goes, and the database refuses.
    """
    for mine, theirs in comparison.shared:
        if mine.reference is None or not mine.reference.on_delete:
            continue
        actual = theirs.reference
        if actual and actual.constraint and not actual.on_delete:
            detail = mine.reference.on_delete
            yield comparison.problem("missing-cascade", theirs, detail=detail)
