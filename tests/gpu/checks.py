"""Whether training on this device is right: the step against PyTorch, the same bits, killed runs, other devices."""

from __future__ import annotations

import copy
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import torch

from core.jobs import launch
from core.kernels.gpu.compiling import CACHE, Wanted
from core.kernels.gpu.selftest import check
from core.kernels.gpu.tiles import Tiles
from core.runs.config import make_config
from core.runs.run import Run
from core.runs.status import State
from core.training.checkpoint import load_state
from core.training.step import norm_of
from tests.gpu.runs import make_step, prepare, truth, wanted_of

BATCH = 128
PRECISIONS = ("float32", "bfloat16")
NEAR = 0.1  # relative; each layer adds about 0.005 of it
EPOCHS, KILLED_AFTER = 40, 5  # of runs that are killed; saves, each of which takes as long as many steps
SHORT: dict[str, object] = {"dataset": "mnist-5k", "batch_size": BATCH, "validate_every": 1000}


@dataclass(frozen=True)
class Result:
    """What was looked at, whether it is as it should be, and what was found."""

    name: str
    passed: bool
    found: str


def self_tests(device: str, tiles: Tiles | None, batch: int = BATCH) -> Iterator[Result]:
    """Every preset against PyTorch's float32 on the device, and the same bits twice."""
    cases = [("vae", 1, "float32"), ("ae", 1, "float32"), ("vae-post", 1, "float32"), ("vae", 3, "float32")]
    for preset, runs, precision in [*cases, ("vae", 1, "bfloat16")]:
        outcome = check(Wanted(preset, batch, precision, runs, tiles=tiles), device)
        complaint = outcome.complaint(precision)
        yield Result(f"self-test {preset} {precision} {runs} run(s)", complaint is None, complaint or str(outcome))


def bfloat16_is_near(device: str, tiles: Tiles | None, batch: int = BATCH) -> Result:
    """What each layer of a fresh network leaves in bfloat16, against float32: which one is the first to be far off."""
    steps = [Wanted("vae", batch, precision, tiles=tiles).fresh_step(device, 0, batch) for precision in PRECISIONS]
    for step in steps:
        step.plan.chosen.copy_(torch.arange(batch))
        step.plan.noise.copy_(torch.randn(step.plan.noise.shape, generator=torch.Generator().manual_seed(1)))
        step.run(batch)
    exact, low = (step.plan.z for step in steps)
    off = {name: float((low[name].float() - z).norm() / z.norm()) for name, z in exact.items()}
    said = ", ".join(f"{name} {error:.3f}" for name, error in off.items())
    return Result("bfloat16 leaves what float32 leaves", max(off.values()) < NEAR, said)


def norm_is_told(device: str, tiles: Tiles | None, batch: int = BATCH, runs: int = 2) -> Result:
    """The norm of the gradient that a step tells, against PyTorch's float32 on the device."""
    step = make_step("vae", runs, batch, device=device, tiles=tiles)
    models = [copy.deepcopy(model) for model in step.models]
    chosen = torch.stack([torch.randperm(len(step.images))[:batch] for _ in range(runs)]).to(device)
    step(chosen)
    noise, errors = step.place(step.plan.noise, batch), []
    for run, model in enumerate(models):
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False, deterministic=True):
            wanted = truth(model, step.images, chosen[run], noise[run], step.kl_weights[run])
        exact = torch.cat([gradient.flatten() for gradient in wanted.gradients.values()]).norm()
        errors.append(abs((norm_of(step.squares[run]) or math.inf) / float(exact) - 1))
    return Result("the norm of the gradient is told", max(errors) < NEAR, f"relative errors {errors}")


def recorded_is_eager(device: str, tiles: Tiles | None, steps: int = 20) -> Result:
    """A recorded step and one that is launched from Python, so many times, also for a shorter last batch."""
    found = []
    for recorded in (True, False):
        step = make_step("vae", 2, BATCH, device=device, tiles=tiles)
        order = torch.Generator().manual_seed(1)
        for number in range(steps):
            count = 96 if number % 5 == 4 else BATCH
            chosen = torch.stack([torch.randperm(len(step.images), generator=order)[:count] for _ in range(2)])
            if recorded:
                step(chosen.to(device))
            else:
                step.place(step.plan.chosen, count).copy_(chosen)
                step.draw(count)
                step.run(count)
        found.append([tensor.clone() for tensor in step.changing()])
    same = all(torch.equal(one, other) for one, other in zip(*found, strict=True))
    return Result("recorded and launched steps are the same bits", same, f"{steps} steps, two lengths of batch")


def alone_is_grouped(device: str, tiles: Tiles | None, steps: int = 20) -> Result:
    """A run that shares its step with others is as it would be alone."""
    grouped = make_step("vae", 3, BATCH, device=device, tiles=tiles)
    alone = make_step("vae", 1, BATCH, device=device, tiles=tiles)
    order = torch.Generator().manual_seed(1)
    for _ in range(steps):
        chosen = torch.stack([torch.randperm(len(alone.images), generator=order)[:BATCH] for _ in range(3)]).to(device)
        grouped(chosen)
        alone(chosen[0])
    same = torch.equal(grouped.memory.weights[0], alone.memory.weights[0])
    return Result("a run alone and among three is the same bits", same, f"{steps} steps")


def stays_finite(device: str, tiles: Tiles | None, precision: str, steps: int = 2000) -> Result:
    """Eight runs on one batch each, until it is learned by heart."""
    step = make_step("vae", 8, BATCH, precision, device, tiles=tiles, roughened=0.0)
    chosen = torch.stack([torch.randperm(len(step.images))[:BATCH] for _ in range(8)]).to(device)
    for _ in range(steps):
        step.totals.zero_()
        step(chosen)
    errors = [round(error, 2) for error in (step.totals[:, 0] / BATCH).tolist()]
    finite = bool(step.memory.weights.isfinite().all())
    return Result(f"{steps} steps of 8 runs in {precision} stay finite", finite, f"squared errors {errors}")


def train(
    run: Run, *options: str, kill_after_saves: int | None = None, seconds: float = 120.0, cache: Path | None = None
) -> float:
    """Train to the end in the real process, or kill it after so many saves; the seconds until there were metrics.

    `cache`: where compiled kernels are kept, if not where they are for others.
    """
    environment = launch.environment(run.config()) | {"PYTHONPATH": os.pathsep.join(sys.path)}
    environment |= {CACHE: str(cache)} if cache is not None else {}
    environment.pop("PYTHONSAFEPATH", None)
    begin, first_metrics = time.monotonic(), math.nan
    with run.log_path.open("ab") as log:
        words = [sys.executable, "-m", "tests.gpu.process", str(run.path), *options]
        process = subprocess.Popen(words, stdout=log, stderr=log, env=environment)
        saved = set()
        while process.poll() is None:
            passed = time.monotonic() - begin
            if math.isnan(first_metrics) and run.metrics_path.exists() and run.metrics_path.stat().st_size:
                first_metrics = passed
            if kill_after_saves is not None and run.state_path.exists():
                saved.add(run.state_path.stat().st_mtime_ns)
                if len(saved) > kill_after_saves:
                    process.send_signal(signal.SIGKILL)
                    kill_after_saves = None
            if passed > seconds:
                process.kill()
                raise TimeoutError(run.log_path.read_text()[-500:])
            time.sleep(0.005)
    return first_metrics


def killed_and_resumed(folder: Path, device: str, *options: str) -> Result:
    """Killed in the middle of an epoch and gone on with, a run ends as one that was left alone."""
    config = make_config(**SHORT, preset="vae", epochs=EPOCHS, device=device, seed=3)
    kind = "PyTorch" if "--layers" in options else "Triton"
    if kind == "Triton" and device != "cpu":
        prepare(wanted_of("mnist-5k", BATCH), device)
    whole, killed = (Run.create(folder, f"{name}-{kind}", config) for name in ("whole", "killed"))
    return same_end(whole, killed, kind, *options)


def same_end(whole: Run, killed: Run, kind: str, *options: str) -> Result:
    """Train one run to its end, and another one that is killed while it saves as often as it can."""
    train(whole, *options)
    train(killed, *options, "--saving", kill_after_saves=KILLED_AFTER)
    state = load_state(killed)
    point = "none" if state is None else f"epoch {state.epoch} batch {state.batch}"
    train(killed, *options)
    states = [load_state(run) for run in (whole, killed)]
    finished = all(run.state() is State.FINISHED for run in (whole, killed))
    one, other = states
    assert one is not None
    assert other is not None
    same = all(torch.equal(tensor, other.model[name]) for name, tensor in one.model.items())
    same &= torch.equal(one.generator, other.generator)
    moments = zip(one.optimizer["state"].values(), other.optimizer["state"].values(), strict=True)
    same &= all(torch.equal(left[key], right[key]) for left, right in moments for key in left)
    last = [run.metrics_path.read_text().splitlines()[-1] for run in (whole, killed)]
    same &= last[0].split('"train_loss"')[1].split(',"images')[0] in last[1]
    methods = {run.status().device_name.split(", ", 1)[-1] for run in (whole, killed)}
    in_the_middle = state is not None and state.batch > 0
    found = f"killed with the state of {point}; {same=}, {finished=}, {EPOCHS} epochs, {methods}"
    return Result(f"killed and resumed bit for bit ({kind})", same and in_the_middle and finished, found)


def python_path() -> str:
    """Where this process finds modules, for one that begins elsewhere."""
    return os.pathsep.join(str(Path(place).absolute()) for place in sys.path)


def resume(run: Run, epochs: int | None = None) -> None:
    """Go on with a run as a user would, to the end of its process."""
    with mock.patch.dict(os.environ, {"PYTHONPATH": python_path()}):
        worker = launch.resume(run, epochs)
    while not worker.ended:
        time.sleep(0.05)


def crosses_devices(folder: Path, device: str) -> Iterator[Result]:
    """A run goes from the CPU to the device and back, saying then, and only then, that its bits change."""
    run = Run.create(folder, "crossing", make_config(**SHORT, preset="ae", epochs=2, device="cpu", seed=3))
    train(run)
    said = 0
    for epochs, place, again in ((3, device, 1), (4, device, 0), (5, "cpu", 1)):
        config = json.loads((run.path / "config.json").read_text())
        (run.path / "config.json").write_text(json.dumps(config | {"device": place}))
        before = run.status().device
        resume(run, epochs)
        status, lines = run.status(), run.log_path.read_text().count("no longer bit for bit")
        passed = (status.state, status.epoch, status.device) == (State.FINISHED, epochs, place)
        passed, said = passed and (lines > said) == bool(again), lines
        found = f"{status.state}, epoch {status.epoch}, {status.device_name}, {status.error}; said {lines} times"
        yield Result(f"a state made on {before} goes on on {place}", passed, found)


def short_of_memory(folder: Path, device: str) -> Result:
    """What a trainer says whose GPU others have filled."""
    free, _ = torch.cuda.mem_get_info(device)
    held = torch.empty(free - (600 << 20), dtype=torch.uint8, device=device)
    config = make_config(**SHORT, preset="vae", epochs=1, device=device)
    run = Run.create(folder, "short", config)
    train(run, seconds=60)
    del held
    torch.cuda.empty_cache()
    status = run.status()
    return Result("a trainer without memory says so", status.cause == "memory", f"{status.state}: {status.error}")
