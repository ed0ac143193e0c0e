"""What is compared: commands with the app installed, and Django's alone."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

from benchmarks.project import Project
from benchmarks.timing import Comparison, Variant

OURS = "syzygy_like"
PEERS = {"django-syzygy": "syzygy"}
PENDING = 20
CHECK_LIMIT = 1.10
MIGRATE_LIMIT = 1.02
REHEARSE_LIMIT = 1.50
TEST_DATABASE = """
from django.db import connection
name = connection.settings_dict["NAME"]
connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
connection.creation.destroy_test_db(name, verbosity=0)
"""


def check(project: Project) -> list[Comparison]:
    """Compare ``check``, whether or not the verdict is still remembered."""
    project.manage("check", app=OURS)
    states: dict[str, Callable[[Project], None]] = {
        "unchanged": lambda project: None,
        "unchanged, in another checkout": Project.check_out_again,
        "one migration changed": Project.edit,
        "for the first time": Project.forget_verdict,
    }
    return [
        Comparison(f"check, {state}", _variants("check"), CHECK_LIMIT, prepare)
        for state, prepare in states.items()
    ]


def migrate(project: Project) -> list[Comparison]:
    """Compare ``migrate`` where there is nothing to do."""
    project.apply_all()
    return [
        Comparison("migrate, nothing to do", _variants("migrate"), MIGRATE_LIMIT),
        _staged("migrate --pre-deploy, nothing to do"),
        _staged("migrate --pre-deploy --check, nothing to do", "--check"),
    ]


def plan(project: Project) -> list[Comparison]:
    """Compare the plan of some pending migrations."""
    project.apply_all()
    pending = project.forget_last(PENDING)
    title = f"migrate --pre-deploy --plan, {pending} pending"
    return [_staged(title, "--plan")]


def makemigrations(project: Project) -> list[Comparison]:
    """Compare ``makemigrations``, without and with a change that needs both sides."""
    project.apply_all()

    def compared(title: str, prepare: Callable[[Project], None]) -> Comparison:
        variants = [
            Variant("Django", ["makemigrations", "--dry-run", "--noinput"]),
            Variant("syzygy_like", ["makemigrations", "--dry-run", "--noinput"], OURS),
        ]
        return Comparison(f"makemigrations --dry-run, {title}", variants, None, prepare)

    return [
        compared("nothing to do", lambda project: None),
        compared("a change to split", Project.change_models),
    ]


def rehearse(project: Project) -> list[Comparison]:
    """Compare the rehearsal of one migration with the making of a test database."""
    before_last = project.migration_files()[-2]
    start = f"{before_last.parent.parent.name}.{before_last.stem}"
    stock = Variant("Django", ["shell", "--command", TEST_DATABASE])
    ours = Variant("syzygy_like", ["rehearse", "--from", start], OURS)
    title = "rehearse, one pending, and Django's test database"
    return [Comparison(title, [stock, ours], REHEARSE_LIMIT)]


def _variants(command: str) -> list[Variant]:
    apps = {"Django": "", "syzygy_like": OURS}
    for name, module in PEERS.items():
        if importlib.util.find_spec(module):
            apps[name] = module
    return [Variant(name, [command], app) for name, app in apps.items()]


def _staged(title: str, *options: str) -> Comparison:
    stock = Variant("Django", ["migrate", *options])
    ours = Variant("syzygy_like", ["migrate", "--pre-deploy", *options], OURS)
    return Comparison(title, [stock, ours])
