"""Which migrations the checks are about: baselines, apps, tags, third parties."""

from __future__ import annotations

import pytest
from django.core import checks
from django.core.management.base import SystemCheckError
from django.db import migrations, models

from syzygy_like import Stage
from syzygy_like.checks import check_stages, suspended
from tests.planning.test_review import ADD, CUSTOMER, ORDER, REMOVE, found, ids
from tests.support.projects import Project

ADD_REQUIRED = migrations.AddField("order", "total", models.IntegerField(default=0))
KEY = ("id", models.BigAutoField(primary_key=True))


@pytest.fixture
def shop(project):
    """A project with a migration that fits no stage, and one that does."""
    return with_history(project)


@pytest.fixture
def checked(shop, database):
    """The same project, for commands that run all checks, some of which ask."""
    shop.apps += ["django.contrib.auth", "django.contrib.contenttypes"]
    return shop


def with_history(project):
    project.write("shop", "0001_initial", CUSTOMER, ORDER)
    project.write("shop", "0002_swap", ADD, REMOVE)
    project.write("shop", "0003_note", ADD_NOTE)
    return project


ADD_NOTE = migrations.AddField("order", "note", models.TextField(null=True))


def blog(project):
    """Add another app with a migration that fits no stage."""
    text = ("text", models.TextField())
    project.write("blog", "0001_initial", migrations.CreateModel("Post", [KEY, text]))
    remove = migrations.RemoveField("post", "text")
    project.write("blog", "0002_no_text", remove)


def test_a_baseline_silences_history(shop):
    shop.settings["MIGRATION_STAGES_BASELINE"] = {"shop": "0002_swap"}
    assert found(shop) == []
    shop.settings["MIGRATION_STAGES_BASELINE"] = {"shop": "0003_note"}
    assert found(shop) == []
    shop.settings["MIGRATION_STAGES_BASELINE"] = {"shop": "0001_initial"}
    assert ids(shop) == ["syzygy_like.E001"]


def test_a_baseline_is_of_one_app(shop):
    blog(shop)
    shop.settings["MIGRATION_STAGES_BASELINE"] = {"shop": "0003_note"}
    (message,) = found(shop)
    assert str(message.obj) == "blog.0002_no_text"


def test_what_comes_after_a_baseline_is_checked(shop):
    shop.settings["MIGRATION_STAGES_BASELINE"] = {"shop": "0003_note"}
    shop.write("shop", "0004_total", ADD_REQUIRED)
    (message,) = found(shop)
    assert str(message.obj) == "shop.0004_total"


def squash(project):
    replaced = ["0001_initial", "0002_swap"]
    project.write(
        "shop",
        "0001_squashed_0002_swap",
        CUSTOMER,
        ORDER,
        ADD,
        REMOVE,
        replaces=[("shop", name) for name in replaced],
        dependencies=[],
    )


@pytest.mark.parametrize("name", ["0001_squashed_0002_swap", "0002_swap", "0003_note"])
def test_a_baseline_may_name_a_squash_or_what_it_replaces(shop, name):
    squash(shop)
    shop.settings["MIGRATION_STAGES_BASELINE"] = {"shop": name}
    assert found(shop) == []


def test_a_squash_that_makes_the_tables_is_in_order(shop):
    squash(shop)
    assert found(shop) == []


def printed_baseline(messages):
    """Return the setting that the hints say to paste."""
    (hint,) = [each.hint for each in messages if "BASELINE" in each.hint]
    source = hint[hint.index("    MIGRATION_STAGES_BASELINE") :]
    namespace = {}
    exec("if True:\n" + source, namespace)
    return namespace["MIGRATION_STAGES_BASELINE"]


def test_the_baseline_to_paste_is_for_all_apps_in_one_piece(shop):
    blog(shop)
    shop.write("shop", "0004_total", ADD_REQUIRED)
    messages = found(shop)
    assert len(messages) == 3
    baseline = printed_baseline(messages)
    assert baseline == {"blog": "0002_no_text", "shop": "0004_total"}
    shop.settings["MIGRATION_STAGES_BASELINE"] = baseline
    assert found(shop) == []


def test_check_of_some_apps_is_about_these(shop):
    blog(shop)
    assert [str(each.obj) for each in found(shop, "shop")] == ["shop.0002_swap"]
    assert [str(each.obj) for each in found(shop, "blog")] == ["blog.0002_no_text"]
    assert len(found(shop, "shop", "blog")) == 2


@pytest.mark.databases("sqlite")
def test_the_command_can_be_limited_to_apps(checked):
    with pytest.raises(SystemCheckError, match=r"shop\.0002_swap"):
        checked.call("check", "shop")
    assert "no issues" in checked.call("check", "auth")


@pytest.mark.databases("sqlite")
def test_check_by_tag(checked):
    with pytest.raises(SystemCheckError, match=r"\(syzygy_like\.E001\)"):
        checked.call("check", "--tag", "syzygy_like")
    assert "no issues" in checked.call("check", "--tag", "models")


@pytest.mark.databases("sqlite")
def test_a_silenced_check_says_nothing(checked):
    checked.settings["SILENCED_SYSTEM_CHECKS"] = ["syzygy_like.E001"]
    assert "no issues (1 silenced)" in checked.call("check")


@pytest.mark.databases("sqlite")
def test_migrate_and_showmigrations_do_not_check(checked, database):
    options = {"database": database, "skip_checks": False}
    checked.migrate("--plan", **options)
    checked.migrate("--pre-deploy", **options)
    assert "0002_swap" in checked.call("showmigrations", **options)


def test_checks_run_as_usual_after_a_command_left_them_out(shop):
    with shop.active():
        with suspended():
            assert check_stages() == []
        assert len(check_stages()) == 1


@pytest.mark.parametrize(
    ("folder", "is_third_party"),
    [
        ("venv/lib/python3.13/site-packages", True),
        ("usr/lib/python3/dist-packages", True),
        ("venv-site-packages", False),
        ("site-packages-of-ours", False),
        ("my.dist-packages/src", False),
    ],
)
def test_third_party_is_what_was_installed(tmp_path, folder, is_third_party):
    (tmp_path / folder).mkdir(parents=True)
    project = with_history(Project(tmp_path / folder))
    assert bool(found(project)) is not is_third_party
    project.settings["MIGRATION_THIRD_PARTY_STAGES_FALLBACK"] = None
    assert bool(found(project)) is not is_third_party
    project.settings["MIGRATION_BRIDGE"] = "none"
    assert len(found(project)) == 1


def test_a_project_beside_its_virtualenv_is_no_third_party(tmp_path):
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages-project").mkdir()
    ours = with_history(Project(tmp_path / "site-packages-project"))
    theirs = with_history(Project(tmp_path / "site-packages"))
    assert len(found(ours)) == 1
    assert found(theirs) == []


@pytest.mark.parametrize("setting", ["OVERRIDE", "FALLBACK"])
@pytest.mark.parametrize("key", ["shop", "shop.0002_swap"])
def test_settings_count_whenever_they_are_changed(shop, settings, setting, key):
    with shop.active():
        for _ in range(2):
            assert len(checks.run_checks(tags=["syzygy_like"])) == 1
            stages = {key: Stage.PRE_DEPLOY}
            setattr(settings, f"MIGRATION_STAGES_{setting}", stages)
            assert checks.run_checks(tags=["syzygy_like"]) == []
            assert stages == {key: Stage.PRE_DEPLOY}
            delattr(settings, f"MIGRATION_STAGES_{setting}")


def test_a_declared_stage_settles_it(project):
    project.write("shop", "0001_initial", CUSTOMER, ORDER)
    project.write("shop", "0002_swap", ADD, REMOVE, stage=Stage.POST_DEPLOY)
    assert found(project) == []


def test_apps_without_migrations_are_left_alone(project):
    project.app("notes", "class Note(models.Model):\n    pass\n")
    project.migrations("empty")
    (project.folder / "bare" / "migrations").mkdir(parents=True)
    project.app("bare")
    assert found(project) == []


def test_several_leaves_are_no_matter_of_ours(shop):
    """Django says so by itself, in migrate and makemigrations."""
    shop.write("shop", "0003_other", ADD_REQUIRED, dependencies=[("shop", "0002_swap")])
    assert [str(each.obj) for each in found(shop)] == [
        "shop.0002_swap",
        "shop.0003_other",
    ]


@pytest.mark.parametrize("module", [None, "nowhere.migrations", "site_migrations"])
def test_migrations_may_be_elsewhere(shop, module):
    shop.settings["MIGRATION_MODULES"] = {"shop": module}
    assert found(shop) == []
    if module == "site_migrations":
        (shop.folder / "shop" / "migrations").rename(shop.folder / module)
        assert len(found(shop)) == 1


def test_squashes_that_replace_each_other(shop):
    for name, other in (("0001_a", "0001_b"), ("0001_b", "0001_a")):
        shop.write("shop", name, replaces=[("shop", other)], dependencies=[])
    assert {each.id for each in found(shop)} & {"syzygy_like.E001", "syzygy_like.E006"}
