"""python -m tests.django_suite django/tests [--database postgresql] [label...]"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import django

from tests.django_suite.comparison import Comparison
from tests.support.databases import VENDORS, PostgreSQL

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).parent
ROOT = HERE.parent.parent

# Whatever exercises migrate, makemigrations, showmigrations, sqlmigrate, check
# or the classes behind them.
LABELS = [
    "apps",
    "auth_tests",
    "backends",
    "cache.tests.CreateCacheTableForDBCacheTests",
    "check_framework",
    "contenttypes_tests",
    "db_utils",
    "field_deconstruction",
    "migrate_signals",
    "migration_test_data_persistence",
    "migrations",
    "migrations2",
    "multiple_database",
    "proxy_model_inheritance",
    "sites_tests",
    "swappable_models",
    "test_runner",
    "test_utils.test_transactiontestcase",
    "user_commands",
]
POSTGRESQL_LABELS = ["postgres_tests.test_array", "postgres_tests.test_operations"]
# What the database of postgres_tests needs, of what comes with PostgreSQL.
EXTENSIONS = {
    *("bloom", "btree_gin", "btree_gist", "citext"),
    *("hstore", "pg_trgm", "unaccent", "uuid-ossp"),
}


def say(message: str) -> None:
    print(message, flush=True)  # noqa: T201


def choose_labels(database: object) -> list[str]:
    """Return the labels that this database can run."""
    if not isinstance(database, PostgreSQL):
        return LABELS
    rows = database.execute("SELECT name FROM pg_available_extensions")
    if lacking := sorted(EXTENSIONS - {name for (name,) in rows}):
        say(f"Left out, as the server lacks {', '.join(lacking)}: {POSTGRESQL_LABELS}")
        return LABELS
    return [*LABELS, *POSTGRESQL_LABELS]


def databases(vendor: str, config: dict) -> str:
    """Return Django's two test databases as JSON."""
    if vendor == "sqlite":
        config = {"ENGINE": config["ENGINE"]}  # In memory, as Django does.
        return json.dumps({"default": config, "other": config})
    other = {**config, "NAME": f"{config['NAME']}_other"}
    return json.dumps({"default": config, "other": other})


def passed(tests: Path, options: list[str], environ: dict[str, str]) -> frozenset[str]:
    """Run Django's tests once and return the ids of those that passed."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = Path(folder) / "passed.json"
        environ = {**environ, "DJANGO_SUITE_PASSED": str(outcome)}
        run = [sys.executable, "-W", "error", "-m", "tests.django_suite.run", *options]
        # Failures are compared, not counted: that is what is wanted here.
        subprocess.run(run, cwd=tests, env=environ, check=False)
        if not outcome.exists():
            sys.exit("Django's tests did not run to the end.")
        return frozenset(json.loads(outcome.read_text(encoding="utf-8")))


def main() -> bool:
    parser = argparse.ArgumentParser(prog="tests.django_suite")
    parser.add_argument("tests", type=Path)
    parser.add_argument("--database", choices=VENDORS, default="sqlite")
    parser.add_argument("labels", nargs="*")
    arguments = parser.parse_intermixed_args()
    database = VENDORS[arguments.database]()
    with tempfile.TemporaryDirectory(prefix="syzygy-") as folder:
        config = database.create(Path(folder))
        environ = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DJANGO_SUITE_DATABASES": databases(arguments.database, config),
        }
        try:
            labels = arguments.labels or choose_labels(database)
            stock = passed(arguments.tests, labels, environ)
            ours = passed(arguments.tests, ["--app", "syzygy_like", *labels], environ)
        finally:
            database.drop()
    expected = tomllib.loads((HERE / "expected.toml").read_text(encoding="utf-8"))
    comparison = Comparison(stock, ours, expected["expected"])
    title = f"django-suite {django.__version__} {arguments.database}"
    say("\n".join(comparison.report(title)))
    return not comparison.ok


if __name__ == "__main__":
    sys.exit(main())
