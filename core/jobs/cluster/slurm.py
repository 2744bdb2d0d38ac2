"""Submits runs to Slurm through submitit, a job for each; they wait there as runs of the queue of another host."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import packages
from core.errors import ConfigError, RunError
from core.jobs.cluster.job import TrainRun
from core.jobs.cluster.place import job_title
from core.program import START
from core.runs.keeping.queued import Queued, new_entry, read_entry, remove_entry, write_entry
from core.runs.run import Run

if TYPE_CHECKING:
    from submitit import SlurmExecutor

# Slurm sends the warning to the whole job step. USR2, as submitit has it, would end a trainer, and TERM is what scancel
# sends; a trainer saves on USR1. NCCL, which takes USR1 for itself, is not loaded where one process trains a run.
WARNING_SIGNAL = "USR1"
WARNING_SECONDS = 120
MOST_REQUEUES = 1000
JOBS = ".slurm"  # in the folder of the runs: scripts, pickles and words of the jobs
NEEDED = packages.needs("launcher slurm needs", "slurm")
OURS = {"folder", "setup", "name", "job_name", "signal_delay_s", "nodes", "ntasks_per_node", "tasks_per_node"}


def parse_options(words: Sequence[str]) -> dict[str, str | int]:
    """`partition=gpu`, `time=240` and the like as options of sbatch, in submitit's names. Raises ConfigError."""
    options: dict[str, str | int] = {}
    for word in words:
        name, equals, value = word.partition("=")
        name = name.strip().removeprefix("--").replace("-", "_")
        if not equals or not name.isidentifier() or name in OURS:
            wanted = "an option of sbatch such as partition=gpu, gpus_per_node=1 or time=240 (minutes)"
            raise ConfigError({"slurm": f"--slurm must be {wanted}, not {word[:60]!r}"})
        options[name] = int(value) if value.isdecimal() else value
    return options


def slurm_executor(runs_dir: Path, options: Mapping[str, str | int]) -> SlurmExecutor:
    """What submits jobs whose runs lie in this folder. Raises ConfigError without submitit, Slurm or such options."""
    os.environ["SUBMITIT_PREEMPT_SIGNAL"] = WARNING_SIGNAL  # read when submitit is imported
    try:
        import submitit
    except ImportError as error:
        raise ConfigError({"launcher": NEEDED}) from error
    try:
        executor = submitit.SlurmExecutor(folder=runs_dir.absolute() / JOBS / "%j", max_num_timeout=MOST_REQUEUES)
        setup = [f"export SUBMITIT_PREEMPT_SIGNAL={WARNING_SIGNAL}", "export PYTHONSAFEPATH=1"]
        setup += [f"export PYTHONPATH={shlex.quote(str(START.parent))}${{PYTHONPATH:+:$PYTHONPATH}}"]
        executor.update_parameters(
            **{"time": 24 * 60, **options},
            setup=setup,
            signal_delay_s=WARNING_SECONDS,
            stderr_to_stdout=True,
        )
    except (RuntimeError, ValueError, TypeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError({"launcher": f"launcher slurm: {reason}"}) from error
    return executor


def enter(run: Run) -> None:
    """Have a new run wait for the scheduler, as `fill` of its making."""
    write_entry(run.path, _entry("Slurm"))


def _entry(host: str) -> Queued:
    return new_entry().model_copy(update={"host": host})


def submit(runs: Sequence[Run], executor: Any, data_dir: Callable[[Run], Path | None]) -> Iterator[tuple[Run, str]]:
    """Submit a job for each of these runs, which wait; each with its number. Raises RunError or OSError.

    One that cannot be submitted waits no more.
    """
    for run in runs:
        entry = read_entry(run.path) or _entry("Slurm")
        executor.update_parameters(job_name=run.name)
        try:
            job = executor.submit(TrainRun(run.path, data_dir(run)))
        except Exception as error:
            remove_entry(run.path)
            reason = str(error).strip().splitlines()[:1]
            raise RunError(f"{run.name} cannot be submitted: {(reason or [type(error).__name__])[0]}") from error
        if read_entry(run.path) == entry:  # else it has begun, and ended, by now
            write_entry(run.path, entry.model_copy(update={"host": job_title(job.job_id)}))
        yield run, job.job_id
