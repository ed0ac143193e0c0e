"""What to say of each error that planning raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import Error
from django.db.migrations.exceptions import (
    InconsistentMigrationHistory,
    InvalidMigrationPlan,
    IrreversibleError,
)

from syzygy_like.conf import InvalidSettingError
from syzygy_like.expand_contract.simulation import NoHalvesError
from syzygy_like.planning.delays import InvalidDelayError
from syzygy_like.planning.history import BrokenMigrationError, UnloadableError
from syzygy_like.planning.messages import plans, refusals, settings
from syzygy_like.planning.resolver import InvalidStageError

ERRORS: dict[type[Exception], Callable[[Any], str]] = {
    BrokenMigrationError: lambda error: plans.broken(error.key, error.error),
    InconsistentMigrationHistory: lambda error: str(error.args[0]),
    InvalidDelayError: lambda error: settings.invalid_delay(
        error.migration, error.value
    ),
    IrreversibleError: lambda error: str(error),
    InvalidMigrationPlan: lambda error: str(error.args[0]),
    InvalidStageError: settings.invalid_stage,
    NoHalvesError: refusals.endless,
    UnloadableError: settings.unloadable,
    InvalidSettingError: settings.invalid_setting,
    Error: plans.refused,
}
