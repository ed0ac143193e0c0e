"""
The documentation: its examples are run, and its names are those of the code.

A block of Python that defines a migration begins with a comment that tells its file
and its stage: ``# shop/migrations/0002_product_sku.py (pre-deploy)``, or "none" for
an example of what not to do. It follows the migrations above it on its page, the
first of which follows the first migration of the demo's shop. A block of text that
begins with a migration and an id is what ``check`` prints of that migration. What
the tutorial types is typed, with the output compared.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import difflib
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.db import connections
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.test import override_settings

import dev
from syzygy_like import checks, conf
from syzygy_like.compat import RULES
from syzygy_like.history import AnyDatabase, History
from syzygy_like.resolver import resolve

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PACKAGE = ROOT / "syzygy_like"
README = ROOT / "README.rst"
TUTORIAL = DOCS / "tutorial.rst"
PAGES = [README, *(page for page in sorted(DOCS.rglob("*.rst")))]
PAGES = [page for page in PAGES if "_build" not in page.parts]
TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}
SHOP = ROOT / "demo" / "project" / "v1" / "shop" / "migrations" / "0001_initial.py"

BLOCK = re.compile(
    r"^(?P<indent> *)\.\. code-block:: (?P<language>\w+)\n"
    r"(?P<options>(?:(?P=indent) +:.*\n)*)\n"
    r"(?P<text>(?:(?P=indent) {3}.*\n|\n)+)",
    re.MULTILINE,
)
PLACE = re.compile(r"# (\w+)/migrations/(\w+)\.py \(([\w-]+)(?:, (\w+))?\)\n")
MESSAGE = re.compile(r"(\w+)\.(\w+): \((syzygy_like\.\w+)\)")


@dataclasses.dataclass(frozen=True)
class Block:
    """A block of code; ``line`` is where it is on its page."""

    page: Path
    line: int
    language: str
    options: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    for found in BLOCK.finditer(TEXTS[page]):
        line = TEXTS[page].count("\n", 0, found.start()) + 1
        indent = len(found["indent"]) + 3
        lines = [each[indent:] for each in found["text"].rstrip().splitlines()]
        text = "\n".join(lines) + "\n"
        yield Block(page, line, found["language"], found["options"], text)


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
PYTHON = [block for block in BLOCKS if block.language == "python"]


def blocks(wanted: list[Block]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("block", wanted, ids=map(str, wanted))


# Migrations


@dataclasses.dataclass(frozen=True)
class Example:
    """A migration on a page, and those that it follows."""

    block: Block
    migrations: tuple[Migration, ...]
    stage: str
    source: str

    def __str__(self) -> str:
        return f"{self.block} {self.migration}"

    @property
    def migration(self) -> Migration:
        return self.migrations[-1]


class PageLoader(MigrationLoader):
    """Loads the migrations of a page."""

    def __init__(self, migrations: tuple[Migration, ...]):
        self.given = migrations
        super().__init__(None)

    def load_disk(self) -> None:
        self.disk_migrations = {(each.app_label, each.name): each for each in self.given}
        self.migrated_apps = {each.app_label for each in self.given}
        self.unmigrated_apps = set()


def first_migration() -> Migration:
    spec = importlib.util.spec_from_file_location("shop_initial", SHOP)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Migration(SHOP.stem, "shop")


def examples() -> Iterator[Example]:
    for page in PAGES:
        known = {("shop", SHOP.stem): (first_migration(),)}
        for block in blocks_of(page):
            if block.language != "python" or "class Migration(" not in block.text:
                continue
            place = PLACE.match(block.text)
            assert place, f"{block}: the first line does not tell file and stage"
            app_label, name, stage, source = place.groups()
            namespace = {"__name__": f"{app_label}.migrations.{name}"}
            exec(compile(block.text, str(block), "exec"), namespace)
            migration = namespace["Migration"](name, app_label)
            earlier = dict.fromkeys(
                each for key in migration.dependencies for each in known[key]
            )
            known[app_label, name] = (*earlier, migration)
            yield Example(block, known[app_label, name], stage, source or "inferred")


EXAMPLES = list(examples())
example = pytest.mark.parametrize("example", EXAMPLES, ids=map(str, EXAMPLES))


@example
def test_example_has_the_stage_that_its_page_tells(example):
    history = History(PageLoader(example.migrations), AnyDatabase("default"))
    key = example.migration.app_label, example.migration.name
    tracker = history.at(each for each in history.plan if each != key)
    world = tracker.world
    step = history.read(tracker, example.migration)
    resolution = resolve(step, world, conf.policy())
    assert resolution.stage.label == example.stage
    assert resolution.source.value == example.source


def is_for_postgresql(migration: Migration) -> bool:
    operations = migration.operations
    return any("postgres" in type(each).__module__ for each in operations)


LAST = {each.block.page: each for each in EXAMPLES}
EVERYWHERE = [each for each in EXAMPLES if not is_for_postgresql(each.migration)]


@pytest.mark.databases("sqlite")
def test_examples_can_be_applied(database):
    connection = connections[database]
    for each in EVERYWHERE:
        state = ProjectState()
        models = []
        for migration in each.migrations:
            with connection.schema_editor(atomic=migration.atomic) as editor:
                state = migration.apply(state, editor)
            if migration.name == SHOP.stem:
                product = state.apps.get_model("shop", "Product")
                product.objects.using(database).create(name="Tea", price=3)
            models = state.apps.get_models(include_auto_created=True)
        connection.disable_constraint_checking()
        with connection.schema_editor(atomic=False) as editor:
            for model in models:
                if not model._meta.auto_created:
                    editor.delete_model(model)
        connection.enable_constraint_checking()


SHOWN = [each for each in BLOCKS if each.language == "text"]
SHOWN = [each for each in SHOWN if MESSAGE.search(each.text)]
SHOWN = [each for each in SHOWN if each.page != TUTORIAL]


@blocks(SHOWN)
def test_message_is_what_check_prints(block):
    app_label, name, _ = MESSAGE.search(block.text).groups()
    (*_, shown) = (
        each
        for each in EXAMPLES
        if each.block.page == block.page
        and each.block.line < block.line
        and (each.migration.app_label, each.migration.name) == (app_label, name)
    )
    review = checks.Review(PageLoader(shown.migrations))
    printed = "\n".join(str(each) for each in review.migrations())
    assert_shown(block.text, printed)


def assert_shown(shown: str, printed: str) -> None:
    """Fail with the difference unless ``shown`` is a part of what was printed."""
    wanted, given = normal(shown), normal(printed)
    start = given.find(wanted.partition("\n")[0])
    if wanted not in given:
        lines = (wanted.splitlines(), given[max(start, 0) :].splitlines())
        pytest.fail("\n".join(difflib.unified_diff(*lines, "shown", "printed")))


def normal(text: str) -> str:
    lines = (line.expandtabs(4).rstrip() for line in text.strip().splitlines())
    return "\n".join(lines)


# Other Python


@blocks(PYTHON)
def test_python_is_python(block):
    compile(block.text, str(block), "exec")


SETTINGS = [each for each in PYTHON if re.search(r"^MIGRATION_", each.text, re.M)]


@blocks(SETTINGS)
def test_settings_have_values_that_can_be_used(block):
    namespace = {"INSTALLED_APPS": []}
    exec(block.text, namespace)
    given = {name: value for name, value in namespace.items() if name.isupper()}
    with override_settings(**given):
        conf.policy()
    assert {name for name in given if name.startswith("MIGRATION_")} <= {*conf.ALL}


# Commands


class TypedCommand:
    """What follows ``manage.py`` on a line of a page."""

    def __init__(self, words: list[str]):
        self.name, *self.arguments = words


def parser_of(name: str, app: str = "") -> argparse.ArgumentParser:
    app = app or get_commands()[name]
    return load_command_class(app, name).create_parser("manage.py", name)


def typed_commands(text: str) -> Iterator[TypedCommand]:
    for found in re.finditer(r"manage\.py (.+)", text):
        line = re.split(r"\s+(?:\|\||&&|#)\s|\)$|``", found[1])[0]
        yield TypedCommand(shlex.split(line.strip(" \"',")))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_can_be_parsed(page):
    for command in typed_commands("\n".join(each.text for each in blocks_of(page))):
        if command.name in get_commands():
            parser_of(command.name).parse_args(command.arguments)


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    return {each for action in parser._actions for each in action.option_strings}


def documented_options() -> dict[str, set[str]]:
    text = TEXTS[DOCS / "reference" / "commands.rst"]
    documented: dict[str, set[str]] = {}
    for kind, name in re.findall(r"^\.\. (program|option):: (\S+)", text, re.M):
        if kind == "program":
            options = documented.setdefault(name, set())
        else:
            options.add(name)
    return documented


def test_options_are_those_that_there_are():
    commands = [path.stem for path in PACKAGE.glob("management/commands/[a-z]*.py")]
    own = {
        name: options_of(parser_of(name, "syzygy_like"))
        - options_of(parser_of(name, "django.core"))
        for name in commands
    }
    assert documented_options() == own


def test_options_that_are_named_exist():
    demo = (ROOT / "demo" / "__main__.py").read_text(encoding="utf-8")
    known = set(re.findall(r"--[a-z-]+", demo))
    for name in ("migrate", "showmigrations", "makemigrations", "check"):
        known |= options_of(parser_of(name))
    for page, text in TEXTS.items():
        named = set(re.findall(r"``(?:[\w. ]* )?(--[a-z-]+)", text))
        assert named <= known, page


def test_readme_names_commands_for_developers():
    named = re.findall(r"python dev\.py (\w+)", TEXTS[README])
    assert set(named) == {"demo", "test"}
    assert set(named) <= dev.COMMANDS.keys()


# Names


def test_settings_are_those_that_there_are():
    text = TEXTS[DOCS / "reference" / "settings.rst"]
    assert set(re.findall(r"^\.\. confval:: (\w+)", text, re.M)) == {*conf.ALL}


def test_settings_that_are_named_exist():
    for page, text in TEXTS.items():
        named = set(re.findall(r"\bMIGRATION_\w+", text))
        assert named <= {*conf.ALL, "MIGRATION_MODULES"}, page


def test_check_ids_are_those_that_there_are():
    sources = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")]
    ids = set(re.findall(r'"(syzygy_like\.[A-Z]\d+)"', "\n".join(sources)))
    text = TEXTS[DOCS / "reference" / "checks.rst"]
    assert set(re.findall(r"^\.\. _(syzygy_like\.\w+):$", text, re.M)) == ids
    for page, text in TEXTS.items():
        assert set(re.findall(r"syzygy_like\.[A-Z]\d+", text)) <= ids, page


def test_rules_that_are_named_exist():
    for page, text in TEXTS.items():
        assert set(re.findall(r"<rule-([\w-]+)>", text)) <= RULES.keys(), page
        assert set(re.findall(r"\[([a-z]+-[a-z-]+)\]", text)) <= RULES.keys(), page


def test_pages_that_messages_name_exist():
    messages = PACKAGE / "messages"
    sources = "".join(path.read_text() for path in messages.glob("*.py"))
    named = re.findall(r'page "([^"]+)"', sources)
    titles = {text.strip("=\n").partition("\n")[0] for text in TEXTS.values()}
    assert named
    assert set(named) <= titles


def test_extras_that_are_named_exist():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"].keys()
    for page, text in TEXTS.items():
        for named in re.findall(r"syzygy-like\[([\w,]+)\]", text):
            assert set(named.split(",")) <= extras, page


def test_readme_has_the_supported_versions():
    for node in ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "PYTHONS":
            pythons = ast.literal_eval(node.value)
    for django, versions in pythons.items():
        row = f"Django {django} with Python {versions[0]} to {versions[-1]}"
        assert row in " ".join(TEXTS[README].split())


# Layers


def layers() -> list[str]:
    text = TEXTS[DOCS / "reference" / "layers.rst"]
    cells = re.findall(r"^   \* - (.+)$", text, re.M)
    return [name for cell in cells for name in re.findall(r"``(\w+)``", cell)]


def imports_of(layer: str) -> set[str]:
    """Return the other layers that one imports."""
    path = PACKAGE / layer
    files = list(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    found = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom):
                continue
            package, _, rest = (node.module or "").partition(".")
            if package == "syzygy_like":
                names = [rest] if rest else [each.name for each in node.names]
                found.update(name.partition(".")[0] for name in names)
    return found - {layer, "__version__"}


def test_layers_import_only_those_above():
    for index, layer in enumerate(layers()):
        assert imports_of(layer) <= set(layers()[:index]), layer


def test_layers_are_all_told():
    modules = {path.stem for path in PACKAGE.iterdir() if path.suffix in {"", ".py"}}
    assert set(layers()) == modules - {"__init__", "__pycache__", "py"}


def test_layers_are_those_that_a_test_holds():
    held = pytest.importorskip("tests.test_layers", exc_type=ModuleNotFoundError)
    assert layers() == list(held.LAYERS)


# The tutorial


RUN = re.compile(r"\$ (?!python -m pip)")


@dataclasses.dataclass
class Reader:
    """Somebody who follows the tutorial in a folder."""

    folder: Path
    environ: dict[str, str]

    def write(self, block: Block) -> None:
        """Save a file, or add to it where the caption says so."""
        caption = re.search(r":caption: (\S+)( \(at the end\))?", block.options)
        path = self.folder / caption[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if caption[2] else "w", encoding="utf-8") as file:
            file.write(block.text)

    def type(self, block: Block) -> None:
        """Run commands and compare what they print."""
        shown = re.split(r"^\$ (.+)\n", block.text, flags=re.M)[1:]
        for command, output in zip(shown[::2], shown[1::2], strict=True):
            if command.startswith("cd "):
                self.folder = (self.folder / command[3:]).resolve()
                continue
            done = subprocess.run(
                command,
                shell=True,
                cwd=self.folder,
                env=self.environ,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=60,
            )
            printed = done.stdout
            if "..." in output.split():  # The rest is left out.
                output = output.partition("\n...")[0]
            elif not output.strip():
                assert not printed.strip(), f"{block}: {command}\n{printed}"
            assert_shown(f"$ {command}\n{output}", f"$ {command}\n{printed}")


def test_tutorial_can_be_followed(tmp_path):
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    environ = {
        **os.environ,
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "DJANGO_COLORS": "nocolor",
    }
    environ.pop("DJANGO_SETTINGS_MODULE", None)
    reader = Reader(tmp_path, environ)
    for block in blocks_of(TUTORIAL):
        if block.language == "console" and RUN.match(block.text):
            reader.type(block)
        elif ":caption:" in block.options:
            reader.write(block)
