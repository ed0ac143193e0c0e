"""What continuous integration does, a session each; ``nox --list`` names them."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")

PYTHONS = {
    "5.2": ["3.10", "3.11", "3.12", "3.13", "3.14"],
    "6.0": ["3.12", "3.13", "3.14"],
    "6.1": ["3.12", "3.13", "3.14"],
}
PAIRS = [(python, django) for django in PYTHONS for python in PYTHONS[django]]


def find_pythons() -> None:
    """
    Put the interpreter at hand and those that pyenv installed on PATH.

    Its shims go: they answer for versions that pyenv has, but would not run.
    """
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    path = os.environ.get("PATH", os.defpath).split(os.pathsep)
    path = [folder for folder in path if Path(folder) != root / "shims"]
    path += [str(folder) for folder in sorted(root.glob("versions/3.*/bin"))]
    os.environ["PATH"] = os.pathsep.join([*path, str(Path(sys.executable).parent)])


find_pythons()
AT_HAND = f"{sys.version_info.major}.{sys.version_info.minor}"
INSTALLED = [
    pair for pair in PAIRS if pair[0] == AT_HAND or shutil.which(f"python{pair[0]}")
]
ENDS = {"oldest": INSTALLED[0], "newest": INSTALLED[-1]}
NEWEST = ENDS["newest"][0]
NEWEST_DJANGO = [django for python, django in PAIRS if python == AT_HAND][-1]

nox.needs_version = ">=2025.11.12"
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
# Interpreters that are not here are left out, by name; in CI too.
nox.options.error_on_missing_interpreters = False
nox.options.download_python = "never"
nox.options.sessions = [
    "lint",
    "types",
    "docs",
    "build",
    f"tests(python='{AT_HAND}', django='{NEWEST_DJANGO}')",
]


def group(name: str) -> tuple[str, ...]:
    return nox.project.dependency_groups(PROJECT, name)


def install(session: nox.Session, *groups: str, django: str = "") -> None:
    """Install the package to work on, with some groups and a series of Django."""
    requirements = [requirement for name in groups for requirement in group(name)]
    series = [f"Django~={django}.0"] if django else []
    session.install("-e", ".[postgres,sql]", *requirements, *series)


def tags(pair: tuple[str, str]) -> list[str]:
    """Name the pairs between which the others lie, but that of ``dev.py test``."""
    if pair == (AT_HAND, NEWEST_DJANGO):
        return []
    return [name for name, end in ENDS.items() if pair == end]


@nox.session
@nox.parametrize("python,django", [nox.param(*pair, tags=tags(pair)) for pair in PAIRS])
def tests(session: nox.Session, django: str) -> None:
    """Run the tests: every pair of Python and Django; see --tags oldest, newest."""
    install(session, "test", django=django)
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session(python=AT_HAND)
def laws(session: nox.Session) -> None:
    """Look for counterexamples for hours: nox -s laws -- --laws EXAMPLES."""
    install(session, "test", django=NEWEST_DJANGO)
    options = ["-m", "hypothesis", "--laws", "2000", "-n", "auto"]
    session.run("python", "-m", "pytest", *options, *session.posargs)


@nox.session(python=NEWEST)
def lint(session: nox.Session) -> None:
    """Look for mistakes and for formatting that differs."""
    session.install(*group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(python=NEWEST)
def types(session: nox.Session) -> None:
    """Check the types, strictly."""
    install(session, "types", "test")
    session.run("mypy", *session.posargs)


@nox.session(python=NEWEST)
def docs(session: nox.Session) -> None:
    """Build the documentation; every warning is an error."""
    install(session, "docs")
    session.run("sphinx-build", "-n", "-W", "--keep-going", "docs", "docs/_build/html")


@nox.session
def build(session: nox.Session) -> None:
    """Build the package, install the wheel in an environment of its own, use it."""
    session.install(*group("build"))
    folder = Path(session.create_tmp()).resolve()
    shutil.rmtree(folder / "dist", ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(folder / "dist"))
    (wheel,) = (folder / "dist").glob("*.whl")
    session.run("python", "-m", "venv", "--clear", str(folder / "clean"))
    bin = folder / "clean" / ("Scripts" if os.name == "nt" else "bin")
    python = str(bin / "python")
    session.run(python, "-m", "pip", "install", "--quiet", str(wheel), external=True)
    use(session, python, folder / "project")


def use(session: nox.Session, python: str, project: Path) -> None:
    """Start a project with the installed package, and migrate it in stages."""
    shutil.rmtree(project, ignore_errors=True)
    project.mkdir()
    with session.chdir(project):
        startproject = ("-m", "django", "startproject", "mysite", ".")
        session.run(python, *startproject, external=True)
        with Path("mysite/settings.py").open("a", encoding="utf-8") as settings:
            settings.write('\nINSTALLED_APPS.insert(0, "syzygy_like")\n')
        for command in (
            ["check", "--fail-level", "WARNING"],
            ["migrate", "--pre-deploy"],
            ["migrate", "--post-deploy", "--check"],
            ["showmigrations"],
        ):
            session.run(python, "manage.py", *command, external=True)


@nox.session
def demo(session: nox.Session) -> None:
    """Take the example project through a staged deployment."""
    install(session, "demo")
    session.run("python", "-m", "demo", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure what the app costs, beside Django alone."""
    install(session, "demo")
    session.run("python", "-m", "benchmarks", *session.posargs)


def series() -> list[nox.param]:
    newest = ENDS["newest"][1]
    return [nox.param(each, tags=["suite"] * (each == newest)) for each in PYTHONS]


@nox.session(python=NEWEST)
@nox.parametrize("django", series())
def django_suite(session: nox.Session, django: str) -> None:
    """Run Django's own tests: what passes with Django alone passes with the app."""
    install(session, "test", django=django)
    version = session.run(
        "python", "-c", "import django; print(django.__version__)", silent=True
    ).strip()
    folder = Path(session.create_tmp()).resolve()
    source = folder / f"django-{version}"
    if not source.exists():
        options = ["--no-binary", "Django", "--no-deps", "--dest", str(folder)]
        session.run("pip", "download", "--quiet", *options, f"Django=={version}")
        shutil.unpack_archive(folder / f"django-{version}.tar.gz", folder)
    suite = ["python", "-m", "tests.django_suite", str(source / "tests")]
    session.run(*suite, *session.posargs)


@nox.session
def upgrades(session: nox.Session) -> None:
    """Rehearse real upgrades of packages, from one release to another."""
    # Each upgrade has an environment of its own; this one is for a server.
    session.install(*group("postgresql"))
    folder = Path(session.create_tmp()).resolve() / "upgrades"
    command = ["python", "-m", "tests.upgrades", "--folder", str(folder)]
    session.run(*command, *session.posargs)


if __name__ == "__main__":
    nox.main()
