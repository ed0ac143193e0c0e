from django.apps import AppConfig


class SyzygyLikeConfig(AppConfig):
    name = "syzygy_like"
    verbose_name = "Staged migrations"
