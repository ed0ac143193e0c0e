"""The options of migrate: one table, and what it says of a command line."""

from __future__ import annotations

import dataclasses
from argparse import _ActionsContainer
from typing import Any

from django.core.management.base import CommandError, CommandParser

from syzygy_like import conf

# Of a command, by their names, as Django hands them on.
Options = dict[str, Any]
RETRIES = 10
# How long to wait for a roll-out by default, in seconds.
ROLLOUT_WAIT = 600.0
STAGES = ("pre_deploy", "post_deploy", "abort_deploy")


@dataclasses.dataclass(frozen=True)
class Option:
    """
    An option, and what it means for the others.

    ``flag`` tells that it takes no value, ``off`` is the help of the flag that switches
    it off. A ``setting`` is read where the option is not given. One of ``requires`` has
    to be given with it. ``guards`` tells that a run without a stage is guarded if it is
    given. Parties of a quorum have to agree on an option that is ``agreed``.
    """

    name: str
    help: str
    flag: bool = False
    off: str = ""
    type: type | None = None
    metavar: str | None = None
    nargs: str | None = None
    const: float | None = None
    setting: str = ""
    requires: tuple[str, ...] = ()
    guards: bool = False
    agreed: bool = False

    def add_to(self, parser: _ActionsContainer) -> None:
        """Add it to a parser, as one option or as two that exclude each other."""
        if self.flag and self.off:
            pair = parser.add_mutually_exclusive_group()
            pair.add_argument(
                spelled(self.name), action="store_true", default=None, help=self.help
            )
            pair.add_argument(
                spelled(self.name, False),
                action="store_false",
                default=None,
                dest=self.name,
                help=self.off,
            )
            return
        given = ("type", "metavar", "nargs", "const")
        kwargs: dict[str, Any] = {
            name: getattr(self, name) for name in given if getattr(self, name)
        }
        if self.flag:
            kwargs = {"action": "store_true"}
        parser.add_argument(spelled(self.name), help=self.help, **kwargs)

    def as_for(self, command: str) -> Option:
        """Return the same option of another command, which says as much."""
        text = f"As for {command}."
        return dataclasses.replace(self, help=text, off=self.off and text)

    def is_given(self, options: Options) -> bool:
        """Tell whether it is given, be it to switch something off."""
        value = options.get(self.name)
        return value is not None and (value is not False or bool(self.off))


OPTIONS = (
    Option(
        "pre_deploy",
        "Applies what the old version is compatible with, before the new version is "
        "rolled out. Applies nothing if the new version needs more than that.",
        flag=True,
    ),
    Option(
        "post_deploy",
        "Applies the rest, once only the new version is running.",
        flag=True,
    ),
    Option(
        "abort_deploy",
        "Takes the database back to where it was before the deploy that is under way.",
        flag=True,
        agreed=True,
    ),
    Option(
        "allow_loss",
        "With --abort-deploy, drops what the new version may have written, without "
        "asking.",
        flag=True,
        requires=("abort_deploy",),
        agreed=True,
    ),
    Option(
        "bridge",
        "With --pre-deploy, applies any migration that fits no stage in two parts, "
        "whatever MIGRATION_BRIDGE says: its expand part now, its contract part with "
        "--post-deploy.",
        flag=True,
        off="With --pre-deploy, applies no migration in parts.",
        requires=("pre_deploy",),
        agreed=True,
    ),
    Option(
        "skip_blocked",
        "With --pre-deploy or --post-deploy, leaves out what cannot be applied in that "
        "stage, rather than applying nothing.",
        flag=True,
        requires=("pre_deploy", "post_deploy"),
        agreed=True,
    ),
    Option(
        "migration_lock",
        "Waits for other runs on the database, whatever MIGRATION_GUARD says.",
        flag=True,
        off="Does not wait for other runs on the database.",
        guards=True,
    ),
    Option(
        "migration_lock_wait",
        'How long to wait for other runs, such as "30s" or "10min".',
        metavar="TIME",
        setting=conf.LOCK_WAIT,
        guards=True,
    ),
    Option(
        "lock_timeout",
        'How long a statement may wait for a lock, such as "500ms".',
        metavar="TIME",
        setting=conf.LOCK_TIMEOUT,
        guards=True,
    ),
    Option(
        "lock_retries",
        "How many times to try again a statement that could not get its lock; "
        f"{RETRIES} by default.",
        type=int,
        metavar="N",
        setting=conf.LOCK_RETRIES,
        guards=True,
    ),
    Option(
        "statement_timeout",
        "How long a statement may take. Concurrent index builds, validations and "
        "backfills may take longer.",
        metavar="TIME",
        setting=conf.STATEMENT_TIMEOUT,
        guards=True,
    ),
    Option(
        "quorum",
        "Applies the plan once, when this many parties have arrived.",
        type=int,
        metavar="N",
        guards=True,
    ),
    Option(
        "quorum_timeout",
        "How long to wait for the other parties.",
        metavar="TIME",
        requires=("quorum",),
    ),
    Option(
        "party",
        "The name of this party of the quorum; by default the name of the host.",
        metavar="ID",
        requires=("quorum",),
    ),
    Option(
        "rollback_on_failure",
        "Unapplies what this run has applied if one of its migrations fails.",
        flag=True,
        guards=True,
    ),
    Option(
        "allow_irreversible",
        "With --rollback-on-failure, accepts migrations that cannot be unapplied.",
        flag=True,
        requires=("rollback_on_failure",),
    ),
    Option(
        "wait_for_rollout",
        "With --post-deploy, waits until no connection of the old version is left, by "
        "default for ten minutes; 0 fails at once if there is one.",
        nargs="?",
        const=ROLLOUT_WAIT,
        metavar="TIME",
        requires=("post_deploy",),
    ),
)
BY_NAME = {option.name: option for option in OPTIONS}


def add_arguments(parser: CommandParser) -> None:
    """Add our options of migrate."""
    stages = parser.add_mutually_exclusive_group()
    for option in OPTIONS:
        option.add_to(stages if option.name in STAGES else parser)


def is_guarded(options: Options) -> bool:
    """Tell whether a run without a stage is guarded because of an option or setting."""
    given = (each.is_given(options) for each in OPTIONS if each.guards)
    return conf.limits_statements() or any(given)


def agreed(options: Options) -> Options:
    """Return the options on which parties of a quorum have to agree, Django's too."""
    stock = ("app_label", "fake", "fake_initial", "migration_name", "run_syncdb")
    names = [*stock, *(each.name for each in OPTIONS if each.agreed)]
    return {name: options.get(name) for name in sorted(names)}


def refuse_combinations(options: Options) -> None:
    """
    Raise CommandError if options are given that do not go together.

    argparse refuses some of that, but ``call_command`` goes round it.
    """
    stages = [spelled(each) for each in STAGES if options.get(each)]
    if len(stages) > 1:
        _refuse(f"{' and '.join(stages)} cannot be used together.")
    for option in OPTIONS:
        if not option.requires or not option.is_given(options):
            continue
        if not any(options.get(each) for each in option.requires):
            name = spelled(option.name, options[option.name] is not False)
            needed = " or ".join(spelled(each) for each in option.requires)
            _refuse(f"{name} requires {needed}.")
    if options.get("abort_deploy") and options.get("app_label"):
        _refuse(
            "--abort-deploy takes back a whole deploy: leave out the app and the "
            "migration."
        )


def _refuse(reason: str) -> None:
    raise CommandError(reason, returncode=2)


def spelled(name: str, on: bool = True) -> str:
    """Return an option as it is given on the command line."""
    return f"--{'' if on else 'no-'}{name.replace('_', '-')}"
