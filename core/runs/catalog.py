"""The runs of a folder: finding, naming and summarising them."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core import files
from core.errors import DamagedFile, RunError, RunGone, UserError, describe
from core.runs.alerts.rules import Alert
from core.runs.architecture.presets import DEFAULT_PRESET, PRESETS, Preset
from core.runs.choosing.quantities import OF_MODEL
from core.runs.config import RunConfig
from core.runs.keeping.evaluated import Evaluated, suiting
from core.runs.keeping.measures import Best, Measures
from core.runs.keeping.names import find_renamed, unused_name
from core.runs.keeping.notes import NO_NOTES, Notes, read_notes
from core.runs.keeping.queued import Queued, read_entry
from core.runs.metrics.lines import last_lines, newest_validation
from core.runs.run import CONFIG, STATUS, NameTaken, Run, Share
from core.runs.status import State, Status
from core.text import alternatives

UNREADABLE_NAMED = 3
NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


def is_run(folder: Path) -> bool:
    """Whether a folder is a run, possibly a damaged one. Raises OSError where it cannot be looked into."""
    refused: OSError | None = None
    for file in (CONFIG, STATUS):
        try:
            os.stat(f"{folder}/{file}")  # noqa: PTH116 - of thousands
        except OSError as error:
            refused = refused if error.errno in NO_FILE else error
        else:
            return True
    if refused is not None:
        raise refused
    return False


def folders(path: Path) -> list[str]:
    """The names of the folders in one, in no order; none when there is no such folder. Raises OSError."""
    try:
        with os.scandir(path) as entries:
            found = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    return [name for name in found if not (name.startswith(".") and files.TEMPORARY_MARK in name)]


class Unreadable(dict[str, str]):
    """The folders that cannot be looked into, each with the reason."""

    def __str__(self) -> str:
        named = [f"{name} ({reason})" for name, reason in sorted(self.items())]
        more = f" and {len(named) - UNREADABLE_NAMED} more" if len(named) > UNREADABLE_NAMED else ""
        return f"cannot be read: {', '.join(named[:UNREADABLE_NAMED])}{more}" if named else ""

    def note(self, name: str, error: OSError) -> None:
        """Note one, unless it is hidden: nobody looks for a run there."""
        if not name.startswith("."):
            self[name] = error.strerror or str(error)


def find_runs(runs_dir: Path | str, unreadable: Unreadable | None = None) -> list[Run]:
    """The runs in a folder by name; none when there is no such folder. Raises OSError.

    What is beside them and cannot be looked into is noted in `unreadable`.
    """
    parent = Path(runs_dir).absolute()
    found = []
    for name in sorted(files.persist(lambda: folders(parent))):
        try:
            if is_run(parent / name):
                found.append(Run(parent / name))
        except OSError as error:
            if unreadable is not None:
                unreadable.note(name, error)
    return found


def find_run(runs_dir: Path | str, name: str) -> Run:
    """The run of that name, or in that folder, as a shell completes it. Raises RunError naming the runs there are."""
    unreadable = Unreadable()
    runs = find_runs(runs_dir, unreadable)
    wanted = name.rstrip(os.sep)
    names = [run.name for run in runs]
    if wanted in names:
        return runs[names.index(wanted)]
    if os.sep in name or name in (".", ".."):
        run = Run(Path(os.path.abspath(files.expanded(name))))  # noqa: PTH100 - a link may be named as a run
        with suppress(OSError):
            if is_run(run.path):
                return run
    if wanted in unreadable:
        raise RunError(f"{wanted} in {runs_dir} cannot be read: {unreadable[wanted]}")
    if renamed := find_renamed(runs, wanted):
        raise RunError(f"no run named {name[:100]!r} in {runs_dir}; it is called {renamed.name} now")
    hidden = f"; {unreadable}" if unreadable else ""
    raise RunError(f"no run named {name[:100]!r} in {runs_dir}; {alternatives(name, names)}{hidden}")


def create_run(
    runs_dir: Path | str,
    name: str | None,
    stem: str,
    config: RunConfig,
    first_stage: bytes | None = None,
    share: Share | None = None,
    fill: Callable[[Run], object] = lambda run: None,
) -> Run:
    """A new run; one that nobody named has the stem, with the next number where there is one. Raises as Run.create."""
    while True:
        try:
            return Run.create(runs_dir, name or unused_name(runs_dir, stem), config, first_stage, share, fill)
        except NameTaken:  # somebody else took the number just now
            if name:
                raise


@dataclass(frozen=True)
class RunSummary:
    """A run as the list shows it. A damaged one has `damage`, one line, and whatever could still be read."""

    run: Run
    damage: str | None = None
    state: State | None = None
    config: RunConfig | None = None
    status: Status | None = None
    train_loss: float | None = None
    val_loss: float | None = None  # of the last epoch
    validation: tuple[int, float] | None = None  # the newest there is: after how many epochs, and the loss
    best: Best | None = None  # of all validations, and `size` in bytes: None until they were measured
    size: int | None = None
    evaluated: tuple[Evaluated, ...] = ()  # the newest first, once they were read
    evaluated_damage: str = ""
    notes: Notes = NO_NOTES
    notes_damage: str = ""
    changed: float = 0.0
    read_only: str = ""
    gone: bool = False  # the folder is, which `damage` says too
    alerts: tuple[Alert, ...] = ()  # where they were looked for
    queued: Queued | None = None  # of a run that waits
    place: int | None = None  # among those that wait for the same host, from 1, where they were all seen

    @property
    def preset(self) -> Preset:
        """The preset of the run; the usual one where it cannot be told, or only a newer version knows it."""
        return PRESETS.get(self.config.preset if self.config else "", PRESETS[DEFAULT_PRESET])

    @property
    def evaluation(self) -> Evaluated | None:
        """The evaluation that stands for the run, once it was read; None where nothing was measured."""
        return suiting(self.evaluated, self.preset.default_sampler)

    @property
    def is_active(self) -> bool:
        """Whether a trainer has it."""
        return self.state is not None and self.state.active

    @property
    def newer(self) -> str | None:
        """What a newer version wrote that this one does not know, in one line."""
        return self.config.newer if self.config else None

    def as_json(self) -> dict[str, Any]:
        """Plain values under stable names, for programs."""
        config, status = self.config, self.status
        return {
            "name": self.run.name,
            "path": str(self.run.path),
            "state": "damaged" if self.damage else self.state,
            "damage": self.damage,
            "preset": config and config.preset,
            "dataset": config and config.dataset,
            "data_dir": config and config.data_dir,
            "created": config and config.created,
            **{name: quantity(self) for name, quantity in OF_MODEL.items()},
            "forked_from": config and config.forked_from and config.forked_from.model_dump(mode="json"),
            "epoch": status and status.epoch,
            "epochs": status and status.epochs,
            "step": status and status.step,
            "train_loss": self.train_loss,
            "val_loss": self.val_loss,
            "newest_val_loss": self.validation and self.validation[1],
            "newest_val_epoch": self.validation and self.validation[0],
            "best_val_loss": self.best and self.best[1],
            "best_val_epoch": self.best and self.best[0],
            "size": self.size,
            "frechet": self.evaluation and self.evaluation.frechet,
            "frechet_sampler": self.evaluation and self.evaluation.sampler,
            "frechet_of_newest_weights": self.evaluation and self.evaluation.newest,
            "tags": [*self.notes.tags],
            "note": self.notes.note,
            "learning_rate": status and status.learning_rate,
            "base_learning_rate": status and status.base_learning_rate,
            "images_per_second": status and status.images_per_second,
            "device": status and status.device,
            "pid": status and status.pid,
            "host": status and status.host,
            "job": status and status.job,
            "error": status and status.error,
            "reason": status and status.reason,
            "queue_place": self.place,
            "queue_host": self.queued and self.queued.host,
            "alerts": [{"kind": alert.kind, "text": alert.text} for alert in self.alerts],
            "changed": self.changed,
            "read_only": bool(self.read_only),
        }


def summarise(run: Run) -> RunSummary:
    """A summary of the run; damage is reported, never raised."""
    damage: str | None = None
    found: dict[str, Any] = {}
    try:
        found["read_only"] = run.read_only
        found["changed"] = run.path.stat().st_mtime
        found["config"] = run.config()
        status, found["state"] = run.observe()
        found["queued"] = read_entry(run.path) if found["state"] is State.QUEUED else None
        found["status"] = status
        found["changed"] = status.heartbeat or found["changed"]
        last = last_lines(run.metrics_path)
        found["train_loss"], found["val_loss"] = losses(last)
        found["validation"] = newest_validation(run.metrics_path, last)
        found["notes"], found["notes_damage"] = _read_notes(run)
    except FileNotFoundError as error:
        damage = f"{Path(error.filename or '').name} is missing" + _find_way_out(run, found)
    except OSError as error:
        damage = f"{Path(error.filename or '').name} cannot be read: {error.strerror or error}"
    except UserError as error:
        damage = str(error) + _find_way_out(run, found)
    try:
        if damage:
            run.check_there()  # it may have gone while it was read
    except RunGone as error:
        return RunSummary(run, str(error), gone=True)
    except OSError:
        pass  # the damage says as much
    return RunSummary(run, damage, **found)


def summarise_whole(run: Run) -> RunSummary:
    """The same with what takes a look at whole files."""
    measures = Measures(run)
    for _ in measures.measure():
        pass
    return replace(summarise(run), **measures.found)


def _read_notes(run: Run) -> tuple[Notes, str]:
    """What a user wrote; where that cannot be read, nothing, and why."""
    try:
        return read_notes(run), ""
    except (DamagedFile, OSError) as error:
        return NO_NOTES, describe(error)


def _find_way_out(run: Run, found: dict[str, Any]) -> str:
    """Where nothing but the status is missing, the run is one to go on with: that, in words."""
    if "config" not in found or "status" in found or not files.version(str(run.state_path)):
        return ""
    found["state"] = State.LOST
    return "; resume continues from its last save"


def losses(last: Mapping[str, Mapping[str, Any]]) -> tuple[float | None, float | None]:
    """Training and validation loss of the last epoch; before there is one, the loss of the last steps."""
    epoch, step = last.get("epoch", {}), last.get("step", {})
    train = epoch.get("train_loss")
    return (train if train is not None else step.get("loss")), epoch.get("val_loss")


def with_places(summaries: Sequence[RunSummary]) -> list[RunSummary]:
    """The summaries with their places in the queue, the same objects where these did not change."""
    waiting = [each for each in summaries if each.queued]
    ahead = Counter[str]()
    places: dict[Run, int] = {}
    for each in sorted(waiting, key=lambda each: (each.queued.order if each.queued else 0, each.run.name)):
        host = each.queued.host if each.queued else ""
        ahead[host] += 1
        places[each.run] = ahead[host]
    new = ((each, places.get(each.run)) for each in summaries)
    return [each if each.place == place else replace(each, place=place) for each, place in new]


def newest_first(summaries: Iterable[RunSummary]) -> list[RunSummary]:
    """The order of every list of runs; those of unknown age come last."""
    return sorted(summaries, key=lambda one: (one.config.created if one.config else "", one.run.name), reverse=True)
