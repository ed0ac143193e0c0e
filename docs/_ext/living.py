"""Directives that show what the code says of itself, so that no page goes stale."""

import importlib
import inspect
import sys
from itertools import groupby
from pathlib import Path

import django
from django.conf import settings
from sphinx.util.docutils import SphinxDirective

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent.parent
EXPECTED = ROOT / "tests" / "django_suite" / "expected.toml"


class LivingDirective(SphinxDirective):
    """Puts reStructuredText that is made at build time into a page."""

    sources = ()

    def run(self):
        for source in (__file__, *self.sources):
            self.env.note_dependency(str(source))
        text = "\n".join(self.lines())
        return self.parse_text_to_nodes(text, allow_section_headings=True)

    def lines(self):
        raise NotImplementedError


class IncompatibilityRules(LivingDirective):
    """A section for each rule: its id, what breaks, and what messages say of it."""

    sources = sorted((ROOT / "syzygy_like" / "compatibility").glob("*.py"))

    def lines(self):
        from syzygy_like.compatibility import RULES, Problem
        from syzygy_like.compatibility.wording import clause

        for rule in RULES.values():
            said = clause(Problem(rule.id, "table", detail="..."), "the code")
            yield from ("", f".. _rule-{rule.id}:", "", rule.id, "-" * len(rule.id), "")
            yield rule.what_breaks
            yield from ("", f"In messages: *{said}*.", "")
            yield from self.hazard(rule)

    def hazard(self, rule):
        source = inspect.getsource(rule.check)
        if "hazard=True" in source:
            yield "Always a :doc:`hazard </explanation/hazards>`: it never blocks."
        elif "hazard=" in source:
            yield "In the case told above a :doc:`hazard </explanation/hazards>`."


def module_of_tests(name):
    """Return a module, None where the tests are not part of the build."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in {"tests", name}:
            raise
        return None


def table(*rows):
    """Yield the lines of a table whose first row is its head."""
    yield from (".. list-table::", "   :header-rows: 1", "   :class: scenarios", "")
    for row in rows:
        for index, cell in enumerate(row):
            first, *rest = cell.splitlines()
            yield f"   {'  -' if index else '* -'} {first}"
            yield from (f"       {line}" for line in rest)
    yield ""


class ScenarioTable(LivingDirective):
    """The catalogue of migrations in ``tests/scenarios.py``, as a table."""

    sources = [ROOT / "tests" / "scenarios.py"]

    def lines(self):
        module = module_of_tests("tests.scenarios")
        if module is None:
            yield "The catalogue of migrations is not part of this build."
            return
        head = ("Change", "Stage", "Why")
        yield from table(head, *map(self.row, module.SCENARIOS))

    def row(self, scenario):
        breaks = self.rules("Old version on the result", scenario.breaks)
        lacks = self.rules("New version without it", scenario.lacks)
        parts = [sentence(scenario.why), *breaks, *lacks]
        title = sentence(scenario.title).removesuffix(".")
        return title, scenario.stage.label, " ".join(parts)

    def rules(self, title, found):
        if found:
            links = ", ".join(f":ref:`{each} <rule-{each}>`" for each in sorted(found))
            yield f"*{title}:* {links}."


class ChangeTables(LivingDirective):
    """The catalogue of changes in ``tests/changes``: a section for each module."""

    sources = sorted((ROOT / "tests" / "changes").glob("*.py"))

    def lines(self):
        catalogue = module_of_tests("tests.changes")
        if catalogue is None:
            yield "The catalogue of changes is not part of this build."
            return
        for module in catalogue.MODULES:
            title = sentence(module.__doc__).removesuffix(".")
            yield from ("", title, "-" * len(title), "")
            head = ("Change", "What is written", "Why")
            yield from table(head, *self.rows(module.CHANGES))

    def rows(self, changes):
        """Yield a row for changes that follow each other and are alike."""
        for (outcome, why), alike in groupby(changes, self.told):
            titles = "\n".join(f"| {self.title(each)}" for each in alike)
            yield titles, outcome, why

    def told(self, change):
        return OUTCOMES[change.outcome.name], sentence(change.why)

    def title(self, change):
        title = sentence(change.title).removesuffix(".")
        if change.answers == COPIED:
            title += ", and choose to copy it"
        where = [VENDORS[each] for each in change.databases]
        where = where if len(where) == 1 else []
        if change.min_django > (5, 2):
            where.append(f"Django {'.'.join(map(str, change.min_django))}")
        return f"{title} ({', '.join(where)})" if where else title


COPIED = ("y", "2")  # the second answer to the question what becomes of the column
VENDORS = {"mysql": "MySQL", "postgresql": "PostgreSQL", "sqlite": "SQLite"}
OUTCOMES = {
    "AS_DJANGO": "what Django writes",
    "SPLIT": "**expand and contract**",
    "REFUSED": "*nothing: refused*",
}


class DjangoSuite(LivingDirective):
    """The tests of Django that cannot pass, each with the reason."""

    sources = [EXPECTED]

    def lines(self):
        expected = tomllib.loads(EXPECTED.read_text(encoding="utf-8"))["expected"]
        if not expected:
            yield "There is no such test."
        for test, reason in sorted(expected.items()):
            yield from (f"``{test}``", f"    {reason}", "")


def sentence(text):
    text = " ".join(str(text).split())
    return text if not text or text.endswith(".") else f"{text}."


def setup(app):
    if not settings.configured:
        settings.configure(DEFAULT_AUTO_FIELD="django.db.models.BigAutoField")
        django.setup()
    app.add_directive("incompatibility-rules", IncompatibilityRules)
    app.add_directive("scenario-table", ScenarioTable)
    app.add_directive("change-tables", ChangeTables)
    app.add_directive("django-suite", DjangoSuite)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
