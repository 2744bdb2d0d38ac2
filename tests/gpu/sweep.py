"""Which tiling of each kernel is fastest on this GPU: `python -m tests.gpu.sweep --seconds 150 --out DIR`.

Every result is printed and written when it comes. Kernels are compiled in parallel processes, into Triton's cache.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import torch

from core.kernels.gpu import compiling
from core.kernels.gpu.compiling import Compilable, Wanted
from core.kernels.gpu.launches.backward import Builder
from core.kernels.gpu.launches.forward import Launch
from core.kernels.gpu.layers import Layer, Tiling
from core.kernels.gpu.step import TritonStep
from core.kernels.gpu.tiles import Tiles
from tests.gpu.runs import make_step

IN_A_ROW = 20
REGISTERS = 170
REGISTERS_BACK = 235
SHARED = 120_000  # bytes
BATCH = 128
SPARE = 1 << 24


@dataclass(frozen=True)
class Candidate:
    """A tiling of one kernel."""

    layer: int
    back: bool
    tiling: Tiling


def candidates(step: TritonStep, limit: int) -> Iterator[Candidate]:
    """For every kernel the tilings that may fit into registers and shared memory, those with the least work first."""
    plan = step.plan
    for index, back in product(range(len(plan.layers)), (False, True)):
        layer = plan.layers[index]
        if layer is plan.decoder[0]:
            continue
        found = sorted(_of(layer, back, layer is plan.layers[0]), key=lambda entry: entry[0])
        yield from (Candidate(index, back, tiling) for _, tiling in found[:limit])


def _of(layer: Layer, back: bool, is_first: bool) -> Iterator[tuple[float, Tiling]]:
    read, made = (layer.channels_out, layer.channels_in) if back else (layer.channels_in, layer.channels_out)
    blocks = [1] if layer.upsampled and back else [1, 2]
    for block, images, taps, warps in product(blocks, (1, 2, 4, 8), (1, 2, 4, 8, 16), (1, 2, 4, 8, 16)):
        view = layer.backward(block) if back else layer.forward(block)
        pixels = view.window**2
        columns = max(8, view.block**2 * made)
        rows = images * view.groups**2
        k = taps * read
        parts = -(-pixels // taps)
        wasteful = parts * taps > 1.4 * pixels or rows < 16 * warps or (images > 1 and rows > 64)
        if not 16 <= k <= 256 or wasteful:
            continue
        if is_first and back:
            if taps == 16 and block == 2:
                yield 1, Tiling(block, images, taps, 1, warps)
            continue
        if back and k < 8 * warps:
            continue
        lanes = 32 * warps
        fixed = (rows * columns * (3 if back else 1) + (k * columns if back else 0)) / lanes
        each = (rows * k + k * columns) / lanes
        ahead = min(parts, int(((REGISTERS_BACK if back else REGISTERS) - fixed) / max(each, 1)))
        shared = 4 * (k * rows + k * columns + (rows * columns if back else 0))
        if ahead < 1 or shared > SHARED:
            continue
        work = parts * taps * (rows * read + read * columns) / lanes
        if warps == 16:  # half of the registers
            ahead = min(ahead, int((110 - fixed) / max(each, 1)))
            if ahead < 1:
                continue
        for some in {ahead, -(-ahead // 2), 1}:
            rounds = -(-parts // some)
            if some == min(parts, some):
                yield work * 3 + 300 * rounds + 100 * parts, Tiling(block, images, taps, some, warps)


def launch_of(step: TritonStep, candidate: Candidate) -> Launch:
    """The launch with this tiling; what it computes is not what the step needs."""
    plan = step.plan
    layer = plan.layers[candidate.layer]
    kind = "backwards" if candidate.back else "forwards"
    tiles = plan.tiles
    changed: dict[str, Any] = {kind: {**getattr(tiles, kind), layer.name: candidate.tiling}}
    plan.tiles = replace(tiles, **changed)
    builder = Builder(plan, step.images, BATCH)
    launch = _build(builder, layer, candidate.back)
    plan.tiles = tiles
    return launch


def _build(builder: Builder, layer: Layer, back: bool) -> Launch:
    if not back:
        return builder._forward(layer)
    return builder._backward(layer) if layer in builder._sources else builder._first_backward(layer)


def make(runs: int, precision: str, device: str) -> TritonStep:
    """A step whose tensors are large enough for every tiling."""
    step = make_step("vae", runs, BATCH, precision, device)
    if device != "cpu":
        step(torch.stack([torch.randperm(len(step.images), device=device)[:BATCH] for _ in range(runs)]))
    plan = step.plan
    for name in ("matrices", "partials"):
        tensor = getattr(plan, name)
        setattr(plan, name, torch.cat([tensor.flatten(), tensor.new_zeros(SPARE)])[None])
    for sums in (plan.sums, plan.sums_back):
        for name, tensor in sums.items():
            sums[name] = tensor.new_zeros(runs * 1024 * tensor.shape[2] * 2).uniform_()
    return step


def compile_share(share: int, shares: int, limit: int, precision: str, done: Any) -> None:
    """Compile every so many-th candidate."""
    step = make(1, precision, "cuda")
    for number, candidate in enumerate(candidates(step, limit)):
        if number % shares == share:
            try:
                launch = launch_of(step, candidate)
                launch.kernel.warmup(*launch.arguments, grid=launch.grid, **launch.constants)
                done.put((number, None))
            except Exception as error:  # noqa: BLE001 - whatever one tiling meets, the others are tried
                done.put((number, f"{type(error).__name__} {str(error)[:200]}"))


def microseconds(launch: Launch) -> float:
    """Of one launch among many in a graph, the least of three rounds."""
    launch()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(IN_A_ROW):
            launch()
    times = []
    for _ in range(4):
        start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        graph.replay()
        stop.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(stop) * 1000 / IN_A_ROW)
    return float(min(times[1:]))


def sweep(seconds: float, limit: int, precision: str, runs: list[int], out: Path) -> None:
    """Time candidates as they are compiled, until all are or the time is over; the best of each kernel is written."""
    until = time.monotonic() + seconds
    context = multiprocessing.get_context("spawn")
    done: Any = context.Queue()
    shares = max(1, (os.cpu_count() or 2) - 2)
    workers = [
        context.Process(target=compile_share, args=(share, shares, limit, precision, done), daemon=True)
        for share in range(shares)
    ]
    for worker in workers:
        worker.start()
    steps = {count: make(count, precision, "cuda") for count in runs}
    all_of = list(candidates(steps[runs[0]], limit))
    print(f"{len(all_of)} tilings, {shares} processes compile", flush=True)
    best: dict[int, dict[str, tuple[float, Tiling]]] = {count: {} for count in runs}
    with (out / f"sweep-{precision}.jsonl").open("w") as log:
        for _ in range(len(all_of)):
            try:
                number, problem = done.get(timeout=max(0.1, until - time.monotonic()))
            except Exception:  # noqa: BLE001 - queue.Empty, or a worker that is gone
                print("out of time", flush=True)
                break
            candidate = all_of[number]
            line: dict[str, Any] = {**asdict(candidate), "problem": problem}
            if problem is None:
                for count, step in steps.items():
                    name = step.plan.layers[candidate.layer].name + (" back" if candidate.back else "")
                    try:
                        launch = launch_of(step, candidate)
                        line[f"us{count}"] = time_ = round(microseconds(launch), 2)
                    except Exception as error:  # noqa: BLE001
                        line["problem"] = f"{type(error).__name__} {str(error)[:200]}"
                        break
                    if time_ < best[count].get(name, (1e9, None))[0]:
                        best[count][name] = time_, candidate.tiling
            log.write(json.dumps(line) + "\n")
            log.flush()
    for worker in workers:
        worker.terminate()
    for count, found in best.items():
        chosen = {name: {"us": us, **asdict(tiling)} for name, (us, tiling) in found.items()}
        (out / f"best-{precision}-{count}.json").write_text(json.dumps(chosen, indent=1))
        print(f"{precision} {count} run(s): sum of the best {sum(us for us, _ in found.values()):.1f} us", flush=True)
        for name, (us, tiling) in sorted(found.items()):
            print(f"  {name:22s} {us:7.2f} {tiling}", flush=True)
    chosen_tiles = {count: tiles_of(out / f"best-{precision}-{count}.json") for count in runs}
    compile_apart([Wanted("vae", BATCH, precision, tiles=tiles) for tiles in chosen_tiles.values()])
    for count, tiles in chosen_tiles.items():
        whole(count, precision, tiles)


def compile_apart(wanted: Sequence[Compilable]) -> None:
    """Compile in a process that does not use the GPU. Raises RuntimeError."""
    given = wanted, compiling.capability("cuda")
    process = multiprocessing.get_context("spawn").Process(target=compiling.compile_kernels, args=given)
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"compiling ended with {process.exitcode}")


def whole(runs: int, precision: str, tiles: Tiles | None) -> None:
    """Time the whole recorded step, and each launch of it."""
    step = make_step("vae", runs, BATCH, precision, "cuda", tiles=tiles, roughened=0.0)
    chosen = torch.stack([torch.randperm(len(step.images), device="cuda")[:BATCH] for _ in range(runs)])
    step(chosen)
    graph = step._recorded[BATCH]
    times = []
    for _ in range(5):
        start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(100):
            graph.replay()
        stop.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(stop) * 10)
    each = {launch.name: round(microseconds(launch), 2) for launch in step.launches(BATCH)}
    print(f"*** {precision} {runs} run(s): {statistics.median(times):.1f} us a step, {len(each)} launches", flush=True)
    print(f"    sum {sum(each.values()):.1f}: {each}", flush=True)


def tiles_of(path: Path) -> Tiles:
    """The tilings that a sweep found best."""
    forwards: dict[str, Tiling] = {}
    backwards: dict[str, Tiling] = {}
    for name, entry in json.loads(path.read_text()).items():
        tiling = Tiling(*(entry[key] for key in ("block", "images", "taps", "ahead", "warps")))
        (backwards if name.endswith(" back") else forwards)[name.removesuffix(" back")] = tiling
    return Tiles(forwards, backwards)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--limit", type=int, default=16, help="tilings of a kernel")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--runs", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--out", type=Path, default=Path())
    parser.add_argument("--list", action="store_true", help="only print what would be tried")
    given = parser.parse_args()
    if given.list:
        step = make(1, given.precision, "cpu")
        for candidate in candidates(step, given.limit):
            print(step.plan.layers[candidate.layer].name, candidate)
    else:
        sweep(given.seconds, given.limit, given.precision, given.runs, given.out)


if __name__ == "__main__":
    main()
