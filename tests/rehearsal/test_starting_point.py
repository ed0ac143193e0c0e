"""Where a rehearsal begins, and how an empty database gets there."""

from __future__ import annotations

import pytest
from django import VERSION
from django.core.management import CommandError
from django.db import connections, migrations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models.signals import post_migrate
from django.test.utils import CaptureQueriesContext

from syzygy_like.executor.ledger import Ledger
from syzygy_like.executor.record import Entry, Record, Release
from syzygy_like.expand_contract.simulation import Part
from syzygy_like.management.commands.migrate import Command
from syzygy_like.planning.database import current_basis
from syzygy_like.rehearsal.starting_point.applying import (
    StartFailedError,
    apply_start,
    pending,
)
from syzygy_like.rehearsal.starting_point.names import InvalidNameError, NameFault
from syzygy_like.rehearsal.starting_point.recorded import RecordedLoader
from syzygy_like.rehearsal.starting_point.start import (
    FromDatabase,
    FromNames,
    Note,
    NoteKind,
    Start,
    from_database,
    from_names,
)
from tests.support.orders import NULLABLE, ORDER, PK, add
from tests.support.projects import physical, tables

OLD = ["0001_initial", "0002_size"]
SQUASHED = [("shop", name) for name in OLD]
SQUASHED_NAME = "0001_squashed_0002_size"


@pytest.fixture
def shop(project):
    """Three apps; what is between them is in no number."""
    project.write("shop", "0001_initial", ORDER)
    project.write("shop", "0002_size", add("size"))
    project.write("shop", "0003_weight", add("weight"))
    project.write("shop", "0004_color", add("color"))
    project.write("blog", "0001_initial", dependencies=[("shop", "__first__")])
    own = ("blog", "0001_initial")
    project.write("blog", "0002_color", dependencies=[own, ("shop", "0004_color")])
    project.write("crm", "0001_initial", run_before=[("shop", "0003_weight")])
    return project


def squash(project, name=SQUASHED_NAME, replaces=SQUASHED):
    project.write("shop", name, ORDER, add("size"), replaces=replaces, dependencies=[])


def named(project, *names):
    """Return what is applied of the project's own apps, short."""
    with project.active():
        start = from_names(names)
    return sorted(
        f"{label}.{name.partition('_')[0]}"
        for label, name in start.applied
        if label in project.apps
    )


def refusal(project, *names):
    with project.active(), pytest.raises(InvalidNameError) as caught:
        from_names(names)
    return caught.value


def graph(loader):
    """Return a graph as data."""
    nodes = loader.graph.node_map
    return {key: {each.key for each in nodes[key].parents} for key in nodes}


ALL = [
    *("blog.0001", "blog.0002", "crm.0001"),
    *("shop.0001", "shop.0002", "shop.0003", "shop.0004"),
]


@pytest.mark.parametrize(
    ("names", "gone"),
    [
        ([], []),
        (["shop.0004_color"], []),
        (["shop.0003"], ["shop.0004", "blog.0002"]),
        (["shop.0003_weight", "blog.0001"], ["shop.0004", "blog.0002"]),
        (["blog.0001"], ["blog.0002"]),
        (["blog.zero"], ["blog.0001", "blog.0002"]),
        (["crm.zero"], ["crm.0001", "shop.0003", "shop.0004", "blog.0002"]),
        (["shop.zero"], [each for each in ALL if each != "crm.0001"]),
    ],
    ids=str,
)
def test_what_descends_from_later_migrations_is_not_applied(shop, names, gone):
    assert named(shop, *names) == [each for each in ALL if each not in gone]


def test_apps_that_are_not_named_are_at_their_end(shop):
    shop.apps += ["django.contrib.contenttypes", "django.contrib.auth"]
    with shop.active():
        start = from_names(["shop.0001"])
        disk = MigrationLoader(None).disk_migrations
    others = {key for key in disk if key[0] in ("auth", "contenttypes")}
    assert others
    assert others <= start.applied
    assert start.origin == FromNames(("shop.0001",))
    assert start.notes == ()


@pytest.mark.parametrize(
    ("names", "fault", "migrations"),
    [
        (["shop"], NameFault.MALFORMED, ()),
        (["shop."], NameFault.MALFORMED, ()),
        ([".0001"], NameFault.MALFORMED, ()),
        (["shoe.0001"], NameFault.UNKNOWN_APP, ()),
        (["syzygy_like.zero"], NameFault.NO_MIGRATIONS, ()),
        (["crm.0002"], NameFault.UNKNOWN, (("crm", "0001_initial"),)),
        (
            ["blog.000"],
            NameFault.AMBIGUOUS,
            (("blog", "0001_initial"), ("blog", "0002_color")),
        ),
        (["shop.0001", "blog.0001", "shop.0002"], NameFault.REPEATED, ()),
        (["shop.0001", "shop.0001"], NameFault.REPEATED, ()),
        (
            ["shop.0003", "blog.0002"],
            NameFault.CONTRADICTED,
            (("shop", "0004_color"),),
        ),
        (["crm.zero", "shop.0003"], NameFault.CONTRADICTED, (("crm", "0001_initial"),)),
    ],
    ids=str,
)
def test_names_that_do_not_do(shop, names, fault, migrations):
    error = refusal(shop, *names)
    assert error.fault is fault
    assert error.migrations == migrations
    assert error.name == names[-1]
    if fault in (NameFault.REPEATED, NameFault.CONTRADICTED):
        assert error.other == names[0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("0001_initial", {"0001_initial"}),
        ("0002_size", {"0001_initial", "0002_size"}),
        (
            "0001_squashed",
            {"0001_initial", "0002_size", "0001_squashed_0002_size"},
        ),
        (
            "0003",
            {"0001_initial", "0002_size", "0001_squashed_0002_size", "0003_weight"},
        ),
        ("zero", set()),
    ],
)
def test_names_of_a_squash_and_of_what_it_replaces(shop, name, expected):
    squash(shop)
    with shop.active():
        start = from_names([f"shop.{name}"])
    assert {name for label, name in start.applied if label == "shop"} == expected


def test_a_squash_of_one(shop):
    squash(shop, "0001_one", SQUASHED[:1])
    with shop.active():
        assert ("shop", "0001_one") in from_names(["shop.0001_initial"]).applied


@pytest.mark.skipif(VERSION < (6, 0), reason="Django cannot squash squashes")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("0001_initial", ["0001_initial"]),
        ("0001_squashed_0002_size", sorted([*OLD, SQUASHED_NAME])),
        ("0001_all", sorted([*OLD, SQUASHED_NAME, "0001_all", "0003_weight"])),
    ],
)
def test_a_squash_of_squashes(shop, database, name, expected):
    squash(shop)
    squash(shop, "0001_all", [("shop", SQUASHED_NAME), ("shop", "0003_weight")])
    with shop.active():
        start = from_names([f"shop.{name}"])
        assert (
            sorted(name for label, name in start.applied if label == "shop") == expected
        )
        apply_start(start, database, Command)
    reopened(shop, database)


def test_several_leaves(shop):
    shop.write("shop", "0004_other", dependencies=[("shop", "0003_weight")])
    assert "shop.0004" in named(shop)
    with shop.active():
        applied = from_names(["shop.0004_other"]).applied
    assert ("shop", "0004_other") in applied
    assert ("shop", "0004_color") not in applied
    assert ("blog", "0002_color") not in applied


def test_an_empty_database(shop, database):
    with shop.active():
        assert from_database(database) == Start(frozenset(), FromDatabase(database))
    assert "django_migrations" not in connections[database].introspection.table_names()


@pytest.mark.databases("sqlite")
def test_a_database_is_only_read(shop, database):
    shop.migrate("shop", "0003", database=database, verbosity=0)
    with shop.active(), CaptureQueriesContext(connections[database]) as queries:
        start = from_database(database)
        assert connections[database].connection is not None
    words = {each["sql"].split()[0] for each in queries.captured_queries}
    assert words == {"SELECT"}
    recorder = MigrationRecorder(connections[database])
    assert start.applied == set(recorder.applied_migrations())


def test_what_a_database_has_beyond_the_files(shop, database):
    shop.migrate("shop", "0001", database=database, verbosity=0)
    MigrationRecorder(connections[database]).record_applied("old", "0001")
    MigrationRecorder(connections[database]).record_applied("shop", "0003_weight")
    ledger = Ledger(connections[database])
    entry = Entry(("shop", "0002_size"), Part.WHOLE, 1, since="2026-11-21T12:00:00")
    release = Release({entry.key: entry.part}, basis=current_basis())
    ledger.open()
    ledger.write(Record((release,), (entry,)))
    try:
        with shop.active():
            start = from_database(database)
    finally:
        ledger.write(Record())
        ledger.close()
    dragged = (("crm", "0001_initial"), ("shop", "0002_size"))
    assert start.notes == (
        Note(NoteKind.UNDER_WAY),
        Note(NoteKind.DRAGGED, migrations=dragged),
        Note(NoteKind.WITHOUT_FILE, migrations=(("old", "0001"),)),
    )
    assert start.applied == {
        ("old", "0001"),
        ("shop", "0001_initial"),
        ("shop", "0003_weight"),
        *dragged,
    }


def test_a_squash_whose_replaced_files_are_gone_stands_for_them(shop, database):
    shop.migrate("shop", "0003", database=database, verbosity=0)
    squash(shop)
    for name in ("0001_initial", "0002_size"):
        (shop.migrations("shop") / f"{name}.py").unlink()
    shop.write_source("shop", "0003_weight", SQUASHED_CHILD)
    with shop.active():
        assert from_database(database).notes == ()


SQUASHED_CHILD = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_squashed_0002_size")]
"""


def reopened(project, database):
    """
    Empty a database and start again where it was; compare the two.

    Returns what is pending then.
    """
    with project.active():
        start = from_database(database)
        real = graph(MigrationLoader(connections[database]))
        planned = [str(migration) for migration, _ in pending(database)]
    before = physical(database)
    for table in connections[database].introspection.table_names():
        drop(database, table)
    with project.active():
        apply_start(start, database, Command)
        recorder = MigrationRecorder(connections[database])
        assert set(recorder.applied_migrations()) == start.applied
        assert graph(MigrationLoader(connections[database])) == real
        assert [str(migration) for migration, _ in pending(database)] == planned
        assert not any(backwards for _, backwards in pending(database))
    assert physical(database) == before
    return planned


def drop(database, table):
    connection = connections[database]
    with connection.constraint_checks_disabled(), connection.cursor() as cursor:
        name = connection.ops.quote_name(table)
        cascade = " CASCADE" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP TABLE {name}{cascade}")


def test_an_opened_database_is_the_one_it_began_from(shop, database):
    shop.apps += ["django.contrib.contenttypes", "django.contrib.auth"]
    shop.migrate(database=database, verbosity=0)
    shop.migrate("shop", "0002", database=database, verbosity=0)
    assert reopened(shop, database) == [
        "shop.0003_weight",
        "shop.0004_color",
        "blog.0002_color",
    ]


def test_a_squash_made_since(shop, database):
    shop.migrate("shop", "0002", database=database, verbosity=0)
    squash(shop)
    assert "shop.0003_weight" in reopened(shop, database)


def test_a_squash_that_is_recorded(shop, database):
    squash(shop)
    shop.migrate("shop", "0003", database=database, verbosity=0)
    assert "shop.0004_color" in reopened(shop, database)


def test_half_of_a_squash(shop, database):
    shop.migrate("shop", "0001", database=database, verbosity=0)
    squash(shop)
    assert "shop.0002_size" in reopened(shop, database)


def test_nothing_to_open(shop, database):
    assert len(reopened(shop, database)) == len(ALL)


def test_apps_without_migrations_get_their_tables(shop, database):
    tag = (
        f"class Tag(models.Model):\n    {PK[0]} = models.BigAutoField(primary_key=True)"
    )
    shop.app("tags", tag)
    with shop.active():
        apply_start(from_names(["shop.zero"]), database, Command)
    assert tables(database) == {"tags_tag"}


def test_signals_see_the_plan_and_the_models_of_the_start(shop, database):
    seen = []

    def receive(apps, plan, using, **kwargs):
        names = [migration.name for migration, _ in plan]
        fields = {each.name for each in apps.get_model("shop", "Order")._meta.fields}
        seen.append(
            (using, "0003_weight" in names, "size" in fields, "weight" in fields)
        )

    shop.app("tags", "\n")  # only an app with models sends any
    post_migrate.connect(receive)
    try:
        with shop.active():
            apply_start(from_names(["shop.0002"]), database, Command)
    finally:
        post_migrate.disconnect(receive)
    assert set(seen) == {(database, False, True, False)}


def test_a_migration_that_fails_on_the_way(shop, database):
    shop.write("shop", "0002_size", migrations.RunSQL("SELECT no_such_thing"))
    with shop.active(), pytest.raises(StartFailedError) as caught:
        apply_start(from_names([]), database, Command)
    assert caught.value.key == ("shop", "0002_size")
    assert "no_such_thing" in str(caught.value.error)


@pytest.mark.databases("sqlite")
def test_leaves_that_are_not_merged_are_refused_as_by_django(shop, database):
    shop.write("shop", "0004_other", dependencies=[("shop", "0003_weight")])
    with shop.active(), pytest.raises(CommandError, match="Conflicting migrations"):
        apply_start(from_names([]), database, Command)


PLAIN = ("plan", "check_unapplied", "fake", "app_label", "pre_deploy", "run_syncdb")


@pytest.mark.databases("sqlite")
def test_the_projects_own_command_is_run_plain(shop, database, capsys):
    seen = []

    class Own(Command):
        def handle(self, *args, **options):
            seen.append({key: options[key] for key in PLAIN})
            super().handle(*args, **options)

    with shop.active():
        apply_start(from_names([]), database, Own, verbosity=1)
    plain = dict.fromkeys(PLAIN, False)
    assert seen == [{**plain, "app_label": None, "run_syncdb": True}]
    assert "Applying shop.0004_color... OK" in capsys.readouterr().out


def test_a_loader_is_as_that_of_a_database(shop, database):
    """
    Contract: MigrationLoader.build_graph() takes what is applied from the attribute
    ``applied_migrations``, which it sets before it looks at squashes.
    """
    squash(shop)
    recorder = MigrationRecorder(connections[database])
    records = [*SQUASHED, ("shop", "0001_squashed_0002_size"), ("crm", "0001_initial")]
    with shop.active():
        for count in range(len(records) + 1):
            real = MigrationLoader(connections[database])
            loader = RecordedLoader(records[:count])
            assert graph(loader) == graph(real)
            assert loader.applied_migrations.keys() == real.applied_migrations.keys()
            for record in records[count : count + 1]:
                recorder.record_applied(*record)


def test_names_are_what_django_records(project, database):
    """Contract: MigrationExecutor.record_migration() records what is replaced, too."""
    project.write("shop", "0001_initial", ORDER)
    project.write("shop", "0002_size", migrations.AddField("order", "size", NULLABLE))
    squash(project)
    project.write("crm", "0001_initial", migrations.CreateModel("Card", [PK]))
    project.migrate(database=database, verbosity=0)
    recorded = MigrationRecorder(connections[database]).applied_migrations()
    with project.active():
        loader = RecordedLoader()
        found = {*loader.names_of_app("shop"), *loader.names_of_app("crm")}
    assert found == set(recorded)
