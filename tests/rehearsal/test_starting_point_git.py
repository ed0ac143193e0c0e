"""A rehearsal that begins where the code of a revision left the database."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

from syzygy_like.rehearsal.starting_point.git import GitError, GitFault
from syzygy_like.rehearsal.starting_point.start import FromGit, Note, NoteKind, from_git
from tests.support.orders import ORDER, add

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="no git")
SQUASHED = [("shop", "0001_initial"), ("shop", "0002_size")]
PEOPLE = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Ann"), ("EMAIL", "ann@example.com"))
}


def git(folder, *arguments):
    environ = {**os.environ, **PEOPLE, "GIT_CONFIG_GLOBAL": os.devnull}
    run = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.strip()


def commit(folder, *tags):
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "x")
    for tag in tags:
        git(folder, "tag", tag)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def shop(project):
    """A project with a release that is tagged."""
    git(project.folder, "init", "--quiet", "--initial-branch=trunk")
    project.write("shop", "0001_initial", ORDER)
    project.write("shop", "0002_size", add("size"))
    project.write("blog", "0001_initial", dependencies=[("shop", "0001_initial")])
    project.apps += ["django.contrib.contenttypes", "django.contrib.auth"]
    commit(project.folder, "v1")
    return project


def start(project, revision="v1"):
    with project.active():
        return from_git(revision)


def refusal(project, revision="v1"):
    with project.active(), pytest.raises(GitError) as caught:
        from_git(revision)
    assert caught.value.revision == revision
    return caught.value


def own(start):
    """Return what is applied of the project's own apps."""
    installed = ("auth", "contenttypes")
    return sorted(
        f"{app}.{name}" for app, name in start.applied if app not in installed
    )


def notes(start):
    return {note.kind: note for note in start.notes}


def recorded(alias):
    return set(MigrationRecorder(connections[alias]).applied_migrations())


RELEASED = ["blog.0001_initial", "shop.0001_initial", "shop.0002_size"]


def test_it_is_what_a_database_has_that_was_migrated_then(shop, database):
    shop.migrate(database=database, verbosity=0)
    shop.write("shop", "0003_weight", add("weight"))
    shop.write("crm", "0001_initial", dependencies=[("shop", "0003_weight")])
    head = git(shop.folder, "rev-parse", "HEAD")
    commit(shop.folder)
    found = start(shop)
    assert found.applied == recorded(database)
    assert found.origin == FromGit("v1", ((str(shop.folder.resolve()), head),))
    assert found.notes == (
        Note(NoteKind.AT_END, apps=("auth", "contenttypes")),
        Note(NoteKind.ADDED, apps=("crm",)),
    )


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("keeps_files", [True, False])
def test_a_squash_made_since(shop, database, keeps_files):
    shop.migrate(database=database, verbosity=0)
    squash(shop)
    if not keeps_files:
        for _, name in SQUASHED:
            (shop.migrations("shop") / f"{name}.py").unlink()
        name = "0001_squashed"
        shop.write("blog", "0001_initial", dependencies=[("shop", name)])
    found = start(shop)
    assert found.applied == recorded(database)
    assert notes(found).keys() == {NoteKind.AT_END}


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("keeps_files", [True, False])
def test_a_squash_of_then(shop, database, keeps_files):
    squash(shop)
    if not keeps_files:
        for _, name in SQUASHED:
            (shop.migrations("shop") / f"{name}.py").unlink()
        shop.write("blog", "0001_initial", dependencies=[("shop", "0001_squashed")])
    commit(shop.folder, "v2")
    shop.migrate(database=database, verbosity=0)
    shop.write("shop", "0003", add("weight"), dependencies=[("shop", "0001_squashed")])
    assert start(shop, "v2").applied == recorded(database)


def squash(project):
    operations = ORDER, add("size")
    project.write(
        "shop", "0001_squashed", *operations, replaces=SQUASHED, dependencies=[]
    )


def test_files_that_git_does_not_know_are_pending(shop):
    (shop.folder / ".gitignore").write_text("*_local.py\n")
    shop.write("shop", "0003_local", add("weight"))
    shop.write("shop", "0004_untracked", add("color"))
    assert own(start(shop)) == RELEASED
    assert own(start(shop, "HEAD")) == RELEASED


def test_a_file_that_was_deleted_since(shop):
    shop.write("shop", "0003_weight", add("weight"))
    commit(shop.folder, "v2")
    (shop.migrations("shop") / "0003_weight.py").unlink()
    found = start(shop, "v2")
    assert ("shop", "0003_weight") in found.applied
    note = notes(found)[NoteKind.WITHOUT_FILE]
    assert note.migrations == (("shop", "0003_weight"),)


def test_what_migrations_depend_on_by_now(shop):
    shop.write("shop", "0003_weight", add("weight"))
    shop.write("blog", "0001_initial", dependencies=[("shop", "0003_weight")])
    found = start(shop)
    assert own(found) == [*RELEASED, "shop.0003_weight"]
    note = notes(found)[NoteKind.DRAGGED]
    assert note.migrations == (("shop", "0003_weight"),)


def test_revisions_of_any_kind(shop):
    first = git(shop.folder, "rev-parse", "HEAD")
    git(shop.folder, "branch", "old")
    git(shop.folder, "branch", "--move", "old", "release/1")
    git(shop.folder, "tag", "--annotate", "--message", "x", "annotated")
    shop.write("shop", "0003_weight", add("weight"))
    commit(shop.folder)
    for revision in ("release/1", "annotated", first, first[:10], "HEAD~1", "trunk^"):
        assert own(start(shop, revision)) == RELEASED
    assert own(start(shop, "trunk")) == [*RELEASED, "shop.0003_weight"]
    assert refusal(shop, "old").fault is GitFault.NO_SUCH_REVISION


@pytest.mark.parametrize(
    ("revision", "fault"),
    [
        ("v2", GitFault.NO_SUCH_REVISION),
        ("0" * 40, GitFault.NO_SUCH_REVISION),
        ("v1:shop", GitFault.NO_SUCH_REVISION),
        ("v1; true", GitFault.NO_SUCH_REVISION),
        ("v1..HEAD", GitFault.NO_SUCH_REVISION),
        ("", GitFault.LOOKS_LIKE_OPTION),
        ("--all", GitFault.LOOKS_LIKE_OPTION),
        ("--output=x", GitFault.LOOKS_LIKE_OPTION),
    ],
)
def test_revisions_that_are_none(shop, revision, fault):
    error = refusal(shop, revision)
    assert error.fault is fault
    assert error.folder == shop.folder.resolve()
    assert not error.is_shallow
    assert bool(error.output) == (fault is GitFault.NO_SUCH_REVISION)


def test_a_shallow_clone_that_lacks_the_revision(shop, tmp_path):
    first = git(shop.folder, "rev-parse", "HEAD")
    shop.write("shop", "0003_weight", add("weight"))
    commit(shop.folder)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{shop.folder}", str(clone))
    shop.folder = clone
    error = refusal(shop, first)
    assert error.fault is GitFault.NO_SUCH_REVISION
    assert error.is_shallow


def test_no_repository(project):
    project.write("shop", "0001_initial", ORDER)
    error = refusal(project)
    assert error.fault is GitFault.NO_REPOSITORY


def test_no_program(shop, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refusal(shop).fault is GitFault.NO_PROGRAM


def test_a_repository_that_git_cannot_read(shop):
    (shop.folder / ".git" / "HEAD").unlink()
    error = refusal(shop)
    assert error.fault is GitFault.FAILED
    assert error.output


def test_a_project_below_the_root_of_the_repository(project, monkeypatch):
    root = project.folder
    project.folder = root / "a b" / "src"
    project.folder.mkdir(parents=True)
    git(root, "init", "--quiet")
    project.write("shop", "0001_initial", ORDER)
    commit(root, "v1")
    project.write("shop", "0002_size", add("size"))
    for folder in (root, project.folder, "/"):
        monkeypatch.chdir(folder)
        assert own(start(project)) == ["shop.0001_initial"]


def test_an_app_behind_a_symbolic_link(shop, project, tmp_path):
    (shop.folder / "lib").mkdir()
    (shop.folder / "shop").rename(shop.folder / "lib" / "shop")
    commit(shop.folder, "v2")
    (shop.folder / "shop").symlink_to(shop.folder / "lib" / "shop")
    shop.write("shop", "0003_weight", add("weight"))
    assert own(start(shop, "v2")) == RELEASED


def test_a_hook_of_another_repository(shop, monkeypatch, tmp_path):
    other = tmp_path / "other"
    git(tmp_path, "init", "--quiet", str(other))
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert own(start(shop)) == RELEASED


def test_a_linked_work_tree(shop, tmp_path):
    git(shop.folder, "worktree", "add", "--quiet", str(tmp_path / "linked"), "v1")
    shop.folder = tmp_path / "linked"
    shop.write("shop", "0003_weight", add("weight"))
    assert own(start(shop)) == RELEASED


def test_packages_within_the_work_tree_are_at_their_end(shop, monkeypatch):
    (shop.folder / ".gitignore").write_text("vendored/\n")
    for folder, label in (("vendored", "paid"), ("site-packages", "sent")):
        package = shop.folder / folder
        package.mkdir()
        shop.write(label, "0001_initial")
        (shop.folder / label).rename(package / label)
        monkeypatch.syspath_prepend(str(package))
    found = start(shop)
    assert own(found) == sorted(["paid.0001_initial", "sent.0001_initial", *RELEASED])
    unknown = ("auth", "contenttypes", "paid", "sent")
    assert notes(found)[NoteKind.AT_END].apps == unknown


def test_another_repository_without_the_revision_is_at_its_end(shop, tmp_path):
    git(shop.folder / "blog", "init", "--quiet")
    commit(shop.folder / "blog")
    shop.write("shop", "0003_weight", add("weight"))
    found = start(shop)
    assert own(found) == RELEASED
    assert "blog" in notes(found)[NoteKind.AT_END].apps
    commit(shop.folder / "blog", "v1")
    shop.write("blog", "0002", dependencies=[("blog", "0001_initial")])
    found = start(shop)
    assert own(found) == RELEASED
    assert len(found.origin.commits) == 2
