"""Random releases, rehearsed: whatever fails had been predicted."""

from __future__ import annotations

import pytest
from django.core.management.base import CommandError
from hypothesis import assume, event, given, note
from hypothesis import strategies as st

from tests.laws.test_soundness import on_database
from tests.support.projects import Project
from tests.support.rehearsals import rehearse
from tests.support.releases import releases


@pytest.mark.databases("sqlite", "postgresql")
def test_nothing_fails_that_was_not_predicted(tmp_path_factory, database):
    """With stages as they are inferred, and after a plain migrate."""

    @given(releases(), st.booleans())
    @on_database(3)
    def law(release, in_parts):
        project = Project(tmp_path_factory.mktemp("project"))
        project.settings = {"MIGRATION_BRIDGE": "all" if in_parts else "none"}
        for each in (*release.applied, *release.pending):
            attributes = {"dependencies": list(each.dependencies)}
            path = project.write(
                each.app_label, each.name, *each.operations, **attributes
            )
            note(path.read_text())
        start = {each.app_label: each.name for each in release.applied}
        labels = sorted({each.app_label for each in release.pending})
        names = [f"{label}.{start.get(label, 'zero')}" for label in labels]
        try:
            found = rehearse(project, database, names=names, rows=2, contrast=True)
        except CommandError as error:
            event("no rehearsal")
            note(str(error))
            assume(False)
        event(f"exit code {found.code}")
        note(repr(found))
        unpredicted = [each for each in found.report["failures"] if not each["reason"]]
        assert unpredicted == []

    law()
