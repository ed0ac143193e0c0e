from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.databases import ALIASES, Databases, Unavailable, missing
from tests.support.projects import Project

settings.register_profile("default", deadline=None, max_examples=50)
settings.register_profile(
    "ci",
    deadline=None,
    max_examples=100,
    # A build that fails says something about the change that it builds.
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "thorough",
    deadline=None,
    max_examples=2000,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default")
)

SCRATCH = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder of the scratch databases; xdist's workers share it."""
    # When asked to terminate, clean up as for Ctrl-C: a server would live on.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if hasattr(config, "workerinput"):
        config.stash[SCRATCH] = Path(config.workerinput["scratch"])
        return
    folder = config.stash[SCRATCH] = Path(tempfile.mkdtemp(prefix="syzygy-"))
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node) -> None:
    node.workerinput["scratch"] = str(node.config.stash[SCRATCH])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for ``database`` on every vendor, or those it names."""
    if "database" not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker("databases")
    vendors = mark.args if mark else tuple(ALIASES)
    if unknown := set(vendors) - set(ALIASES):
        raise pytest.UsageError(
            f"{metafunc.definition.nodeid}: no such databases: {sorted(unknown)}"
        )
    metafunc.parametrize("database", vendors, indirect=True)


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest, django_db_blocker):
    """Return the session's scratch databases."""
    databases = Databases(request.config.stash[SCRATCH])
    yield databases
    with django_db_blocker.unblock():
        databases.drop()


@pytest.fixture
def database(request: pytest.FixtureRequest, databases, django_db_blocker):
    """Return the alias of an empty database, once for each vendor."""
    with django_db_blocker.unblock():
        try:
            alias = databases.alias(request.param)
        except Unavailable as error:
            missing(request.param, error)
        databases.empty(alias)
        yield alias
        databases.empty(alias)


@pytest.fixture
def project(tmp_path):
    """Return a project without apps; see ``projects.py``."""
    return Project(tmp_path)
