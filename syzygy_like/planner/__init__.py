"""Which migrations of a plan run on which side of a deploy."""

from __future__ import annotations

from syzygy_like.planner.placing import Parents
from syzygy_like.planner.post_deploy import plan_post_deploy
from syzygy_like.planner.pre_deploy import plan_pre_deploy

__all__ = ["Parents", "plan_post_deploy", "plan_pre_deploy"]
