"""A stage in a migration file that Django writes."""

from __future__ import annotations

import pytest
from django.db.migrations.writer import MigrationWriter, OperationWriter

from syzygy_like import Stage
from syzygy_like.operations import Backfill


@pytest.mark.parametrize("stage", [*Stage, Stage.ANY, Stage(0)])
def test_django_writes_a_stage_that_can_be_read_again(stage):
    text, imports = MigrationWriter.serialize(stage)
    namespace: dict[str, object] = {}
    exec("\n".join(imports), namespace)
    assert eval(text, namespace) is stage


def test_a_squashed_migration_keeps_the_stage_of_a_backfill():
    backfill = Backfill("Order", {"total": 1}, stage=Stage.POST_DEPLOY)
    text, _ = OperationWriter(backfill, indentation=0).serialize()
    assert "stage=syzygy_like.Stage('post-deploy')" in text


@pytest.mark.parametrize("value", ["after", 4, None])
def test_what_is_no_stage_is_refused(value):
    with pytest.raises((ValueError, TypeError)):
        Stage(value)
