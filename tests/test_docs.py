"""
The documentation: its examples are run, and its names are those of the code.

A block of Python that defines a migration begins with a comment that tells its file
and its stage: ``# shop/migrations/0002_product_sku.py (pre-deploy)``, or "none" for
an example of what not to do. It depends on others on its page, and these on the
first migration of the demo's shop. Where a page shows what a command prints, it is
run with the last migration and the settings above it, the former not yet applied.
A section that runs makemigrations is followed from its start to its end: a block of
diff changes the shop's models, migrations have to be those that were written. The
tutorial is followed in the same way, by processes of their own. What a rehearsal
measures and counts is not compared; one that shows locks is run on PostgreSQL.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import datetime
import difflib
import io
import itertools
import json
import os
import re
import shlex
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import (
    BaseCommand,
    CommandError,
    call_command,
    get_commands,
    load_command_class,
)
from django.db import DEFAULT_DB_ALIAS, connections

import dev
from syzygy_like import conf
from syzygy_like.compatibility import RULES
from syzygy_like.executor import ledger
from syzygy_like.executor import messages as executor_messages
from syzygy_like.executor.errors import (
    ConcurrentRunError,
    Conflict,
    DeployUnderWayError,
    Fault,
    InvalidEntryError,
    LostRowsError,
)
from syzygy_like.executor.record import (
    PARTS,
    Begun,
    Entry,
    InvalidRecordError,
    Record,
    Release,
    dumps,
)
from syzygy_like.executor.tables import LEDGER
from syzygy_like.expand_contract.simulation import Part
from syzygy_like.management.migrate import messages as migrate_messages
from syzygy_like.planning.messages import errors
from syzygy_like.rehearsal import report
from syzygy_like.rehearsal.formats import FORMATS
from syzygy_like.rehearsal.report import Phase, Verdict, Version
from syzygy_like.rehearsal.scratch.aliases import swap
from syzygy_like.safeguards.locking.lock import PooledError, Unlocked
from tests.support.projects import Project

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
TITLE = re.compile(r"^\S.*\n([=~-])\1+\n", re.MULTILINE)
PLACE = re.compile(r"# (\w+)/migrations/(\w+)\.py \(([\w-]+)(?:, (\w+))?\)\n")


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


def sections_of(page: Path) -> Iterator[list[Block]]:
    """Yield the blocks of a page, section by section."""
    text = TEXTS[page]
    titles = [text.count("\n", 0, found.start()) for found in TITLE.finditer(text)]
    number = lambda block: sum(title < block.line for title in titles)  # noqa: E731
    for _, found in itertools.groupby(blocks_of(page), number):
        yield list(found)


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
PYTHON = [block for block in BLOCKS if block.language == "python"]


def commands_in(block: Block) -> list[tuple[str, str]]:
    """Return the commands of a block with what is shown of their output."""
    shown = re.split(r"^\$ (.+)\n", block.text, flags=re.M)[1:]
    return list(zip(shown[::2], shown[1::2], strict=True))


def blocks(wanted: list[Block]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("block", wanted, ids=map(str, wanted))


# Migrations


@dataclasses.dataclass(frozen=True)
class Source:
    """The file of a migration."""

    app_label: str
    name: str
    text: str


@dataclasses.dataclass(frozen=True)
class Scene:
    """A block of a page, the last migration above it and the settings since then."""

    block: Block
    sources: tuple[Source, ...]
    settings: dict[str, Any]
    stage: str = ""
    source: str = ""

    def __str__(self) -> str:
        return f"{self.block} {self.sources[-1].name}"

    def project(self, folder: Path) -> Project:
        project = Project(folder)
        for each in self.sources:
            project.write_source(each.app_label, each.name, each.text)
        project.settings = self.settings
        return project

    @property
    def parent(self) -> str:
        """The migration up to which the others can be applied here."""
        is_for_postgresql = any(
            "contrib.postgres" in each.text for each in self.sources
        )
        earlier = self.sources[:1] if is_for_postgresql else self.sources[:-1]
        return (earlier or self.sources)[-1].name


def scenes(page: Path) -> Iterator[Scene]:
    current = (Source("shop", SHOP.stem, SHOP.read_text(encoding="utf-8")),)
    known, settings = {("shop", SHOP.stem): current}, {}
    for block in blocks_of(page):
        if block.language == "console":
            yield Scene(block, current, settings)
        if block.language != "python":
            continue
        if "class Migration(" not in block.text:
            settings = settings_in(block)
            continue
        place = PLACE.match(block.text)
        assert place, f"{block}: the first line does not tell file and stage"
        app_label, name, stage, source = place.groups()
        dependencies = re.search(r"dependencies = (\[.*?\])\n", block.text, re.S)[1]
        earlier = (
            each for key in ast.literal_eval(dependencies) for each in known[key]
        )
        current = (*dict.fromkeys(earlier), Source(app_label, name, block.text))
        known[app_label, name], settings = current, {}
        yield Scene(block, current, settings, stage, source or "inferred")


def settings_in(block: Block) -> dict[str, Any]:
    """Return the settings of this package in a block, if it has any."""
    if not re.search(r"^MIGRATION_", block.text, re.M):
        return {}
    namespace = {"INSTALLED_APPS": []}
    exec(block.text, namespace)
    return {name: value for name, value in namespace.items() if name in conf.ALL}


SCENES = [scene for page in PAGES for scene in scenes(page)]
EXAMPLES = [scene for scene in SCENES if scene.stage]
FOLLOWED = [
    section
    for page in PAGES
    for section in sections_of(page)
    if page != TUTORIAL
    and any("manage.py makemigrations" in block.text for block in section)
    and any(output.strip() for block in section for _, output in commands_in(block))
]
SHOWN = [
    scene
    for scene in SCENES
    if scene.block.page != TUTORIAL
    and not any(scene.block in section for section in FOLLOWED)
    and any(output.strip() for _, output in commands_in(scene.block))
]
REHEARSED = [scene for scene in SHOWN if "manage.py rehearse" in scene.block.text]
PRINTED = [scene for scene in SHOWN if scene not in REHEARSED]
ON_POSTGRESQL = [scene for scene in REHEARSED if " LOCK" in scene.block.text.upper()]
ON_SQLITE = [scene for scene in REHEARSED if scene not in ON_POSTGRESQL]


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("scene", EXAMPLES, ids=map(str, EXAMPLES))
def test_example_has_the_stage_that_its_page_tells(scene, database, tmp_path):
    project = scene.project(tmp_path)
    project.migrate("shop", scene.parent, database=database, verbosity=0)
    printed = project.call("showmigrations", database=database, format="json")
    example = json.loads(printed)[-1]
    assert example["name"] == scene.sources[-1].name
    if scene.stage == "unknown":  # it is no migration that could be run
        return
    assert example["stage"] == scene.stage
    assert example["source"] == scene.source
    if "contrib.postgres" not in scene.block.text:
        project.migrate("shop", database=database, verbosity=0)


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("scene", PRINTED, ids=map(str, PRINTED))
def test_commands_print_what_the_page_shows(scene, database, tmp_path, capsys):
    project = scene.project(tmp_path)
    project.migrate("shop", scene.parent, database=database, verbosity=0)
    for command, output in commands_in(scene.block):
        name, *arguments = shlex.split(command, comments=True)[2:]
        if name == "check":  # Others want settings that the project has not.
            arguments += ["--tag", "syzygy_like"]
        else:
            arguments += ["--database", database]
        try:
            printed = project.call(name, *arguments)
        except (CommandError, SystemExit) as error:
            printed = f"{type(error).__name__}: {error}"
        assert_shown(output, printed + capsys.readouterr().err)


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("scene", ON_SQLITE, ids=map(str, ON_SQLITE))
def test_rehearsal_prints_what_the_page_shows(scene, database, tmp_path, monkeypatch):
    rehearse(scene, tmp_path, monkeypatch)


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("scene", ON_POSTGRESQL, ids=map(str, ON_POSTGRESQL))
def test_rehearsal_shows_traffic(scene, database, tmp_path, monkeypatch):
    # A report names no database that is the default one.
    with swap({DEFAULT_DB_ALIAS: connections.settings[database]}):
        rehearse(scene, tmp_path, monkeypatch)


def rehearse(scene: Scene, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the commands of a page and compare what they print."""
    monkeypatch.chdir(folder)
    project = scene.project(folder)
    project.migrate("shop", scene.parent, database=DEFAULT_DB_ALIAS, verbosity=0)
    for command, shown in commands_in(scene.block):
        words = shlex.split(command, comments=True)[2:]
        printed = without_figures(conversation(project, words, ""))
        for part in re.split(r"^ *\.\.\.\n", shown, flags=re.M):
            assert_shown(without_figures(part), printed)


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("section", FOLLOWED, ids=lambda found: str(found[0]))
def test_section_can_be_followed(section, database, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    project = Project(tmp_path)
    project.write_source("shop", SHOP.stem, SHOP.read_text(encoding="utf-8"))
    models = tmp_path / "shop" / "models.py"
    models.write_text((SHOP.parent.parent / "models.py").read_text(encoding="utf-8"))
    project.migrate("shop", SHOP.stem, database=database, verbosity=0)
    has_run = False
    for block in section:
        if block.language == "diff":
            models.write_text(changed(models.read_text(), block))
        elif place := PLACE.match(block.text):
            path = project.migrations(place[1]) / f"{place[2]}.py"
            if not has_run:
                path.write_text(block.text, encoding="utf-8")
            assert_same_code(block, path)
        for command, shown in commands_in(block):
            name, *arguments = shlex.split(command, comments=True)[2:]
            if name == "check":
                arguments += ["--tag", "syzygy_like"]
            elif name != "makemigrations":
                arguments += ["--database", database]
            printed = conversation(project, [name, *arguments], shown)
            for part in re.split(r"^ *\.\.\.\n", shown, flags=re.M):
                assert_shown(part, printed)
            has_run = True


def assert_same_code(block: Block, path: Path) -> None:
    """Fail with a file's text if a block has other code."""
    text = path.read_text(encoding="utf-8")
    # Django 5.2 does not write elidable=True.
    plain = [re.sub(r" elidable=True,\n", "", each) for each in (text, block.text)]
    if len({ast.dump(ast.parse(each)) for each in plain}) > 1:
        pytest.fail(f"{block}: the file has\n\n{text}")


def changed(text: str, block: Block) -> str:
    """Apply the hunks of a diff."""
    for hunk in re.split(r"^@@.*\n", block.text, flags=re.M):
        lines = hunk.splitlines()
        old, new = (
            "".join(f"{each[1:]}\n" for each in lines if each[:1] in kinds)
            for kinds in ({"", " ", "-"}, {"", " ", "+"})
        )
        assert text.count(old) == 1, f"{block}: not in the models:\n{old}"
        text = text.replace(old, new)
    return text


def conversation(project: Project, command: list[str], shown: str) -> str:
    """Run a command that is answered as the page shows, and return what is seen."""
    seen = io.StringIO()

    def reply(prompt: str = "") -> str:
        seen.write(prompt)
        question = seen.getvalue().splitlines()[-1].rstrip()
        answer = re.search(rf"^{re.escape(question)} ?(.*)$", shown, re.M)
        assert answer, f"no answer to {question!r}"
        seen.write(f"{answer[1]}\n")
        return answer[1]

    with pytest.MonkeyPatch.context() as patch, project.active():
        patch.setattr("builtins.input", reply)
        try:
            call_command(*command, stdout=seen, stderr=seen)
        except (CommandError, SystemExit) as error:
            seen.write(f"{type(error).__name__}: {error}")
    return seen.getvalue()


def assert_shown(shown: str, printed: str) -> None:
    """Fail with the difference unless ``shown`` is a part of what was printed."""
    wanted, given = normal(shown), normal(printed)
    start = given.find(wanted.partition("\n")[0])
    if wanted not in given:
        lines = (wanted.splitlines(), given[max(start, 0) :].splitlines())
        pytest.fail("\n".join(difflib.unified_diff(*lines, "shown", "printed")))


WAITING = re.compile(r"waiting since [\d-]+ [\d:]+ \([^()]+\)")


SINCE = re.compile(r"(expand|contract) (applied|begun) [\d-]+ [\d:]+")


HEADER = re.compile(r"Generated by Django [\d.]+ on [\d-]+ [\d:]+")


MEASURED = re.compile(r"\d+\.\d (?=m?s\b)")
COUNTED = re.compile(r"\d+ (?=more:|failures?\b)")
PADDING = re.compile(r"(?<=\S) {2,}")


def without_figures(text: str) -> str:
    """Return what a rehearsal says without what may be other the next time."""
    return PADDING.sub("  ", COUNTED.sub("N ", MEASURED.sub("0 ", text)))


def normal(text: str) -> str:
    text = WAITING.sub("waiting since then", text)
    text = SINCE.sub(r"\1 \2 then", text)
    text = HEADER.sub("Generated by Django", text)
    lines = (line.expandtabs(4).rstrip() for line in text.strip().splitlines())
    return "\n".join(lines)


# Other files

# As much of YAML as the pages use.
YAML_PAIR = re.compile(r"[\w./-]+:(?: (.+))?")
YAML_VALUE = re.compile(
    r"""|"[^"]*"|\[.*\]|\{.*\}|[|>]-?|[^][{}|>*&!%#`@"'](?:(?!: | #).)*"""
)
YAML_TEXTS = ("|", "|-", ">", ">-")


@blocks([block for block in BLOCKS if block.language == "yaml"])
def test_yaml_is_yaml(block):
    assert "\t" not in block.text
    depths, may_go_deeper, text_depth = [0], False, None
    for line in re.findall(r"^(?! *#).+$", block.text, re.M):
        depth = len(line) - len(line.lstrip())
        if text_depth is not None and depth > text_depth:
            continue
        while depth < depths[-1]:
            depths.pop()
        assert depth == depths[-1] or may_go_deeper, line
        content = line.lstrip()
        while content.startswith("- "):
            depths.append(depth)
            content, depth = content[2:], depth + 2
        depths.append(depth)
        pair = YAML_PAIR.fullmatch(content)
        value = pair[1] or "" if pair else content
        assert pair or line.lstrip().startswith("- "), line
        assert YAML_VALUE.fullmatch(value), line
        text_depth = depth if value in YAML_TEXTS else None
        may_go_deeper = bool(pair) and not value


@blocks(PYTHON)
def test_python_is_python(block):
    compile(block.text, str(block), "exec")


def classes_in(source: str) -> dict[str, str]:
    """Return the classes of a module, without their methods."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            body = [each for each in node.body if not isinstance(each, ast.FunctionDef)]
            found[node.name] = ast.unparse(body)
    return found


def test_shop_of_the_guides_is_the_one_that_examples_run_on():
    (shop,) = (each for each in PYTHON if each.page == DOCS / "how-to" / "index.rst")
    models = SHOP.parent.parent / "models.py"
    assert classes_in(shop.text) == classes_in(models.read_text(encoding="utf-8"))


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
        line = re.split(r"\s+(?:\|\||&&|#)\s", found[1])[0]
        yield TypedCommand(shlex.split(line, comments=True))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_can_be_parsed(page):
    text = "\n".join(each.text for each in blocks_of(page))
    # The form of a list in YAML: ["python", "manage.py", "migrate"].
    text = re.sub(r"\[.+\]", lambda found: re.sub(r'[",\[\]]', "", found[0]), text)
    text = re.sub(r"--database \w+", "--database default", text)
    for command in typed_commands(text):
        if command.name in get_commands():
            parser_of(command.name).parse_args(command.arguments)


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    return {each for action in parser._actions for each in action.option_strings}


def options_of_django(name: str) -> set[str]:
    """Return the options of Django's command of a name, or of any command."""
    try:
        return options_of(parser_of(name, "django.core"))
    except ModuleNotFoundError:
        return options_of(BaseCommand().create_parser("manage.py", name))


def documented_options() -> dict[str, set[str]]:
    text = TEXTS[DOCS / "reference" / "commands.rst"]
    documented: dict[str, set[str]] = {}
    for kind, names in re.findall(r"^\.\. (program|option):: (.+)", text, re.M):
        if kind == "program":
            options = documented.setdefault(names, set())
        else:
            options.update(each.split()[0] for each in names.split(", "))
    return documented


def test_options_are_those_that_there_are():
    commands = [path.stem for path in PACKAGE.glob("management/commands/[a-z]*.py")]
    own = {
        name: options_of(parser_of(name, "syzygy_like")) - options_of_django(name)
        for name in commands
    }
    assert documented_options() == own


def test_options_that_are_named_exist():
    demo = (ROOT / "demo" / "__main__.py").read_text(encoding="utf-8")
    known = set(re.findall(r"--[a-z-]+", demo))
    for name in ("migrate", "showmigrations", "makemigrations", "check", "rehearse"):
        known |= options_of(parser_of(name))
    for page, text in TEXTS.items():
        named = set(re.findall(r"``(?:[\w. ]* )?(--[a-z-]+)", text))
        assert named <= known, page


def test_readme_names_commands_for_developers():
    named = re.findall(r"python dev\.py (\w+)", TEXTS[README])
    assert set(named) == {"demo", "test"}
    assert set(named) <= dev.COMMANDS.keys()


def test_formats_of_a_rehearsal_are_those_that_there_are():
    text = TEXTS[DOCS / "reference" / "rehearsal-formats.rst"]
    (told,) = re.findall(r"prints its report as (.+?)\.", text)
    assert re.findall(r"``(\w+)``", told) == [*FORMATS]
    for kind in (Phase, Verdict, Version):
        for member in kind:
            assert f'``"{member.value}"``' in " ".join(text.split())
    for kind in (report.Report, report.Failure, report.Reason, report.Traffic):
        for field in dataclasses.fields(kind):
            assert f"``{field.name}``" in text


# Names


def test_settings_are_those_that_there_are():
    text = TEXTS[DOCS / "reference" / "settings.rst"]
    assert set(re.findall(r"^\.\. confval:: (\w+)", text, re.M)) == {*conf.ALL}


def test_settings_that_are_named_exist():
    for page, text in TEXTS.items():
        named = set(re.findall(r"\bMIGRATION_\w+", text))
        assert named <= {*conf.ALL, "MIGRATION_MODULES"}, page


def test_values_of_the_bridge_are_those_that_there_are():
    text = TEXTS[DOCS / "reference" / "settings.rst"]
    own = text.partition(f".. confval:: {conf.BRIDGE}")[2].partition("confval")[0]
    told = re.findall(r'^ +``"([\w-]+)"``$', own, re.M)
    assert set(told) == {each.value for each in conf.Bridged}


def terms_of(section: str, text: str) -> list[str]:
    """Return the names that are explained in a section, in their order."""
    own = re.split(rf"^{section}\n=+\n", text, flags=re.M)[1].partition("\n====")[0]
    terms = re.findall(r"^ *(``\w+``(?:, ``\w+``)*)$", own, re.M)
    return [name for each in terms for name in re.findall(r"``(\w+)``", each)]


def keys_of(document: Any) -> Iterator[str]:
    """Yield the keys of a record, each followed by those that are below it."""
    for key, value in document.items():
        yield key
        if isinstance(value, list):
            yield from keys_of(value[0])


def test_the_ledger_is_as_told():
    text = TEXTS[DOCS / "explanation" / "ledger.rst"]
    fields = ledger.row_class()._meta.concrete_fields
    assert terms_of("The table", text) == [field.column for field in fields]
    assert f"``{LEDGER}``" in text
    key = ("shop", "0002")
    record = Record(
        (Release({key: Part.EXPAND}),),
        (Entry(key, Part.EXPAND, 1),),
        begun=(Begun(key, False, 1),),
    )
    keys = keys_of(json.loads(dumps(record)))
    assert terms_of("The record", text) == list(keys)
    for word in PARTS:
        assert f"``{word}``" in text


def test_what_cannot_be_applied_in_parts_is_told_in_the_words_of_the_messages():
    text = TEXTS[DOCS / "reference" / "blocked-plans.rst"]
    heading = "What cannot be applied in parts\n==="
    own = text.partition(heading)[2].partition("\n===")[0]
    told = re.findall(r"^\*(.+)\*$", own, re.M)
    assert set(told) == set(errors.OBSTACLES.values())


def test_what_a_deploy_that_is_under_way_refuses_is_told():
    text = TEXTS[DOCS / "reference" / "blocked-plans.rst"]
    own = text.partition("While a deploy is under way\n===")[2]
    errors = [InvalidEntryError(("...",), fault) for fault in Fault]
    messages = [
        *executor_messages.CONFLICTS.values(),
        *map(executor_messages.invalid_entry, errors),
        executor_messages.foreign(DeployUnderWayError(Conflict.FOREIGN, ("...",))),
        executor_messages.concurrent(ConcurrentRunError()),
        executor_messages.invalid_record(InvalidRecordError("...")),
        executor_messages.lost_rows(LostRowsError("...", "...", 1, False)),
        executor_messages.in_the_way([held("...")], {("...",): None}),
        executor_messages.would_go(["..."]),
    ]
    told = re.findall(r"^\*(.+)\*$", own, re.M)
    for each in told:
        assert any(each in message for message in messages), each
    for message in messages:
        assert any(each in message for each in told), message


def held(*key: str) -> Any:
    """Return as much of a planned migration as messages ask for."""
    return types.SimpleNamespace(key=key)


def test_what_several_releases_at_once_are_told():
    """What the guides quote is what commands say, and what is seen at night."""
    sku, quantity = ("shop", "0002_sku"), ("shop", "0003_order_quantity")
    later = ("shop", "0003_order_note")
    when = datetime.datetime(2026, 12, 7, tzinfo=datetime.timezone.utc)
    made = ["shop_product.sku"]
    foreign = DeployUnderWayError(Conflict.FOREIGN, sku, ("shop", "0002_hotfix"))
    in_the_way = executor_messages.in_the_way([held(*quantity)], {sku: None})
    delayed = executor_messages.in_the_way([held(*quantity)], {sku: when})
    pooled = PooledError("default")
    unlocked = Unlocked("default", pooled)
    messages = {
        "several-releases": [
            *executor_messages.remarks([sku], []),
            *executor_messages.remarks([], [later]),
            executor_messages.foreign(foreign),
            in_the_way,
            delayed.partition("\n")[2],
        ],
        "abort-deploy": [
            executor_messages.going(made),
            executor_messages.QUESTION,
            executor_messages.would_go(made),
        ],
        "one-at-a-time": [
            migrate_messages.failed(pooled),
            migrate_messages.told(unlocked),
        ],
    }
    for name, texts in messages.items():
        page = " ".join(TEXTS[DOCS / "how-to" / f"{name}.rst"].split())
        for text in texts:
            assert " ".join(text.split()) in page, text
    table = TEXTS[DOCS / "how-to" / "several-releases.rst"].partition("list-table")[2]
    everything = [
        *itertools.chain(*messages.values()),
        *executor_messages.CONFLICTS.values(),
        executor_messages.concurrent(ConcurrentRunError()),
        executor_messages.invalid_entry(InvalidEntryError(sku, Fault.CHANGED)),
    ]
    cells = re.findall(r"^   \* - (.+?)\n     - ", table, re.M | re.S)
    for told in re.findall(r"\*(.+?)\*", " ".join(cells)):
        parts = [part.strip() for part in told.split("...") if part.strip()]
        assert any(all(part in each for part in parts) for each in everything), told


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
    sources = "".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    titles = {text.strip("=\n").partition("\n")[0] for text in TEXTS.values()}
    assert set(re.findall(r'page "([^"]+)"', sources.replace("\\'", "'"))) <= titles
    named = set(re.findall(r"docs/[\w/-]+\.rst", sources))
    assert named
    assert {path for path in named if not (ROOT / path).is_file()} == set()


def test_extras_that_are_named_exist():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"].keys()
    for page, text in TEXTS.items():
        for named in re.findall(r"syzygy-like\[([\w,]+)\]", text):
            assert set(named.split(",")) <= extras, page


def test_readme_has_the_supported_versions():
    for node in ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PYTHONS":
            pythons = ast.literal_eval(node.value)
    for django, versions in pythons.items():
        row = f"Django {django} with Python {versions[0]} to {versions[-1]}"
        assert row in " ".join(TEXTS[README].split())


# Pictures

FIGURE = re.compile(r"^\.\. figure:: /(\S+)\n((?: {3}.*\n)+)", re.MULTILINE)
PICTURES = sorted(DOCS.glob("_static/*.svg"))


@pytest.mark.parametrize("picture", PICTURES, ids=lambda found: found.name)
def test_pictures_can_be_read_aloud_and_in_the_dark(picture):
    text = picture.read_text(encoding="utf-8")
    for each in ("<title ", "<desc ", "@media (prefers-color-scheme: dark)"):
        assert each in text


def test_pictures_are_shown_with_a_text_in_their_place():
    shown = {}
    for text in TEXTS.values():
        shown |= {DOCS / path: options for path, options in FIGURE.findall(text)}
    assert {*shown} == {*PICTURES}
    assert all(re.search(r":alt: \S", options) for options in shown.values())


# Layers


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
        for command, output in commands_in(block):
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
        elif place := PLACE.match(block.text):
            path = reader.folder / place[1] / "migrations" / f"{place[2]}.py"
            assert_same_code(block, path)
