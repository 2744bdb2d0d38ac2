"""The app over a run from a stranger stays open, and no code of the run reaches the terminal."""

from __future__ import annotations

import json
import os
import select
import shutil
import time
from pathlib import Path

import pytest

from core.runs.run import Run
from core.runs.status import State, Status
from tests.support.hostile import CODED, VAE_TUI, codes_in
from tests.support.terminal import ENVIRONMENT, UNKNOWN, Terminal
from tui.background.snapshots import RunReader
from tui.drawing.facts import facts
from tui.drawing.plots.plot import draw_curves
from tui.run_axis import X_KINDS, position, x_axis
from tui.series import VISIBLE_FRACTIONS, CurveOptions, charts
from tui.terminal.capabilities import ColorDepth


class RecordedTerminal(Terminal):
    """Keeps the bytes that the program wrote."""

    recorded = b""

    def read(self, seconds: float = 0.05) -> str:
        deadline = time.monotonic() + seconds
        while select.select([self._master], [], [], max(0, deadline - time.monotonic()))[0]:
            try:
                content = os.read(self._master, 1 << 16)
            except OSError:
                break
            self.recorded += content
            self._stream.feed(UNKNOWN.sub(b"", content))
        return "\n".join(line.rstrip() for line in self._screen.display)

    def settle(self, quiet: float, seconds: float = 60.0) -> bytes:
        """Read until nothing came for so long; what came since the last call."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            length = len(self.recorded)
            self.read(quiet)
            if len(self.recorded) == length:
                break
        came, self.recorded = self.recorded, b""
        return came


def coded_run(run: Run, name: str, **news: object) -> Run:
    """A copy whose every text holds codes, the folder's name included."""
    copy = Run(run.path.with_name(name + CODED))
    shutil.copytree(run.path, copy.path)
    config = json.loads((run.path / "config.json").read_bytes())
    config |= {"created": CODED[:64], "versions": {CODED: CODED}, "data_dir": CODED}
    (copy.path / "config.json").write_text(json.dumps(config))
    texts = dict.fromkeys(("host", "activity", "device", "device_name", "handled", "error"), CODED)
    (copy.path / "status.json").write_text(json.dumps({"state": "failed", "epochs": 9, **texts} | news))
    copy.log_path.write_text(f"{CODED}\n{CODED}")
    return copy


@pytest.mark.timeout(240)
def test_no_code_of_a_run_reaches_the_terminal_on_any_screen(run: Run, place: Path) -> None:
    active = {"state": "running", "heartbeat": time.time() + 10_000, "steps_per_epoch": 35, "step": 40, "epoch": 1}
    coded_run(run, "3", **active)  # the newest, so the one that is shown
    coded_run(run, "2", **active, error=None)
    coded_run(run, "1")
    key = coded_run(run, "4")
    (key.path / "config.json").write_text(json.dumps({CODED: CODED}))
    shutil.rmtree(run.path)
    leaked: dict[str, list[str]] = {}
    command = [VAE_TUI, "--runs-dir", str(run.path.parent), "--data-dir", str(place / "data")]
    visits = {
        "runs": ("1", "\x1b[B", "\x1b[B", "\x1b[B", "\x1b[H"),
        "training": ("2",),
        "reconstruct": ("3", "\r", "\x1b"),
        "sample": ("4",),
        "latent": ("5",),
        "compare": ("6", "v", "v", "v", "v", "o", "\x1b"),
        "keys": ("?", "\x1b"),
        "asking to pause": ("2", " "),
        "asking to stop": ("s", "\x1b"),
        "deleting an active run": ("d",),
        "exporting": ("6", "e"),
        "deleting": ("1", "\x1b[F", "d", "\x1b"),
        "leaving": ("q",),
    }
    with RecordedTerminal(command, place, ENVIRONMENT) as terminal:
        terminal.wait_for("3 reconstruct", "failed")
        for visit, keys in visits.items():
            came, quiet = b"", 1.0 if visit in ("reconstruct", "compare") else 0.4
            for pressed in keys:
                terminal.press(pressed)
                came += terminal.settle(quiet)
            if found := codes_in(came):
                leaked[visit] = found
        assert leaked == {}
        assert terminal.wait_for_end() == 0


STEP = '{"kind": "step", "epoch": 0, "step": 7, "time": 2.0, "loss": 3.0, "kl": 1.0, "images_per_second": 100.0}'
ODD_LINES = {
    "nothing but its kind": '{"kind": "step"}',
    "no step": STEP.replace("7", "null"),
    "no time": STEP.replace("2.0", "null"),
    "a step of NaN": STEP.replace("7", "NaN"),
    "an infinite step": STEP.replace("7", "1e999"),
    "a step of 1e308": STEP.replace("7", "1e308"),
    "a step below zero": STEP.replace("7", "-7"),
    "an infinite time": STEP.replace("2.0", "1e999"),
    "a time below zero": STEP.replace("2.0", "-1e308"),
    "the slowest speed": STEP.replace("100.0", "5e-324"),
    "a speed below zero": STEP.replace("100.0", "-100"),
    "an epoch of nothing": '{"kind": "epoch"}',
    "an infinite epoch": '{"kind": "epoch", "step": 1e999, "epoch": 1e999, "val_loss": 1e308}',
}


@pytest.mark.parametrize("per_epoch", [0, 1, 2**53])
@pytest.mark.parametrize("line", ODD_LINES)
def test_odd_numbers_in_metrics_are_shown_as_well_as_can_be(run: Run, line: str, per_epoch: int) -> None:
    odd = Status(state=State.RUNNING, host="there", heartbeat=time.time(), epochs=9, steps_per_epoch=per_epoch)
    run.write_status(odd)
    run.metrics_path.write_text(f"{STEP}\n{ODD_LINES[line]}\n")
    snapshot = RunReader(run).poll()
    assert snapshot is not None
    for shown in facts(snapshot, 30, ColorDepth.TRUECOLOR).plain.splitlines():
        assert len(shown) < 80, shown
    for kind in X_KINDS:
        axis = x_axis([snapshot], kind)
        for fraction in VISIBLE_FRACTIONS:
            low, high = axis.range_of(fraction)
            assert low < high
        for chart in charts([snapshot], CurveOptions(x=kind, weight=0.9), axis, lambda run: 0):
            whole = axis.range_of(1.0)
            draw_curves(chart.curves, 80, 12, x_range=whole, x_unit=axis.unit, cursor=axis.end)
        position([snapshot], axis, axis.end)


@pytest.mark.timeout(120)
def test_the_app_stays_open_over_a_run_with_odd_numbers(run: Run, place: Path) -> None:
    run.metrics_path.write_text("".join(f"{line}\n" for line in ODD_LINES.values()))
    command = [VAE_TUI, "vae", "--runs-dir", str(run.path.parent), "--data-dir", str(place / "data")]
    with RecordedTerminal(command, place, ENVIRONMENT) as terminal:
        terminal.wait_for("3 reconstruct", "vae", seconds=30)
        terminal.settle(1.0)
        assert terminal.process.poll() is None, terminal.read()
        terminal.press("1q")
        assert terminal.wait_for_end() == 0
