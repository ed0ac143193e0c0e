"""The settings of the upgrade that the environment names."""

import importlib
import os

from tests.upgrades.catalogue import ENVIRONMENT_KEY, UPGRADES

upgrade = UPGRADES[os.environ[ENVIRONMENT_KEY]]

SECRET_KEY = "upgrades"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
# Some packages hash what is written, which is slow on purpose.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "tests.upgrades.urls"
STATIC_URL, MEDIA_URL = "/static/", "/media/"

if upgrade.base:
    _module = importlib.import_module(upgrade.base)
    globals().update({k: v for k, v in vars(_module).items() if k.isupper()})
globals().update(upgrade.settings)

# The first app that has a command of a name is the one whose command runs.
INSTALLED_APPS = ["syzygy_like", *globals()["INSTALLED_APPS"]]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        # All that is done is done on scratch databases beside it.
        "NAME": "postgres",
        "HOST": os.environ.get("PGHOST", "127.0.0.1"),
        "PORT": os.environ.get("PGPORT", "5432"),
        "USER": os.environ.get("PGUSER", "postgres"),
        # Nobody needs these databases after a power cut.
        "OPTIONS": {"options": "-c synchronous_commit=off"},
        "PASSWORD": os.environ.get("PGPASSWORD", ""),
    }
}
DATABASE_ROUTERS: list[str] = []
LOGGING_CONFIG = None
