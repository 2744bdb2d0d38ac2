"""Makes a fork, whole or not at all: `python -m core.training.forks.making`, which reads what is wanted as JSON.

A process of its own, so that who asks need not load PyTorch. It prints the run, or what is wrong, as JSON, after
what else is to be known.
"""

from __future__ import annotations

import json
import math
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from core import files
from core.errors import ConfigError, DamagedFile, UserError, describe
from core.models.weights import digest_of
from core.runs.catalog import create_run
from core.runs.config import RunConfig, stamp
from core.runs.forks.choice import changed_settings, changes_loss, check_goal, fork_settings
from core.runs.forks.moment import Moment, check_saved, nearest_moment, settings_now, steps_per_epoch
from core.runs.forks.origin import ForkedFrom
from core.runs.keeping.names import stem_of
from core.runs.metrics.copying import copy_metrics, mark_fork, trained_until
from core.runs.run import Run, Share
from core.runs.snapshots.folder import file_name, folder_of, snapshots_of
from core.runs.status import State, Status
from core.training.checkpoint import TrainingState, save_state
from core.training.forks.reading import read_newest, read_snapshot
from core.training.forks.state import beginning_from, check_usable, going_on

REFUSED = 1


@dataclass(frozen=True, eq=False)
class Beginning:
    """With what a fork begins: when, the state, the weights as a file, and the best ones where they count on."""

    moment: Moment
    steps_per_epoch: int
    state: TrainingState
    weights: bytes
    best: bytes | None
    changed: tuple[str, ...]


def fork_newest(parent: Run, runs_dir: Path, name: str | None, wanted: Mapping[str, Any], share: Share | None) -> Run:
    """A fork of the newest state of a run: its weights, Adam's moments, random numbers and place in the epoch.

    Raises ConfigError, RunError, DamagedFile or OSError; then nothing is left behind.
    """
    config = parent.training_config()
    check_saved(parent)
    per_epoch = steps_per_epoch(parent)
    saved = read_newest(parent, per_epoch)
    check_usable(saved.state, parent, config, per_epoch)
    # What was asked for while it trained counts as chosen.
    now = config.model_copy(update={"epochs": saved.state.epochs, "learning_rate": saved.state.learning_rate})
    settings = fork_settings(now, wanted, snapshot=False)
    changed = changed_settings(now, settings)
    best_anew = changes_loss(now, settings) or (math.isfinite(saved.state.best) and saved.best is None)
    state = going_on(saved.state, settings, changed, best_anew=best_anew)
    _check_unfinished(parent, state, settings)
    moment = Moment(saved.step, saved.step / per_epoch)
    best = None if best_anew else saved.best
    return _make(
        parent, runs_dir, name, settings, share, Beginning(moment, per_epoch, state, saved.weights, best, changed)
    )


def fork_snapshot(
    parent: Run, runs_dir: Path, name: str | None, wanted: Mapping[str, Any], share: Share | None, epoch: float
) -> Run:
    """A fork of the snapshot nearest to an epoch: its weights, with a fresh Adam and random numbers of its own.

    Raises ConfigError, RunError, DamagedFile or OSError; then nothing is left behind.
    """
    now, per_epoch = settings_now(parent), steps_per_epoch(parent)
    moment = nearest_moment(parent, epoch)
    settings = fork_settings(now, wanted, snapshot=True)
    weights, content = read_snapshot(parent, moment)
    seconds = trained_until(parent.metrics_path, moment.step)
    state = beginning_from(weights, settings, moment.step, per_epoch, seconds)
    _check_unfinished(parent, state, settings)
    changed = changed_settings(now, settings)
    return _make(parent, runs_dir, name, settings, share, Beginning(moment, per_epoch, state, content, None, changed))


def _check_unfinished(parent: Run, state: TrainingState, settings: RunConfig) -> None:
    """Raise ConfigError where the fork would have nothing left to train."""
    check_goal(parent.name, state.epoch, settings)
    if 0 < settings.patience <= state.since_best:
        reason = "ended early, as its patience ran out; go on with --epochs or more patience"
        raise ConfigError({"patience": f"{parent.name} {reason}"})


def _make(
    parent: Run, runs_dir: Path, name: str | None, settings: RunConfig, share: Share | None, begun: Beginning
) -> Run:
    moment, state = begun.moment, begun.state
    # What is copied is as long as the state says; a snapshot does not say it.
    length = None if moment.snapshot else state.metrics_length
    before = parent.config().forked_from
    kept_since = before.best_since if before else 0
    first_stage = parent.read_first_stage() if settings.preset_record.learns_prior else None
    origin = ForkedFrom(
        run=parent.name,
        step=moment.step,
        epoch=moment.epoch,
        time=state.seconds,
        created=parent.config().created,
        weights=digest_of(begun.weights),
        snapshot=moment.snapshot is not None,
        best_since=moment.step if begun.best is None else kept_since,
        changed=begun.changed,
    )
    status = Status(
        state=State.CREATED,
        activity="waiting for a trainer",
        epoch=state.epoch,
        epochs=settings.epochs,
        step=moment.step,
        steps_per_epoch=begun.steps_per_epoch,
        saved_step=moment.step,
        base_learning_rate=settings.learning_rate,
    )

    def fill(made: Run) -> None:
        copy_metrics(parent.metrics_path, made.metrics_path, length, moment.step)
        end = mark_fork(
            made.metrics_path,
            run=parent.name,
            epoch=state.epoch,
            step=moment.step,
            seconds=state.seconds,
            best_anew=begun.best is None,
        )
        _copy_snapshots(parent, made, moment.step)
        if begun.best is not None:
            made.write_weights(begun.best, best=True)
        made.write_weights(begun.weights)
        save_state(made, state.model_copy(update={"metrics_length": end}))
        made.write_status(status)

    stem = f"{stem_of(parent.name)}-fork"
    config = stamp(settings.model_copy(update={"forked_from": origin, "sweep": None}))
    return create_run(runs_dir, name, stem, config, first_stage, share, fill)


def _copy_snapshots(parent: Run, made: Run, step: int) -> None:
    """Have the fork keep what its parent was like until then.

    One that is thinned out just now is left out, and so is one that cannot be read, of which a line is printed.
    """
    for snapshot in snapshots_of(parent):
        if snapshot.step > step:
            continue
        try:
            content = snapshot.read()
        except FileNotFoundError:
            continue
        except (DamagedFile, OSError) as error:
            print(f"a snapshot of {parent.name} cannot be read and is left out: {describe(error)}")
            continue
        folder_of(made).mkdir(mode=0o700, exist_ok=True)
        files.share_folder(folder_of(made))
        files.replace(folder_of(made) / file_name(snapshot.step), content)


def main() -> int:
    """Make the fork that is described on the input, and say what came of it; the exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(REFUSED))  # what was begun is removed
    asked = json.load(sys.stdin)
    parent, runs_dir, name, share = Run(Path(asked["run"])), Path(asked["runs_dir"]), asked["name"], asked["share"]
    try:
        if asked["epoch"] is None:
            made = fork_newest(parent, runs_dir, name, asked["wanted"], share)
        else:
            made = fork_snapshot(parent, runs_dir, name, asked["wanted"], share, asked["epoch"])
    except ConfigError as error:
        print(json.dumps({"problems": error.problems}))
    except (UserError, OSError) as error:
        print(json.dumps({"error": describe(error)}))
    else:
        print(json.dumps({"path": str(made.path)}))
        return 0
    return REFUSED


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(main())
