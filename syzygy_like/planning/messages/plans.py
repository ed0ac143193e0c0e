"""Messages about plans."""

from __future__ import annotations

import datetime
import textwrap
from collections.abc import Callable, Iterable

from django.db.migrations import Migration
from django.utils.timesince import timesince

from syzygy_like.compatibility.wording import NEW, OLD, sentences
from syzygy_like.expand_contract.simulation import Part
from syzygy_like.planning.explanation import Explanation
from syzygy_like.planning.messages.errors import obstacle
from syzygy_like.planning.messages.fixes import fix
from syzygy_like.planning.plan import Outcome, PlannedMigration, StagedPlan, Waypoint
from syzygy_like.planning.policy import is_third_party
from syzygy_like.planning.resolver import Resolution
from syzygy_like.stages import StageSource

PAGE = "See docs/reference/blocked-plans.rst."
COMPUTED = (StageSource.INFERRED, StageSource.FALLBACK)
Explain = Callable[[PlannedMigration], Explanation]


def stage_and_source(resolution: Resolution) -> str:
    """Return a stage with where it comes from: "pre-deploy, inferred"."""
    if not resolution.stage:
        return "fits no stage"
    return f"{resolution.stage.label}, {resolution.source.value}"


def name(planned: PlannedMigration) -> str:
    """Return the name of a migration, as Django prints it."""
    return ".".join(planned.key)


def heading(planned: PlannedMigration) -> str:
    """Return the name of a migration with its stage."""
    return f"{name(planned)}  ({stage_and_source(planned.resolution)})"


def reasons(planned: PlannedMigration) -> list[str]:
    """Return why a migration is ready, deferred or blocked, and its hazards."""
    resolution = planned.resolution
    if planned.outcome is Outcome.READY:
        hazards = sentences(resolution.hazards_before, OLD)
    else:
        hazards = sentences(resolution.hazards_after, NEW)
    why = _reasons(planned) or ["both versions run with it and without it"]
    hazards += [
        f"until a later migration is applied, {each}"
        for each in sentences(planned.temporary_breaks, NEW)
    ]
    return why + [f"hazard: {each}" for each in hazards]


def _reasons(planned: PlannedMigration) -> list[str]:
    why = sentences(planned.breaks, OLD) + sentences(planned.needed, NEW)
    why += _waits(planned)
    why += obstacle(planned.obstacle) if planned.obstacle else []
    if not why and planned.resolution.source not in COMPUTED:
        why.append("its stage is set by hand: nothing is computed")
    if not why:
        why += sentences(planned.resolution.before, OLD)
        why += sentences(planned.resolution.after, NEW)
    if not why and planned.tracked.opaque:
        why.append(
            "cannot be read (RunPython, or SQL): assumed to be compatible with both "
            "versions"
        )
    return why


def _waits(planned: PlannedMigration) -> list[str]:
    """Return what a migration waits for."""
    waits = [f"waits for {'.'.join(key)}" for key in planned.waits_for]
    if planned.overtakes:
        waits.append(
            f"runs before {_listed(planned.overtakes)}: the order makes no difference"
        )
    if planned.until:
        waits.append(f"held until {date(planned.until)}, by its stage_delay")
    return waits


def date(moment: datetime.datetime) -> str:
    """Return a moment as Django's commands print it."""
    return moment.strftime("%Y-%m-%d %H:%M:%S %Z").strip()


def age(since: datetime.datetime, now: datetime.datetime) -> str:
    """Return for how long something waits: "3 days, 2 hours"."""
    return timesince(since, now).replace("\xa0", " ")


def blocked(
    plan: StagedPlan,
    explain: Explain,
    under_way: bool = False,
    waypoint: Waypoint | None = None,
) -> str:
    """
    Say why a plan cannot be applied before the deploy, or join one under way.

    If the plan goes back, ``waypoint`` is where to go first, if there is such a stop.
    """
    parts = [
        "This deploy cannot be rolled out without failing queries: the new version "
        "needs changes that the old version is not compatible with. Nothing was "
        "applied."
    ]
    parts += [_blocked_migration(each, explain, under_way) for each in plan.blocked]
    all_of_it = "migrate without a stage applies everything"
    if any(each.tracked.backwards for each in plan.blocked):
        parts.append(f"Fix: {_way_back(waypoint)}")
        all_of_it = "the same command without a stage unapplies everything"
    parts.append(
        "Otherwise: --skip-blocked applies the rest (for development), and "
        f"{all_of_it}, with downtime.\n{PAGE}"
    )
    return "\n\n".join(parts)


def _way_back(waypoint: Waypoint | None) -> str:
    """Say how to go back if one deploy cannot go all the way."""
    again = "Or undo it with a new migration, which can be applied in parts."
    if waypoint is None:
        return f"run the same command without a stage, with downtime. {again}"
    label = f"{waypoint.app_label} {waypoint.name or 'zero'}"
    if waypoint.needs_downtime:
        return (
            f"go back to {label} with downtime: migrate {label}. Start the version "
            f"that ends there, and run this command again, from here. {again}"
        )
    return (
        f"go back step by step, first to {label}: migrate {label} --pre-deploy, roll "
        f"out the version that ends there, then migrate {label} --post-deploy. After "
        "that, run this command again. Run all of it from here: older versions do not "
        "have these files."
    )


def _blocked_migration(
    planned: PlannedMigration, explain: Explain, under_way: bool
) -> str:
    """Say what needs a migration, why it cannot be applied, and how to fix it."""
    lines = [f"{name(planned)} is needed before the deploy:"]
    lines += [f"  {each}" for each in sentences(planned.needed, NEW)]
    lines += _cause(planned)
    if not planned.tracked.backwards and (text := _fix(planned, explain, under_way)):
        lines += ["", text]
    return "\n".join(lines)


def _cause(planned: PlannedMigration) -> list[str]:
    """Return why a migration that is needed cannot be applied."""
    if planned.waits_for:
        waits_for, is_one = _listed(planned.waits_for), len(planned.waits_for) == 1
        has, comes = ("has", "comes") if is_one else ("have", "come")
        if planned.tracked.backwards:
            return [f"but {waits_for} {comes} first, and {has} to wait."]
        return [f"but it depends on {waits_for}, which {has} to wait."]
    if planned.obstacle:
        return [
            "but it cannot be applied yet, not even in part:",
            *(f"  {each}" for each in obstacle(planned.obstacle)),
        ]
    if planned.breaks:
        return [
            "but it would break the old version:",
            *(f"  {each}" for each in sentences(planned.breaks, OLD)),
        ]
    return [f"but its stage is {stage_and_source(planned.resolution)}."]


def _fix(planned: PlannedMigration, explain: Explain, under_way: bool) -> str:
    """Return how to get a migration applied, nothing if that is not known."""
    if planned.waits_for:
        target = "" if under_way else f"{' '.join(planned.waits_for[-1])} "
        return (
            "Fix: deploy one after the other. If an earlier deploy is complete, finish "
            f"it: migrate {target}--post-deploy"
        )
    if is_third_party(planned.tracked.migration):
        return (
            "Fix: upgrade the package with downtime. If you know that the old version "
            "is compatible with it, set MIGRATION_STAGES_OVERRIDE = "
            f'{{"{name(planned)}": Stage.PRE_DEPLOY}}.'
        )
    if not planned.resolution.stage:
        return fix(explain(planned))
    if planned.breaks:
        return (
            "Fix: use two deploys. First deploy a version that does not need it, with "
            "what comes before it, then the rest."
        )
    return ""


def _listed(keys: Iterable[tuple[str, str]]) -> str:
    return ", ".join(".".join(key) for key in keys)


def too_late(plan: StagedPlan) -> str:
    """Say why a plan cannot be applied after the deploy."""
    parts = [
        "These migrations have to run before the new version is rolled out. Nothing "
        "was applied."
    ]
    for planned in plan.blocked:
        lines = [heading(planned), *sentences(planned.needed, NEW)]
        parts.append("\n  ".join(lines))
    parts.append(f"Fix: run the same command with --pre-deploy first.\n{PAGE}")
    return "\n\n".join(parts)


def described(planned: PlannedMigration, verbosity: int) -> list[str]:
    """Return a migration with its stage, and the reasons where they are asked for."""
    return [heading(planned), *_wrapped(_shown(planned, verbosity))]


def headed(
    migration: Migration, planned: PlannedMigration | None, verbosity: int
) -> list[str]:
    """Return a migration of a plan, or a part of one, with its stage and reasons."""
    if planned is None:
        return [str(migration)]
    title = heading(planned)
    if planned.part is not Part.WHOLE:
        title = str(migration)
    return [title, *_wrapped(_shown(planned, verbosity))]


def _shown(planned: PlannedMigration, verbosity: int) -> list[str]:
    return reasons(planned) if verbosity > 1 else _waits(planned)


def _wrapped(texts: Iterable[str]) -> list[str]:
    lines = []
    for each in texts:
        lines += textwrap.wrap(
            each,
            78,
            initial_indent="    ",
            subsequent_indent="      ",
            break_on_hyphens=False,
        )
    return lines
