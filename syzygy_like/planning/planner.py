"""Which migrations of a plan run on which side of a deploy."""

from __future__ import annotations

from syzygy_like.planning.placing import Parents
from syzygy_like.planning.post_deploy import plan_post_deploy
from syzygy_like.planning.pre_deploy import plan_pre_deploy

__all__ = ["Parents", "plan_post_deploy", "plan_pre_deploy"]
