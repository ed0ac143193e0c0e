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
# Each imports only those before it; docs/reference/layers.rst shows the same list.
PURE = (
    "stages",
    "durations",
    "schema",
    "compat",
    "bridge",
    "release",
    "autodetector",
    "sql",
    "tracking",
    "effects",
    "crossing",
    "record",
    "resolver",
    "placements",
    "needs",
    "planner",
    "explain",
    "rewriting",
    "report",
)
ADAPTERS = (
    "delays",
    "conf",
    "arguments",
    "policies",
    "backends",
    "databases",
    "history",
    "tables",
    "digests",
    "ledger",
    "looking",
    "consoles",
    "interrupts",
    "progress",
    "guard",
    "journal",
    "indexes",
    "repeating",
    "failures",
    "locking",
    "quorum",
    "signals",
    "timeouts",
    "rollout",
    "operations",
    "conflicts",
    "legs",
    "deploys",
    "rows",
    "exercise",
    "scratch",
    "starts",
    "traffic",
    "messages",
    "recording",
    "steps",
    "carrying",
    "runs",
    "itineraries",
    "waypoints",
    "stepping",
    "rollback",
    "cutting",
    "scheduling",
    "executor",
    "previews",
    "status",
    "seam",
    "staged",
    "measures",
    "production",
    "rehearsal",
    "authoring",
    "splitting",
    "cache",
    "review",
    "checks",
    "apps",
    "management",
)
LAYERS = (*PURE, *ADAPTERS)
FILES = sorted(PACKAGE.rglob("*.py"))
# What the pure layers have no business with.
IMPURE = {"connection", "connections", "router", "timezone", "time", "os", "open"}

every_file = pytest.mark.parametrize(
    "path", FILES, ids=[str(path.relative_to(PACKAGE)) for path in FILES]
)


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the modules that a file imports from, and the names it takes."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for name in node.names:
                yield node.module, name.asname or name.name
        elif isinstance(node, ast.Import):
            for name in node.names:
                yield name.name, name.asname or name.name.partition(".")[0]


def imported_layers(path: Path) -> set[str]:
    found = set()
    for module, name in imports(path):
        package, _, rest = module.partition(".")
        if package == "syzygy_like":
            found.add((rest or name).partition(".")[0])
    return found - {"Stage", "StageSource", "__version__", "syzygy_like"}


@every_file
def test_a_module_imports_only_layers_above_it(path):
    layer = layer_of(path)
    above = LAYERS if layer == "__init__" else LAYERS[: LAYERS.index(layer) + 1]
    assert imported_layers(path) <= set(above)


def test_every_module_has_a_layer():
    assert {layer_of(path) for path in FILES} == {"__init__", *LAYERS}


def test_the_docs_show_the_same_list():
    page = PACKAGE.parent / "docs" / "reference" / "layers.rst"
    lines = page.read_text(encoding="utf-8").splitlines()
    shown = [line.split("``")[1] for line in lines if line.startswith("   * - ``")]
    assert tuple(shown) == LAYERS


@every_file
def test_pure_layers_know_no_database_and_no_clock(path):
    if layer_of(path) in PURE:
        assert IMPURE.isdisjoint(name for _, name in imports(path))


def test_the_package_itself_imports_nothing_but_stages():
    assert imported_layers(PACKAGE / "__init__.py") == {"stages"}
    assert syzygy_like.__all__ == ["Stage", "StageSource", "__version__"]


def assigned_attributes(path: Path) -> Iterator[str]:
    """Yield the names whose attributes a file assigns or deletes."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            root = node.value
            while isinstance(root, ast.Attribute):
                root = root.value
            if isinstance(root, ast.Name):
                yield root.id
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {
            "setattr",
            "delattr",
        }:
            yield ast.unparse(node.args[0]).partition(".")[0]


def names_of_django(path: Path) -> set[str]:
    return {name for module, name in imports(path) if module.startswith("django")}


@every_file
def test_nothing_but_the_seam_assigns_into_django(path):
    if path.name != "seam.py":
        assert names_of_django(path).isdisjoint(assigned_attributes(path))


def test_the_seam_replaces_two_names():
    replaced = {
        ast.unparse(node)
        for node in ast.walk(tree(PACKAGE / "seam.py"))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Replacement"
    }
    assert replaced == {
        "Replacement(migrate, 'MigrationExecutor')",
        "Replacement(makemigrations, 'MigrationWriter')",
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
        "syzygy_like.executor.looking",
        "syzygy_like.management",
        "syzygy_like.management.commands",
        "syzygy_like.management.commands.migrate",
        "syzygy_like.seam",
        "syzygy_like.stages",
        "syzygy_like.executor.tables",
    }, run.stderr


def test_a_staged_run_imports_only_what_it_was_asked_for():
    code = (
        "import sys, syzygy_like.management.migrate.guarded\n"
        "names = [name for name in sys.modules if 'syzygy_like.' in name]\n"
        "print(*{name.split('.')[1] for name in names})\n"
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
    assert "staged" in imported, run.stderr
    assert not imported & {"quorum", "timeouts", "rollout", "operations", "rehearsal"}
