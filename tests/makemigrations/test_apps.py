"""makemigrations in projects of several apps, databases and processes."""

from __future__ import annotations

import pytest
from django.db import connections

from tests.makemigrations.test_autodetector import CODE, changed
from tests.makemigrations.test_run import NOTE, ORDER, before, normal
from tests.support.deployment_projects import copy, run, write_models, written
from tests.support.projects import Project

pytestmark = [pytest.mark.databases("sqlite"), pytest.mark.usefixtures("database")]

USER = """\
from django.contrib.auth.models import AbstractBaseUser
class User(AbstractBaseUser):
    name = models.CharField(max_length=20, unique=True)
    USERNAME_FIELD = "name"
"""
OWNED = """\
from django.conf import settings
class Order(models.Model):
    price = models.IntegerField(null=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, db_constraint=0)
"""


@pytest.fixture
def shop(tmp_path):
    return before(tmp_path, {"shop": ORDER})


def test_what_depends_on_the_last_migration_of_another_app(shop, database):
    write_models(shop, {"blog": "class Note(models.Model):\n    pass\n"})
    run(shop, "makemigrations")
    write_models(shop, {"blog": "class Note(models.Model):\n    pass\n" + ORDER})
    run(shop, "makemigrations")
    key = "    o = models.ForeignKey('blog.Order', models.CASCADE, null=True)\n"
    old = changed(shop, ORDER + key)
    run(shop, "makemigrations")
    for text in written(shop, old).values():
        assert "('blog', '0002_order')" in text
    assert run(shop, "migrate", database=database)[0] == 0


def test_models_of_two_apps_that_refer_to_each_other(shop, database):
    write_models(shop, {"blog": ORDER})
    run(shop, "makemigrations")
    key = "    o = models.ForeignKey('{}.Order', models.CASCADE, null=True)\n"
    old = changed(shop, ORDER + key.format("blog"))
    changed(shop, ORDER + key.format("shop"), "blog")
    run(shop, "makemigrations")
    assert len(written(shop, old)) == 4
    assert run(shop, "makemigrations", "--check")[0] == 0
    assert run(shop, "migrate", database=database)[0] == 0


def test_a_reference_to_a_model_of_an_installed_app(shop, database):
    shop.apps += ["django.contrib.contenttypes", "django.contrib.auth"]
    key = "    group = models.ForeignKey('auth.Group', models.CASCADE, null=True)\n"
    old = changed(shop, ORDER + key)
    run(shop, "makemigrations")
    files = written(shop, old)
    assert len(files) == 2
    assert all("('auth', '0012_" in text for text in files.values())
    assert run(shop, "migrate", database=database)[0] == 0


class ByModel:
    """Keeps one model off a database."""

    def allow_migrate(self, db, app_label, model_name=None, **hints):
        return model_name != "order"


def test_a_model_that_a_router_keeps_off_this_database(shop, database):
    shop.settings["DATABASE_ROUTERS"] = ["tests.makemigrations.test_apps.ByModel"]
    old = changed(shop, f"{CODE}{ORDER}    c = models.TextField(default=code)\n")
    run(shop, "makemigrations")
    assert len(written(shop, old)) == 2
    assert run(shop, "migrate", database=database)[0] == 0


def in_processes(project: Project, settings: str, *arguments: str):
    """Run both commands in processes of their own; return the files."""
    old, stock = copy(project, "old"), copy(project, "stock")
    without = "INSTALLED_APPS.remove('syzygy_like')"
    found = []
    for each, more in ((stock, without), (project, "")):
        done = each.manage("makemigrations", *arguments, settings=f"{settings}\n{more}")
        files = {normal(each, k): v for k, v in written(each, old).items()}
        said = normal(each, done.stdout)
        found.append((done.returncode, said, done.stderr, files))
    assert found[0] == found[1]
    return found[1]


def test_a_model_of_the_user_that_is_swapped_in(tmp_path):
    project = before(tmp_path, {"blog": NOTE})
    project.apps += ["django.contrib.auth", "django.contrib.contenttypes"]
    write_models(project, {"people": USER, "shop": OWNED})
    settings = "AUTH_USER_MODEL = 'people.User'"
    code, _, errors, files = in_processes(project, settings)
    assert (code, errors, len(files)) == (0, "", 2)
    assert "swappable_dependency" in files["shop.0001_initial"]


def test_migrations_in_another_module(tmp_path):
    project = before(tmp_path, {"blog": NOTE})
    write_models(project, {"shop": ORDER})
    settings = "MIGRATION_MODULES = {'shop': 'shop.history.kept'}"
    code, said, errors, _ = in_processes(project, settings, "shop")
    assert (code, errors) == (0, "")
    assert "  shop/history/kept/0001_initial.py\n" in said


def test_paths_are_relative_to_where_one_is(tmp_path):
    project = before(tmp_path, {"blog": NOTE})
    write_models(project, {"blog": ORDER + NOTE})
    _, said, *_ = in_processes(project, "", "--no-header")
    assert "  blog/migrations/0002_order.py\n" in said


def test_what_refers_to_a_user_that_is_swapped_in(tmp_path):
    project = before(tmp_path, {"shop": ORDER})
    project.apps += ["django.contrib.auth", "django.contrib.contenttypes"]
    write_models(project, {"people": USER})
    settings = "AUTH_USER_MODEL = 'people.User'"
    assert project.manage("makemigrations", settings=settings).returncode == 0
    old = copy(project, "old")
    write_models(project, {"shop": OWNED.replace("db_constraint=0", "null=True")})
    for command in ("makemigrations", "migrate"):
        done = project.manage(command, settings=settings)
        assert (done.returncode, done.stderr) == (0, "")
    files = written(project, old)
    assert list(files) == [
        "shop.0002_order_owner_expand",
        "shop.0003_order_owner_contract",
    ]
    assert all("swappable_dependency(settings.AUTH" in text for text in files.values())


THIRD = """\
class Order(models.Model):
    price = models.IntegerField(null=True)
    number = models.IntegerField(default=1)
"""


def test_an_app_that_was_installed_is_written_to_as_any_other(tmp_path):
    folder = tmp_path / "site-packages"
    folder.mkdir()
    project = before(folder, {"shop": ORDER})
    old = changed(project, THIRD)
    run(project, "makemigrations")
    assert len(written(project, old)) == 2


@pytest.mark.parametrize("meta", ["managed = False", "abstract = True"])
def test_what_has_no_table_is_not_split(tmp_path, meta):
    meta = f"    class Meta:\n        {meta}\n"
    project = before(tmp_path, {"shop": ORDER + meta})
    old = changed(project, THIRD + meta)
    run(project, "makemigrations")
    assert len(written(project, old)) < 2


def test_a_model_that_another_one_is_swapped_in_for_is_not_split(tmp_path):
    meta = "    class Meta:\n        swappable = 'SHOP_ORDER_MODEL'\n"
    project = before(tmp_path, {"shop": ORDER + meta, "blog": NOTE})
    project.settings["SHOP_ORDER_MODEL"] = "blog.Note"
    old = changed(project, THIRD + meta)
    code, _ = run(project, "makemigrations")
    assert (code, [*written(project, old)]) == (0, ["shop.0002_order_number"])


KEYED = """\
import uuid
class Customer(models.Model):
    id = models.UUIDField(primary_key=True)
"""


def test_a_default_that_a_reference_is_set_to_is_written_as_source(tmp_path, database):
    project = before(tmp_path, {"shop": KEYED + ORDER})
    project.migrate(database=database)
    key = (
        "    customer = models.ForeignKey(Customer, models.SET_DEFAULT, null=True, "
        "default=uuid.UUID(int=0))\n"
    )
    old = changed(project, KEYED + ORDER + key)
    assert run(project, "makemigrations")[0] == 0
    (_, contract) = written(project, old).values()
    assert "update(customer=uuid.UUID('00000000-" in contract
    project.migrate("--pre-deploy", database=database)
    with connections[database].cursor() as cursor:
        for number in (0, 1):
            cursor.execute("INSERT INTO shop_customer VALUES (%s)", [f"{number:032}"])
        cursor.execute(f"INSERT INTO shop_order (customer_id) VALUES ('{1:032}')")
        cursor.execute(f"DELETE FROM shop_customer WHERE id = '{1:032}'")
    project.migrate("--post-deploy", database=database)
    with connections[database].cursor() as cursor:
        cursor.execute("SELECT customer_id FROM shop_order")
        assert cursor.fetchall() == [("0" * 32,)]
