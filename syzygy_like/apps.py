from django.apps import AppConfig
from django.core.checks import register

from syzygy_like import conf
from syzygy_like.checks import check_stages


class SyzygyLikeConfig(AppConfig):
    name = "syzygy_like"
    verbose_name = "Staged migrations"

    def ready(self) -> None:
        register(check_stages, "syzygy_like")
        if conf.marks_connections():
            from syzygy_like.safeguards.rollout.marks import mark_connections

            mark_connections()
