"""Writes migrations to files, with what Django's writer leaves no place for."""

from __future__ import annotations

import re

from django.db.migrations.writer import MigrationWriter

from syzygy_like.expand_contract.data_functions import sources
from syzygy_like.stages import Stage

_CLASS = "\n\nclass Migration("


class StagedWriter(MigrationWriter):
    """Writes the functions of a migration above it, and its stage if it has one."""

    def as_string(self) -> str:
        """Return the text of the file."""
        text = super().as_string()
        for source in sources(self.migration.operations):
            text = text.replace(_CLASS, f"\n\n{source}{_CLASS}", 1)
        stage = getattr(self.migration, "stage", None)
        return _with_stage(text, stage) if stage else text


def _with_stage(text: str, stage: Stage) -> str:
    imports = "from django.db import migrations"
    text = re.sub(
        f"^{imports}.*$",
        lambda match: f"{match[0]}\nfrom syzygy_like import Stage",
        text,
        count=1,
        flags=re.MULTILINE,
    )
    head = "class Migration(migrations.Migration):\n"
    return text.replace(head, f"{head}    stage = {stage}\n", 1)
