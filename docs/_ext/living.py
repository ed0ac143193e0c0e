"""Directives that show what the code says of itself, so that no page goes stale."""

import importlib
import inspect
import sys
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
        for source in self.sources:
            self.env.note_dependency(str(source))
        text = "\n".join(self.lines())
        return self.parse_text_to_nodes(text, allow_section_headings=True)

    def lines(self):
        raise NotImplementedError


class IncompatibilityRules(LivingDirective):
    """A section for each rule: its id, what breaks, and what messages say of it."""

    sources = sorted((ROOT / "syzygy_like" / "compat").glob("*.py"))

    def lines(self):
        from syzygy_like.compat import RULES, Problem
        from syzygy_like.messages.problems import clause

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


class ScenarioTable(LivingDirective):
    """The catalogue of changes in ``tests/scenarios.py``, as a table."""

    sources = [ROOT / "tests" / "scenarios.py"]

    def lines(self):
        scenarios = self.scenarios()
        if not scenarios:
            yield "The catalogue of changes is not part of this build."
            return
        yield ".. list-table::"
        yield "   :header-rows: 1"
        yield "   :class: scenarios"
        yield ""
        for row in [("Change", "Stage", "Why"), *map(self.row, scenarios)]:
            for index, cell in enumerate(row):
                yield f"   {'-' if index else '* -'} {cell}".replace("   -", "     -")

    def scenarios(self):
        try:
            module = importlib.import_module("tests.scenarios")
        except ModuleNotFoundError as error:
            if error.name != "tests.scenarios":
                raise
            return []
        return list(module.SCENARIOS)

    def row(self, scenario):
        breaks = self.rules("Old code on the result", scenario.breaks)
        lacks = self.rules("New code without it", scenario.lacks)
        parts = [sentence(scenario.why), *breaks, *lacks]
        title = sentence(scenario.title).removesuffix(".")
        return title, scenario.stage.label, " ".join(parts)

    def rules(self, title, found):
        if found:
            links = ", ".join(f":ref:`{each} <rule-{each}>`" for each in sorted(found))
            yield f"*{title}:* {links}."


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
    app.add_directive("django-suite", DjangoSuite)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
