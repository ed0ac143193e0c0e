"""The package's layers: who imports whom, who touches Django, how long things are."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import syzygy_like

PACKAGE = Path(syzygy_like.__file__).parent
# From the ground up. Each room imports from lower floors only, neighbours on one floor
# never import each other; docs/contributing/layers.rst shows the same.
FLOORS = (
    ("stages", "console", "signals", "seam"),
    ("conf",),
    ("schema",),
    ("compatibility",),
    ("expand_contract", "safeguards"),
    ("planning",),
    ("executor", "checks"),
    ("makemigrations", "operations", "rehearsal"),
    ("management",),
    ("apps",),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
ROOMS = {"schema", "compatibility", "expand_contract", "safeguards", "planning"} | {
    "executor",
    "makemigrations",
    "operations",
    "rehearsal",
    "management",
}
FILES = sorted(PACKAGE.rglob("*.py"))
# What has no business with a database, a clock or a file: rooms, and single modules.
PURE = {
    "schema",
    "compatibility",
    "expand_contract",
    "planning/explanation",
    "planning/plan",
    "planning/policy",
    "planning/post_deploy",
    "planning/pre_deploy",
    "planning/requirements",
    "planning/resolver",
    "executor/record",
    "makemigrations/autodetector",
    "makemigrations/questioner",
    "makemigrations/split/edits",
    "makemigrations/split/source",
    "rehearsal/report",
}
# What gives the same objects that it is given.
GOING_THROUGH = {"zip", "enumerate", "reversed", "sorted", "list", "tuple", "iter"}
IMPURE = {"connection", "connections", "router", "timezone", "time", "os", "open"}

every_file = pytest.mark.parametrize(
    "path", FILES, ids=[str(path.relative_to(PACKAGE)) for path in FILES]
)


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def module_of(path: Path) -> str:
    """Return a path within the package, without its ending: "schema/tables"."""
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


def room_of(path: Path) -> str:
    return module_of(path).partition("/")[0]


def imports(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the modules that a file imports from, the names, and what it calls them."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for name in node.names:
                yield node.module, name.name, name.asname or name.name
        elif isinstance(node, ast.Import):
            for name in node.names:
                first = name.name.partition(".")[0]
                yield name.name, first, name.asname or first


def imported_rooms(path: Path) -> set[str]:
    found = set()
    for module, name, _ in imports(path):
        package, _, rest = module.partition(".")
        if package == "syzygy_like":
            found.add((rest or name).partition(".")[0])
    return found - {"Stage", "StageSource", "__version__", "syzygy_like"}


@every_file
def test_a_room_imports_from_lower_floors_only(path):
    room = room_of(path)
    if room != "__init__":
        lower = {other for other in FLOOR if FLOOR[other] < FLOOR[room]}
        assert imported_rooms(path) <= {room} | lower


def test_every_room_and_module_has_a_floor():
    assert {room_of(path) for path in FILES} == {"__init__", *FLOOR}
    assert {path.name for path in PACKAGE.iterdir() if path.is_dir()} - {
        "__pycache__"
    } == ROOMS


@every_file
def test_safeguards_know_nothing_of_migrations(path):
    if room_of(path) == "safeguards":
        ground = {"safeguards", *FLOORS[0], *FLOORS[1]}
        assert imported_rooms(path) <= ground


@every_file
def test_rooms_hand_on_public_names_only(path):
    """The ``__init__`` of a room is empty, or a list of names from its modules."""
    if path.name == "__init__.py" and path.parent != PACKAGE:
        allowed = (ast.Import, ast.ImportFrom)
        for node in tree(path).body:
            is_text = isinstance(node, ast.Expr) and isinstance(
                node.value, ast.Constant
            )
            is_list = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == (
                "__all__"
            )
            assert is_text or is_list or isinstance(node, allowed)


def test_the_docs_show_the_same_floors():
    page = PACKAGE.parent / "docs" / "contributing" / "layers.rst"
    lines = page.read_text(encoding="utf-8").splitlines()
    shown = [line.split("``")[1] for line in lines if line.startswith("   * - ``")]
    assert shown == [room for rooms in FLOORS for room in rooms]


@every_file
def test_pure_rooms_know_no_database_and_no_clock(path):
    module = module_of(path)
    if module in PURE or room_of(path) in PURE:
        assert IMPURE.isdisjoint(each for _, *names in imports(path) for each in names)


def test_pure_modules_are_there():
    there = {module_of(path) for path in FILES} | {room_of(path) for path in FILES}
    assert there >= PURE


def test_the_package_itself_imports_nothing_but_stages():
    assert imported_rooms(PACKAGE / "__init__.py") == {"stages"}
    assert syzygy_like.__all__ == ["Stage", "StageSource", "__version__"]


def of_others(path: Path) -> set[str]:
    """
    Return the names of what is not the package's own.

    They are what is imported from elsewhere, and what comes out of that: by an
    assignment, a loop or a comprehension, but not by a call, which may make a copy.
    """
    names = {local for module, _, local in imports(path) if is_of_others(module)}
    bindings = [
        (target, value)
        for node in ast.walk(tree(path))
        for target, value in bound(node)
        if target is not None
    ]
    while True:
        more = {
            name
            for target, value in bindings
            if not names.isdisjoint(roots(value))
            for name in roots(target)
        }
        if more <= names:
            return names
        names |= more


def is_of_others(module: str) -> bool:
    package = module.partition(".")[0]
    return package not in {"syzygy_like", *sys.stdlib_module_names}


def bound(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield what a node binds, and to what."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if not isinstance(target, (ast.Attribute, ast.Subscript)):
                yield target, node.value
    elif isinstance(node, ast.AnnAssign) and node.value:
        yield node.target, node.value
    elif isinstance(node, (ast.For, ast.comprehension)):
        yield node.target, node.iter


def roots(node: ast.expr) -> Iterator[str]:
    """Yield the names whose objects, or parts of them, an expression is."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
        yield from roots(node.value)
    elif isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        for each in node.elts:
            yield from roots(each)
    elif isinstance(node, ast.Dict):
        for each in (*node.keys, *node.values):
            yield from roots(each) if each else ()
    elif isinstance(node, ast.Call) and ast.unparse(node.func) in GOING_THROUGH:
        for each in node.args:
            yield from roots(each)


def assigned(path: Path) -> Iterator[str]:
    """Yield the names of objects that a file assigns to, or deletes from."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            yield from roots(node.value)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {
            "setattr",
            "delattr",
        }:
            yield from roots(node.args[0])


@every_file
def test_nothing_but_the_seam_assigns_into_other_peoples_objects(path):
    if path.name != "seam.py":
        assert of_others(path).isdisjoint(assigned(path))


def test_the_seam_replaces_these_names_only():
    replaced = {
        ast.unparse(node)
        for node in ast.walk(tree(PACKAGE / "seam.py"))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Replacement"
    }
    assert replaced == {
        "Replacement(migrate, 'MigrationExecutor')",
        "Replacement(makemigrations, 'MigrationWriter')",
        "Replacement(signals.pre_init, 'send')",
        "Replacement(signals.post_init, 'send')",
        "Replacement(signals.pre_save, 'send')",
        "Replacement(signals.post_save, 'send')",
        "Replacement(signals.pre_delete, 'send')",
        "Replacement(signals.post_delete, 'send')",
        "Replacement(signals.m2m_changed, 'send')",
        "Replacement(ImageField, 'update_dimension_fields')",
    }


@every_file
def test_files_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@every_file
def test_functions_are_short(path):
    for node in ast.walk(tree(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno - node.lineno < 40, node.name


def test_a_plain_migrate_imports_none_of_the_machinery():
    """Its cost is that of Django's own command."""
    code = (
        "import sys, syzygy_like.management.commands.migrate\n"
        "print(*sorted(name for name in sys.modules if 'syzygy_like.' in name))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert set(run.stdout.split()) == {
        "syzygy_like.management.migrate.options",
        "syzygy_like.checks",
        "syzygy_like.conf",
        "syzygy_like.console",
        "syzygy_like.executor",
        "syzygy_like.executor.looking",
        "syzygy_like.management",
        "syzygy_like.management.base",
        "syzygy_like.management.commands",
        "syzygy_like.management.commands.migrate",
        "syzygy_like.management.migrate",
        "syzygy_like.seam",
        "syzygy_like.stages",
        "syzygy_like.executor.tables",
    }, run.stderr


def test_a_staged_run_imports_only_what_it_was_asked_for():
    code = (
        "import sys, syzygy_like.management.migrate.guarded\n"
        "names = [name for name in sys.modules if 'syzygy_like.' in name]\n"
        "print(*names)\n"
    )
    environ = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=PACKAGE.parent,
        env=environ,
    )
    imported = set(run.stdout.split())
    assert "syzygy_like.management.migrate.run" in imported, run.stderr
    unwanted = ("quorum", "timeouts", "rollout")
    assert not imported & {f"syzygy_like.safeguards.{each}" for each in unwanted}
    assert not imported & {"syzygy_like.operations", "syzygy_like.rehearsal"}
