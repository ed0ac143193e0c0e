"""``migrate --pre-deploy`` and ``--post-deploy``, on real databases."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import migrations, models

from syzygy_like import Stage
from tests.support.orders import started
from tests.support.projects import applied, columns, tables

pytestmark = pytest.mark.versions


def order(*fields):
    return migrations.CreateModel(
        "Order", [("id", models.BigAutoField(primary_key=True)), *fields]
    )


PRICE = ("price", models.IntegerField(null=True))
INITIAL = order(PRICE)
ADD_COST = migrations.AddField("order", "cost", models.IntegerField(null=True))
REMOVE_PRICE = migrations.RemoveField("order", "price")
ADD_REQUIRED = migrations.AddField("order", "total", models.IntegerField(default=0))


@pytest.fixture
def shop(project, database):
    """A project whose first migration is applied."""
    return started(project, database, "", INITIAL)


@pytest.fixture
def swap(shop):
    """A release that has one migration for each side of the deploy."""
    shop.write("shop", "0002_cost", ADD_COST)
    shop.write("shop", "0003_remove_price", REMOVE_PRICE)
    return shop


def refused(project, *arguments, **options):
    """Return why a command gives up."""
    with pytest.raises(CommandError) as caught:
        project.call(*arguments, **options)
    return str(caught.value)


def test_each_stage_applies_its_own(swap, database):
    out = swap.migrate("--pre-deploy", database=database)
    assert "Applying shop.0002_cost... OK" in out
    assert "Deferred until after the deploy:" in out
    assert "shop.0003_remove_price  (post-deploy, inferred)" in out
    assert applied(database) == ["shop.0001_initial", "shop.0002_cost"]
    assert set(columns(database, "shop_order")) == {"id", "price", "cost"}

    out = swap.migrate("--post-deploy", database=database)
    assert "Applying shop.0003_remove_price... OK" in out
    assert "Deferred" not in out
    assert set(columns(database, "shop_order")) == {"id", "cost"}


def test_plain_migrate_completes_a_deploy(swap, database):
    swap.migrate("--pre-deploy", database=database)
    out = swap.migrate(database=database)
    assert "Applying shop.0003_remove_price... OK" in out


def test_what_neither_code_bears_blocks_all(shop, database):
    shop.write("blog", "0001_initial", migrations.CreateModel("Post", [PRICE]))
    shop.write("shop", "0002_total", ADD_REQUIRED)
    shop.write("shop", "0003_cost", ADD_COST)
    message = refused(shop, "migrate", "--pre-deploy", database=database)
    assert "Nothing was applied." in message
    assert "shop.0002_total is needed before the deploy:" in message
    lacks = "Order.total: the new version reads and writes it [missing-column]"
    assert lacks in message
    assert "it is NOT NULL and has no db_default [required-column]" in message
    assert "Fix: " in message
    assert "shop.0003" not in message  # it may run before the other one
    assert applied(database) == ["shop.0001_initial"]
    assert tables(database) == {"shop_order"}


def test_what_is_blocked_can_be_skipped(shop, database):
    shop.write("blog", "0001_initial", migrations.CreateModel("Post", [PRICE]))
    shop.write("shop", "0002_total", ADD_REQUIRED)
    out = shop.migrate("--pre-deploy", "--skip-blocked", database=database)
    assert "Blocked:" in out
    assert "shop.0002_total  (fits no stage)" in out
    assert applied(database) == ["shop.0001_initial", "blog.0001_initial"]


def test_a_setting_skips_what_is_blocked(shop, database):
    shop.write("shop", "0002_total", ADD_REQUIRED)
    shop.settings["MIGRATION_STAGES_SKIP_BLOCKED"] = True
    out = shop.migrate("--pre-deploy", database=database)
    assert "Blocked:" in out
    assert applied(database) == ["shop.0001_initial"]


def test_skip_blocked_needs_a_stage(shop, database):
    message = refused(shop, "migrate", "--skip-blocked", database=database)
    assert message == "--skip-blocked requires --pre-deploy or --post-deploy."


def test_plain_migrate_applies_what_is_blocked(shop, database):
    shop.write("shop", "0002_total", ADD_REQUIRED)
    shop.migrate(database=database)
    assert applied(database) == ["shop.0001_initial", "shop.0002_total"]


def test_post_deploy_refuses_while_the_new_code_lacks_something(swap, database):
    message = refused(swap, "migrate", "--post-deploy", database=database)
    assert "shop.0002_cost  (pre-deploy, inferred)" in message
    assert "--pre-deploy first" in message
    assert "Nothing was applied." in message
    assert applied(database) == ["shop.0001_initial"]


def test_a_fresh_database_is_complete_before_the_deploy(project, database):
    project.apps += ["django.contrib.contenttypes", "django.contrib.auth"]
    project.write("shop", "0001_initial", INITIAL)
    project.write("shop", "0002_total", ADD_REQUIRED)
    project.write("shop", "0003_remove_price", REMOVE_PRICE)
    out = project.migrate("--pre-deploy", database=database)
    assert "Deferred" not in out
    assert project.exit_code("migrate", "--check", database=database) == 0
    assert set(columns(database, "shop_order")) == {"id", "total"}
    assert "auth_user" in tables(database)


def test_the_tables_of_a_new_app_are_unknown_to_the_old_code(shop, database):
    required = migrations.AddField("post", "text", models.TextField(default=""))
    shop.write("blog", "0001_initial", migrations.CreateModel("Post", [PRICE]))
    shop.write("blog", "0002_text", required)
    shop.write("blog", "0003_price", migrations.RemoveField("post", "price"))
    shop.migrate("--pre-deploy", database=database)
    assert applied(database)[1:] == [
        "blog.0001_initial",
        "blog.0002_text",
        "blog.0003_price",
    ]


def test_what_a_release_adds_and_drops_again_harms_nobody(shop, database):
    shop.write("shop", "0002_cost", ADD_COST)
    shop.write("shop", "0003_no_cost", migrations.RemoveField("order", "cost"))
    shop.write("shop", "0004_cost", ADD_COST)
    out = shop.migrate("--pre-deploy", database=database)
    assert "Deferred" not in out
    assert applied(database)[-1] == "shop.0004_cost"


def test_the_plan_tells_stage_and_source(swap, database):
    swap.write("shop", "0004_index", migrations.RunPython(migrations.RunPython.noop))
    out = swap.migrate("--pre-deploy", "--plan", database=database, no_color=True)
    assert out == (
        "Planned operations:\n"
        "shop.0002_cost  (pre-deploy, inferred)\n"
        "    Add field cost to order\n"
        "Deferred until after the deploy:\n"
        "  shop.0003_remove_price  (post-deploy, inferred)\n"
        "  shop.0004_index  (any, inferred)\n"
        "      waits for shop.0003_remove_price\n"
    )
    assert applied(database) == ["shop.0001_initial"]


@pytest.mark.databases("sqlite")
def test_the_plan_tells_why_if_asked(swap, database):
    out = swap.migrate("--pre-deploy", "--plan", "-v", "2", database=database)
    (ready, deferred) = out.split("Deferred until after the deploy:")
    assert "Order.cost: the new version reads and writes it [missing-column]" in ready
    breaks = "Order.price: the old version reads and writes it [missing-column]"
    assert breaks in deferred


@pytest.mark.databases("sqlite")
def test_the_plan_of_the_other_side(swap, database):
    swap.migrate("--pre-deploy", database=database)
    out = swap.migrate("--post-deploy", "--plan", database=database)
    assert "shop.0003_remove_price  (post-deploy, inferred)\n" in out
    assert "Remove field price from order" in out


@pytest.mark.databases("sqlite")
def test_the_plan_shows_what_is_blocked_and_fails(shop, database, capsys):
    shop.write("shop", "0002_cost", ADD_COST)
    shop.write("shop", "0003_total", ADD_REQUIRED)
    with shop.active(), pytest.raises(CommandError, match=r"0003_total is needed"):
        call_command("migrate", "--pre-deploy", "--plan", database=database)
    out = capsys.readouterr().out
    assert "shop.0002_cost  (pre-deploy, inferred)" in out
    assert "Blocked:\n  shop.0003_total  (fits no stage)" in out
    assert applied(database) == ["shop.0001_initial"]


def test_check_is_a_readiness_probe(swap, database):
    def exit_code(*arguments):
        return swap.exit_code("migrate", *arguments, "--check", database=database)

    assert exit_code("--pre-deploy") == 1
    assert exit_code("--pre-deploy", "--plan") == 1
    assert applied(database) == ["shop.0001_initial"]
    swap.migrate("--pre-deploy", database=database)
    assert exit_code("--pre-deploy") == 0
    assert exit_code("--pre-deploy", "--plan") == 0
    assert exit_code("--post-deploy") == 1
    assert exit_code("--post-deploy", "--plan") == 1
    assert exit_code() == 1
    swap.migrate("--post-deploy", database=database)
    assert exit_code("--post-deploy") == 0
    assert exit_code() == 0


@pytest.mark.databases("sqlite")
def test_check_lets_wait_what_the_new_code_does_not_need(shop, database):
    index = migrations.AddIndex(
        "order", models.Index(fields=["price"], name="by_price")
    )
    shop.write("shop", "0002_index", index)
    probe = ("migrate", "--pre-deploy", "--check")
    assert shop.exit_code(*probe, database=database) == 0
    shop.write("shop", "0003_cost", ADD_COST)
    assert shop.exit_code(*probe, database=database) == 1


@pytest.mark.databases("sqlite")
def test_check_of_a_blocked_plan_fails(shop, database):
    shop.write("shop", "0002_total", ADD_REQUIRED)
    for extra in ((), ("--plan",)):
        message = refused(
            shop, "migrate", "--pre-deploy", "--check", *extra, database=database
        )
        assert "shop.0002_total is needed before the deploy" in message


def test_fake_records_and_runs_nothing(swap, database):
    out = swap.migrate("--pre-deploy", "--fake", database=database)
    assert "Applying shop.0002_cost... FAKED" in out
    assert applied(database) == ["shop.0001_initial", "shop.0002_cost"]
    assert "cost" not in columns(database, "shop_order")


def test_fake_initial_takes_tables_as_they_are(project, database):
    project.write("shop", "0001_initial", INITIAL, initial=True)
    project.migrate(database=database)
    project.migrate("shop", "zero", "--fake", database=database)
    out = project.migrate("--pre-deploy", "--fake-initial", database=database)
    assert "Applying shop.0001_initial... FAKED" in out


def test_an_app_label_limits_the_plan(swap, database):
    swap.write("blog", "0001_initial", migrations.CreateModel("Post", [PRICE]))
    swap.migrate("blog", "--pre-deploy", database=database)
    assert applied(database) == ["shop.0001_initial", "blog.0001_initial"]
    swap.migrate("shop", "--pre-deploy", database=database)
    assert applied(database)[-1] == "shop.0002_cost"


def test_a_target_limits_the_plan(swap, database):
    swap.write("shop", "0004_index", migrations.RunPython(migrations.RunPython.noop))
    swap.migrate("shop", "0002", "--pre-deploy", database=database)
    assert applied(database)[-1] == "shop.0002_cost"
    swap.migrate("shop", "0003", "--post-deploy", database=database)
    assert applied(database)[-1] == "shop.0003_remove_price"


def test_going_back_swaps_the_roles(swap, database):
    swap.migrate(database=database)
    out = swap.migrate("shop", "0001", "--pre-deploy", database=database)
    assert "Unapplying shop.0003_remove_price... OK" in out
    assert "shop.0002_cost  (post-deploy, inferred)" in out
    assert applied(database) == ["shop.0001_initial", "shop.0002_cost"]
    assert set(columns(database, "shop_order")) == {"id", "price", "cost"}
    out = swap.migrate("shop", "0001", "--post-deploy", database=database)
    assert "Unapplying shop.0002_cost... OK" in out
    assert set(columns(database, "shop_order")) == {"id", "price"}


def test_going_back_too_late_is_refused(swap, database):
    swap.migrate(database=database)
    message = refused(
        swap, "migrate", "shop", "0001", "--post-deploy", database=database
    )
    assert "shop.0003_remove_price  (pre-deploy, inferred)" in message
    assert len(applied(database)) == 3


@pytest.mark.databases("sqlite")
def test_going_back_over_what_fits_no_stage_is_blocked(shop, database):
    shop.write("shop", "0002_cost", ADD_COST)
    shop.write("shop", "0003_no_id", migrations.RenameField("order", "price", "paid"))
    shop.migrate(database=database)
    message = refused(
        shop, "migrate", "shop", "0001", "--pre-deploy", database=database
    )
    assert "shop.0003_no_id is needed before the deploy" in message
    assert "go back to shop 0002_cost with downtime" in message


def test_zero_takes_the_tables_after_the_deploy(swap, database):
    swap.migrate("--pre-deploy", database=database)
    swap.migrate("--post-deploy", database=database)
    out = swap.migrate("shop", "zero", "--pre-deploy", database=database)
    assert "shop.0001_initial  (post-deploy, inferred)" in out
    swap.migrate("shop", "zero", "--post-deploy", database=database)
    assert applied(database) == []
    assert tables(database) == set()


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("stage", ["--pre-deploy", "--post-deploy"])
def test_prune_forgets_migrations_without_files(swap, database, stage):
    swap.migrate(database=database)
    swap.migrations("shop").joinpath("0003_remove_price.py").unlink()
    out = swap.migrate("shop", stage, "--prune", database=database)
    assert "Pruning shop.0003_remove_price OK" in out
    assert applied(database) == ["shop.0001_initial", "shop.0002_cost"]


@pytest.mark.databases("sqlite")
def test_prune_applies_nothing(swap, database):
    out = swap.migrate("shop", "--pre-deploy", "--prune", database=database)
    assert "No migrations to prune." in out
    assert applied(database) == ["shop.0001_initial"]


def test_run_syncdb_makes_the_tables_of_apps_without_migrations(swap, database):
    swap.app("notes", "class Note(models.Model):\n    pass\n")
    out = swap.migrate("--pre-deploy", "--run-syncdb", database=database)
    assert "Synchronizing apps without migrations:" in out
    assert tables(database) == {"shop_order", "notes_note"}
    assert applied(database)[-1] == "shop.0002_cost"


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("options", [["--pre-deploy"], ["--pre-deploy", "--plan"]])
def test_verbosity_0_says_nothing_of_what_waits(swap, database, options):
    out = swap.migrate(*options, database=database, verbosity=0)
    assert "Deferred" not in out
    assert out == "" or "--plan" in options


@pytest.mark.databases("sqlite")
def test_colours_are_for_terminals(swap, database):
    plan = ("--pre-deploy", "--plan")
    assert "\x1b" not in swap.migrate(*plan, "--no-color", database=database)
    assert "\x1b" in swap.migrate(*plan, "--force-color", database=database)


@pytest.mark.databases("sqlite")
def test_options_by_name(swap, database):
    swap.migrate(pre_deploy=True, database=database)
    assert applied(database)[-1] == "shop.0002_cost"
    swap.migrate(post_deploy=True, database=database)
    assert applied(database)[-1] == "shop.0003_remove_price"


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (["--pre-deploy", "--post-deploy"], {}),
        (["--pre-deploy"], {"post_deploy": True}),
        ([], {"pre_deploy": True, "post_deploy": True}),
    ],
)
def test_both_stages_at_once_are_refused(swap, database, arguments, options):
    message = refused(swap, "migrate", *arguments, database=database, **options)
    assert "pre-deploy" in message
    assert "post-deploy" in message
    assert applied(database) == ["shop.0001_initial"]


@pytest.mark.databases("sqlite")
def test_a_failing_migration_is_named(shop, database):
    shop.write("shop", "0002_sql", migrations.RunSQL("DROP TABLE nowhere"))
    message = refused(shop, "migrate", "--pre-deploy", database=database)
    assert "shop.0002_sql failed: OperationalError: no such table: nowhere" in message
    assert applied(database) == ["shop.0001_initial"]


@pytest.mark.databases("sqlite")
def test_what_cannot_be_reversed_is_refused_before_anything_is_undone(shop, database):
    shop.write("shop", "0002_data", migrations.RunPython(migrations.RunPython.noop))
    shop.write("shop", "0003_cost", ADD_COST, stage=Stage.ANY)
    shop.migrate(database=database)
    message = refused(
        shop, "migrate", "shop", "0001", "--post-deploy", database=database
    )
    assert "shop.0002_data cannot be reversed" in message
    assert len(applied(database)) == 3
    assert "cost" in columns(database, "shop_order")


def test_a_plan_of_several_apps_is_applied_whole_or_not_at_all(swap, database):
    """The blocked migration of one app keeps those of the others back."""
    post = migrations.CreateModel("Post", [PRICE])
    swap.write("blog", "0001_initial", post)
    swap.migrate("blog", database=database)
    field = models.IntegerField(default=0)
    swap.write("blog", "0002_total", migrations.AddField("post", "total", field))
    before = applied(database)
    message = refused(swap, "migrate", "--pre-deploy", database=database)
    assert "blog.0002_total" in message
    assert "shop.0002_cost" not in message
    assert applied(database) == before


def test_a_data_migration_runs_before_the_deploy_unless_it_says_otherwise(
    shop, database
):
    noop = migrations.RunPython(migrations.RunPython.noop)
    shop.write("shop", "0002_data", noop)
    shop.write("shop", "0003_data", noop, stage=Stage.POST_DEPLOY)
    check = ("migrate", "--pre-deploy", "--check")
    assert shop.exit_code(*check, database=database) == 1
    shop.migrate("--pre-deploy", database=database)
    assert applied(database)[1:] == ["shop.0002_data"]
    assert shop.exit_code(*check, database=database) == 0
    shop.migrate("--post-deploy", database=database)
    assert applied(database)[1:] == ["shop.0002_data", "shop.0003_data"]


def test_fake_initial_knows_what_the_old_code_has(project, database):
    project.write("shop", "0001_initial", INITIAL, initial=True)
    project.migrate(database=database)
    project.migrate("shop", "zero", "--fake", database=database)
    remove = migrations.RemoveField("order", "price")
    project.write("shop", "0002_remove_price", remove)
    out = project.migrate("--pre-deploy", "--fake-initial", database=database)
    assert "Applying shop.0001_initial... FAKED" in out
    assert "Deferred until after the deploy:\n  shop.0002_remove_price" in out
    assert "price" in columns(database, "shop_order")


@pytest.mark.databases("sqlite", "postgresql")
def test_going_back_goes_by_the_reverse_sql(shop, database):
    drop = "ALTER TABLE shop_order DROP COLUMN price"
    shop.write("shop", "0002_harmless", migrations.RunSQL("SELECT 1", drop))
    shop.migrate(database=database)
    out = shop.migrate("shop", "0001", "--pre-deploy", database=database)
    assert "Deferred until after the deploy:\n  shop.0002_harmless" in out
    assert "price" in columns(database, "shop_order")


@pytest.mark.databases("sqlite")
def test_a_failing_function_is_named_without_a_traceback(shop, database):
    source = (
        "from django.db import migrations\n\n\n"
        "def fail(apps, schema_editor):\n    1 / 0\n\n\n"
        "class Migration(migrations.Migration):\n"
        '    dependencies = [("shop", "0001_initial")]\n'
        "    operations = [migrations.RunPython(fail)]\n"
    )
    shop.write_source("shop", "0002_fail", source)
    message = refused(shop, "migrate", "--pre-deploy", database=database)
    assert message.startswith("shop.0002_fail failed: ZeroDivisionError: division")
    assert applied(database) == ["shop.0001_initial"]


@pytest.mark.databases("mysql", "postgresql")
def test_positive_integers_of_mysql_have_twice_the_range(project, database):
    field = models.PositiveIntegerField(default=1)
    project.write("shop", "0001_initial", order(("count", field)))
    project.migrate(database=database)
    signed = migrations.AlterField("order", "count", models.IntegerField(default=1))
    project.write("shop", "0002_signed", signed)
    if database == "postgresql":
        out = project.migrate("--pre-deploy", database=database)
        assert "Applying shop.0002_signed... OK" in out
    else:
        message = refused(project, "migrate", "--pre-deploy", database=database)
        assert "[narrower-type]" in message
