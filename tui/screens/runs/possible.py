"""What can be done with runs now, and why nothing can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.runs.catalog import RunSummary

NAMED = 5  # of several runs
NOTHING = {
    "pause": "there is nothing to pause",
    "unpause": "there is nothing to resume",
    "resume": "there is nothing to resume",
    "stop": "there is nothing to stop",
    "save": "there is nothing to save",
    "move_in_queue": "it does not wait in the queue",
    "set_rate": "it has no learning rate to set",
    "delete": "it cannot be deleted",
}


def able(action: str, runs: Sequence[RunSummary]) -> list[RunSummary]:
    """Those of the runs with which that can be done now."""
    return [run for run in runs if not run.read_only and _possible(action, run)]


def _possible(action: str, run: RunSummary) -> bool:
    if action == "resume":
        return run.state == "paused" or (not run.is_active and run.state is not None)
    if action == "delete":
        return not run.gone
    if action == "move_in_queue" or (action == "stop" and run.queued):
        return run.queued is not None
    return run.is_active


def why_not(action: str, runs: Sequence[RunSummary]) -> str:
    """Why that can be done with none of the runs, in a line; nothing where there are none."""
    nothing = NOTHING[action]
    match runs:
        case []:
            return ""
        case [run]:
            name = run.run.name
            if run.read_only:
                return f"{name} {run.read_only}"
            if run.gone and run.damage:
                return run.damage
            if run.state is None:
                return f"{name}: {run.damage or nothing}"
            state = "was not begun" if run.state == "created" else f"is {run.state}"
            return f"{name} {state}: {nothing}{_other_key(action)}"
        case _:
            already = all(run.is_active for run in runs)
            what = f"{named(runs)} are active" if already else f"none of {named(runs)} trains"
            return f"{what}: {nothing}{_other_key(action)}" if action != "delete" else f"none of {named(runs)} is there"


def _other_key(action: str) -> str:
    return "" if action in ("resume", "unpause", "move_in_queue") else "; r resumes"


def named(runs: Sequence[RunSummary]) -> str:
    """A run by its name, several by their number and the first names."""
    names = [run.run.name for run in runs]
    if len(names) == 1:
        return names[0]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{len(names)} runs ({', '.join(names[:NAMED])}{more})"
