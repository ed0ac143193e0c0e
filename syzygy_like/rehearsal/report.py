"""What a rehearsal has found, as data."""

from __future__ import annotations

import dataclasses
import enum

FORMATS = ("text", "json", "github", "sarif")


class Version(enum.Enum):
    """The version that is live now, or the one that is rolled out."""

    OLD = "old"
    NEW = "new"


class Phase(enum.Enum):
    """When something was tried."""

    WINDOW = "window"  # after --pre-deploy, while both versions run
    AFTER = "after"  # after --post-deploy
    PLAIN = "plain"  # after a plain migrate, while the old version still runs
    REVERTED = "reverted"  # after all that was applied has been reverted


class Verdict(enum.Enum):
    """What a migration does to those who use its tables meanwhile."""

    ONLINE = "online"
    BLOCKS_WRITES = "blocks writes"
    BLOCKS_ALL = "blocks reads and writes"


@dataclasses.dataclass(frozen=True)
class Reason:
    """
    Why a query fails, by the rules that predict it.

    ``rule`` is the rule's id, ``text`` the sentence about the user's own names, and
    ``fix`` what to do about it, in a few lines. A ``hazard`` may go wrong, but need
    not.
    """

    rule: str
    text: str
    fix: str = ""
    hazard: bool = False


@dataclasses.dataclass(frozen=True)
class Failure:
    """
    Something that a version could not do.

    ``migration`` ("shop.0002_name") is the one that caused it, empty if none could be
    found; ``path`` is its file. ``action`` is what was tried ("INSERT sparse"),
    ``sql`` the statement that failed, ``error`` the database's own words. No
    ``reason``: nothing had predicted it.
    """

    database: str
    version: Version
    phase: Phase
    model: str
    action: str
    error: str
    sql: str = ""
    migration: str = ""
    path: str = ""
    reason: Reason | None = None
    others: tuple[str, ...] = ()  # further actions that failed in the same way

    @property
    def counts(self) -> bool:
        """
        Whether it speaks against the deploy.

        What a plain migrate would do does not, nor what was known as a hazard.
        """
        known = self.reason is not None and self.reason.hazard
        return self.phase is not Phase.PLAIN and not known


@dataclasses.dataclass(frozen=True)
class Unconfirmed:
    """A failure that was predicted, while nothing failed."""

    database: str
    version: Version
    phase: Phase
    reason: Reason


@dataclasses.dataclass(frozen=True)
class Lock:
    """The strongest lock that a statement took on a table, and for how many seconds."""

    table: str
    mode: str  # in PostgreSQL's own words: "ACCESS EXCLUSIVE"
    seconds: float


@dataclasses.dataclass(frozen=True)
class Statement:
    """
    What one statement of a migration did to live traffic.

    ``rewritten`` and ``scanned`` are names of tables that were there before.
    """

    sql: str
    seconds: float
    locks: tuple[Lock, ...] = ()
    rewritten: tuple[str, ...] = ()
    scanned: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Traffic:
    """What a migration did to live traffic, statement by statement."""

    database: str
    migration: str  # "shop.0002_name"
    stage: str  # "pre-deploy", "post-deploy" or "migrate"
    statements: tuple[Statement, ...]
    verdict: Verdict


@dataclasses.dataclass(frozen=True)
class Planned:
    """A pending migration and what becomes of it ("pre-deploy, expand")."""

    database: str
    migration: str
    outcome: str
    path: str = ""


@dataclasses.dataclass(frozen=True)
class Step:
    """A step of the rehearsal, and how many seconds it took."""

    text: str
    seconds: float


@dataclasses.dataclass(frozen=True)
class DeployProblem:
    """
    Something that is wrong with the deployment as a whole.

    ``kind`` is one of "blocked" (pre-deploy applies nothing), "failed" (a migration
    did not run), "schema" (the end differs from a plain migrate's) and "not reverted"
    (the schema after reverting differs from the start's).
    """

    database: str
    kind: str
    text: str
    migration: str = ""
    path: str = ""


@dataclasses.dataclass
class Report:
    """
    What a rehearsal has found. ``start`` says where it began.

    ``notes`` are sentences about what was not tried, and why.
    """

    start: str
    planned: list[Planned] = dataclasses.field(default_factory=list)
    deploy_problems: list[DeployProblem] = dataclasses.field(default_factory=list)
    failures: list[Failure] = dataclasses.field(default_factory=list)
    unconfirmed: list[Unconfirmed] = dataclasses.field(default_factory=list)
    traffic: list[Traffic] = dataclasses.field(default_factory=list)
    steps: list[Step] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)

    @property
    def disagreements(self) -> list[Failure]:
        """What failed though nothing had predicted it."""
        return [each for each in self.failures if each.reason is None]

    @property
    def exit_code(self) -> int:
        """0: nothing fails; 1: something does; 3: something that was not predicted."""
        if self.disagreements:
            return 3
        counts = any(each.counts for each in self.failures)
        return 1 if counts or self.deploy_problems else 0
