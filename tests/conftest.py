from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support import mariadb
from tests.support.databases import ALIASES, Databases, Unavailable, missing
from tests.support.orders import started
from tests.support.projects import Project

# A run says something about the change that it tests: the same each time.
settings.register_profile(
    "default",
    deadline=None,
    max_examples=40,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("default")

SCRATCH = pytest.StashKey[Path]()
# Two servers and the files of all tests need less.
ENOUGH = 4 << 30


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--laws",
        type=int,
        metavar="EXAMPLES",
        help="try so many random examples of each property, not the same few",
    )


def load_laws(examples: int) -> None:
    """Let hypothesis look for counterexamples: other examples in each run."""
    settings.register_profile(
        "laws",
        deadline=None,
        max_examples=examples,
        # Not in a folder that would decide what the next run tries.
        database=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("laws")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Make the folder of the scratch databases; xdist's workers share it."""
    if examples := config.getoption("laws"):
        load_laws(examples)
    # When asked to terminate, clean up as for Ctrl-C: a server would live on. A shell
    # ignores Ctrl-C for what it starts in the background; tests and children need it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    if hasattr(config, "workerinput"):
        folder = Path(config.workerinput["scratch"])
        name = config.workerinput["workerid"]
    else:
        folder, name = scratch_folder(), "main"
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
        config.add_cleanup(lambda: mariadb.stop(folder))
    config.stash[SCRATCH] = folder
    # Each worker has temporary files of its own, which other workers do not meet.
    temporary = folder / f"tmp-{name}"
    temporary.mkdir()
    tempfile.tempdir = os.environ["TMPDIR"] = str(temporary)


def scratch_folder() -> Path:
    """Make a folder in memory if there is room for it, else on disk."""
    memory = Path("/dev/shm")
    is_large = memory.is_dir() and shutil.disk_usage(memory).free > ENOUGH
    directory = memory if is_large and os.access(memory, os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="syzygy-", dir=directory))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node) -> None:
    node.workerinput["scratch"] = str(node.config.stash[SCRATCH])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark for ``-m hypothesis`` whatever ``--laws`` tries more often."""
    for item in items:
        mark = item.get_closest_marker("databases")
        is_wider = mark is not None and "laws" in mark.kwargs
        if is_wider or "laws" in item.path.parts or hasattr(item.module, "often"):
            item.add_marker("hypothesis")


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what stays: modules, and the tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for ``database`` on every vendor, or those it names."""
    if "database" not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker("databases")
    vendors = mark.args if mark else tuple(ALIASES)
    if mark and metafunc.config.getoption("laws"):
        vendors += mark.kwargs.get("laws", ())
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


@pytest.fixture
def shop(project: Project, database: str) -> Project:
    """Return a shop whose first migration is applied, and that applies parts."""
    return started(project, database)
