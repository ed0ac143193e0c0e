"""The options of migrate."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from syzygy_like import conf

RETRIES = 10
# How long to wait for a roll-out by default, in seconds.
ROLLOUT_WAIT = 600.0

# Options that make sense with another one only.
NEEDS = {
    "quorum_timeout": "quorum",
    "party": "quorum",
    "allow_irreversible": "rollback_on_failure",
    "wait_for_rollout": "post_deploy",
}


def _add_stages(parser: CommandParser) -> None:
    stages = parser.add_mutually_exclusive_group()
    stages.add_argument(
        "--pre-deploy",
        action="store_true",
        help="Applies what the code now serving can bear, before new code is "
        "rolled out. Applies nothing if that is not enough for the new code.",
    )
    stages.add_argument(
        "--post-deploy",
        action="store_true",
        help="Applies the rest, once only the new code is served.",
    )
    stages.add_argument(
        "--abort-deploy",
        action="store_true",
        help="Takes the database back to where the deploy began that is under way.",
    )


def _add_loss(parser: CommandParser) -> None:
    parser.add_argument(
        "--allow-loss",
        action="store_true",
        help="With --abort-deploy, drops without asking what the new version may have "
        "written.",
    )


def _add_bridge(parser: CommandParser) -> None:
    bridge = parser.add_mutually_exclusive_group()
    bridge.add_argument(
        "--bridge",
        action="store_true",
        default=None,
        help="With --pre-deploy, takes any migration in halves that fits no stage, "
        "whatever MIGRATION_BRIDGE says.",
    )
    bridge.add_argument(
        "--no-bridge",
        action="store_false",
        dest="bridge",
        default=None,
        help="With --pre-deploy, takes no migration in halves.",
    )
    parser.add_argument(
        "--skip-blocked",
        action="store_true",
        help="With --pre-deploy or --post-deploy, leaves out what cannot be "
        "applied in that stage, rather than applying nothing.",
    )


def add_arguments(parser: CommandParser) -> None:
    """Add our options of migrate."""
    _add_stages(parser)
    _add_loss(parser)
    _add_bridge(parser)
    _add_lock(parser)
    _add_limits(parser)
    _add_quorum(parser)
    _add_failures(parser)


def _add_lock(parser: CommandParser) -> None:
    lock = parser.add_mutually_exclusive_group()
    lock.add_argument(
        "--migration-lock",
        action="store_true",
        default=None,
        help="Waits for other runs on the database, whatever MIGRATION_GUARD says.",
    )
    lock.add_argument(
        "--no-migration-lock",
        action="store_false",
        dest="migration_lock",
        default=None,
        help="Does not wait for other runs on the database.",
    )
    parser.add_argument(
        "--migration-lock-wait",
        metavar="TIME",
        help='How long to wait for other runs, such as "30s" or "10min".',
    )


def _add_limits(parser: CommandParser) -> None:
    parser.add_argument(
        "--lock-timeout",
        metavar="TIME",
        help='How long a statement may wait for a lock, such as "500ms".',
    )
    parser.add_argument(
        "--lock-retries",
        type=int,
        metavar="N",
        help="How many times to try again what could not have its lock; "
        f"{RETRIES} by default.",
    )
    parser.add_argument(
        "--statement-timeout",
        metavar="TIME",
        help="How long a statement may take, but for concurrent index builds, "
        "validations and backfills.",
    )


def _add_quorum(parser: CommandParser) -> None:
    parser.add_argument(
        "--quorum",
        type=int,
        metavar="N",
        help="Applies the plan once, when so many parties have arrived.",
    )
    parser.add_argument(
        "--quorum-timeout",
        metavar="TIME",
        help="How long to wait for the other parties.",
    )
    parser.add_argument(
        "--party",
        metavar="ID",
        help="Who this party of the quorum is; by default the name of the host.",
    )


def _add_failures(parser: CommandParser) -> None:
    parser.add_argument(
        "--rollback-on-failure",
        action="store_true",
        help="Unapplies what this run has applied if one of its migrations fails.",
    )
    parser.add_argument(
        "--allow-irreversible",
        action="store_true",
        help="With --rollback-on-failure, accepts migrations that cannot be unapplied.",
    )
    parser.add_argument(
        "--wait-for-rollout",
        nargs="?",
        const=ROLLOUT_WAIT,
        metavar="TIME",
        help="With --post-deploy, waits until no connection of other code is left, "
        "by default ten minutes; 0 refuses at once.",
    )


def is_guarded(options: dict[str, Any]) -> bool:
    """Tell whether a run without a stage is looked after, too."""
    asked = (
        "lock_timeout",
        "lock_retries",
        "migration_lock",
        "migration_lock_wait",
        "quorum",
        "statement_timeout",
    )
    if options.get("rollback_on_failure"):
        return True
    return conf.limits_statements() or any(
        options.get(each) is not None for each in asked
    )


def refuse_combinations(options: dict[str, Any]) -> None:
    """Raise CommandError if an option is given without the one that it goes with."""
    for option, needed in NEEDS.items():
        given = options.get(option)
        if given is not None and given is not False and not options.get(needed):
            raise CommandError(
                f"{spelled(option)} goes with {spelled(needed)}.", returncode=2
            )


def spelled(option: str) -> str:
    """Return an option as it is given on the command line."""
    return f"--{option.replace('_', '-')}"
