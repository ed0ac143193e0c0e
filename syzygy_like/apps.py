from django.apps import AppConfig
from django.core.checks import register


class SyzygyLikeConfig(AppConfig):
    name = "syzygy_like"
    verbose_name = "Staged migrations"

    def ready(self) -> None:
        register(check_stages, "syzygy_like")


def check_stages(*args, **kwargs):  # type: ignore[no-untyped-def]
    """Run the checks, of which nothing is imported before they are asked for."""
    from syzygy_like import checks

    return checks.check_stages(*args, **kwargs)
