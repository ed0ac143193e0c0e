"""How to write a migration that fits no stage instead, with code to paste."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from django.db.migrations import Migration, RenameField, RenameModel
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.migration import SwappableTuple
from django.db.migrations.operations.base import Operation
from django.db.migrations.writer import OperationWriter

from syzygy_like.explain import Explanation
from syzygy_like.messages.migrations import listed
from syzygy_like.stages import Stage

UNKNOWN = (
    "Fix: change it in steps, over two releases: first add what is new beside what "
    "there is, write both and copy the data; when no code uses the old part any more, "
    "remove it. Or set a stage on {migration} if you know that the code bears it: "
    "stage = Stage.PRE_DEPLOY"
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
    if explanation.rewritten and _renames(explanation):
        parts.append("Give the models the same db_column or db_table.")
    if _needs_two_deploys(explanation):
        parts.append("They cannot all go out with one deploy: release them in turn.")
    return "\n\n".join(parts)


def _names(explanation: Explanation) -> Iterator[str]:
    """Yield the names of the files, of which the first one is there already."""
    migration = explanation.migration
    yield migration.name
    number: int | None = MigrationAutodetector.parse_number(migration.name)
    for index, (_, operations) in enumerate(explanation.split[1:], start=1):
        part = Migration("", migration.app_label)
        setattr(part, "operations", list(operations))  # noqa: B010
        if number is None:
            yield f"{migration.name}_{part.suggest_name()}"
        else:
            # The next number is free at the end of a history only.
            own = number if explanation.followers else number + index
            yield f"{own:04}_{part.suggest_name()}"


def _headline(explanation: Explanation, names: Sequence[str]) -> str:
    path = f"{explanation.migration.app_label}/migrations/{names[0]}.py"
    if explanation.rewritten:
        return f"Fix: write {path} in steps:"
    kept = {id(operation) for operation in explanation.split[0][1]}
    moved = [
        str(each.number)
        for each in explanation.verdicts
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
            yield _file(names[index], stage, dependencies, operations)
        dependencies = [(app_label, names[index])]


def _file(
    name: str,
    stage: Stage,
    dependencies: Iterable[tuple[str, str]],
    operations: Sequence[Operation],
) -> str:
    code, imports = _code(operations)
    depends = []
    for each in dependencies:
        if isinstance(each, SwappableTuple):
            imports.add("from django.conf import settings")
            depends.append(f"migrations.swappable_dependency(settings.{each.setting})")
        else:
            depends.append(f'("{each[0]}", "{each[1]}")')
    lines = [
        f"# {name}.py ({stage.label})",
        *sorted(imports),
        "",
        "class Migration(migrations.Migration):",
        f"    dependencies = [{', '.join(depends)}]",
        "    operations = [",
        *code,
        "    ]",
    ]
    return textwrap.indent("\n".join(lines), "    ")


def _code(operations: Sequence[Operation]) -> tuple[list[str], set[str]]:
    """Return operations as they are written in a file, and the imports they need."""
    code = []
    imports = {"from django.db import migrations, models"}
    for operation in operations:
        try:
            text, needed = OperationWriter(operation, indentation=2).serialize()
        except ValueError:  # a lambda, for instance, cannot be written
            text, needed = f"        ...,  # {operation.describe()}", set()
        code.append(text)
        imports |= needed - {"from django.db import models"}
    return code, imports


def _renames(explanation: Explanation) -> bool:
    kinds = (RenameField, RenameModel)
    return any(isinstance(each.operation, kinds) for each in explanation.verdicts)


def _needs_two_deploys(explanation: Explanation) -> bool:
    """Tell whether something that comes early follows on something that waits."""
    stages = [stage for stage, _ in explanation.split]
    if Stage.POST_DEPLOY not in stages:
        return False
    return Stage.PRE_DEPLOY in stages[stages.index(Stage.POST_DEPLOY) :]
