"""Stage-aware database migrations for Django projects that deploy without downtime."""

from syzygy_like.stages import Stage, StageSource

__all__ = ["Stage", "StageSource", "__version__"]

__version__ = "0.1.0"
