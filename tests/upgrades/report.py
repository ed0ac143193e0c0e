"""What became of each upgrade, in one line each."""

from __future__ import annotations

from collections import Counter
from typing import Any

Result = dict[str, Any]

HEADINGS = (
    "upgrade",
    "pending",
    "plain: old",
    "pre-deploy",
    "old",
    "new",
    "after",
    "schema",
    "reverted",
    "blocks all",
    "blocks writes",
    "not predicted",
    "in vain",
    "seconds",
)


def table(results: list[Result]) -> str:
    """
    Return a table with a line for each upgrade.

    "plain: old" is how many actions of the old version fail after a plain migrate,
    "old" and "new" of each in the window, "after" of the new one after the post-deploy
    plan, unless that is "refused". "blocks ..." is how many migrations, or parts of
    them, do that to live traffic. Of the failures some may be "not predicted"; what
    was predicted "in vain" did not fail.
    """
    rows = [HEADINGS, *map(line, results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def line(result: Result) -> tuple[str, ...]:
    name = result["upgrade"]
    if "error" in result:
        last = result["error"].splitlines()[-1]
        return (name, "", "", last, *[""] * (len(HEADINGS) - 4))
    verdicts = Counter(each["verdict"] for each in result["traffic"])
    unpredicted = [each for each in result["failures"] if not each["reason"]]
    counts = (
        verdicts["blocks reads and writes"],
        verdicts["blocks writes"],
        actions(unpredicted),
        len(result["unconfirmed"]),
        result["seconds"],
    )
    staged = staged_cells(result) if result["ready"] else [""] * 5
    return (
        name,
        str(result["pending"]),
        plain(result),
        pre_deploy(result),
        *staged,
        *map(str, counts),
    )


def plain(result: Result) -> str:
    """Return how many actions fail of the old version, or that the migrations do."""
    found = failures(result, "plain", "old")
    failed = deploy_problems(result, "failed") and not found
    return "migrations fail" if failed else str(found)


def staged_cells(result: Result) -> list[str]:
    """Return what became of it from the window on."""
    ended = not (
        deploy_problems(result, "blocked") or deploy_problems(result, "failed")
    )
    found = [str(failures(result, "window", each)) for each in ("old", "new")]
    if not ended:
        return [*found, "refused", "", ""]
    return [
        *found,
        str(failures(result, "after", "new")),
        "differs" if deploy_problems(result, "schema") else "same",
        reverted(result),
    ]


def failures(result: Result, phase: str, version: str) -> int:
    """Return how many actions failed of one version at a phase."""
    return actions(
        each
        for each in result["failures"]
        if (each["phase"], each["version"]) == (phase, version)
    )


def actions(failures: Any) -> int:
    return sum(1 + len(each["others"]) for each in failures)


def deploy_problems(result: Result, kind: str) -> list[str]:
    return [each["text"] for each in result["deploy_problems"] if each["kind"] == kind]


def pre_deploy(result: Result) -> str:
    """Return how many migrations came before the roll-out, or why none could."""
    if not result["ready"]:
        found = deploy_problems(result, "blocked") or deploy_problems(result, "failed")
        return f"refused: {shortened(found[0])}"
    planned = result["planned"]
    done = [each for each in planned if each["outcome"].startswith("pre-deploy")]
    parts = sum("expand" in each["outcome"] for each in done)
    pending = result["pending"]
    count = "all" if len(done) == pending else f"{len(done)} of {pending}"
    return f"{count}, {parts} in parts" if parts else count


def reverted(result: Result) -> str:
    if deploy_problems(result, "not reverted"):
        return "fails"
    left = any(each.startswith("Not reverted") for each in result["notes"])
    return "impossible" if left else "yes"


def is_good(result: Result) -> bool:
    """Tell whether nothing fails, as predicted."""
    return "error" not in result and not (result["exit_code"] or result["unconfirmed"])


def shortened(text: str) -> str:
    first = text.splitlines()[0]
    return first if len(first) <= 60 else f"{first[:57]}..."
