"""The imports of a file, and those that it lacks."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from syzygy_like.makemigrations.split.source import Fault, RewritingError, Source

# Where a name comes from: the module, and the name there, None for the module.
Origin = tuple[str, str | None]

# Another module has all that this one has, and more.
_AS_GOOD: dict[Origin, Origin] = {
    ("django.db", "models"): ("django.contrib.gis.db", "models")
}


def missing(source: Source, needed: Iterable[str]) -> list[str]:
    """
    Return the import statements that a file lacks, of those that new code needs.

    Raises RewritingError if a name already means something else in the file.
    """
    present = {
        binding
        for node in source.tree.body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for binding in _bindings(node)
    }
    taken = dict(_bound(source.tree))
    lines = []
    for name, origin in sorted(_wanted(needed), key=str):
        if (name, origin) in present or (name, _AS_GOOD.get(origin)) in present:
            continue
        module, attribute = origin
        if not _agrees(taken.get(name, origin), origin):
            raise RewritingError(Fault.NAME_TAKEN, name)
        lines.append(
            f"from {module} import {attribute}" if attribute else f"import {module}"
        )
    return lines


def names(source: Source) -> set[str]:
    """Return the names that mean something in a file."""
    return {name for name, _ in _bound(source.tree)}


def place(source: Source) -> int:
    """Return the offset at which imports are added: below those there are."""
    end = 0
    for node in source.tree.body:
        if node is source.migration:
            break
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            end = node.end_lineno or 0
    return source.starts[end]


def _wanted(needed: Iterable[str]) -> set[tuple[str, Origin]]:
    return {
        binding
        for line in needed
        for node in ast.parse(line).body
        for binding in _bindings(node)
    }


def _bindings(node: ast.AST) -> Iterator[tuple[str, Origin]]:
    """Yield the names that an import binds, with their origins."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            yield name, (alias.name, None)
    elif isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            yield alias.asname or alias.name, (module, alias.name)


def _bound(tree: ast.Module) -> Iterator[tuple[str, Origin]]:
    """Yield the names that mean something in a module, with their origins."""
    for statement in tree.body:
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            yield statement.name, ("", statement.name)
            continue
        for node in ast.walk(statement):
            yield from _bindings(node)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id, ("", node.id)


def _agrees(there: Origin, wanted: Origin) -> bool:
    """Tell whether a name can mean two things at once, as a package's name can."""
    if there == wanted:
        return True
    packages = {origin[0].partition(".")[0] for origin in (there, wanted)}
    return there[1] is None and wanted[1] is None and len(packages) == 1
