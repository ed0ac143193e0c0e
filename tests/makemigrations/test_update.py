"""``makemigrations --update``, which adds to the last migration as Django does."""

from __future__ import annotations

import pytest

from tests.makemigrations.test_run import NOTE, ORDER, before, same
from tests.planning.test_review import found
from tests.support.deployment_projects import run, write_models

pytestmark = [pytest.mark.databases("sqlite"), pytest.mark.usefixtures("database")]

NUMBER = "    number = models.IntegerField(default=1)\n"
SIZE = NUMBER.replace("number", "size")
CODE = "def code():\n    return 'a'\n"


@pytest.fixture
def shop(tmp_path):
    return before(tmp_path, {"shop": ORDER + NOTE})


def test_a_model_that_went_with_the_last_migration(shop):
    """It is in no state from which the stage of the new one could be read."""
    write_models(shop, {"shop": ORDER})
    run(shop, "makemigrations")
    write_models(shop, {"shop": ORDER.replace("price", "cost")})
    code, output = run(shop, "makemigrations", "--update", answers=["n"])
    assert code == 0
    assert "makemigrations --split shop 0002_" in output


@pytest.mark.parametrize("arguments", [["--dry-run"], ["--check"], ["-n", "one"]])
def test_with_other_options(shop, arguments):
    write_models(shop, {"shop": ORDER + NOTE + "    b = models.TextField(null=True)\n"})
    run(shop, "makemigrations")
    write_models(shop, {"shop": ORDER + "    b = models.TextField(null=True)\n" + NOTE})
    same(shop, ["--update", *arguments])


def pair(shop):
    write_models(shop, {"shop": ORDER + NUMBER + NOTE})
    run(shop, "makemigrations")
    write_models(shop, {"shop": ORDER + NUMBER + SIZE + NOTE})


def test_a_contract_migration_that_fits_no_stage_any_more_is_told(shop):
    pair(shop)
    code, output = run(shop, "makemigrations", "--update")
    assert code == 0
    assert "0003_alter_order_number_order_size.py  (fits no stage)\n" in output
    assert [message.id for message in found(shop)] == ["syzygy_like.E001"]


def test_what_fits_no_stage_is_split_afterwards(shop):
    pair(shop)
    run(shop, "makemigrations", "--update")
    assert run(shop, "makemigrations", "--split", "shop", "0003")[0] == 0
    assert found(shop) == []
    assert run(shop, "makemigrations", "--check")[0] == 0


def test_the_function_of_a_contract_migration_is_kept(shop):
    field = "    c = models.TextField(default=code)\n"
    write_models(shop, {"shop": CODE + ORDER + field + NOTE})
    run(shop, "makemigrations")
    more = "    d = models.TextField(null=True)\n"
    write_models(shop, {"shop": CODE + ORDER + field + more + NOTE})
    assert run(shop, "makemigrations", "--update")[0] == 0
    assert "fill_order_c" in "".join(
        path.read_text() for path in shop.migrations("shop").glob("0003*.py")
    )
