"""Starts and resumes the processes that train runs, and sends them requests."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from core import files, program
from core.data import registry
from core.errors import DamagedFile, RunError
from core.group import without_place
from core.jobs.queue.trainers import trainers_here
from core.runs.config import RunConfig, check_values
from core.runs.keeping.queued import read_entry
from core.runs.requests import ACTIONS, LEARNING_RATE, STOP_SWEEP, Action, NumberedRequest
from core.runs.run import Run
from core.runs.status import State

START_SECONDS = 30.0
END_SECONDS = 3.0  # that a trainer has to end by itself before it is killed
THREADS_GIVEN = "VAE_TUI_THREADS_GIVEN"  # the variable says that OMP_NUM_THREADS was not set by a user
FOR_TRAINING = {
    # Keep what a step frees for the next one, in huge pages; glibc would return it to the system.
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 31),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}


def training_here() -> int:
    """How many runs are trained on this machine, as far as this user may see its processes."""
    return len({folder for trainer in trainers_here() for folder in trainer.folders})


class NotBegun(RunError):
    """A trainer was ended before it had its run."""


class TrainerProcess:
    """A trainer's process, started for runs with these last heartbeats and a log so long."""

    def __init__(self, process: subprocess.Popen[bytes], heard: Mapping[Run, float], log_began: int = 0) -> None:
        self.run, self._heard, self._log_began = next(iter(heard)), heard, log_began
        self._process = process
        self._started, self._begun = time.monotonic(), False
        # A process that nobody waits for stays a zombie until this one ends.
        threading.Thread(target=process.wait, name=f"wait for {self.run.name}", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._process.returncode is not None

    @property
    def has_begun(self) -> bool:
        """Whether it has a run. Raises DamagedFile or OSError."""
        self._begun = self._begun or any(map(self._has, self._heard))
        return self._begun

    @property
    def is_late(self) -> bool:
        """Whether it has not begun within the time that a trainer has to."""
        return time.monotonic() - self._started > START_SECONDS and not self.has_begun

    def wait_until_started(
        self, seconds: float = START_SECONDS, told_to_stop: Callable[[], bool] = lambda: False
    ) -> None:
        """Return once the trainer has the run. Raises RunError with its last log line when it ends before.

        One that does not report in time is ended, as one is that was told to stop meanwhile: NotBegun.
        """
        deadline = time.monotonic() + seconds
        try:
            while not self.has_begun:
                if told_to_stop():
                    raise NotBegun(f"{self.run.name} was stopped before it began to train")
                if self.ended or time.monotonic() > deadline:
                    raise RunError(self.complaint())
                time.sleep(0.02)
        finally:
            if not self._begun:
                self.end()

    def wait_until_training(self, told_to_stop: Callable[[], bool] = lambda: False) -> None:
        """Return once the run trains, or has nothing left to train. Raises RunError saying why it does not.

        It is ended when it was told to stop meanwhile.
        """
        self.wait_until_started(told_to_stop=told_to_stop)
        while True:
            ended = self.ended
            status, state = self.run.observe()
            if status.begun or state in (State.FINISHED, State.STOPPED):
                return
            if state is State.FAILED or ended:
                raise RunError(f"{self.run.name} did not begin to train: {status.error or self.complaint()}")
            if told_to_stop():
                self.end()
                raise NotBegun(f"{self.run.name} was stopped before it began to train")
            time.sleep(0.05)

    def complaint(self) -> str:
        """Why it did not begin."""
        said = self.run.last_log_line("refused: ", self._log_began).partition("refused: ")[2]
        said = said or self.run.last_log_line(since=self._log_began)
        return f"the trainer of {self.run.name} did not start: {said or 'no word'}"

    def end(self) -> None:
        """Have it save and stop; where it has not begun, it ends at once, with all that it started."""
        family: list[psutil.Process] = []
        with suppress(psutil.Error, OSError):  # a hardened container shows none
            family = psutil.Process(self.pid).children(recursive=True)
        self._process.terminate()
        deadline = time.monotonic() + END_SECONDS
        while time.monotonic() < deadline:
            with suppress(DamagedFile, OSError):  # a run that cannot be read is not trained either
                if self.has_begun:
                    return
            if self.ended:
                break
            time.sleep(0.02)
        self._process.kill()
        for process in family:
            with suppress(psutil.Error):
                process.kill()

    def _has(self, run: Run) -> bool:
        status = run.last_status()
        if status.pid is None or status.heartbeat == self._heard[run]:  # of a trainer before, even with the same pid
            return False
        try:
            return status.pid == self.pid or psutil.Process(status.pid).ppid() == self.pid
        except (psutil.Error, OSError):
            return False


def start(
    run: Run,
    epochs: int | None = None,
    learning_rate: float | None = None,
    threads: int | None = None,
    others: Sequence[Run] = (),
    data_dir: Path | None = None,
    on_finish: str | None = None,
    device: str | None = None,
    time_limit: float | None = None,
    processes: int | None = None,
    *,
    from_queue: bool = False,
) -> TrainerProcess:
    """Start training a run, or go on with it, in a process that outlives this one. Raises OSError or DamagedFile.

    torchrun starts several processes, and ends all when one fails. `threads` bounds those that compute. `others` are
    trained in turns by the same process, which refuses those that it cannot train. Images that are not where they were
    first trained on lie in `data_dir`. `on_finish` is a command for the shell, once a run has ended. Another `device`
    than the run's own may be given, the seconds that its process has, another number of processes, and that it is
    trained only if it waits.
    """
    config = run.training_config()
    config = config.model_copy(update={"processes": processes or config.processes})
    words = [*command(run, config), *(str(other.path) for other in others)]
    asked: dict[str, object] = {"--epochs": epochs, "--learning-rate": learning_rate, "--data-dir": data_dir}
    asked |= {"--device": device, "--processes": processes}
    asked |= {"--time-limit": None if time_limit is None else f"{time_limit:f}s"}
    for option, value in asked.items():
        words += [] if value is None else [option, str(value)]
    words += ["--from-queue"] * from_queue
    if on_finish is not None:
        words += [f"--on-finish={on_finish}", f"--on-finish-in={Path.cwd()}"]
    log = files.persist(lambda: files.open_regular(run.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND))
    try:
        heard, log_began = {each: each.last_status().heartbeat for each in (run, *others)}, os.fstat(log).st_size
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
            env=environment(config, threads),
        )
    finally:
        os.close(log)
    return TrainerProcess(process, heard, log_began)


def environment(config: RunConfig, threads: int | None = None) -> dict[str, str]:
    """The environment of a trainer; variables that its user has set win, but for those of another job."""
    chosen = FOR_TRAINING | without_place(os.environ) | {"PYTHONUNBUFFERED": "1", "PYTHONSAFEPATH": "1"}
    if chosen.pop(THREADS_GIVEN, ""):  # to the trainer that starts this one
        del chosen["OMP_NUM_THREADS"]
    if config.processes > 1 and threads is None:
        threads = max(1, (os.cpu_count() or 1) // config.processes)
    if threads is not None and "OMP_NUM_THREADS" not in chosen:
        chosen |= {"OMP_NUM_THREADS": str(threads), THREADS_GIVEN: "1"}
    return chosen


def command(run: Run, config: RunConfig) -> list[str]:
    """The command line that starts the trainer of a run."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={config.processes}"]
    return [*program.words("core.worker", *(torchrun if config.processes > 1 else [])), str(run.path)]


def resume(
    run: Run,
    epochs: int | None = None,
    learning_rate: float | None = None,
    threads: int | None = None,
    data_dir: Path | None = None,
    on_finish: str | None = None,
    time_limit: float | None = None,
    processes: int | None = None,
) -> TrainerProcess:
    """Go on with a run that no trainer has, from its last save; `data_dir` is where its images may have moved to.

    Raises RunError when there is nothing left to train, DataError without images, DamagedFile or OSError.
    """
    goal, rate = epochs, learning_rate
    if (entry := read_entry(run.path)) is not None and run.state() is State.QUEUED:  # it does not wait for its turn
        asked = entry.asked(run.status())  # which its trainer finds there
        goal, rate = epochs or asked.epochs, learning_rate or asked.learning_rate
        data_dir = data_dir or (None if entry.data_dir is None else Path(entry.data_dir))
    prepare_resume(run, goal, data_dir)
    if rate is not None:
        run.requests.take_back([LEARNING_RATE])  # asked of the trainer before, which did not do it any more
    return start(run, epochs, learning_rate, threads, (), data_dir, on_finish, None, time_limit, processes)


def prepare_resume(run: Run, epochs: int | None = None, data_dir: Path | None = None) -> None:
    """Have a run that no trainer has wait for one. Raises what `resume` raises."""
    config = run.training_config()
    run.check_state()
    run.check_not_trained()
    if run.read_only:
        raise RunError(f"{run.name} {run.read_only}, so it cannot be trained: {run.path}")
    status = run.last_status()
    if status.state is State.UNKNOWN:
        raise RunError(f"{run.name} is in a state that only a newer version of vae-tui knows")
    goal = epochs or status.epochs
    # One that was killed between its last save and its last status still has to say that it finished.
    if status.epoch >= goal > 0 and (epochs or status.state is State.FINISHED):
        done = f"{status.epoch} epoch{'s' * (status.epoch != 1)}"
        raise RunError(f"{run.name} has done {done}; ask for more than that with --epochs")
    if status.reason and epochs is None and status.state is State.FINISHED:
        raise RunError(f"{run.name} has finished: {status.reason}; go on with --epochs")
    source = config.image_source
    registry.check_same(source, registry.locate(source, data_dir or registry.default_data_dir()))
    # An old request must not stop the new trainer, and one that comes while it starts must reach it.
    run.requests.replace_last("resume")
    run.requests.take_back((*ACTIONS, STOP_SWEEP))


def send_request(run: Run, action: Action) -> None:
    """Send a request to the trainer of a run. Raises RunError when there is none, or OSError naming the run.

    A trainer of a version that knows the last request only does that one; a save never replaces a stop that waits.
    """
    state = run.state()
    if not state.active:
        hint = "; vae-tui resume starts one" if action == "resume" else ""
        if state is State.QUEUED and action == "stop":
            hint = f"; vae-tui queue --cancel {run.name} takes it out"
        raise RunError(f"{run.name} is {state}, so there is no trainer to {action}{hint}")
    status = run.status()
    try:
        if status.done_request is not None:
            run.requests.add(action, status.done_request)
            return
        last = files.persist(run.requests.last) if action == "save" else None
        if last is None or last.action != "stop" or last.id == status.handled:
            run.requests.replace_last(action)
    except OSError as error:
        raise OSError(error.errno, f"cannot be asked to {action}: {error.strerror}", str(run.path)) from error


def send_learning_rate(run: Run, learning_rate: float) -> NumberedRequest:
    """Have the trainer of a run go on with that rate. Raises ConfigError, RunError without one, or OSError."""
    check_values(learning_rate=learning_rate)
    status, state = run.observe()
    again = f"vae-tui resume {run.name} --learning-rate {learning_rate:g}"
    if not state.active:
        raise RunError(f"{run.name} is {state}, so no trainer can be given a learning rate; {again} goes on with it")
    if status.done_request is None:
        raise RunError(f"{run.name} is trained by an older version of vae-tui; stop it, and go on with {again}")
    try:
        return run.requests.add(LEARNING_RATE, status.done_request, learning_rate)
    except OSError as error:
        reason = f"cannot be given a learning rate: {error.strerror}"
        raise OSError(error.errno, reason, str(run.path)) from error
