"""The benchmarks, on a project so small that their figures mean nothing."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connections

from benchmarks.__main__ import crowded, stalled
from benchmarks.migrators import Crowd, crowds, migrators
from benchmarks.project import Project
from benchmarks.stall import Way, stall, ways
from demo.databases import DATABASES

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("benchmark") / "project")
    project.create(43)
    return project


def test_models_are_what_the_migrations_make(project):
    project.manage("makemigrations", "--check", "--dry-run")


def test_migrations_apply(project):
    project.manage("migrate")


def test_migrations_fit_a_stage(project):
    project.forget_verdict()
    assert "no issues" in project.manage("check", app="syzygy_like")
    assert project.notes()


def test_run():
    subjects = ["check", "plan", "makemigrations", "rehearse"]
    command = [sys.executable, "-m", "benchmarks", *subjects]
    done = subprocess.run(
        [*command, "--migrations", "25", "--rounds", "1"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"^  Django ", done.stdout, re.MULTILINE)) == 8
    assert len(re.findall(r"^  syzygy_like .*x", done.stdout, re.MULTILINE)) == 8
    assert "exit status" not in done.stdout


def test_run_of_a_backfill():
    command = [sys.executable, "-m", "benchmarks", "backfill", "--rows", "60"]
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = re.findall(r"^  (\w.*?) {2,}(\d+) .*x", done.stdout, re.MULTILINE)
    assert rows == [
        ("one UPDATE", "60"),
        ("Backfill", "60"),
        ("iterator, save()", "60"),
    ]


def test_run_of_migrators(tmp_path):
    crowd = next(each for each in crowds(2) if each.name == "2 --migration-lock")
    with DATABASES["sqlite"](tmp_path, False) as database:
        migrators(tmp_path / "project", database, [crowd], rounds=1, pending=2)
    row = crowded(crowd, Crowd("1 Django", ["migrate"], 1, elapsed=[1.0]))
    assert re.search(r"^  2 --migration-lock .*x +0/2 +2$", row)


@pytest.mark.databases("postgresql")
def test_run_of_a_stall(tmp_path, database):
    settings = {"ENGINE", "NAME", "HOST", "PORT", "USER", "PASSWORD"}
    known = connections[database].settings_dict
    database = {name: known[name] for name in settings & known.keys()}
    *_, way = ways()
    stall(tmp_path / "project", database, [way], idle=0.2, rounds=1)
    row = stalled(way, Way("Django", reads=[1.0], writes=[1.0]))
    assert re.search(r"^  --lock-timeout +\S+ ms +\S+ ms +\S+ s +\S+x$", row)
