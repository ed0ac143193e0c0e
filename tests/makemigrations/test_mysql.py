"""What makemigrations writes, on a MySQL or MariaDB while the old version inserts."""

from __future__ import annotations

import json

import pytest
from django.db import connections

from tests.support.deployment_projects import copy, run, write_models, written
from tests.support.projects import Project, columns

pytestmark = pytest.mark.databases("mysql")

CUSTOMER = "class Customer(models.Model):\n    name = models.CharField(max_length=9)\n"
ORDER = "class Order(models.Model):\n    number = models.IntegerField()\n"


class Shop(Project):
    """A shop on a database, with rows that the old version inserted."""

    alias = ""

    def deploy(self, old, new, *answers):
        """Go from old models to new ones up to the window; return the texts."""
        write_models(self, {"shop": old})
        assert run(self, "makemigrations")[0] == 0
        self.migrate(database=self.alias)
        before = copy(self, "before")
        write_models(self, {"shop": new})
        assert run(self, "makemigrations", answers=answers)[0] == 0
        return before

    def window(self):
        self.migrate("--pre-deploy", database=self.alias)

    def sql(self, text):
        with connections[self.alias].cursor() as cursor:
            cursor.execute(text)
            return [*cursor.fetchall()] if cursor.description else []

    def end(self):
        self.migrate("--post-deploy", database=self.alias)
        assert run(self, "makemigrations", "--check")[0] == 0


@pytest.fixture
def shop(tmp_path, database):
    shop = Shop(tmp_path / "shop")
    shop.alias = database
    return shop


MAKE = "def make():\n    return {'a': [1]}\n"
ADDED = {
    "text": ("TextField(default='none')", "none"),
    "blank text": ("TextField(blank=True)", ""),
    "callable text": ("TextField(default=code)", "abc"),
    "object": ("JSONField(default=dict)", {}),
    "list": ("JSONField(default=list)", []),
    "json of a callable": ("JSONField(default=make)", {"a": [1]}),
    "bytes": ("BinaryField(default=b'ab')", b"ab"),
    "char": ("CharField(max_length=9, default='new')", "new"),
    "flag": ("BooleanField(default=True)", 1),
}
CODE = f"{MAKE}def code():\n    return 'abc'\n"


@pytest.mark.parametrize("case", ADDED)
def test_a_required_column_that_old_code_leaves_out(shop, case):
    field, expected = ADDED[case]
    shop.deploy(ORDER, f"{CODE}{ORDER}    added = models.{field}\n")
    shop.sql("INSERT INTO shop_order (number) VALUES (1)")
    shop.window()
    shop.sql("INSERT INTO shop_order (number) VALUES (2)")
    shop.end()
    rows = [value for (value,) in shop.sql("SELECT added FROM shop_order")]
    if isinstance(expected, (dict, list)):
        rows = [json.loads(value) for value in rows]
    assert rows == [expected, expected]
    assert not columns(shop.alias, "shop_order")["added"].null_ok


def test_a_unique_text_of_a_callable(shop):
    code = "import secrets\ndef code():\n    return secrets.token_hex(4)\n"
    field = "    c = models.CharField(max_length=9, default=code, unique=True)\n"
    shop.deploy(ORDER, code + ORDER + field, "1")
    shop.sql("INSERT INTO shop_order (number) VALUES (1), (2)")
    shop.window()
    shop.sql("INSERT INTO shop_order (number) VALUES (3), (4)")
    shop.end()
    assert len({c for (c,) in shop.sql("SELECT c FROM shop_order")}) == 4


TO = "models.CASCADE, null=True"


def test_a_new_reference_whose_target_the_old_code_deletes(shop):
    key = f"    customer = models.ForeignKey(Customer, {TO})\n"
    shop.deploy(CUSTOMER + ORDER, CUSTOMER + ORDER + key)
    shop.window()
    shop.sql("INSERT INTO shop_customer (id, name) VALUES (1, 'a'), (2, 'b')")
    shop.sql("INSERT INTO shop_order (number) VALUES (0)")
    for target in (1, 2):
        shop.sql(f"INSERT INTO shop_order (number, customer_id) VALUES (1, {target})")
    shop.sql("DELETE FROM shop_customer WHERE id = 1")
    shop.end()
    rows = shop.sql("SELECT number, customer_id FROM shop_order ORDER BY id")
    assert rows == [(0, None), (1, 2)]


def test_a_new_many_to_many_whose_ends_the_old_code_deletes(shop):
    field = "    customers = models.ManyToManyField(Customer)\n"
    shop.deploy(CUSTOMER + ORDER, CUSTOMER + ORDER + field)
    shop.window()
    shop.sql("INSERT INTO shop_customer (id, name) VALUES (1, 'a'), (2, 'b')")
    shop.sql("INSERT INTO shop_order (id, number) VALUES (1, 1), (2, 2)")
    pairs = "(1, 1), (1, 2), (2, 2)"
    shop.sql(f"INSERT INTO shop_order_customers (order_id, customer_id) VALUES {pairs}")
    shop.sql("DELETE FROM shop_customer WHERE id = 1")
    shop.sql("DELETE FROM shop_order WHERE id = 2")
    shop.end()
    rows = shop.sql("SELECT order_id, customer_id FROM shop_order_customers")
    assert rows == [(1, 2)]


@pytest.mark.parametrize(
    ("old", "new", "between"),
    [
        ("PositiveIntegerField", "IntegerField", "BigIntegerField"),
        ("PositiveSmallIntegerField", "SmallIntegerField", "IntegerField"),
    ],
)
def test_integers_with_and_without_a_sign(shop, old, new, between):
    number = ORDER.replace("IntegerField", "{}")
    before = shop.deploy(number.format(old), number.format(new))
    (expand, _) = written(shop, before).values()
    assert f"models.{between}" in expand
    shop.window()
    shop.sql("INSERT INTO shop_order (number) VALUES (-1)")
    shop.sql("INSERT INTO shop_order (number) VALUES (65000)")
    shop.sql("DELETE FROM shop_order WHERE number = 65000")
    shop.end()
    assert shop.sql("SELECT number FROM shop_order") == [(-1,)]


def test_nulls_that_the_window_leaves_are_filled_before_the_column_is_required(shop):
    null = "    note = models.TextField(null=True)\n"
    required = "    note = models.TextField()\n"
    shop.deploy(ORDER + null, ORDER + required, "1", "'none'")
    shop.sql("INSERT INTO shop_order (number) VALUES (1)")
    shop.window()
    shop.sql("INSERT INTO shop_order (number) VALUES (2)")
    shop.end()
    assert shop.sql("SELECT note FROM shop_order") == [("none",)] * 2
