"""A run directory: a trainer writes it, everything else reads it. Only this module knows its file names."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from core import files
from core.errors import ConfigError, DamagedFile, RunError
from core.runs.config import RunConfig, check_name, problems
from core.runs.lock import RunLock
from core.runs.metrics_log import MetricsLog
from core.runs.status import Action, Request, State, Status, apparent_state, make_request

CONFIG = "config.json"
METRICS = "metrics.jsonl"
STATUS = "status.json"
CONTROL = "control.json"
WEIGHTS = "model.safetensors"
BEST_WEIGHTS = "best.safetensors"
FIRST_STAGE = "first-stage.safetensors"
STATE = "state.pt"
LOG = "train.log"
SUMMARISED = (CONFIG, STATUS, METRICS)  # what a summary is made of
JSON_LIMIT = 1 << 20
UNKNOWN_KEYS_LIMIT = 100  # that a newer version may have added to the settings
TENSORS_LIMIT = 1 << 28
LOG_TAIL = 1 << 14
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Run:
    """A run directory. The constructor touches no file; what is read is checked."""

    path: Path

    @classmethod
    def create(cls, runs_dir: Path | str, name: str, config: RunConfig, first_stage: bytes | None = None) -> Run:
        """A new run directory with its configuration, and the weights of its first stage where it has one.

        Raises ConfigError or RunError.
        """
        run = cls(Path(runs_dir).absolute() / check_name(name))
        try:
            run.path.parent.mkdir(parents=True, exist_ok=True)
            run.path.mkdir(mode=0o700)
        except FileExistsError:
            if not run.path.parent.is_dir():
                raise RunError(f"{run.path.parent} is not a directory, so no run can be kept there") from None
            raise ConfigError({"name": f"name {name} is taken: {run.path} exists"}) from None
        except OSError as error:
            raise RunError(f"cannot create {run.path}: {error.strerror}") from error
        if first_stage is not None:
            files.replace(run.path / FIRST_STAGE, first_stage)
        run.write_status(Status(state=State.CREATED, epochs=config.epochs, activity="waiting for a trainer"))
        run._write_json(CONFIG, config)
        return run

    @property
    def name(self) -> str:
        return self.path.name

    # The configuration

    def config(self) -> RunConfig:
        """The settings, also those of a newer version. Raises DamagedFile or OSError."""
        config = self._read_json(CONFIG, RunConfig)
        if len(config.model_extra or {}) > UNKNOWN_KEYS_LIMIT:
            raise DamagedFile(self.path / CONFIG, "holds something else than settings")
        return config

    def training_config(self) -> RunConfig:
        """The settings of a run that this version can train. Raises RunError, DamagedFile or OSError."""
        config = self.config()
        if config.newer:
            raise RunError(f"{self.name} was {config.newer}")
        return config

    # The status, written by the trainer

    def status(self) -> Status:
        """The last status that the trainer wrote. Raises DamagedFile or OSError."""
        return self._read_json(STATUS, Status)

    def write_status(self, status: Status) -> None:
        self._write_json(STATUS, status)

    def state(self) -> State:
        """The state, which is LOST where the trainer is gone. Raises DamagedFile or OSError."""
        return apparent_state(self.status())

    # Requests, written by viewers

    def request(self, action: Action) -> Request:
        """Write a request for the trainer, in place of the one before. Raises OSError."""
        request = make_request(action)
        self._write_json(CONTROL, request)
        return request

    def requested(self) -> Request | None:
        """The last request, or None. Raises DamagedFile or OSError."""
        try:
            return self._read_json(CONTROL, Request)
        except FileNotFoundError:
            return None

    def request_version(self) -> int:
        """A number that changes whenever a request is written, 0 without one."""
        return self._changed(CONTROL)

    # Metrics, weights and training state

    def open_metrics(self) -> MetricsLog:
        """The trainer's end of metrics.jsonl, made where there is none; it holds the run's lock until it is closed.

        Raises RunError while another trainer has the run, DamagedFile or OSError.
        """
        try:
            return MetricsLog(self.metrics_path)
        except BlockingIOError:
            raise self._trained_by_another() from None

    def lock(self) -> RunLock:
        """The lock of a run that was trained before; nothing is written.

        Raises RunError while a trainer has the run, FileNotFoundError where none ever had, DamagedFile or OSError.
        """
        try:
            return RunLock(self.metrics_path)
        except BlockingIOError:
            raise self._trained_by_another() from None

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
            raise RunError(f"{self.name} has no weights yet: the trainer saves them soon after it starts") from None

    def write_weights(self, content: bytes, *, best: bool = False) -> None:
        files.replace(self.weights_path(best=best), content)

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
        step = self.status().saved_step
        if step and not self.state_path.exists():
            raise DamagedFile(self.state_path, f"is missing: training cannot go on from step {step:,}")

    def write_state(self, content: bytes) -> None:
        files.replace(self.state_path, content)

    def remove_temporary_files(self) -> None:
        """Remove the half-written files of killed trainers; only the holder of the lock may."""
        files.remove_temporary_files(self.path, CONTROL)

    def last_log_line(self, about: str = "") -> str:
        """The last line that the trainer printed, of those that contain something; or nothing."""
        try:
            descriptor = files.open_regular(self.log_path, os.O_RDONLY)
        except (OSError, DamagedFile):
            return ""
        with os.fdopen(descriptor, "rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - LOG_TAIL))
            lines = log.read(LOG_TAIL).decode("utf-8", "replace").strip().splitlines()
        return next((line.strip() for line in reversed(lines) if about in line), "")

    def delete(self) -> None:
        """Remove the run's own files and its folder. Raises RunError while a trainer has it, or OSError."""
        with ExitStack() as stack:
            # A trainer would have made metrics.jsonl, and could not use what is no file.
            with suppress(FileNotFoundError, DamagedFile):
                stack.enter_context(self.lock())
            self.remove_temporary_files()
            for file in (CONTROL, STATE, WEIGHTS, BEST_WEIGHTS, FIRST_STAGE, LOG, STATUS, METRICS, CONFIG):
                (self.path / file).unlink(missing_ok=True)
        try:
            self.path.rmdir()
        except OSError as error:
            raise RunError(f"{self.path} keeps files that are not the run's own: {error.strerror}") from error

    def summary_version(self) -> tuple[int, ...]:
        """A number for each file of a summary that changes with it, 0 without it.

        A file system may not tell apart two changes within one tick of its clock.
        """
        return tuple(map(self._changed, SUMMARISED))

    # Reading and writing files

    def _changed(self, file: str) -> int:
        try:
            found = os.lstat(f"{self.path}/{file}")
        except OSError:
            return 0
        return hash((found.st_mtime_ns, found.st_ino, found.st_size)) or 1

    def _write_json(self, file: str, content: BaseModel) -> None:
        files.replace(self.path / file, content.model_dump_json(indent=2).encode() + b"\n")

    def _read_json(self, file: str, model: type[Model]) -> Model:
        path = self.path / file
        content = files.read(path, JSON_LIMIT)
        try:
            return model.model_validate_json(content)
        except ValidationError as error:
            found = next(iter(problems(error).values()), "is not a JSON object")
            raise DamagedFile(path, found) from None
