"""Each change of the catalogue is deployed, with both versions of the code at work."""

from __future__ import annotations

from collections.abc import Callable

import django
import pytest
from django.apps import apps
from django.db import connections

from tests.changes import CHANGES, Change, Outcome
from tests.support.deployment import Deployment
from tests.support.deployment_projects import write_models
from tests.support.projects import Project

# Of contrib.postgres, whose fields do without being installed.
NOT_INSTALLED = "postgres.E005"
IN_BOTH = {"sqlite", "postgresql"}
each_change = pytest.mark.parametrize("change", CHANGES, ids=str)


def changes(is_wanted: Callable[[Change], bool]) -> pytest.MarkDecorator:
    """Run a test with some changes of the catalogue."""
    wanted = [each for each in CHANGES if is_wanted(each)]
    return pytest.mark.parametrize("change", wanted, ids=str)


@pytest.fixture
def deployment(change: Change, database: str, tmp_path, monkeypatch):
    """A change on its way; the processes end with the test."""
    # The databases of other tests are none of the project's.
    vendors = {connections[database].vendor}
    monkeypatch.setattr("syzygy_like.planning.database._vendors", lambda: vendors)
    if change.min_django > django.VERSION:
        pytest.skip(f"needs Django {'.'.join(map(str, change.min_django))}")
    if connections[database].vendor not in change.databases:
        pytest.skip(f"needs {', '.join(change.databases)}")
    deployment = Deployment(change, database, tmp_path)
    yield deployment
    deployment.stop()


def test_names_are_unique():
    names = [change.name for change in CHANGES]
    assert len(set(names)) == len(names)


@each_change
def test_the_models_are_in_order(change, tmp_path):
    """No system check of Django's speaks against what the catalogue has."""
    if change.min_django > django.VERSION:
        pytest.skip(f"needs Django {'.'.join(map(str, change.min_django))}")
    for name, models in (("before", change.before), ("after", change.after)):
        project = Project(tmp_path / name)
        write_models(project, models)
        with project.active():
            found = [
                message
                for label in models
                for model in apps.get_app_config(label).get_models()
                for message in model.check(databases=[])
                if message.id != NOT_INSTALLED
            ]
        assert found == []


@pytest.mark.databases("sqlite", "postgresql")
@changes(lambda each: each.outcome is Outcome.SPLIT)
def test_the_change_is_deployed(deployment, databases, change):
    deploy(deployment, databases, change)


# The files are Django's, and run as they are: PostgreSQL is the strictest with them.
@pytest.mark.databases("postgresql", laws=("sqlite",))
@changes(
    lambda each: each.outcome is Outcome.AS_DJANGO and {*each.databases} >= IN_BOTH
)
def test_the_change_is_deployed_as_django_writes_it(deployment, databases, change):
    deploy(deployment, databases, change)


@pytest.mark.databases("sqlite", "postgresql")
@changes(
    lambda each: each.outcome is Outcome.AS_DJANGO and not {*each.databases} >= IN_BOTH
)
def test_the_change_of_one_database_is_deployed(deployment, databases, change):
    deploy(deployment, databases, change)


# Nothing is executed.
@pytest.mark.databases("sqlite", laws=("postgresql",))
@changes(lambda each: each.outcome is Outcome.REFUSED and "sqlite" in each.databases)
def test_the_change_is_refused(deployment, change):
    deployment.refuse()


@pytest.mark.databases("postgresql")
@changes(
    lambda each: each.outcome is Outcome.REFUSED and "sqlite" not in each.databases
)
def test_the_change_of_postgresql_is_refused(deployment, change):
    deployment.refuse()


@pytest.mark.databases("mysql")
@changes(lambda each: "mysql" in each.databases)
def test_the_change_is_deployed_on_mysql(deployment, databases, change):
    if change.outcome is Outcome.REFUSED:
        deployment.refuse()
    else:
        deploy(deployment, databases, change)


def deploy(deployment, databases, change):
    deployment.prepare()
    deployment.generate()
    if change.outcome is Outcome.SPLIT:
        deployment.expect_split()
    else:
        deployment.expect_djangos_files()
    deployment.expand()
    if change.outcome is Outcome.SPLIT:
        deployment.expect_stages()
    deployment.overlap()
    deployment.contract()
    deployment.compare(databases)
