"""The one place where Django is changed: who gets which executor, and for how long."""

from __future__ import annotations

import threading

import pytest
from django.core.management.commands import makemigrations, migrate
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.writer import MigrationWriter
from django.db.models import ImageField, Model, signals

from syzygy_like import seam

pytestmark = pytest.mark.versions

if hasattr(migrate.Command, "executor_class"):  # then nothing is changed
    pytest.skip("Django has executor_class", allow_module_level=True)


def made(name):
    """Return a factory whose executors can be told apart."""
    return lambda *args, **kwargs: name


class Visitor(threading.Thread):
    """Enters the seam in a thread of its own, and leaves it when told to."""

    def __init__(self, name, factory):
        super().__init__(name=name, daemon=True)
        self.factory = factory
        self.inside, self.may_leave = threading.Event(), threading.Event()
        self.seen = []

    def run(self):
        with seam.executor(migrate.Command(), self.factory):
            self.seen.append(migrate.MigrationExecutor(None))
            self.inside.set()
            self.may_leave.wait(10)
            self.seen.append(migrate.MigrationExecutor(None))

    def enter(self):
        self.start()
        assert self.inside.wait(10)

    def leave(self):
        self.may_leave.set()
        self.join(10)
        assert not self.is_alive()


@pytest.fixture(autouse=True)
def django_is_as_before():
    assert migrate.MigrationExecutor is MigrationExecutor
    assert makemigrations.MigrationWriter is MigrationWriter
    yield
    assert migrate.MigrationExecutor is MigrationExecutor
    assert makemigrations.MigrationWriter is MigrationWriter


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_threads_do_not_undo_each_others_change(order):
    visitors = [Visitor("one", made("one")), Visitor("two", made("two"))]
    for visitor in visitors:
        visitor.enter()
    for number in order:
        visitors[number].leave()
    assert [visitor.seen for visitor in visitors] == [["one"] * 2, ["two"] * 2]


def test_many_threads():
    visitors = [Visitor(str(number), made(number)) for number in range(20)]
    for visitor in visitors:
        visitor.enter()
    for visitor in visitors[::2] + visitors[1::2]:
        visitor.leave()
    assert [visitor.seen for visitor in visitors] == [[n, n] for n in range(20)]


def test_other_threads_get_djangos_executor(monkeypatch):
    monkeypatch.setattr(MigrationExecutor, "__init__", lambda *args: None)
    visitor = Visitor("one", made("one"))
    visitor.enter()
    executor = migrate.MigrationExecutor(None)
    visitor.leave()
    assert type(executor) is MigrationExecutor


def test_the_inner_one_counts():
    command = migrate.Command()
    with seam.executor(command, made("outer")):
        with seam.executor(command, made("inner")):
            assert migrate.MigrationExecutor() == "inner"
        assert migrate.MigrationExecutor() == "outer"


def test_an_error_leaves_nothing_behind():
    with (
        pytest.raises(ZeroDivisionError),
        seam.executor(migrate.Command(), made("one")),
    ):
        raise ZeroDivisionError
    assert seam.EXECUTOR._users == 0


def test_somebody_elses_change_is_put_back(monkeypatch):
    monkeypatch.setattr(migrate, "MigrationExecutor", made("theirs"))
    with seam.executor(migrate.Command(), made("ours")):
        assert migrate.MigrationExecutor() == "ours"
    assert migrate.MigrationExecutor() == "theirs"
    monkeypatch.undo()


def test_where_django_has_a_hook_it_is_used(monkeypatch):
    monkeypatch.setattr(migrate.Command, "executor_class", "theirs", raising=False)
    command = migrate.Command()
    with seam.executor(command, "ours"):
        assert command.executor_class == "ours"
        assert migrate.MigrationExecutor is MigrationExecutor
    assert command.executor_class == "theirs"


def test_a_writer_and_an_executor_do_not_know_each_other():
    with seam.writer(made("writer")):
        assert makemigrations.MigrationWriter(None) == "writer"
        assert migrate.MigrationExecutor is MigrationExecutor
        with seam.executor(migrate.Command(), made("executor")):
            assert migrate.MigrationExecutor(None) == "executor"
            assert makemigrations.MigrationWriter(None) == "writer"
        assert makemigrations.MigrationWriter(None) == "writer"


def test_other_threads_get_djangos_writer():
    found = []
    with seam.writer(made("ours")):
        work = threading.Thread(
            target=lambda: found.append(makemigrations.MigrationWriter(None))
        )
        work.start()
        work.join(10)
    assert [type(each) for each in found] == [MigrationWriter]


def test_an_error_leaves_no_writer_behind():
    with pytest.raises(ZeroDivisionError), seam.writer(made("ours")):
        raise ZeroDivisionError
    assert seam.WRITER._users == 0


def muted():
    """Return what Django calls, and whether it is the holder's own."""
    places = [(each.holder, each.name) for each in seam.MUTED]
    return [(getattr(holder, name), name in vars(holder)) for holder, name in places]


def test_signals_are_muted_as_long_as_anybody_asks_for_it():
    before = muted()
    with seam.mute_signals():
        with seam.mute_signals():
            pass
        during = muted()
    assert not set(map(repr, before)) & set(map(repr, during))
    assert muted() == before
    with pytest.raises(ZeroDivisionError), seam.mute_signals():
        raise ZeroDivisionError
    assert muted() == before


def test_signals_of_other_threads_are_not_muted():
    called = []

    def receive(signal, **named):
        called.append(threading.current_thread())

    signals.pre_init.connect(receive)
    try:
        with seam.mute_signals():
            work = threading.Thread(target=signals.pre_init.send, args=(Model,))
            work.start()
            work.join(10)
            assert signals.pre_init.send(Model) == []
    finally:
        signals.pre_init.disconnect(receive)
    assert called == [work]


def test_a_method_that_is_replaced_has_its_object_elsewhere(monkeypatch):
    """Django calls it on a field, whichever thread it is in."""
    seen = []
    monkeypatch.setattr(
        ImageField, "update_dimension_fields", lambda *args, **kwargs: seen.append(args)
    )
    field = ImageField()
    with seam.mute_signals():
        field.update_dimension_fields("here")
        work = threading.Thread(target=field.update_dimension_fields, args=("there",))
        work.start()
        work.join(10)
    assert seen == [(field, "there")]
