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
from syzygy_like.planning.messages.fixes import fix
from syzygy_like.planning.messages.refusals import obstacle
from syzygy_like.planning.plan import Outcome, PlannedMigration, StagedPlan, Waypoint
from syzygy_like.planning.policy import is_third_party
from syzygy_like.planning.resolver import Resolution
from syzygy_like.stages import StageSource

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
    """Return why a migration has its place in a plan, and what to watch for."""
    resolution = planned.resolution
    if planned.outcome is Outcome.READY:
        hazards = sentences(resolution.hazards_before, OLD)
    else:
        hazards = sentences(resolution.hazards_after, NEW)
    why = _reasons(planned) or ["both codes run with it and without it"]
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
        why.append("cannot be read (RunPython, or SQL): taken to suit both codes")
    return why


def _waits(planned: PlannedMigration) -> list[str]:
    """Return what a migration waits for."""
    waits = [f"waits for {'.'.join(key)}" for key in planned.waits_for]
    if planned.overtakes:
        waits.append(f"goes before {_listed(planned.overtakes)}, as it may")
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

    A way back is gone by a ``waypoint`` first, if there is any.
    """
    parts = [
        "This deploy cannot be rolled out without failing queries: the new code needs "
        "what the code now serving does not bear. Nothing was applied."
    ]
    parts += [_blocked_migration(each, explain, under_way) for each in plan.blocked]
    all_of_it = "migrate without a stage applies everything"
    if any(each.tracked.backwards for each in plan.blocked):
        parts.append(f"Fix: {_way_back(waypoint)}")
        all_of_it = "the same without a stage unapplies everything"
    parts.append(
        "Otherwise: --skip-blocked applies the rest (for development), and "
        f"{all_of_it}, with an interruption.\n"
        'See the page "Blocked plans" of the documentation.'
    )
    return "\n\n".join(parts)


def _way_back(waypoint: Waypoint | None) -> str:
    """Say how to get back to where a plan cannot lead at once."""
    again = "Or undo it by a new migration: going forwards there are halves."
    if waypoint is None:
        return f"run the same without a stage, while nothing is served. {again}"
    label = f"{waypoint.app_label} {waypoint.name or 'zero'}"
    if waypoint.interrupts:
        return (
            f"go back to {label} while nothing is served: migrate {label}. Start the "
            f"code that ends there, and run this again, from here. {again}"
        )
    return (
        f"go back in turn, first to {label}: migrate {label} --pre-deploy, roll out "
        f"the code that ends there, then migrate {label} --post-deploy. After that run "
        "this again. All of it from here, for older code does not have these files."
    )


def _blocked_migration(
    planned: PlannedMigration, explain: Explain, under_way: bool
) -> str:
    lines = [f"{name(planned)} is needed before the deploy:"]
    lines += [f"  {each}" for each in sentences(planned.needed, NEW)]
    if planned.waits_for:
        if planned.tracked.backwards:
            lines.append(f"but {_names(planned)} comes first, and has to wait.")
            return "\n".join(lines)
        lines.append(f"but it depends on {_names(planned)}, which has to wait.")
        target = "" if under_way else f"{' '.join(planned.waits_for[-1])} "
        lines.append(
            "\nFix: deploy them in turn. If an earlier deploy is complete, finish it: "
            f"migrate {target}--post-deploy"
        )
        return "\n".join(lines)
    if planned.obstacle:
        lines.append("but it cannot be applied yet, not even in part:")
        lines += [f"  {each}" for each in obstacle(planned.obstacle)]
    elif planned.breaks:
        lines.append("but it would break the code now serving:")
        lines += [f"  {each}" for each in sentences(planned.breaks, OLD)]
    else:
        lines.append(f"but its stage is {stage_and_source(planned.resolution)}.")
    if planned.tracked.backwards:
        return "\n".join(lines)
    if is_third_party(planned.tracked.migration):
        lines.append(
            "\nFix: upgrade the package while nothing is served, or say that you know "
            "better, with MIGRATION_STAGES_OVERRIDE = "
            f'{{"{name(planned)}": Stage.PRE_DEPLOY}}.'
        )
    elif not planned.resolution.stage:
        lines += ["", fix(explain(planned))]
    elif planned.breaks:
        lines.append(
            "\nFix: deploy in turn: first the code that can do without it, and what "
            "comes before it, then the rest."
        )
    return "\n".join(lines)


def _names(planned: PlannedMigration) -> str:
    return _listed(planned.waits_for)


def _listed(keys: Iterable[tuple[str, str]]) -> str:
    return ", ".join(".".join(key) for key in keys)


def too_late(plan: StagedPlan) -> str:
    """Say why a plan cannot be applied after the deploy."""
    parts = [
        "These migrations have to run before the new code does. Nothing was applied."
    ]
    for planned in plan.blocked:
        lines = [heading(planned), *sentences(planned.needed, NEW)]
        parts.append("\n  ".join(lines))
    parts.append("Fix: run the same with --pre-deploy first.")
    return "\n\n".join(parts)


def described(planned: PlannedMigration, verbosity: int) -> list[str]:
    """Return a migration with its stage, and the reasons where they are asked for."""
    return [heading(planned), *_wrapped(_shown(planned, verbosity))]


def headed(
    migration: Migration, planned: PlannedMigration | None, verbosity: int
) -> list[str]:
    """Return a migration of a plan, or a part of one, with what is to be said of it."""
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


def refused(error: BaseException) -> str:
    """Say that the database refused a query before anything was applied."""
    return f"The database refused: {type(error).__name__}: {str(error).strip()}"


def broken(key: tuple[str, str], error: BaseException) -> str:
    """Say that a migration does not fit the ones before it."""
    return (
        f"{'.'.join(key)} does not fit the migrations before it: "
        f"{type(error).__name__}: {error}"
    )
