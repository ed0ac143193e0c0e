"""The upgrades there are: what is installed, and what a project of it looks like."""

from __future__ import annotations

import dataclasses
from typing import Any

from tests.upgrades.projects import ALLAUTH, CELERY_BEAT, OAUTH, OSCAR, PRETIX, WAGTAIL

# The environment variable that tells the settings which upgrade they are for.
ENVIRONMENT_KEY = "SYZYGY_UPGRADE"


@dataclasses.dataclass(frozen=True)
class Upgrade:
    """
    From one release of a package to another.

    Only the new one is installed: of the old one the names of its migrations tell
    what a database of it has applied.
    """

    package: str
    old: str
    new: str
    python: str
    # The folder of the package's modules: which apps are its own.
    module: str
    # INSTALLED_APPS and all else that the package wants.
    settings: dict[str, Any]
    extras: str = ""
    django: str = "~=5.2.0"
    # The package's metadata wants an older Django, which does not keep it from
    # running with this one.
    forces_django: bool = False
    # A module of the package's own that has settings to start from.
    base: str = ""
    # Apps that were somewhere else in the old release, by label.
    moved: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def old_requirement(self) -> str:
        return f"{self.package}=={self.old}"

    @property
    def requirements(self) -> list[list[str]]:
        """Return what to install, in the order of the calls of pip."""
        new = f"{self.package}{self.extras}{self.new}"
        django = f"Django{self.django}"
        return [[new], [django]] if self.forces_django else [[new, django]]


UPGRADES = {
    "wagtail-7": Upgrade(
        "wagtail", "5.2", "~=7.0.0", "3.12", "wagtail", settings=WAGTAIL
    ),
    "wagtail-8": Upgrade(
        "wagtail", "7.0", "~=8.0.0", "3.13", "wagtail", settings=WAGTAIL
    ),
    "oauth-toolkit-3": Upgrade(
        "django-oauth-toolkit",
        "2.4.0",
        "~=3.4.0",
        "3.12",
        "oauth2_provider",
        settings=OAUTH,
    ),
    "allauth-65": Upgrade(
        "django-allauth",
        "0.50.0",
        "~=65.0",
        "3.12",
        "allauth",
        extras="[idp-oidc,mfa,openid,socialaccount]",
        settings=ALLAUTH,
    ),
    "celery-beat-2.9": Upgrade(
        "django-celery-beat",
        "2.0.0",
        "==2.9.0",
        "3.12",
        "django_celery_beat",
        settings=CELERY_BEAT,
    ),
    "pretix-2025": Upgrade(
        "pretix",
        "2024.1.0",
        "==2025.1.0",
        "3.11",
        "pretix",
        forces_django=True,
        base="pretix.settings",
        settings=PRETIX,
    ),
    "oscar-3": Upgrade(
        "django-oscar",
        "2.2",
        "==3.2.6",
        "3.11",
        "oscar",
        forces_django=True,
        base="oscar.defaults",
        settings=OSCAR,
    ),
}
