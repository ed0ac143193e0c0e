"""Django's own settings for its tests, on the databases that we name."""

import json
import os

from test_sqlite import *  # noqa: F403

from tests.support.databases import mysql_driver

DATABASES = json.loads(os.environ["DJANGO_SUITE_DATABASES"])
TEST_RUNNER = "tests.django_suite.recording.RecordingRunner"

if DATABASES["default"]["ENGINE"].endswith("mysql"):
    mysql_driver()
