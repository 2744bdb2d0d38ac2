"""A stand-in for Slurm: its commands as scripts, which run jobs on this machine and keep them in a folder."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil

SBATCH = """#!/bin/bash
number=$(( $(ls "$STAND_IN" | grep -c '[.]sh$') + 1 ))
cp "$1" "$STAND_IN/$number.sh"
echo "Submitted batch job $number"
[ -e "$STAND_IN/held" ] || begin "$number"
"""
BEGIN = """#!/bin/bash
echo "$1" >> "$STAND_IN/begun"
SLURM_JOB_ID=$1 SLURM_NTASKS=1 SLURM_JOB_NUM_NODES=1 SLURM_NODEID=0 SLURM_PROCID=0 SLURM_LOCALID=0 \\
    setsid bash "$STAND_IN/$1.sh" < /dev/null > "$STAND_IN/$1.out" 2>&1 &
"""
# A job's step is a process group; its words go where sbatch was told.
SRUN = """#!/bin/bash
while [[ $1 == -* ]]; do
    case $1 in --output) out=$2; shift 2;; --error) shift 2;; *) shift;; esac
done
out=${out//%j/$SLURM_JOB_ID}; out=${out//%t/0}
mkdir -p "$(dirname "$out")"
setsid "$@" >> "$out" 2>&1 &
echo $! > "$STAND_IN/$SLURM_JOB_ID.step"
wait $!
"""
SCONTROL = """#!/bin/bash
[ "$1" = requeue ] || exit 1
step=$(cat "$STAND_IN/$2.step")
(while kill -0 "$step" 2> /dev/null; do sleep 0.05; done; begin "$2") < /dev/null > /dev/null 2>&1 &
"""


class StandIn:
    """The commands `sbatch`, `srun` and `scontrol` in a folder for PATH, and the jobs that they were given."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.jobs = folder / "bin", folder / "jobs"
        for made in (self.bin, self.jobs):
            made.mkdir(parents=True)
        scripts = {"sbatch": SBATCH, "begin": BEGIN, "srun": SRUN, "scontrol": SCONTROL}
        for name, text in scripts.items():
            (self.bin / name).write_text(text)
            (self.bin / name).chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": f"{self.bin}:{os.environ['PATH']}", "STAND_IN": str(self.jobs)}

    def script(self, number: int) -> str:
        """What sbatch was given."""
        return (self.jobs / f"{number}.sh").read_text()

    def begun(self) -> list[int]:
        """The jobs in the order in which they began; one that was queued anew is there again."""
        path = self.jobs / "begun"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def hold(self) -> None:
        """Begin no job that is submitted from now on."""
        (self.jobs / "held").touch()

    def begin(self, number: int) -> None:
        """Begin a job that was held."""
        subprocess.run([self.bin / "begin", str(number)], env=os.environ | self.environment, check=True)

    def ended(self, number: int) -> bool:
        """Whether a job that began has ended."""
        step = self.jobs / f"{number}.step"
        return step.exists() and not psutil.pid_exists(int(step.read_text()))

    def end(self) -> None:
        """End what is left of all jobs."""
        for step in self.jobs.glob("*.step"):
            with suppress(ProcessLookupError):
                os.killpg(int(step.read_text()), signal.SIGKILL)

    def send(self, number: int, what: signal.Signals) -> None:
        """A signal for all processes of a job's step, as the scheduler sends it."""
        os.killpg(int((self.jobs / f"{number}.step").read_text()), what)
