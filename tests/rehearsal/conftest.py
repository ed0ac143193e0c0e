from __future__ import annotations

import pytest

from tests.support.orders import started
from tests.support.projects import Project


@pytest.fixture
def shop(project: Project, database: str) -> Project:
    """Return a shop whose first migration is applied."""
    return started(project, database, "")
