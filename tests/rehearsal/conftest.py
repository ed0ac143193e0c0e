from __future__ import annotations

import tempfile

import pytest

from tests.support.orders import started
from tests.support.projects import Project


@pytest.fixture
def shop(project: Project, database: str) -> Project:
    """Return a shop whose first migration is applied."""
    return started(project, database, "")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    """Let SQLite's scratch databases lie where no other process has any."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
