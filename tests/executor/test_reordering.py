"""Migrations that run before one that they depend on only by its number."""

from __future__ import annotations

import pytest
from django.db import migrations, models

from tests.support.orders import (
    INITIAL,
    NULLABLE,
    PK,
    POST,
    PRE,
    add,
    alter,
    assert_consistent,
    execute,
    finish,
    ledger,
    names,
    refused,
    remove,
    started,
    unapplied,
    write,
)
from tests.support.projects import applied, columns, tables


@pytest.fixture
def shop(project, database):
    """A project whose first migration is applied."""
    return started(project, database, "none")


def test_two_features_that_add_and_remove_go_out_together(shop, database, databases):
    write(shop, add("cost"), remove("price"), add("weight"), remove("note"))
    execute(database, "INSERT INTO shop_order (price, code) VALUES (1, 'a')")
    out = shop.migrate(PRE, database=database)
    assert "Applying shop.0002... OK" in out
    assert "Applying shop.0004... OK" in out
    assert "Deferred until after the deploy:\n  shop.0003  (post-deploy, inf" in out
    assert set(columns(database, "shop_order")) == INITIAL | {"cost", "weight"}
    assert names(database) == ["0001_initial", "0002"]
    assert_consistent(shop, database)
    assert unapplied(shop, database) == ["shop.0003", "shop.0004", "shop.0005"]
    execute(database, "INSERT INTO shop_order (price, code) VALUES (2, 'b')")
    execute(database, "INSERT INTO shop_order (cost, weight, code) VALUES (3, 4, 'c')")
    assert shop.exit_code("migrate", PRE, "--check", database=database) == 0
    assert shop.exit_code("migrate", "--check", database=database) == 1

    out = shop.migrate(POST, database=database)
    assert "Applying shop.0003... OK" in out
    assert "Applying shop.0005... OK" in out
    assert names(database) == ["0001_initial", "0002", "0003", "0004", "0005"]
    rows = execute(database, "SELECT code, cost, weight FROM shop_order ORDER BY id")
    assert rows == [("a", None, None), ("b", None, None), ("c", 3, 4)]
    finish(shop, database, databases)


def test_what_is_ahead_is_not_announced_twice(shop, database):
    write(shop, remove("price"), add("weight"))
    shop.migrate(PRE, database=database)
    assert "Applying" not in shop.migrate(PRE, database=database)
    out = shop.migrate(POST, database=database)
    assert out.count("Applying shop.0002") == 1
    assert "Add field" not in out


def test_a_chain_overtakes_a_chain(shop, database, databases):
    wide = models.CharField(max_length=30)
    write(shop, remove("price"), add("cost"), remove("note"), alter("code", wide))
    write(shop, add("weight"), start=6)
    execute(database, "INSERT INTO shop_order (price, note, code) VALUES (1,'n','a')")
    shop.migrate(PRE, database=database)
    assert set(columns(database, "shop_order")) == INITIAL | {"cost", "weight"}
    assert names(database) == ["0001_initial"]
    execute(database, "INSERT INTO shop_order (code) VALUES ('twelve chars')")
    rows = execute(database, "SELECT price, note, code FROM shop_order ORDER BY id")
    assert rows == [(1, "n", "a"), (None, None, "twelve chars")]
    finish(shop, database, databases)


def test_what_is_removed_and_added_again_keeps_its_order(shop, database):
    write(shop, remove("price"), add("price", models.TextField(null=True)))
    write(shop, add("weight"), start=4)
    message = refused(shop, "migrate", PRE, database=database)
    assert "shop.0003 is needed before the deploy" in message
    assert "but it depends on shop.0002, which has to wait." in message
    assert "Order.price: the new version expects another type of column" in message
    assert "shop.0004" not in message
    assert set(columns(database, "shop_order")) == INITIAL
    assert ledger(database) is None


def test_what_comes_goes_and_comes_again_is_taken_in_order(shop, database, databases):
    write(shop, add("cost"), remove("cost"), add("cost", models.TextField(null=True)))
    shop.migrate(PRE, database=database)
    assert names(database) == ["0001_initial", "0002", "0003", "0004"]
    assert ledger(database) is None
    finish(shop, database, databases)


def test_what_comes_and_goes_beside_a_removal(shop, database, databases):
    write(shop, remove("price"), add("cost"), remove("cost"), add("cost"))
    shop.migrate(PRE, database=database)
    assert set(columns(database, "shop_order")) == INITIAL | {"cost"}
    finish(shop, database, databases)


def test_what_can_wait_does(shop, database, databases):
    index = models.Index(fields=["code"], name="by_code")
    write(shop, remove("price"), migrations.AddIndex("order", index), add("weight"))
    out = shop.migrate(PRE, database=database)
    assert "shop.0003  (any, inferred)\n      waits for shop.0002" in out
    assert set(columns(database, "shop_order")) == INITIAL | {"weight"}
    finish(shop, database, databases)


def test_what_changes_the_same_column_waits(shop, database):
    write(shop, alter("price", models.IntegerField(default=0)))
    write(shop, alter("price", models.BigIntegerField(default=0)), start=3)
    write(shop, add("weight"), start=4)
    message = refused(shop, "migrate", PRE, database=database)
    assert "shop.0003 is needed before the deploy" in message
    assert "shop.0004" not in message
    assert names(database) == ["0001_initial"]


def test_a_constraint_that_comes_and_goes_waits_for_itself(shop, database, databases):
    unique = models.UniqueConstraint(fields=["code"], name="one_code")
    write(shop, migrations.AddConstraint("order", unique))
    write(shop, migrations.RemoveConstraint("order", "one_code"), add("cost"), start=3)
    shop.migrate(PRE, database=database)
    assert set(columns(database, "shop_order")) == INITIAL | {"cost"}
    execute(database, "INSERT INTO shop_order (code) VALUES ('a')")
    finish(shop, database, databases)


def test_a_new_table_overtakes_with_its_relations(shop, database, databases):
    order = models.ForeignKey("shop.Order", models.CASCADE, null=True)
    others = models.ManyToManyField("shop.Order")
    line = migrations.CreateModel("Line", [PK, ("order", order), ("others", others)])
    write(
        shop,
        remove("price"),
        line,
        add(
            "first",
            models.ForeignKey(
                "shop.Line", models.SET_NULL, null=True, related_name="+"
            ),
        ),
    )
    shop.migrate(PRE, database=database)
    assert {"shop_line", "shop_line_others"} <= tables(database)
    assert "first_id" in columns(database, "shop_order")
    finish(shop, database, databases)


def test_migrations_of_another_app(shop, database, databases):
    post = migrations.CreateModel("Post", [PK, ("text", models.TextField(null=True))])
    write(shop, remove("price"))
    shop.write("blog", "0001", post, dependencies=[("shop", "0002")])
    shop.write("blog", "0002", migrations.AddField("post", "title", NULLABLE))
    shop.write("news", "0001", migrations.CreateModel("Item", [PK]))
    out = shop.migrate(PRE, database=database)
    assert "Applying blog.0001... OK" in out
    assert set(columns(database, "blog_post")) == {"id", "text", "title"}
    assert applied(database) == ["shop.0001_initial", "news.0001"]
    finish(shop, database, databases)


def test_run_before_is_a_number_like_any_other(shop, database, databases):
    post = migrations.CreateModel("Post", [PK])
    shop.write("blog", "0001", post)
    shop.write("shop", "0002", remove("price"), run_before=[("blog", "0001")])
    shop.migrate(PRE, database=database)
    assert "blog_post" in tables(database)
    assert applied(database) == ["shop.0001_initial"]
    finish(shop, database, databases)


def test_over_a_merge(shop, database, databases):
    start = [("shop", "0001_initial")]
    shop.write("shop", "0002_a", remove("price"), dependencies=start)
    shop.write("shop", "0002_b", add("cost"), dependencies=start)
    both = [("shop", "0002_a"), ("shop", "0002_b")]
    shop.write("shop", "0003_merge", dependencies=both)
    shop.write("shop", "0004_more", add("weight"))
    shop.migrate(PRE, database=database)
    assert set(columns(database, "shop_order")) == INITIAL | {"cost", "weight"}
    assert names(database) == ["0001_initial", "0002_b"]
    finish(shop, database, databases)


def test_stock_migrate_does_not_know_what_is_ahead_but_ours_completes(shop, database):
    write(shop, remove("price"), add("weight"))
    shop.migrate(PRE, database=database)
    assert "shop.0003" in shop.stock_migrate("--plan", database=database)
    assert "Applying shop.0003... OK" not in shop.migrate(database=database)
    assert names(database) == ["0001_initial", "0002", "0003"]
