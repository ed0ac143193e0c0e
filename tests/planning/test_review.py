"""The system checks: what they find, what they say, and that their fixes help."""

from __future__ import annotations

import re
import textwrap

import pytest
from django.apps import apps
from django.core import checks
from django.db import migrations, models
from hypothesis import given

from syzygy_like import Stage
from syzygy_like.planning.explanation import explain
from syzygy_like.planning.policy import Policy
from syzygy_like.planning.resolver import advance, resolve
from syzygy_like.schema import always
from syzygy_like.schema.effects import Reader
from syzygy_like.schema.tracking import TrackedState, Tracker
from tests.support.projects import migration
from tests.support.releases import releases

KEY = ("id", models.BigAutoField(primary_key=True))
CUSTOMER = migrations.CreateModel(
    "Customer", [KEY, ("name", models.CharField(max_length=20))]
)
ORDER = migrations.CreateModel(
    "Order",
    [
        KEY,
        ("price", models.IntegerField(null=True)),
        ("count", models.IntegerField()),
        ("customer", models.ForeignKey("shop.Customer", models.CASCADE)),
        ("friends", models.ManyToManyField("shop.Customer", related_name="+")),
    ],
)
SHELF = migrations.CreateModel("Shelf", [KEY])
ADD = migrations.AddField("order", "price_cents", models.IntegerField(null=True))
REMOVE = migrations.RemoveField("order", "price")
ADD_REQUIRED = migrations.AddField("order", "total", models.IntegerField(default=0))
NOOP = migrations.RunPython(migrations.RunPython.noop)


def found(project, *app_labels):
    """Return what our checks find, in all apps or in some."""
    with project.active():
        configs = [apps.get_app_config(label) for label in app_labels] or None
        return checks.run_checks(app_configs=configs, tags=["syzygy_like"])


def ids(project, *app_labels):
    return [message.id for message in found(project, *app_labels)]


@pytest.fixture
def shop(project):
    """A project with one migration that is in order."""
    project.write("shop", "0001_initial", CUSTOMER, ORDER, SHELF)
    assert found(project) == []
    return project


E001_MESSAGE = """\
This migration mixes both sides of the deploy.

  1  AddField     Order.price_cents  pre-deploy   the new version reads and writes it
  2  RemoveField  Order.price        post-deploy  the old version reads and writes it

Before the deploy, 2 breaks the old version; after the deploy, 1 comes too late."""

E001_HINT = """\
Fix: move 2 from shop/migrations/0007_swap_price.py to 0008_remove_order_price.py:

    # 0008_remove_order_price.py (post-deploy)
    from django.db import migrations

    class Migration(migrations.Migration):
        dependencies = [("shop", "0007_swap_price")]
        operations = [
            migrations.RemoveField(
                model_name='order',
                name='price',
            ),
        ]

This command does it: makemigrations --split shop 0007_swap_price

Already applied everywhere? Say so once, in your settings:

    MIGRATION_STAGES_BASELINE = {
        "shop": "0007_swap_price",
    }
"""


def test_e001_what_fits_no_stage(shop):
    shop.write("shop", "0007_swap_price", ADD, REMOVE)
    (message,) = found(shop)
    assert message.id == "syzygy_like.E001"
    assert message.level == checks.ERROR
    assert str(message.obj) == "shop.0007_swap_price"
    assert message.msg == E001_MESSAGE
    assert message.hint == E001_HINT


def test_e001_a_single_operation_that_fits_no_stage(shop):
    shop.write("shop", "0002_total", ADD_REQUIRED)
    (message,) = found(shop)
    assert message.id == "syzygy_like.E001"
    assert "cannot run before the deploy, and cannot run after it." in message.msg
    assert "1  AddField  Order.total  no stage" in message.msg
    assert "in steps:" in message.hint
    assert "# 0002_total.py (pre-deploy)" in message.hint
    assert re.search(r"# 0003_\w+\.py \(post-deploy\)", message.hint)


def test_e001_where_no_fix_is_known(shop):
    text = migrations.AlterField("order", "price", models.TextField(null=True))
    shop.write("shop", "0002_text", text)
    (message,) = found(shop)
    assert message.id == "syzygy_like.E001"
    assert "expects another type of column" in message.msg
    assert "Fix: use two releases. In the first, add" in message.hint
    assert "stage = Stage.PRE_DEPLOY" in message.hint


@pytest.mark.parametrize("value", ["pre-deploy", 3, Stage(0)])
def test_e002_what_is_no_stage(shop, value):
    text = "Stage(0)" if isinstance(value, Stage) else repr(value)
    shop.write_source(
        "shop",
        "0002_stage",
        "from django.db import migrations\n"
        "from syzygy_like import Stage\n"
        "class Migration(migrations.Migration):\n"
        "    dependencies = [('shop', '0001_initial')]\n"
        f"    stage = {text}\n",
    )
    (message,) = found(shop)
    assert message.id == "syzygy_like.E002"
    assert message.msg == (
        f"The stage of shop.0002_stage is {value!r}, which is not a stage."
    )
    assert message.hint == (
        "Use Stage.PRE_DEPLOY, Stage.POST_DEPLOY or Stage.ANY (from syzygy_like "
        "import Stage), or remove the attribute."
    )


def test_e002_an_operation_with_what_is_no_stage(shop):
    shop.write_source(
        "shop",
        "0002_stage",
        "from django.db import migrations\n"
        "class Migration(migrations.Migration):\n"
        "    dependencies = [('shop', '0001_initial')]\n"
        "    operations = [migrations.RemoveField('order', 'price')]\n"
        "    operations[0].stage = 'late'\n",
    )
    (message,) = found(shop)
    assert message.id == "syzygy_like.E002"
    assert message.msg == (
        "The stage of a RemoveField of shop.0002_stage is 'late', which is not a stage."
    )


def test_e003_a_delay_that_is_none(shop):
    shop.write("shop", "0002_later", REMOVE, stage_delay=7)
    (message,) = found(shop)
    assert message.id == "syzygy_like.E003"
    assert message.msg == (
        "The stage_delay of shop.0002_later is 7, which is not a timedelta."
    )


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("MIGRATION_STAGES_OVERRIDE", {"shop": "pre"}, "['shop'] is 'pre'"),
        ("MIGRATION_STAGES_FALLBACK", {"shop": Stage(0)}, "which is not a stage."),
        (
            "MIGRATION_STAGES_OVERRIDE",
            ["shop"],
            "is ['shop'], which is not a dictionary.",
        ),
        ("MIGRATION_STAGES_BASELINE", "shop", "is 'shop', which is not a dictionary."),
        ("MIGRATION_STAGES_SKIP_BLOCKED", "false", "is 'false', which is neither"),
        (
            "MIGRATION_THIRD_PARTY_STAGES_FALLBACK",
            "pre",
            "is 'pre', which is not a stage.",
        ),
    ],
)
def test_e004_settings_with_values_of_no_use(shop, setting, value, words):
    shop.settings[setting] = value
    (message,) = found(shop)
    assert message.id == "syzygy_like.E004"
    assert message.msg.startswith(setting)
    assert words in message.msg
    assert message.hint


@pytest.mark.parametrize(
    ("setting", "value", "named", "hint"),
    [
        ("OVERRIDE", {"shp": Stage.ANY}, "'shp'", "Did you mean 'shop'?"),
        ("FALLBACK", {"shop.0001": Stage.ANY}, "'shop.0001'", "'shop.0001_initial'"),
        ("OVERRIDE", {7: Stage.ANY}, "7", "Correct the name, or remove the key."),
        ("BASELINE", {"shop": "0001_inital"}, "'shop.0001_inital'", "0001_initial'?"),
        ("BASELINE", {"other": "0001"}, "'other.0001'", "Correct the name"),
    ],
)
def test_e005_settings_that_name_nothing(shop, setting, value, named, hint):
    shop.settings[f"MIGRATION_STAGES_{setting}"] = value
    (message,) = found(shop)
    assert message.id == "syzygy_like.E005"
    assert f"MIGRATION_STAGES_{setting} names {named}" in message.msg
    assert hint in message.hint


BROKEN = {
    "ImportError": "import nothing_of_this_name\n",
    "SyntaxError": "class Migration(:\n",
    "BadMigrationError": "from django.db import migrations\n",
    "NodeNotFoundError": (
        "from django.db import migrations\n"
        "class Migration(migrations.Migration):\n"
        "    dependencies = [('shop', '0001_missing')]\n"
    ),
    "CircularDependencyError": (
        "from django.db import migrations\n"
        "class Migration(migrations.Migration):\n"
        "    dependencies = [('shop', '0001_initial')]\n"
        "    run_before = [('shop', '0001_initial')]\n"
    ),
    "NameError": "class Migration(migrations.Migration):\n    pass\n",
}


@pytest.mark.parametrize("error", BROKEN)
def test_e006_migrations_that_cannot_be_loaded(shop, error):
    if error == "CircularDependencyError":
        shop.write(
            "shop", "0001_initial", CUSTOMER, dependencies=[("shop", "0002_bad")]
        )
    shop.write_source("shop", "0002_bad", BROKEN[error])
    (message,) = found(shop)
    assert message.id == "syzygy_like.E006"
    assert message.msg.startswith("The migrations cannot be loaded: ")


def test_e006_a_migration_that_does_not_fit_the_ones_before_it(shop):
    shop.write("shop", "0002_remove", migrations.RemoveField("order", "nothing"))
    (message,) = found(shop)
    assert message.id == "syzygy_like.E006"
    assert "shop.0002_remove does not fit the migrations before it" in message.msg


def test_w001_sql_that_cannot_be_read(shop):
    shop.write("shop", "0002_sql", migrations.RunSQL("FROBNICATE shop_order"))
    (message,) = found(shop)
    assert message.id == "syzygy_like.W001"
    assert message.level == checks.WARNING
    assert "what this SQL does to the schema: FROBNICATE shop_order" in message.msg
    assert "stage = Stage.PRE_DEPLOY" in message.hint


def test_w001_is_about_sql_whose_stage_nobody_declares(shop):
    sql = migrations.RunSQL("FROBNICATE shop_order")
    shop.write("shop", "0002_sql", sql, stage=Stage.PRE_DEPLOY)
    assert found(shop) == []
    declared = migrations.RunSQL("FROBNICATE shop_order")
    declared.stage = Stage.ANY
    shop.write("shop", "0003_sql", declared)
    assert found(shop) == []


MIXED = {
    "both sides": [ADD, REMOVE],
    "both sides, the other way round": [REMOVE, ADD],
    "more of both": [
        ADD,
        REMOVE,
        migrations.AddField("order", "note", models.TextField(null=True)),
        migrations.AlterField("customer", "name", models.CharField(max_length=5)),
    ],
    "backfill": [ADD, NOOP, REMOVE],
    "add and tighten": [
        ADD,
        NOOP,
        migrations.AlterField("order", "price_cents", models.IntegerField()),
    ],
    "required": [ADD_REQUIRED],
    "required foreign key": [
        migrations.AddField(
            "order",
            "payer",
            models.ForeignKey("shop.Customer", models.CASCADE, related_name="+"),
        )
    ],
    "remove required": [migrations.RemoveField("order", "count")],
    "remove foreign key": [migrations.RemoveField("order", "customer")],
    "remove many-to-many": [migrations.RemoveField("order", "friends")],
    "remove table": [migrations.DeleteModel("Order")],
    "rename field": [migrations.RenameField("order", "price", "cost")],
    "rename model": [migrations.RenameModel("Shelf", "Rack")],
    "remove and add again": [
        REMOVE,
        migrations.AddField("order", "price", models.TextField(null=True)),
    ],
    "new table and old column": [
        migrations.CreateModel("Label", [KEY]),
        migrations.RemoveField("order", "count"),
    ],
}


def pasted(project, message):
    """Do what a hint says: change the migration, and add the files that it shows."""
    name = message.obj.name
    kept = list(message.obj.operations)
    moved = re.match(r"Fix: move (.*) from ", message.hint)
    if moved:
        numbers = [int(each) for each in re.findall(r"\d+", moved[1])]
        kept = [each for number, each in enumerate(kept, 1) if number not in numbers]
        project.write("shop", name, *kept)
    for title, code in shown_files(message.hint):
        if "dependencies" not in code:
            dependencies = f"    dependencies = {message.obj.dependencies!r}\n"
            code = code.replace("    operations", f"{dependencies}    operations")
        project.write_source("shop", title, code)


def shown_files(hint):
    """Yield the names and the code of the files that a hint shows."""
    title = re.compile(r"^    # (\w+)\.py \(.*\)\n", re.M)
    _, *parts = title.split(hint)
    for name, rest in zip(parts[::2], parts[1::2], strict=True):
        code = re.match(r"(    .*\n|\n)+", rest)[0]
        yield name, textwrap.dedent(code)


@pytest.mark.parametrize("case", MIXED)
def test_the_fix_silences_the_error(shop, case):
    shop.write("shop", "0002_change", *MIXED[case])
    (message,) = found(shop)
    assert message.id == "syzygy_like.E001"
    pasted(shop, message)
    assert found(shop) == []


@given(releases())
def test_law_the_fix_silences_the_error(release):
    """Of any migration that fits no stage the parts do, and have the same outcome."""
    tracker = Tracker(TrackedState(), always)
    for each in [*release.applied, *release.pending]:
        tracker.assume_applied()
        schemas, before = tracker.schemas, tracker.fork()
        step = Reader().read(tracker, each)
        if resolve(step, schemas, Policy()).stage:
            continue
        explanation = explain(each, before, Reader())
        for stage, operations in explanation.split:
            made = migration(each.app_label, each.name, *operations)
            part = Reader().read(before, made)
            assert resolve(part, schemas, Policy()).stage == stage
            schemas = advance(schemas, part)
        if explanation.split and not explanation.rewritten:
            assert schemas == tracker.schemas


WITH_FUNCTION = """\
from django.db import migrations, models


def copy(apps, schema_editor):
    pass


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [
        migrations.AddField("order", "place", models.IntegerField(null=True)),
        migrations.RunPython(copy, migrations.RunPython.noop),
        migrations.RemoveField("order", "price"),
    ]
"""


def test_a_fix_with_a_function_of_the_migration_can_be_pasted(shop):
    shop.write_source("shop", "0002_place", WITH_FUNCTION)
    (message,) = found(shop)
    _, _, pasted = message.hint.partition("0003_place_post_deploy.py:\n\n")
    code = textwrap.dedent(pasted.partition("\n\nThis command")[0])
    assert "# Move the functions here from 0002_place.py." in code
    assert "code=copy," in code
    assert "reverse_code=migrations.RunPython.noop," in code
    compile(code, "0003", "exec")
