"""Going back over several releases: following the advice gets there."""

from __future__ import annotations

import datetime
import io
import random
import re
import shutil

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections, migrations, models, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from tests.support.life_cycles import APPLYING, PLANNED
from tests.support.orders import (
    ABORT,
    NULLABLE,
    PK,
    POST,
    PRE,
    REQUIRED,
    add,
    alter,
    names,
    refused,
    remove,
    write,
)
from tests.support.projects import Project, physical
from tests.support.repetition import often

STOP = re.compile(r"first to (\S+ \S+): migrate \1 --pre-deploy, .* migrate \1 --post-")
INTERRUPT = re.compile(r"with downtime: migrate (\S+ \S+)\. Start")
AT_ONCE = "run the same command without a stage, with downtime"
KINDS = [
    *["add", "remove", "add_required", "remove_required", "alter", "alter"],
    *["model", "no_model", "at_once", "other_app", "mixed"],
]


class Chain:
    """Releases of a project that are all applied, and the code of any of them."""

    def __init__(self, folder, databases, alias, draw):
        databases.empty(alias)
        self.project, self.alias, self.draw = Project(folder), alias, draw
        self.fields = {"price": "null"}
        self.models: list[str] = []
        self.count, self.posts, self.made = 1, 0, 0
        self.log: list[str] = []
        fields = [PK, ("price", NULLABLE), ("code", models.CharField(max_length=5))]
        self.project.write(
            "shop", "0001_initial", migrations.CreateModel("Order", fields)
        )

    # What the releases bring.

    def write(self, *operations):
        self.count += 1
        name = f"{self.count:04}"
        self.project.write("shop", name, *operations)
        told = "; ".join(each.describe() for each in operations)
        self.log.append(f"shop.{name} {told}")

    def new(self, prefix):
        self.made += 1
        return f"{prefix}{self.made}"

    def pick(self, kind):
        return next((name for name, each in self.fields.items() if each == kind), None)

    def _add(self):
        name = self.new("f")
        self.fields[name] = "null"
        return add(name)

    def add(self):
        self.write(self._add())

    def _remove(self):
        name = self.pick("null")
        if name:
            del self.fields[name]
        return [remove(name)] if name else []

    def remove(self):
        if found := self._remove():
            self.write(*found)

    def mixed(self):
        self.write(*self._remove(), self._add())

    def alter(self):
        name = self.draw(sorted(self.fields) or [""])
        if name:
            is_null = self.fields[name] == "null"
            self.fields[name] = "required" if is_null else "null"
            self.write(alter(name, REQUIRED if is_null else NULLABLE))

    def add_required(self):
        name = self.new("f")
        self.fields[name] = "required"
        self.write(add(name))
        self.write(alter(name, REQUIRED))

    def at_once(self):
        name = self.new("f")
        self.fields[name] = "required"
        self.write(add(name, REQUIRED))

    def remove_required(self):
        name = self.pick("required")
        if name:
            del self.fields[name]
            self.write(alter(name, NULLABLE))
            self.write(remove(name))

    def model(self):
        self.models.append(self.new("Model"))
        self.write(migrations.CreateModel(self.models[-1], [PK, ("a", NULLABLE)]))

    def no_model(self):
        if self.models:
            self.write(migrations.DeleteModel(self.models.pop()))

    def other_app(self):
        """Something of another app that comes after what there is."""
        last = sorted(p.stem for p in self.project.migrations("shop").glob("0*.py"))[-1]
        before = [("blog", f"{self.posts:04}")] if self.posts else []
        self.posts += 1
        operation = migrations.CreateModel(f"Post{self.posts}", [PK, ("a", NULLABLE)])
        self.project.write(
            "blog",
            f"{self.posts:04}",
            operation,
            dependencies=[("shop", last), *before],
        )
        self.log.append(f"blog.{self.posts:04} after shop.{last}")

    # The way back.

    def applied(self):
        return set(MigrationRecorder(connections[self.alias]).applied_migrations())

    def after(self, target):
        """Return what stays applied when Django goes back to a target."""
        label, name = target.split()
        with self.project.active():
            executor = MigrationExecutor(connections[self.alias])
            plan = executor.migration_plan([(label, None if name == "zero" else name)])
        return self.applied() - {(each.app_label, each.name) for each, _ in plan}

    def call(self, target, *arguments):
        out, code = io.StringIO(), 0
        with self.project.active():
            try:
                call_command(
                    "migrate",
                    *target.split(),
                    *arguments,
                    database=self.alias,
                    stdout=out,
                )
            except CommandError as error:
                code = 1
                out.write(str(error))
        return code, out.getvalue()

    def run(self, target, *arguments):
        """Run migrate; what it says with --plan is what it does."""
        planned, plan = self.call(target, *arguments, "--plan")
        before = physical(self.alias), self.applied()
        code, out = self.call(target, *arguments)
        self.log.append(f"migrate {target} {' '.join(arguments)} -> {code}")
        self.commands += 1
        told = f"{self.story()}\n{plan}\n---\n{out}"
        assert planned == code, told
        if code:
            assert (physical(self.alias), self.applied()) == before, told
        else:
            listed = PLANNED.findall(plan.partition("Deferred")[0])
            assert APPLYING.findall(out) == listed, told
        return code, out

    def story(self):
        return "\n".join(self.log)

    def assert_works(self, keys):
        """Assert that code reads and writes that has just these migrations."""
        with self.project.active():
            graph = MigrationLoader(None).graph
            last = [
                key for key in keys if not {*graph.node_map[key].children} & {*keys}
            ]
            found = graph.make_state(nodes=sorted(last), at_end=True).apps.get_models()
            for model in found:
                self.use(model)

    def use(self, model):
        rows = model.objects.using(self.alias)
        try:
            with transaction.atomic(using=self.alias):
                row = rows.create()
                list(rows.all())
                row.save(using=self.alias)
                fields = [each.attname for each in model._meta.concrete_fields[1:]]
                rows.update(**{name: getattr(row, name) for name in fields})
                rows.get(pk=row.pk).delete()
                transaction.set_rollback(True, using=self.alias)
        except DatabaseError as error:
            raise AssertionError(f"{model}: {error}\n{self.story()}") from error

    def go(self, target):
        """Go back as it is said; return how many releases that took."""
        self.commands, stops = 0, 0
        while True:
            stops += 1
            code, out = self.run(target, PRE)
            if not code:
                self.roll_out(target)
                return stops
            if found := STOP.search(out):
                code, more = self.run(found[1], PRE)
                assert code == 0, f"{self.story()}\n{more}"
                self.roll_out(found[1])
                continue
            interrupted = INTERRUPT.search(out)
            assert interrupted or AT_ONCE in out, f"{self.story()}\n{out}"
            code, more = self.run(interrupted[1] if interrupted else target)
            assert code == 0, f"{self.story()}\n{more}"
            self.serving = self.applied()
            self.assert_works(self.serving)
            if not interrupted:
                return stops

    def roll_out(self, target):
        """Serve the code that ends at a target, and finish."""
        keys = self.after(target)
        self.assert_works(self.serving)
        self.assert_works(keys)
        self.serving = keys
        code, out = self.run(target, POST)
        assert code == 0, f"{self.story()}\n{out}"
        assert self.applied() == keys, f"{self.story()}\n{out}"
        self.assert_works(keys)


def walk(folder, databases, alias, seed):
    folder.mkdir()
    rng = random.Random(seed)
    chain = Chain(folder, databases, alias, lambda options: rng.choice(options))
    while chain.count < 2:
        for _ in range(rng.randint(1, 5)):
            getattr(chain, rng.choice(KINDS))()
    chain.project.migrate(database=alias, verbosity=0)
    chain.serving = chain.applied()
    targets = ["zero", "0001_initial", *(f"{n:04}" for n in range(2, chain.count))]
    target = f"shop {rng.choice(targets)}"
    chain.log.append(f"seed {seed}: back to {target}")
    stops = chain.go(target)
    assert chain.commands <= 3 * stops, chain.story()
    shutil.rmtree(folder)
    return stops


@pytest.mark.databases("sqlite", "postgresql", "mysql")
def test_following_the_advice_leads_back(databases, database, tmp_path):
    few = 24 if connections[database].vendor == "sqlite" else 6
    count = often(few, 50 * few)
    taken = [walk(tmp_path / "chain", databases, database, n) for n in range(count)]
    assert max(taken) > 2


@pytest.mark.databases("sqlite")
def test_releases_are_left_one_after_the_other(shop, database):
    write(shop, add("total"), remove("price"), add("weight"))
    shop.migrate(database=database)
    back = ("migrate", "shop", "0001_initial", PRE)
    message = refused(shop, *back, database=database)
    assert (
        "first to shop 0003: migrate shop 0003 --pre-deploy, roll out the version that "
        "ends there, then migrate shop 0003 --post-deploy. After that, run this "
        "command again."
    ) in message
    assert message.count("Fix:") == 1
    shop.migrate("shop", "0003", PRE, database=database)
    shop.migrate("shop", "0003", POST, database=database)
    for stage in (PRE, POST):
        shop.migrate("shop", "0001_initial", stage, database=database)
    assert names(database) == ["0001_initial"]


@pytest.mark.databases("sqlite")
def test_what_fits_no_stage_is_left_while_nothing_is_served(shop, database):
    write(shop, add("total"), migrations.RenameField("order", "price", "paid"))
    shop.migrate(database=database)
    back = ("migrate", "shop", "0001_initial", PRE)
    message = refused(shop, *back, database=database)
    assert "go back to shop 0002 with downtime: migrate shop 0002." in message
    message = refused(shop, "migrate", "shop", "0002", PRE, database=database)
    assert "run the same command without a stage, with downtime" in message


@pytest.mark.databases("sqlite")
def test_a_deploy_that_is_held_is_said_to_be(shop, database):
    write(shop, add("total", REQUIRED))
    week = datetime.timedelta(days=7)
    shop.write("shop", "0003", remove("price"), stage_delay=week)
    write(shop, add("weight"), start=4)
    shop.migrate(PRE, database=database)
    shop.migrate(POST, database=database)
    for arguments in (["shop", "0001_initial", PRE], [ABORT]):
        message = refused(shop, "migrate", *arguments, database=database)
        assert "Some of it is held until" in message
        assert "migrate without a stage ignores delays" in message
    shop.migrate(database=database)
    out = shop.migrate("shop", "0003", PRE, database=database)
    assert "shop.0004  (post-deploy, inferred)" in out
