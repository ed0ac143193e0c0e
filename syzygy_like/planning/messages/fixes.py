"""How to write a migration that fits no stage instead, with code to paste."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from django.db.migrations import (
    AddField,
    AlterField,
    AlterModelTable,
    Migration,
)
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.operations.base import Operation
from django.db.migrations.writer import OperationWriter

from syzygy_like.expand_contract.data_functions import sources
from syzygy_like.planning.explanation import Explanation, has_renames
from syzygy_like.planning.history import as_written
from syzygy_like.planning.messages.checks import listed
from syzygy_like.stages import Stage

UNKNOWN = (
    "Fix: use two releases. In the first, add the new columns or tables, write both "
    "the old and the new ones, and copy the data. In the second, when no version uses "
    "the old ones, remove them. If you know that the old version is compatible with "
    "{migration}, set its stage instead: stage = Stage.PRE_DEPLOY"
)


def fix(explanation: Explanation) -> str:
    """Say how to write a migration instead."""
    if not explanation.split:
        return UNKNOWN.format(migration=explanation.migration)
    names = list(_names(explanation))
    parts = [_headline(explanation, names), *_files(explanation, names)]
    app_label = explanation.migration.app_label
    if explanation.followers and len(names) > 1:
        followers = listed([f"{name}.py" for name in explanation.followers])
        parts.append(
            f'In {followers}, depend on ("{app_label}", "{names[-1]}") instead.'
        )
    if explanation.rewritten and has_renames(explanation.migration.operations):
        parts.append(_kept_names(explanation))
    else:
        migration = explanation.migration
        command = f"makemigrations --split {migration.app_label} {migration.name}"
        parts.append(f"This command does it: {command}")
    if explanation.rewritten and _adds_field(explanation):
        parts.append(
            "If one constant is right for the rows of the old version, it is simpler "
            "to give the field a db_default."
        )
    if _needs_two_deploys(explanation):
        parts.append("They need several deploys: release them one after the other.")
    return "\n\n".join(parts)


def _names(explanation: Explanation) -> Iterator[str]:
    """Yield the names of the files, of which the first one is there already."""
    migration = explanation.migration
    yield migration.name
    number: int | None = MigrationAutodetector.parse_number(migration.name)
    for index, (stage, operations) in enumerate(explanation.split[1:], start=1):
        suggested = _suggested_name(explanation, stage, operations)
        if number is None:
            yield f"{migration.name}_{suggested}"
        else:
            # The next number is free at the end of a history only.
            own = number if explanation.followers else number + index
            yield f"{own:04}_{suggested}"


def _suggested_name(
    explanation: Explanation, stage: Stage, operations: Sequence[Operation]
) -> str:
    if all(operation.migration_name_fragment for operation in operations):
        part = Migration("", explanation.migration.app_label)
        setattr(part, "operations", list(operations))  # noqa: B010
        return part.suggest_name()
    # Django would take the time of day.
    name = explanation.migration.name.lstrip("0123456789_") or "migration"
    return f"{name}_{stage.label.replace('-', '_')}"


def _headline(explanation: Explanation, names: Sequence[str]) -> str:
    path = f"{explanation.migration.app_label}/migrations/{names[0]}.py"
    if explanation.rewritten:
        return f"Fix: write {path} in steps:"
    kept = {id(operation) for operation in explanation.split[0][1]}
    moved = [
        str(each.number)
        for each in explanation.operation_stages
        if id(each.operation) not in kept
    ]
    targets = listed([f"{name}.py" for name in names[1:]])
    return f"Fix: move {listed(moved)} from {path} to {targets}:"


def _files(explanation: Explanation, names: Sequence[str]) -> Iterator[str]:
    """Yield the files to write; the first only if it has other operations now."""
    app_label = explanation.migration.app_label
    dependencies: Iterable[tuple[str, str]] = explanation.migration.dependencies
    for index, (stage, operations) in enumerate(explanation.split):
        if index or explanation.rewritten:
            atomic = explanation.migration.atomic
            yield _file(names[index], stage, dependencies, operations, atomic)
        dependencies = [(app_label, names[index])]


def _file(
    name: str,
    stage: Stage,
    dependencies: Iterable[tuple[str, str]],
    operations: Sequence[Operation],
    atomic: bool,
) -> str:
    code, imports = _code(operations)
    depends = []
    for app_label, value in map(as_written, dependencies):
        if app_label == "__setting__":
            imports.add("from django.conf import settings")
            depends.append(f"migrations.swappable_dependency(settings.{value})")
        else:
            depends.append(f'("{app_label}", "{value}")')
    lines = [
        f"# {name}.py ({stage.label})",
        *sorted(imports),
        "",
        *(_without_modules(each) for each in sources(operations)),
        "class Migration(migrations.Migration):",
        *(["    atomic = False"] if not atomic else []),
        f"    dependencies = [{', '.join(depends)}]",
        "    operations = [",
        *code,
        "    ]",
    ]
    return textwrap.indent("\n".join(lines), "    ")


def _code(operations: Sequence[Operation]) -> tuple[list[str], set[str]]:
    """Return operations as they are written in a file, and the imports they need."""
    code = []
    imports = {"from django.db import migrations"}
    for operation in operations:
        try:
            text, needed = OperationWriter(operation, indentation=2).serialize()
        except Exception:  # a lambda, for instance, cannot be written
            text, needed = f"        ...,  # {operation.describe()}", set()
        text, needed = _without_special_imports(text, needed)
        code.append(text)
        imports |= needed
    if any("models." in text for text in code):
        imports.remove("from django.db import migrations")
        imports.add("from django.db import migrations, models")
    return code, imports


def _without_modules(source: str) -> str:
    """Return a function that calls others of a migration's file by their names."""
    return re.sub(r"\b[\w.]+\.[0-9]\w*\.(?=[a-zA-Z_]\w*\()", "", source)


def _without_special_imports(text: str, imports: set[str]) -> tuple[str, set[str]]:
    """Return code that does not import other migrations, as nothing can."""
    kept = set()
    for line in imports - {"from django.db import models"}:
        module = line.removeprefix("import ")
        if module == "django.db.migrations.operations.special":
            text = text.replace(f"{module}.", "migrations.")
        elif re.search(r"\.[0-9]\w*$", module):
            text = text.replace(f"{module}.", "")
            kept.add(f"# Move the functions here from {module.rpartition('.')[2]}.py.")
        else:
            kept.add(line)
    return text, kept


def _kept_names(explanation: Explanation) -> str:
    """Say what the models need where a rename keeps the name in the database."""
    kept = []
    for _, operations in explanation.split:
        for each in operations:
            if isinstance(each, AlterField) and each.field.db_column:
                kept.append(f"db_column={each.field.db_column!r} on the field")
            elif isinstance(each, AlterModelTable):
                kept.append(f"db_table = {each.table!r} in the Meta of the model")
    return f"Change models.py, too: {listed(kept)}."


def _adds_field(explanation: Explanation) -> bool:
    return any(
        isinstance(each.operation, AddField) and not each.stage
        for each in explanation.operation_stages
    )


def _needs_two_deploys(explanation: Explanation) -> bool:
    """Tell whether something that comes early follows on something that waits."""
    stages = [stage for stage, _ in explanation.split]
    if Stage.POST_DEPLOY not in stages:
        return False
    return Stage.PRE_DEPLOY in stages[stages.index(Stage.POST_DEPLOY) :]
