"""Questions and messages of makemigrations about changes of models."""

from __future__ import annotations

import textwrap

from django.db.migrations import Migration
from django.db.migrations.writer import MigrationWriter
from django.db.models.fields import NOT_PROVIDED

from syzygy_like.compatibility.wording import NEW, OLD, clause
from syzygy_like.expand_contract.bridge import NoBridgeError
from syzygy_like.expand_contract.bridge.relaxing import rebuild
from syzygy_like.expand_contract.change import ModelChange
from syzygy_like.expand_contract.renames import Rename
from syzygy_like.schema.names import column_name, table_name
from syzygy_like.schema.types import Field
from syzygy_like.stages import Stage

PAGE = "See docs/how-to/change-models.rst."
SELECT = "Select an option [1]: "
CANCELLED = "\nCancelled."
UNSAFE = "Make it in one migration anyway? Queries will fail. [y/N] "
_NAMED = "Django names these columns after the models."


def repeated(field: str) -> str:
    """Warn about a unique field that gets one value in all rows."""
    return (
        f"{field} is unique, but all existing rows would get the same value. In the "
        "contract migration, give each row its own value before the field is altered."
    )


def stage(stage: Stage) -> str:
    """Return the remark about a new file: "pre-deploy"..."""
    return stage.label if stage else "fits no stage"


def unwritten(error: OSError) -> str:
    """Say that a file could not be written, and that none is left."""
    return f"No migration was written, because a file cannot be written: {error}"


def unsplit(migration: Migration) -> str:
    """Say how to split a migration that fits no stage."""
    return (
        f"{migration} now fits no stage. Split it with: "
        f"makemigrations --split {migration.app_label} {migration.name}"
    )


def no_bridge(error: NoBridgeError, model_change: ModelChange) -> str:
    """Say why no database works for both versions, and what to do step by step."""
    return "\n\n".join([_why(error, model_change), _steps(error, model_change), PAGE])


def refused(error: NoBridgeError, model_change: ModelChange) -> str:
    """Say the same with --noinput."""
    return f"{no_bridge(error, model_change)}\n\n{_UNASKED}"


def _subject(error: NoBridgeError, model_change: ModelChange) -> str:
    location = error.location
    state = (
        model_change.new
        if location.key in model_change.new.models
        else model_change.old
    )
    name = state.models[location.key].name
    part = location.field or location.constraint
    return f"{location.key[0]}.{name}.{part}" if part else f"{location.key[0]}.{name}"


def _why(error: NoBridgeError, model_change: ModelChange) -> str:
    subject = _subject(error, model_change)
    start = (
        f"{subject} cannot change in one release: no schema is compatible "
        "with both the old version and the new version."
    )
    return "\n".join(map(_wrapped, [start, _reason(error)]))


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 88, break_on_hyphens=False, break_long_words=False)


def _reason(error: NoBridgeError) -> str:
    if error.problem is not None:
        code = clause(error.problem, OLD if error.old else NEW)
        return f"{error.problem.subject}: {code}. [{error.problem.rule}]"
    if error.name:
        return f"The old and the new one both need the name {error.name!r}."
    return "Django cannot alter it in place."


def _steps(error: NoBridgeError, model_change: ModelChange) -> str:
    old = model_change.old.models.get(error.location.key)
    new = model_change.new.models.get(error.location.key)
    rule = error.problem.rule if error.problem else "clash"
    if old is None or new is None:
        return _MOVED.format(name=error.name)
    if rule == "missing-table" and table_name(old) != table_name(new):
        return _TABLE.format(model=new.name, table=table_name(old))
    if rule in ("primary-key", "missing-sequence"):
        return _KEY.format(model=new.name)
    if error.name and not error.location.field:
        return _TABLE.format(model=new.name, table=table_name(old))
    if error.name:
        return _TAKEN.format(name=error.location.field)
    name = error.location.field
    before, field = old.fields.get(name), new.fields.get(name)
    if before is None or field is None:
        return _OTHER.format(subject=_subject(error, model_change))
    column = column_name(name, before)
    if rule == "missing-column" and column != column_name(name, field):
        return _COLUMN.format(field=f"{new.name}.{name}", column=column)
    return _two_releases(new.name, name, field)


def _two_releases(model: str, name: str, field: Field) -> str:
    """Say how to change a field under another name."""
    template = _FIELD
    if field.many_to_many:
        template = _RELATION
    elif field.generated:
        template = _GENERATED
    else:
        field = rebuild(field, null=True, default=NOT_PROVIDED, db_column=NOT_PROVIDED)
    text, _ = MigrationWriter.serialize(field)
    text = text.replace("django.db.models.deletion.", "models.")
    return template.format(model=model, name=name, added=f"new_{name}", field=text)


def question(rename: Rename) -> str:
    """Ask what to do with the column or table of a renamed field or model."""
    if not rename.kept:
        return (
            f"The model {rename.new} was called {rename.old!r}, and so is a column of "
            f"a many-to-many table: {_NAMED}\nPlease choose what to do with it:"
        )
    what = "column" if rename.is_field else "table"
    kind = "field" if rename.is_field else "model"
    name = f"{rename.model}.{rename.new}" if rename.is_field else rename.new
    return (
        f"The {kind} {name} was called {rename.old!r}, and its {what} is "
        f"{rename.kept!r}: the old version would miss it under another name.\n"
        "Please choose what to do with it:"
    )


def choices(rename: Rename) -> list[str]:
    """Return the answers to the question, the safest first."""
    keep = f"db_{'column' if rename.is_field else 'table'}={rename.kept!r}"
    answers = [
        f"Keep its name: quit, and set {keep} in models.py "
        "(nothing changes in the database).",
    ]
    if not rename.kept:
        answers = ["Quit, and keep the name of the model."]
    if rename.copies:
        answers.append(
            "Add a new column, copy the old one to it, and drop that after the deploy."
        )
    answers.append(
        "Rename it anyway, before the deploy: queries of the old version FAIL "
        "until it is gone."
    )
    return answers


def keep(rename: Rename) -> str:
    """Say how to keep the column or table of a renamed field or model."""
    if not rename.kept:
        return (
            f"{rename.old} cannot be renamed to {rename.new} in one release, because a "
            f"many-to-many table has a column of that name. {_NAMED} Nothing was "
            "written.\n\nFix: keep the name of the model. Or first replace the table "
            f"by a model of your own (through), over two releases. {PAGE}"
        )
    setting, owner = f'db_table = "{rename.kept}"', f"class Meta of {rename.model}"
    if rename.is_field:
        setting = f'db_column="{rename.kept}"'
        owner = f"{rename.model}.{rename.new}"
    kind = "field" if rename.is_field else "model"
    return (
        f"Add {setting} to {owner} in models.py, then run makemigrations again: the "
        f"{kind} is renamed in Python only. Nothing was written."
    )


def renamed_anyway(rename: Rename) -> str:
    """Warn about a rename that is done in place."""
    return (
        f"{rename.old} is renamed to {rename.new} in the database before the deploy: "
        "queries of the old version fail until it is gone."
    )


def separate(app_label: str, other: str) -> str:
    """Say that the command has to be run for one app after the other."""
    return (
        f"{app_label} and {other} have a field of the same name in models of the same "
        "name, so an answer about one could be taken for the other. Nothing was "
        f"written.\n\nFix: run makemigrations {app_label} first, then for {other}."
    )


_FIELD = """\
Fix: change it over two releases, under another name first.

  Release 1  Add the new field beside {model}.{name}:
                 {added} = {field}
             Write both fields, read {name}. When that is rolled out everywhere, copy
             the rows that have no {added} yet with a data migration.
  Release 2  Read and write {added} only, and remove {name} from {model}.

makemigrations writes what each of them needs. To keep the name in Python, rename
{added} to {name} in a third release, with db_column="{added}"."""

_RELATION = """\
Fix: change it over two releases, under another name first.

  Release 1  Add the new relation beside {model}.{name}:
                 {added} = {field}
             Write both relations, read {name}. When that is rolled out everywhere, copy
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
Fix: if {name} is a new name for the same thing, run makemigrations without
--noinput, and answer that it was renamed. If it is something else, give it a
db_column of its own."""

_COLUMN = """\
Fix: keep db_column="{column}" on {field}. To move it to another column, add a field
for that, copy the rows, and remove this one a release later."""

_TABLE = """\
Fix: keep db_table = "{table}" in class Meta of {model}. To move it to another table,
add a model for that, write both, copy the rows, and remove this one a release later."""

_KEY = """\
Fix: replace the primary key of {model} over two releases.

  Release 1  Add the new key as an ordinary field, null=True and unique=True, and to
             each model that refers to {model} a second relation by it (to_field).
             Write both. When that is rolled out everywhere, copy the rows.
  Release 2  Read and write the new relations only, and remove the old ones.

The old primary key can stay as it is: nothing refers to it any more."""

_MOVED = """\
Fix: if a model moves to another app, keep its table: write a migration for each app
with SeparateDatabaseAndState, whose state_operations only delete and create the
model, with db_table = "{name}". If it is another model, give it another table."""

_OTHER = """\
Fix: in this release add the new one beside {subject}, under another name; write both
and copy the rows. Remove the old one in the next release."""

_UNASKED = """\
Nothing was written. If something was only renamed, run makemigrations without
--noinput, and answer that it was renamed."""
