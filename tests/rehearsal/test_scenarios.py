"""The catalogue of changes, rehearsed: what fits a stage, and what is refused."""

from __future__ import annotations

import copy

import pytest

from tests.scenarios import SCENARIOS
from tests.support.rehearsals import rehearse

# Their migrations fail on rows that the old version may have written.
IN_THE_WAY = {"require-value"}


@pytest.fixture
def shop(project, database, scenario):
    """The project of a scenario, whose migration is pending."""
    project.write("shop", "0001_initial", *copy.deepcopy(scenario.before))
    before = [("shop", "0001_initial")]
    operations = copy.deepcopy(scenario.operations)
    if scenario.app_label == "shop":
        project.write("shop", "0002_change", *operations)
    else:
        project.write(
            scenario.app_label, "0001_change", *operations, dependencies=before
        )
    return project


@pytest.mark.databases("postgresql", laws=("sqlite",))
@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_scenario(shop, database, scenario):
    """What is safe fails nowhere; what is refused fails as had been predicted."""
    found = rehearse(shop, database, names=["shop.0001_initial"], rows=2, contrast=True)
    certain = [each for each in found.report["failures"] if not is_hazard(each)]
    assert all(each["reason"] for each in certain), certain
    if scenario.stage:
        assert [each for each in certain if each["phase"] != "plain"] == []
        kinds = {kind for kind, _ in found.deploy_problems}
        if scenario.backfill or scenario.name in IN_THE_WAY:
            kinds -= {"failed"}
        assert kinds == set()
        return
    assert ("blocked", "") in found.deploy_problems
    has_failed = "failed" in {kind for kind, _ in found.deploy_problems}
    if scenario.breaks and database == "postgresql" and not has_failed:
        rules = {each["reason"]["rule"] for each in found.failures("plain")}
        assert rules & scenario.breaks
        name = "0002_change" if scenario.app_label == "shop" else "0001_change"
        causes = {each["migration"] for each in found.failures("plain")}
        assert causes == {f"{scenario.app_label}.{name}"}


def is_hazard(failure):
    return bool(failure["reason"] and failure["reason"]["hazard"])
