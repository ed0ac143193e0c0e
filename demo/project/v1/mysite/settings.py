"""Settings of the shop; both versions of its code share one database."""

import importlib.util
import json
import secrets
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = secrets.token_hex()
INSTALLED_APPS = ["syzygy_like", "shop"]
DATABASES = {"default": json.loads((BASE_DIR.parent / "database.json").read_text())}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True

if (
    DATABASES["default"]["ENGINE"] == "django.db.backends.mysql"
    and importlib.util.find_spec("MySQLdb") is None
):
    import pymysql

    pymysql.install_as_MySQLdb()
