"""The settings: read whenever they are needed, and left as they are."""

from __future__ import annotations

import copy
import re
import sys
import types
from pathlib import Path

import pytest
from django.db import migrations, models
from django.test import override_settings

import syzygy_like
from syzygy_like import Stage, conf
from syzygy_like.planning.policy import current_policy, is_third_party
from tests.support.orders import started
from tests.support.projects import applied, migration

PACKAGE = Path(syzygy_like.__file__).parent
MESSAGES = {
    path
    for path in PACKAGE.rglob("*.py")
    if "messages" in path.parent.name or "messages" in path.stem
}
OVERRIDE = conf.OVERRIDE
KEY = ("id", models.BigAutoField(primary_key=True))
ORDER = migrations.CreateModel(
    "Order", [KEY, ("price", models.IntegerField(null=True))]
)
REMOVE = migrations.RemoveField("order", "price")
REQUIRED = migrations.AddField("order", "total", models.IntegerField(default=0))


def test_these_are_all():
    assert conf.ALL == (
        "MIGRATION_STAGES_OVERRIDE",
        "MIGRATION_STAGES_FALLBACK",
        "MIGRATION_THIRD_PARTY_STAGES_FALLBACK",
        "MIGRATION_STAGES_BASELINE",
        "MIGRATION_STAGES_SKIP_BLOCKED",
        "MIGRATION_BRIDGE",
        "MIGRATION_GUARD",
        "MIGRATION_LOCK_DATABASE",
        "MIGRATION_LOCK_WAIT",
        "MIGRATION_LOCK_TIMEOUT",
        "MIGRATION_LOCK_RETRIES",
        "MIGRATION_STATEMENT_TIMEOUT",
        "MIGRATION_QUORUM_CACHE",
        "MIGRATION_MARK_CONNECTIONS",
        "MIGRATION_ROLLOUT_IGNORE",
    )


def test_messages_name_no_other_settings():
    for path in MESSAGES:
        named = re.findall(r"MIGRATION_[A-Z_]+", path.read_text(encoding="utf-8"))
        assert set(named) <= set(conf.ALL)


def test_without_settings_third_party_migrations_are_applied_in_parts():
    policy = current_policy()
    assert policy.bridges is is_third_party
    assert policy.third_party_fallback is None


@override_settings(MIGRATION_BRIDGE="none")
def test_without_parts_only_third_parties_have_a_fallback():
    policy = current_policy()
    assert not policy.overrides
    assert not policy.fallbacks
    assert policy.third_party_fallback is Stage.PRE_DEPLOY
    assert conf.baseline() == {}
    assert not conf.skips_blocked()


@pytest.mark.parametrize("stage", [Stage.PRE_DEPLOY, Stage.POST_DEPLOY, None])
def test_the_third_party_fallback_may_be_none(stage):
    with override_settings(MIGRATION_THIRD_PARTY_STAGES_FALLBACK=stage):
        assert current_policy().third_party_fallback is stage


@pytest.mark.parametrize("value", [None, {}, ()])
def test_an_empty_setting_is_as_good_as_none(value):
    with override_settings(
        MIGRATION_STAGES_OVERRIDE=value,
        MIGRATION_STAGES_FALLBACK=value,
        MIGRATION_STAGES_BASELINE=value,
    ):
        assert not current_policy().overrides
        assert conf.baseline() == {}


def test_any_mapping_will_do():
    stages = types.MappingProxyType({"shop": Stage.ANY})
    with override_settings(MIGRATION_STAGES_OVERRIDE=stages):
        assert current_policy().override(migration("shop", "0001")) is Stage.ANY


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("/srv/venv/lib/python3.13/site-packages/shop/migrations/0001.py", True),
        ("/usr/lib/python3/dist-packages/shop/migrations/0001.py", True),
        ("/srv/venv-site-packages/shop/migrations/0001.py", False),
        ("/srv/site-packages.py", False),
        ("/srv/shop/migrations/0001.py", False),
        (None, False),
    ],
)
def test_third_parties_are_told_by_parts_of_the_path(monkeypatch, file, expected):
    made = migration("shop", "0001")
    module = types.ModuleType("shop_migration")
    module.__file__ = file
    monkeypatch.setitem(sys.modules, "shop_migration", module)
    type(made).__module__ = "shop_migration"
    assert is_third_party(made) is expected


@pytest.fixture
def shop(project, database):
    started(project, database, "", ORDER)
    project.write("shop", "0002_remove", REMOVE)
    return project


@pytest.mark.databases("sqlite")
def test_each_run_reads_them_anew(shop, database):
    def plan():
        return shop.migrate("--pre-deploy", "--plan", database=database)

    assert "(post-deploy, inferred)" in plan()
    shop.settings[OVERRIDE] = {"shop": Stage.PRE_DEPLOY}
    assert "shop.0002_remove  (pre-deploy, override)" in plan()
    shop.settings[OVERRIDE] = {"shop.0002_remove": Stage.ANY, "shop": Stage.POST_DEPLOY}
    assert "shop.0002_remove  (any, override)" in plan()
    del shop.settings[OVERRIDE]
    assert "(post-deploy, inferred)" in plan()


@pytest.mark.databases("sqlite")
def test_a_fallback_is_shown_as_such(shop, database):
    shop.write("shop", "0003_total", REQUIRED, dependencies=[("shop", "0001_initial")])
    shop.write("shop", "0004_merge", dependencies=MERGED)
    shop.settings["MIGRATION_STAGES_FALLBACK"] = {"shop": Stage.POST_DEPLOY}
    out = shop.migrate("--pre-deploy", database=database)
    assert "shop.0003_total  (post-deploy, fallback)" in out
    shop.settings["MIGRATION_STAGES_FALLBACK"] = {"shop.0003_total": Stage.PRE_DEPLOY}
    shop.migrate("--pre-deploy", database=database)
    assert applied(database) == ["shop.0001_initial", "shop.0003_total"]


MERGED = [("shop", "0002_remove"), ("shop", "0003_total")]


@pytest.mark.databases("sqlite")
def test_they_are_never_changed(shop, database):
    values = {
        OVERRIDE: {"shop": Stage.PRE_DEPLOY},
        "MIGRATION_STAGES_FALLBACK": {"shop.0002_remove": Stage.ANY},
        "MIGRATION_STAGES_BASELINE": {"shop": "0001_initial"},
    }
    shop.settings.update(values)
    before = copy.deepcopy(values)
    shop.migrate("--pre-deploy", database=database)
    shop.call("showmigrations", database=database)
    shop.migrate("--post-deploy", database=database)
    assert values == before


def test_they_are_read_nowhere_but_in_conf():
    """So nothing keeps a value that it read when it was imported."""
    for path in {*PACKAGE.rglob("*.py")} - {PACKAGE / "conf.py", *MESSAGES}:
        assert "MIGRATION_STAGES" not in path.read_text(encoding="utf-8")
