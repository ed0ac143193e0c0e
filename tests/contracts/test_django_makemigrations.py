"""
What makemigrations of ours relies on in Django without a promise of Django's.

Each test names it; one that fails with a new Django says what to look at.
"""

from __future__ import annotations

import inspect

import pytest
from django.core.management.commands import makemigrations
from django.db import migrations, models
from django.db.migrations import Migration, questioner
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.migration import swappable_dependency
from django.db.migrations.serializer import BaseSerializer
from django.db.migrations.state import ModelState, ProjectState
from django.db.migrations.writer import MigrationWriter
from django.db.models.fields import NOT_PROVIDED

from syzygy_like.expand_contract.bridge.relaxing import rebuild
from syzygy_like.expand_contract.data_functions import DataFunction, copy
from syzygy_like.expand_contract.parts import SilentQuestioner
from syzygy_like.makemigrations.questioner import ReplayingQuestioner

pytestmark = pytest.mark.versions

KEY = ("id", models.BigAutoField(primary_key=True))
SOURCE = inspect.getsource(makemigrations.Command)


def state_of(**apps):
    """Return a state whose apps have a model Note with these fields."""
    state = ProjectState()
    for label, fields in apps.items():
        state.add_model(ModelState(label, "Note", [KEY, *fields.items()]))
    return state


def to(label):
    return models.ForeignKey(f"{label}.Note", models.CASCADE, null=True)


def graph_of(*keys):
    graph = MigrationGraph()
    for key in keys:
        graph.add_node(key, Migration(key[1], key[0]))
    return graph


def detected(old, new, graph=None):
    detector = MigrationAutodetector(old, new, SilentQuestioner())
    return detector._detect_changes(graph=graph)


def test_the_names_that_an_autodetector_gives():
    """``_detect_changes``: auto_1, auto_2 and so on in each app."""
    changes = detected(ProjectState(), state_of(shop={}, blog={"n": to("shop")}))
    assert {k: [m.name for m in v] for k, v in changes.items()} == {
        "shop": ["auto_1"],
        "blog": ["auto_1"],
    }
    assert changes["blog"][0].dependencies == [("shop", "auto_1")]
    circle = state_of(shop={"n": to("blog")}, blog={"n": to("shop")})
    names = [m.name for m in detected(ProjectState(), circle)["blog"]]
    assert names in (["auto_1"], ["auto_1", "auto_2"])


def test_what_is_in_another_app_already_is_its_last_migration():
    """``_detect_changes(graph=...)``; without a graph it is the first one."""
    old, new = state_of(shop={}, blog={}), state_of(shop={"n": to("blog")}, blog={})
    graph = graph_of(("blog", "0002_more"), ("shop", "0001_initial"))
    (migration,) = detected(old.clone(), new.clone(), graph)["shop"]
    assert migration.dependencies == [("blog", "0002_more")]
    (migration,) = detected(old, new)["shop"]
    assert migration.dependencies == [("blog", "__first__")]


def test_an_autodetector_takes_options_away_from_its_states():
    """That is why both are cloned."""
    meta = {"indexes": [models.Index(fields=["id"], name="i")], "unique_together": ()}
    old, new = ProjectState(), ProjectState()
    new.add_model(ModelState("shop", "Note", [KEY], meta))
    kept = new.clone()
    detected(old, new)
    assert "unique_together" not in new.models["shop", "note"].options
    assert "unique_together" in kept.models["shop", "note"].options


def test_an_autodetector_begins_with_two_states_and_a_questioner():
    parameters = inspect.signature(MigrationAutodetector).parameters
    assert list(parameters) == ["from_state", "to_state", "questioner"]
    parameters = inspect.signature(MigrationAutodetector.changes).parameters
    names = ["self", "graph", "trim_to_apps", "convert_apps", "migration_name"]
    assert list(parameters) == names


def test_migrations_are_named_in_their_order():
    """``arrange_for_graph``: numbers, names, the last one as a parent."""
    first, second = (Migration(name, "shop") for name in ("auto_1", "auto_2"))
    first.operations = [migrations.AddField("note", "a", models.IntegerField())]
    second.operations = [migrations.RemoveField("note", "a")]
    second.dependencies = [("shop", "auto_1")]
    detector = MigrationAutodetector(ProjectState(), ProjectState())
    graph = graph_of(("shop", "0004_last"))
    detector.arrange_for_graph({"shop": [first, second]}, graph)
    assert (first.name, second.name) == ("0005_note_a", "0006_remove_note_a")
    assert first.dependencies == [("shop", "0004_last")]
    assert second.dependencies == [("shop", "0005_note_a")]


def test_a_dependency_on_a_setting_is_told_by_an_attribute():
    assert swappable_dependency("people.User").setting == "people.User"
    assert not hasattr(("people", "0001_initial"), "setting")


def test_operations_of_a_release():
    """``preserve_default``, ``model_name_lower`` and the names of renames."""
    added = migrations.AddField("Note", "a", models.IntegerField(), False)
    assert (added.model_name_lower, added.preserve_default) == ("note", False)
    field = migrations.RenameField("Note", "A", "B")
    assert (field.old_name_lower, field.new_name_lower) == ("a", "b")
    model = migrations.RenameModel("Note", "Memo")
    assert (model.old_name_lower, model.new_name_lower) == ("note", "memo")
    assert migrations.AlterModelTable("Note", "t").name_lower == "note"
    assert migrations.AlterOrderWithRespectTo("Note", "a").name_lower == "note"


def test_the_column_of_order_with_respect_to():
    """``models.OrderWrt``, a field of a state by the name ``_order``."""
    state = state_of(shop={"a": models.IntegerField()})
    order = migrations.AlterOrderWithRespectTo("note", "a")
    order.state_forwards("shop", state)
    assert "_order" not in state.models["shop", "note"].fields
    assert models.OrderWrt().deconstruct()[1] == "django.db.models.OrderWrt"


def test_fields_can_be_made_anew_of_their_arguments():
    field = models.CharField(max_length=3, default="a", db_index=True)
    _, path, args, kwargs = rebuild(
        field, null=True, default=NOT_PROVIDED
    ).deconstruct()
    assert (path, args) == ("django.db.models.CharField", [])
    assert kwargs == {"max_length": 3, "db_index": True, "null": True}


def test_a_function_is_written_by_its_name():
    """``MigrationWriter.register_serializer``, and BaseSerializer before it."""
    made = copy("shop", "Note", "a", "b")
    assert issubclass(type(made), DataFunction)
    text, imports = MigrationWriter.serialize(made)
    assert (text, imports) == ("copy_note_a", {"from django.db import models"})
    assert "value" in vars(BaseSerializer(1))


@pytest.mark.parametrize("header", [True, False])
def test_the_text_of_a_file(header):
    """Where functions and stages are put in."""
    migration = Migration("0002_a", "shop")
    text = MigrationWriter(migration, include_header=header).as_string()
    assert text.count("\n\nclass Migration(migrations.Migration):\n") == 1
    assert text.count("from django.db import migrations\n") == 1


def test_makemigrations_makes_its_writer_by_a_global():
    """``makemigrations.MigrationWriter``."""
    assert makemigrations.MigrationWriter is MigrationWriter
    assert "writer = MigrationWriter(migration, self.include_header)" in SOURCE


def test_makemigrations_makes_its_autodetector_by_an_attribute():
    assert "autodetector = self.autodetector(" in SOURCE
    assert "convert_apps=app_labels or None" in SOURCE


def test_the_lines_of_makemigrations():
    """``Command.log``, ``log_output``, and the line of a file."""
    assert 'self.log("  %s\\n" % self.style.MIGRATE_LABEL(migration_string))' in SOURCE
    assert "self.get_relative_path(writer.path)" in SOURCE
    for name in ("log", "log_output", "get_relative_path", "write_migration_files"):
        assert hasattr(makemigrations.Command, name)
    parameters = inspect.signature(makemigrations.Command.write_migration_files)
    assert list(parameters.parameters)[1:] == [
        "changes",
        "update_previous_migration_paths",
    ]


def test_update_passes_the_path_of_the_file_that_is_replaced():
    assert "update_previous_migration_paths[app_label] = previous_migration_path" in (
        SOURCE
    )


def test_every_question_is_remembered_and_every_silent_one_answered():
    """``MigrationQuestioner.ask_*``."""
    asked = {
        name for name in vars(questioner.MigrationQuestioner) if name.startswith("ask_")
    }
    others = {"ask_initial", "ask_merge"}
    assert asked - others == {
        name for name in vars(ReplayingQuestioner) if name.startswith("ask_")
    }
    silent = SilentQuestioner()
    assert silent.ask_not_null_addition("a", "note") is NOT_PROVIDED
    assert silent.ask_not_null_alteration("a", "note") is NOT_PROVIDED
    assert silent.ask_auto_now_add_addition("a", "note") is NOT_PROVIDED
    assert silent.ask_rename("note", "a", "b", None) is False
    assert silent.ask_unique_callable_default_addition("a", "note") is None


def test_the_last_files_are_rewritten_by_one_method():
    """``write_to_last_migration_files``: all that --update writes, by app."""
    assert "self.write_to_last_migration_files(changes)" in SOURCE
    method = makemigrations.Command.write_to_last_migration_files
    assert list(inspect.signature(method).parameters) == ["self", "changes"]
