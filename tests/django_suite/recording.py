"""A test runner that writes down which tests passed."""

from __future__ import annotations

import json
import os
import unittest
from pathlib import Path

from django.test.runner import DiscoverRunner


class RecordingResult(unittest.TextTestResult):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.passed = set()

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed.add(test.id())


class RecordingRunner(DiscoverRunner):
    def get_resultclass(self):
        return RecordingResult

    def run_suite(self, suite, **kwargs):
        result = super().run_suite(suite, **kwargs)
        passed = json.dumps(sorted(result.passed))
        Path(os.environ["DJANGO_SUITE_PASSED"]).write_text(passed, encoding="utf-8")
        return result
