"""A run directory: a trainer writes it, everything else reads it. Only this module knows its file names."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core import files
from core.errors import ConfigError, DamagedFile, RunError, RunGone, check_packages
from core.runs.config import RunConfig, check_name, read_json, write_json
from core.runs.keeping.queued import QUEUED, with_queue
from core.runs.lock import RunLock, is_locked, is_trained, is_trained_unseen, still_beats
from core.runs.metrics.log import MetricsLog
from core.runs.requests import CONTROL, NumberedRequest, Requests
from core.runs.status import State, Status

CONFIG = "config.json"
METRICS = "metrics.jsonl"
STATUS = "status.json"
NOTES = "notes.json"
EVALUATION = "evaluation.json"
WEIGHTS = "model.safetensors"
BEST_WEIGHTS = "best.safetensors"
FIRST_STAGE = "first-stage.safetensors"
STATE = "state.pt"
LOG = "train.log"
SUMMARISED = (CONFIG, STATUS, METRICS, NOTES, EVALUATION, WEIGHTS, QUEUED)  # what a summary is made of
UNKNOWN_KEYS_LIMIT = 100  # that a newer version may have added to the settings
TENSORS_LIMIT = 1 << 28
LOG_TAIL = 1 << 14
KEPT = (NOTES, EVALUATION, STATE, WEIGHTS, BEST_WEIGHTS, FIRST_STAGE, LOG, STATUS, METRICS, CONFIG)  # what makes a run
FILES = (CONTROL, QUEUED, *KEPT)
Share = Literal["group", "all"]  # who may read a run besides its owner
SHARED: dict[Share, int] = {"group": 0o750, "all": 0o755}


class NameTaken(ConfigError):
    """There is something of that name already."""


@dataclass(frozen=True)
class Run:
    """A run directory. The constructor touches no file; what is read is checked."""

    path: Path

    @classmethod
    def create(
        cls,
        runs_dir: Path | str,
        name: str,
        config: RunConfig,
        first_stage: bytes | None = None,
        share: Share | None = None,
        fill: Callable[[Run], object] = lambda run: None,
    ) -> Run:
        """A new run directory with its configuration, the weights of its first stage, if any, and what `fill` adds.

        Private, or shared. Raises ConfigError, NameTaken, RunError or PackageMissing; then nothing is left behind.
        """
        check_packages()
        run = cls(Path(runs_dir).absolute() / check_name(name))

        def make(folder: Path) -> None:
            made = cls(folder)
            if first_stage is not None:
                files.replace(folder / FIRST_STAGE, first_stage)
            made.write_status(Status(state=State.CREATED, epochs=config.epochs, activity="waiting for a trainer"))
            fill(made)
            write_json(folder / CONFIG, config)

        try:
            files.make_folder(run.path, SHARED[share] if share else 0o700, make)
        except FileExistsError:
            if not run.path.parent.is_dir():
                raise RunError(f"{run.path.parent} is not a directory, so no run can be kept there") from None
            raise NameTaken({"name": f"name {name} is taken: {run.path} exists"}) from None
        except OSError as error:
            raise RunError(f"cannot create {run.path}: {error.strerror}") from error
        return run

    @property
    def name(self) -> str:
        return self.path.name

    def share_files(self) -> None:
        """Let those use every file who may use the folder: its user may have opened or closed it."""
        for file in FILES:
            with suppress(DamagedFile, OSError), files.opened(self.path / file) as descriptor:
                files.share(descriptor, self.path)

    @property
    def read_only(self) -> str:
        """Why nothing can be asked of the run or trained, in a few words; nothing where it can."""
        return files.why_read_only(self.path)

    def check_there(self) -> None:
        """Raise RunGone where the folder is gone, or OSError where it cannot be looked for."""
        try:
            self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise RunGone(f"{self.name} is gone: it was deleted, moved or renamed") from None

    # The configuration

    def config(self) -> RunConfig:
        """The settings, also those of a newer version. Raises DamagedFile or OSError."""
        config = read_json(self.path / CONFIG, RunConfig)
        if len(config.model_extra or {}) > UNKNOWN_KEYS_LIMIT:
            raise DamagedFile(self.path / CONFIG, "holds something else than settings")
        return config

    def training_config(self) -> RunConfig:
        """The settings of a run that can be trained here. Raises RunError, PackageMissing, DamagedFile or OSError."""
        check_packages()
        config = self.config()
        if config.newer:
            raise RunError(f"{self.name} was {config.newer}")
        return config

    # The status, written by the trainer

    def status(self) -> Status:
        """The last status that the trainer wrote. Raises DamagedFile or OSError."""
        return read_json(self.path / STATUS, Status)

    def write_status(self, status: Status) -> None:
        write_json(self.path / STATUS, status)

    def state(self) -> State:
        """The state, which is LOST where the trainer is gone. Raises DamagedFile or OSError."""
        return self.observe()[1]

    def observe(self) -> tuple[Status, State]:
        """The last status, and the state: LOST without its trainer, QUEUED before. Raises DamagedFile or OSError."""
        status, gone = self.status(), False
        if status.state.active and not self._is_trained(status):
            # A trainer that just ended said so before it let go of the lock.
            last, status = status, self.status()
            gone = status.state.active and (status == last or not self._is_trained(status))
        return status, with_queue(self.path, status, State.LOST if gone else status.state)

    def _is_trained(self, status: Status) -> bool:
        return is_trained(status, self.path, is_locked(self.metrics_path))

    def check_not_trained(self) -> None:
        """Raise RunError where a trainer has the run, or OSError."""
        try:
            status, state = self.observe()
        except (FileNotFoundError, DamagedFile):
            if is_locked(self.metrics_path):
                raise self._trained_by_another() from None
        else:
            if state.active or still_beats(status, self.status):
                raise RunError(f"{self.name} is {status.state} in process {status.pid} on {status.host}")

    def last_status(self) -> Status:
        """The status, or one that says no more than that it cannot be read: what was saved is enough to go on."""
        try:
            return self.status()
        except FileNotFoundError:
            damage = f"{STATUS} is missing"
        except DamagedFile as error:
            damage = str(error)
        return Status(state=State.FAILED, error=damage)

    # Requests, written by viewers

    @property
    def requests(self) -> Requests:
        """What was asked of the trainer."""
        return Requests(self.path)

    def request(self, action: str, value: float | None = None) -> NumberedRequest:
        """Ask the trainer for something, after all that was asked before. Raises OSError."""
        return self.requests.add(action, self.last_status().done_request or 0, value)

    # Metrics, weights and training state

    def open_metrics(self) -> MetricsLog:
        """The trainer's end of metrics.jsonl, made where there is none; it holds the run's lock until it is closed.

        Raises RunError while another trainer has the run, DamagedFile or OSError.
        """
        try:
            metrics = MetricsLog(self.metrics_path)
        except BlockingIOError:
            raise self._trained_by_another() from None
        if is_trained_unseen(self.last_status(), self.path, metrics.not_locked):
            metrics.close()
            raise self._trained_by_another()
        return metrics

    def lock(self) -> RunLock:
        """The lock of a run that was trained before; nothing is written.

        Raises RunError while a trainer has the run, FileNotFoundError where none ever had, DamagedFile or OSError.
        """
        try:
            lock = RunLock(self.metrics_path)
        except BlockingIOError:
            raise self._trained_by_another() from None
        if is_trained_unseen(self.last_status(), self.path, lock.refused):
            lock.release()
            raise self._trained_by_another()
        return lock

    def _trained_by_another(self) -> RunError:
        holder = "another process"
        with suppress(DamagedFile, OSError):
            status = self.status()
            if status.pid:
                holder = f"process {status.pid} on {status.host}"
        return RunError(f"{self.name} is being trained by {holder}")

    @property
    def metrics_path(self) -> Path:
        return self.path / METRICS

    @property
    def state_path(self) -> Path:
        return self.path / STATE

    @property
    def log_path(self) -> Path:
        return self.path / LOG

    def weights_path(self, *, best: bool = False) -> Path:
        """The file of the newest weights, or of the best validated ones."""
        return self.path / (BEST_WEIGHTS if best else WEIGHTS)

    def read_weights(self, *, best: bool = False) -> bytes:
        """The newest weights, or the best validated ones. Raises RunError without any, DamagedFile or OSError."""
        try:
            return files.read(self.weights_path(best=best), TENSORS_LIMIT)
        except FileNotFoundError:
            raise self._no_weights(best=best) from None

    def _no_weights(self, *, best: bool) -> RunError:
        self.check_there()
        with suppress(DamagedFile, OSError):
            status = self.status()
            if not status.saved_step and status.state in (State.CREATED, State.RUNNING, State.PAUSED):
                return RunError(f"{self.name} has no weights yet: the trainer saves them soon after it starts")
        return RunError(f"{self.name} has no weights: {self.weights_path(best=best).name} is missing")

    def write_weights(self, content: bytes, *, best: bool = False) -> None:
        files.replace(self.weights_path(best=best), content)

    @property
    def evaluation_path(self) -> Path:
        return self.path / EVALUATION

    @property
    def first_stage_path(self) -> Path:
        return self.path / FIRST_STAGE

    def read_first_stage(self) -> bytes:
        """The weights of the first stage of a learned prior. Raises FileNotFoundError, DamagedFile or OSError."""
        return files.read(self.first_stage_path, TENSORS_LIMIT)

    def weights_version(self) -> int:
        """A number that changes whenever the newest weights do, 0 while there are none."""
        return self._changed(WEIGHTS)

    def read_state(self) -> bytes | None:
        """What an exact resume needs, None before the first save. Raises DamagedFile or OSError."""
        self.check_state()
        try:
            return files.read(self.state_path, TENSORS_LIMIT)
        except FileNotFoundError:
            return None

    def check_state(self) -> None:
        """Raise DamagedFile where the state was saved and is gone: to begin again would overwrite what was trained."""
        status = None if files.exists(self.state_path) else self.status()
        if status and (status.saved_step or status.state is State.FINISHED):  # imports came without one once
            step = f"{status.saved_step or 0:,}"
            raise DamagedFile(self.state_path, f"is missing: training cannot go on from step {step}")

    def write_state(self, content: bytes) -> None:
        files.replace(self.state_path, content)

    def remove_temporary_files(self) -> None:
        """Remove the half-written files of killed trainers; only the holder of the lock may."""
        files.remove_temporary_files(self.path, {*KEPT} - {NOTES, EVALUATION})

    def last_log_line(self, about: str = "", since: int = 0) -> str:
        """The last line that trainers printed after so many bytes, of those that contain something; or nothing."""
        return files.last_line(self.log_path, LOG_TAIL, about, since)

    def summary_version(self) -> tuple[int, ...]:
        """A number for each file of a summary that changes with it, as far as a file system tells; 0 without it."""
        return tuple(map(self._changed, SUMMARISED))

    def _changed(self, file: str) -> int:
        return files.version(f"{self.path}/{file}")
