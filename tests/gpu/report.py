"""Checks and measures training on a GPU with one command: `python -m tests.gpu.report --out DIR [--data DIR]`.

Correctness comes first, then times; every line is printed and written as it comes. `--device cpu --quick` rehearses it
without a GPU, where the kernels run in Triton's interpreter (TRITON_INTERPRET=1).
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch

from core.data.images import load_image_set
from core.kernels.gpu import compiling
from core.kernels.gpu.compiling import Wanted
from core.kernels.gpu.denoiser.selftest import WantedNorms
from core.kernels.gpu.tiles import Tiles
from tests.benchmarks.machine import machine
from tests.gpu import checks, devices, groups, priors, quality, timings
from tests.gpu.checks import BATCH, Result
from tests.gpu.runs import prepare, wanted_of
from tests.gpu.sweep import compile_apart, tiles_of
from tests.gpu.timings import Figure

Found = Result | Figure
Work = Callable[[], Found | Iterable[Found]]
STEPS = [
    ("vae", 1, "float32"), ("vae", 8, "float32"), ("vae", 1, "bfloat16"), ("vae", 8, "bfloat16"), ("ae", 1, "float32"),
    ("vae-post", 1, "float32"), ("vae", 2, "float32"), ("vae", 4, "float32"), ("vae", 16, "float32"),
]  # fmt: skip


class Report:
    """Prints and keeps what is found, and goes on where something fails."""

    def __init__(self, out: Path, seconds: float) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self._file = out / "report.jsonl"
        self._file.write_text("")
        self._began, self._seconds = time.monotonic(), seconds
        self.failed = 0

    def say(self, text: str, **content: Any) -> None:
        """A line on the screen and in the file."""
        passed = time.monotonic() - self._began
        print(f"[{passed:6.1f}] {text}", flush=True)
        with self._file.open("a") as file:
            file.write(json.dumps({"time": round(passed, 1), "text": text} | content) + "\n")

    def do(self, work: Work) -> None:
        """Do a part of the work, unless the time is over."""
        if time.monotonic() - self._began > self._seconds:
            self.say("left out: the time is over")
            return
        try:
            found = work()
            for one in [found] if isinstance(found, Result | Figure) else found:
                self._tell(one)
        except Exception as error:  # noqa: BLE001 - whatever one part meets, the others are done
            self.failed += 1
            lines = "".join(traceback.format_exception(error)).strip().splitlines()
            self.say(f"FAILED {type(error).__name__}: {' | '.join(line.strip() for line in lines[-4:])[-600:]}")

    def _tell(self, found: Found) -> None:
        if isinstance(found, Figure):
            self.say(f"{found.name}: {found.value:,.4g} {found.unit}", **asdict(found))
        else:
            self.failed += not found.passed
            self.say(f"{'ok  ' if found.passed else 'FAIL'} {found.name}: {found.found}", **asdict(found))


def unpack(packed: Path, goal: Path) -> None:
    """MNIST's gzipped files where they are looked for."""
    for file in packed.rglob("*.gz"):
        place = goal / file.relative_to(packed).with_suffix("")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(gzip.decompress(file.read_bytes()))


def compiled(tiles: Tiles | None) -> Figure:
    """Compile what the report needs besides what trainers prepare for themselves."""
    begin = time.monotonic()
    presets = [Wanted(preset, BATCH, tiles=tiles) for preset in ("vae", "ae", "vae-post")]
    norms = [WantedNorms("float32"), WantedNorms("bfloat16")]
    compile_apart([*presets, Wanted("vae", BATCH, "bfloat16", tiles=tiles), *norms])
    return Figure("compiling four steps' kernels, and a prior's", time.monotonic() - begin, "s")


def parts(device: str, dataset: str, tiles: Tiles | None, folder: Path) -> dict[str, list[Work]]:
    """Everything by the name of its part, in order of importance: what is right, then times, then the rest."""
    timed: list[Work] = [partial(timings.kernel_steps, device, 300, *each, tiles) for each in STEPS]

    def prepared() -> Iterator[Figure]:
        prepare(wanted_of(dataset, BATCH), device)
        return timings.whole_run(folder, device, dataset, 40)

    return {
        "compiling": [lambda: compiled(tiles)],
        "self-tests": [
            lambda: checks.self_tests(device, tiles, BATCH), lambda: checks.bfloat16_is_near(device, tiles),
            lambda: checks.norm_is_told(device, tiles), lambda: priors.are_right(device),
        ],
        "bits": [lambda: checks.recorded_is_eager(device, tiles), lambda: checks.alone_is_grouped(device, tiles)],
        "steps": timed[:2],
        "whole": [prepared],  # 400 epochs, and the first line of metrics
        "ready": [lambda: timings.whole_run(folder, device, dataset, 40, cache=folder / "no-kernels-yet")],
        "prior": [lambda: priors.steps(device, 100)],
        "killed": [
            lambda: checks.killed_and_resumed(folder, device), lambda: priors.killed_and_resumed(folder, device)
        ],
        "groups": [
            lambda: groups.shared_is_alone(folder, device), lambda: groups.seconds_together(folder, device, dataset)
        ],
        "more steps": timed[2:],
        "plain": [lambda: timings.plain_loop(device, 50)],
        "trainer": [lambda: timings.trainer_step(folder, device, 300)],
        "between": [lambda: timings.save_and_validate(folder, device, dataset)],
        "finite": [lambda: checks.stays_finite(device, tiles, "bfloat16")],
        "quality": [lambda: quality.compare(device, load_image_set(dataset), 20)],
        "crossing": [lambda: checks.crosses_devices(folder, device)],
        "devices": [partial(check, folder, device) for check in devices.CHECKS],
        "layers": [lambda: checks.killed_and_resumed(folder, device, "--layers")],
        "memory": [lambda: checks.short_of_memory(folder, device)],
        "whole layers": [lambda: timings.whole_run(folder, device, dataset, 4, "--layers")],
    }  # fmt: skip


def rehearse(report: Report, device: str, tiles: Tiles | None) -> None:
    """A little of it."""
    report.do(lambda: checks.self_tests(device, tiles, 2))
    report.do(lambda: timings.kernel_steps(device, 2, "vae", 1, "float32", tiles, 2))
    report.do(lambda: checks.norm_is_told(device, tiles, 2, 1))
    report.do(lambda: priors.are_right(device, 2, ("float32",)))
    report.do(lambda: priors.steps(device, 1, 2, rounds=1))
    report.do(lambda: timings.plain_loop(device, 2))


def main() -> int:
    """The command line; 1 if something is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.gpu.report", description=__doc__)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--quick", action="store_true", help="little of everything, to see that it works")
    parser.add_argument("--out", type=Path, default=Path("gpu-report"))
    parser.add_argument("--data", type=Path, help="a folder with MNIST's gzipped files")
    parser.add_argument("--tiles", type=Path, help="tilings that tests.gpu.sweep wrote")
    parser.add_argument("--seconds", type=float, default=280.0, help="after these nothing new is begun")
    parser.add_argument("--only", nargs="+", metavar="PART", help="nothing but these parts, such as self-tests")
    given = parser.parse_args()
    report = Report(given.out, given.seconds)
    tiles = tiles_of(given.tiles) if given.tiles else None
    compiling.use_cache()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dataset = "mnist-5k"
        if given.data is not None:
            unpack(given.data, folder / "data")
            os.environ["VAE_TUI_DATA"] = str(folder / "data")
            dataset = "mnist"
        report.say(json.dumps(machine()))
        if given.quick:
            rehearse(report, given.device, tiles)
        else:
            for name, works in parts(given.device, dataset, tiles, folder).items():
                for work in works if not given.only or name in given.only else ():
                    report.do(work)
    report.say(f"end; {report.failed} not as it should be")
    torch.set_num_threads(1)
    return min(report.failed, 1)


if __name__ == "__main__":
    sys.exit(main())
