"""What git knows of a folder at a revision."""

from __future__ import annotations

import dataclasses
import enum
import os
import shutil
import subprocess
from pathlib import Path

# As a hook of git has them; they would win over the folder that we ask about.
REPOSITORY_VARIABLES = frozenset(
    {
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_INDEX_FILE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_WORK_TREE",
    }
)


class GitFault(enum.Enum):
    """Why git cannot say what was there."""

    NO_PROGRAM = "no program"
    NO_REPOSITORY = "no repository"
    NO_SUCH_REVISION = "no such revision"
    LOOKS_LIKE_OPTION = "looks like an option"
    FAILED = "failed"


@dataclasses.dataclass(eq=False)
class GitError(Exception):
    """
    Git cannot say what was there.

    ``folder`` is the one that it was asked about, ``output`` what it wrote to stderr,
    and ``is_shallow`` tells whether the repository lacks older commits.
    """

    fault: GitFault
    revision: str
    folder: Path | None = None
    output: str = ""
    is_shallow: bool = False


def work_tree(folder: Path) -> Path | None:
    """Return the root of the work tree that a folder is in, if any."""
    resolved = folder.resolve()
    candidates = (resolved, *resolved.parents)
    # In a linked work tree and in a submodule ".git" is a file.
    return next((each for each in candidates if (each / ".git").exists()), None)


def commit(root: Path, revision: str) -> str:
    """Return the name of the commit that a revision stands for. Raises GitError."""
    if not revision or revision.startswith("-"):
        raise GitError(GitFault.LOOKS_LIKE_OPTION, revision, root)
    run = _git(root, revision, "rev-parse", "--verify", f"{revision}^{{commit}}")
    if run.returncode == 0:
        return os.fsdecode(run.stdout).strip()
    shallow = _git(root, revision, "rev-parse", "--is-shallow-repository")
    if shallow.returncode:  # it is not the revision that git objects to
        raise _failure(GitFault.FAILED, revision, root, shallow)
    is_shallow = shallow.stdout.strip() == b"true"
    raise _failure(GitFault.NO_SUCH_REVISION, revision, root, run, is_shallow)


def modules(folder: Path, revision: str) -> set[str]:
    """
    Return the names of the Python modules in a folder at a revision.

    None if there was no such folder. Raises GitError.
    """
    run = _git(folder.resolve(), revision, "ls-tree", "-z", "--name-only", revision)
    if run.returncode:
        raise _failure(GitFault.FAILED, revision, folder, run)
    paths = [Path(os.fsdecode(name)) for name in run.stdout.split(b"\0") if name]
    return {path.stem for path in paths if path.suffix == ".py"}


def is_ignored(folder: Path, revision: str) -> bool:
    """Tell whether git leaves a folder out of account. Raises GitError."""
    run = _git(folder.resolve(), revision, "check-ignore", "--quiet", ".")
    if run.returncode not in (0, 1):  # as git-check-ignore(1) says, "Exit status"
        raise _failure(GitFault.FAILED, revision, folder, run)
    return run.returncode == 0


def _git(
    folder: Path, revision: str, *arguments: str
) -> subprocess.CompletedProcess[bytes]:
    environ = {k: v for k, v in os.environ.items() if k not in REPOSITORY_VARIABLES}
    program = shutil.which("git")
    if program is None:
        raise GitError(GitFault.NO_PROGRAM, revision, folder)
    return subprocess.run(  # noqa: S603 - no shell, and no revision is an option
        [program, "-C", str(folder), *arguments],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )


def _failure(
    fault: GitFault,
    revision: str,
    folder: Path,
    run: subprocess.CompletedProcess[bytes],
    is_shallow: bool = False,
) -> GitError:
    output = os.fsdecode(run.stderr).strip()
    return GitError(fault, revision, folder, output, is_shallow)
