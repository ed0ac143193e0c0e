"""Rehearsals in processes of their own, which are interrupted or get no reader."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from django.db import connections

from tests.rehearsal.test_scratch import made
from tests.rehearsal.test_starting_point_git import commit, git
from tests.support.orders import ORDER, add, execute
from tests.support.projects import MANAGE, ROOT
from tests.support.rehearsals import run

SLOW = """
import pathlib
import time

from django.db import migrations

def sleep(apps, schema_editor):
    pathlib.Path({path!r}).touch()
    with schema_editor.connection.cursor() as cursor:
        for _ in range({tenths}):
            time.sleep(0.1)
            cursor.execute("SELECT 1")

class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [migrations.RunPython(sleep, migrations.RunPython.noop)]
"""

pytestmark = pytest.mark.databases("sqlite", "postgresql", "mysql")


class Running:
    """A rehearsal in a process, which has got to a migration that takes long."""

    def __init__(self, project, database, tenths=600):
        self.alias = database
        there = project.folder / "there"
        project.write_source(
            "shop", "0002", SLOW.format(path=str(there), tenths=tenths)
        )
        self.process = started(project, database)
        deadline = time.monotonic() + 60
        while not there.exists():
            assert self.process.poll() is None, self.process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def end(self) -> tuple[int, str]:
        """Return the exit code and what was written to stderr."""
        _, err = self.process.communicate(timeout=60)
        return self.process.returncode, err


def started(project, database, *arguments, **options):
    """Begin to rehearse in a process of its own."""
    settings = {"default": dict(connections.settings[database])}
    text = f"from tests.support import databases\nDATABASES = {settings!r}"
    if connections[database].vendor == "mysql":
        text += "\ndatabases.mysql_driver()"
    (project.folder / "manage.py").write_text(MANAGE.format(root=str(ROOT)))
    (project.folder / "site_settings.py").write_text(project._settings_source(text))
    return subprocess.Popen(
        [sys.executable, "manage.py", "rehearse", "--rows", "1", *arguments],
        cwd=project.folder,
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": tempfile.gettempdir()},
        # The shell that started the tests may have it ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **options,
    )


def left(database):
    """Return the names of the scratch databases that there are of a database."""
    if connections[database].vendor == "sqlite":
        return list(Path(tempfile.gettempdir()).glob("*_rehearsal_*"))
    return made(database)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_an_interrupted_rehearsal_leaves_nothing(shop, database, number, code):
    running = Running(shop, database)
    assert left(database)
    running.process.send_signal(number)
    ended, err = running.end()
    assert not left(database)
    assert ended == code, err
    assert "Traceback" not in err


@pytest.mark.databases("postgresql")
def test_the_server_ends_the_connection(shop, database):
    running = Running(shop, database, tenths=30)
    execute(
        database,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE %s",
        f"%{connections[database].settings_dict['NAME'][:20]}%_rehearsal_%",
    )
    ended, err = running.end()
    assert not left(database)
    assert ended in (1, 2), err
    assert "Traceback" not in err


@pytest.mark.databases("postgresql", "mysql")
def test_two_at_once(shop, database):
    shop.write("shop", "0002", add("size"))
    processes = [started(shop, database) for _ in range(2)]
    for each in processes:
        _, err = each.communicate(timeout=120)
        assert each.returncode == 0, err
    assert not left(database)


@pytest.mark.databases("sqlite")
def test_nobody_reads_the_report(shop, database):
    shop.write("shop", "0002", add("size"))
    reader, writer = os.pipe()
    os.close(reader)
    process = started(shop, database, stdout=writer)
    os.close(writer)
    _, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    assert not left(database)


@pytest.mark.databases("sqlite")
@pytest.mark.skipif(not shutil.which("git"), reason="no git")
def test_from_a_revision_of_git(project, database):
    git(project.folder, "init", "--quiet", "--initial-branch=trunk")
    project.write("shop", "0001_initial", ORDER)
    name = commit(project.folder, "v1")
    project.write("shop", "0002", add("size"))
    options = {"database": [database], "rows": 1}
    code, out, _ = run(project, revision="v1", **options)
    assert code == 0
    assert f"the migrations of v1 ({name[:10]})" in out
    assert "shop.0002" in out
