"""Messages about changes of models: what to watch for, and what cannot be done."""

from __future__ import annotations

import textwrap

from django.db.migrations import Migration
from django.db.migrations.writer import MigrationWriter
from django.db.models.fields import NOT_PROVIDED

from syzygy_like.compatibility.wording import NEW, OLD, clause
from syzygy_like.expand_contract.bridge import NoBridgeError
from syzygy_like.expand_contract.bridge.fields import rebuilt
from syzygy_like.expand_contract.change import ModelChange
from syzygy_like.schema.names import column_name, table_name
from syzygy_like.schema.types import Field
from syzygy_like.stages import Stage

PAGE = 'See the page "Change models" of the documentation.'


def repeated(field: str) -> str:
    """Warn of a unique field that gets one value in all rows."""
    return (
        f"{field} is unique, but all rows that exist would get the same value: give "
        "each its own in the contract migration, before the field is altered."
    )


def stage(stage: Stage) -> str:
    """Return what is said of a new file: "pre-deploy"..."""
    return stage.label if stage else "fits no stage"


def unwritten(error: OSError) -> str:
    """Say that files could not be written, and that none is left."""
    return f"No migration was written, for one of the files could not be: {error}"


def unsplit(migration: Migration) -> str:
    """Say how to go on from a migration that fits no stage."""
    return (
        f"{migration} fits no stage now. This command splits it: "
        f"makemigrations --split {migration.app_label} {migration.name}"
    )


def no_bridge(error: NoBridgeError, model_change: ModelChange) -> str:
    """Say why old and new code cannot share a database, and how to get there."""
    return "\n\n".join([_why(error, model_change), _steps(error, model_change), PAGE])


def refused(error: NoBridgeError, model_change: ModelChange) -> str:
    """Say the same where nobody could be asked."""
    return f"{no_bridge(error, model_change)}\n\n{_UNASKED}"


def _subject(error: NoBridgeError, model_change: ModelChange) -> str:
    place = error.place
    state = (
        model_change.new if place.key in model_change.new.models else model_change.old
    )
    name = state.models[place.key].name
    part = place.field or place.constraint
    return f"{place.key[0]}.{name}.{part}" if part else f"{place.key[0]}.{name}"


def _why(error: NoBridgeError, model_change: ModelChange) -> str:
    subject = _subject(error, model_change)
    start = (
        f"{subject} cannot change in one release: no database suits the code now "
        "serving and the new code at the same time."
    )
    return "\n".join(map(_wrapped, [start, _reason(error)]))


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 88, break_on_hyphens=False, break_long_words=False)


def _reason(error: NoBridgeError) -> str:
    if error.problem is not None:
        code = clause(error.problem, OLD if error.old else NEW)
        return f"{error.problem.subject}: {code}. [{error.problem.rule}]"
    if error.name:
        return f"What goes and what comes both want {error.name!r}."
    return "Django cannot alter it in place."


def _steps(error: NoBridgeError, model_change: ModelChange) -> str:
    old = model_change.old.models.get(error.place.key)
    new = model_change.new.models.get(error.place.key)
    rule = error.problem.rule if error.problem else "clash"
    if old is None or new is None:
        return _MOVED.format(name=error.name)
    if rule == "missing-table" and table_name(old) != table_name(new):
        return _TABLE.format(model=new.name, table=table_name(old))
    if rule in ("primary-key", "missing-sequence"):
        return _KEY.format(model=new.name)
    if error.name and not error.place.field:
        return _TABLE.format(model=new.name, table=table_name(old))
    if error.name:
        return _TAKEN.format(name=error.place.field)
    name = error.place.field
    before, field = old.fields.get(name), new.fields.get(name)
    if before is None or field is None:
        return _OTHER.format(subject=_subject(error, model_change))
    column = column_name(name, before)
    if rule == "missing-column" and column != column_name(name, field):
        return _COLUMN.format(field=f"{new.name}.{name}", column=column)
    return _two_releases(new.name, name, field)


def _two_releases(model: str, name: str, field: Field) -> str:
    """Spell out how to change a field under another name."""
    template = _FIELD
    if field.many_to_many:
        template = _RELATION
    elif field.generated:
        template = _GENERATED
    else:
        field = rebuilt(field, null=True, default=NOT_PROVIDED, db_column=NOT_PROVIDED)
    text, _ = MigrationWriter.serialize(field)
    text = text.replace("django.db.models.deletion.", "models.")
    return template.format(model=model, name=name, added=f"new_{name}", field=text)


_FIELD = """\
Fix: change it over two releases, under another name first.

  Release 1  Add the new field beside {model}.{name}:
                 {added} = {field}
             Write both fields, read {name}. When it is rolled out everywhere, copy
             the rows that have no {added} yet with a data migration.
  Release 2  Read and write {added} only, and remove {name} from {model}.

makemigrations writes what each of them needs. To keep the name in Python, rename
{added} to {name} in a third release, with db_column="{added}"."""

_RELATION = """\
Fix: change it over two releases, under another name first.

  Release 1  Add the new relation beside {model}.{name}:
                 {added} = {field}
             Write both relations, read {name}. When it is rolled out everywhere, copy
             the rows with a data migration.
  Release 2  Read and write {added} only, and remove {name} from {model}.

makemigrations writes what each of them needs."""

_GENERATED = """\
Fix: change it over two releases, under another name first.

  Release 1  Add the new field beside {model}.{name}, and read that:
                 {added} = {field}
  Release 2  Remove {name} from {model}.

makemigrations writes what each of them needs."""

_TAKEN = """\
Fix: if {name} is another name for what there is, it was renamed: run makemigrations
without --noinput, and say so when it asks. If it is something else, give it a
db_column of its own."""

_COLUMN = """\
Fix: keep db_column="{column}" on {field}. To move it to another column, add a field
for that, copy the rows, and remove this one a release later."""

_TABLE = """\
Fix: keep db_table = "{table}" in class Meta of {model}. To move it to another table,
add a model for that, write both, copy the rows, and remove this one a release later."""

_KEY = """\
Fix: exchange the primary key of {model} over two releases.

  Release 1  Add the new key as an ordinary field, null=True and unique=True, and to
             each model that refers to {model} a second relation by it (to_field).
             Write both; when it is rolled out everywhere, copy the rows.
  Release 2  Read and write the new relations only, and remove the old ones.

The old primary key can stay as it is: nothing has to refer to it any more."""

_MOVED = """\
Fix: if a model moves to another app, keep its table: write a migration for each app
with SeparateDatabaseAndState, whose state_operations only delete and create the
model, with db_table = "{name}". If it is another model, give it another table."""

_OTHER = """\
Fix: add what is new beside {subject} in this release, under another name; write both
and copy the rows; remove what is old in the next one."""

_UNASKED = """\
Nothing was written. If something was only renamed, run makemigrations without
--noinput, and say so."""
