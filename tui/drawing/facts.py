"""The facts beside the curves: how far a run is, how fast, its losses, its device and its settings."""

from __future__ import annotations

import re
import textwrap

import numpy as np
from rich.text import Text

from core.runs.config import differing
from core.runs.settings import as_text, title
from core.runs.status import Cause, State, Status
from core.text import printable
from tui import formatting
from tui.messages import Snapshot
from tui.terminal.capabilities import ColorDepth

LABEL_WIDTH = 7
INDENT = LABEL_WIDTH + 1
MUTED = "dim"
SPEED_READINGS = 9
MANY_ROWS = 1000
THREADS = re.compile(r"\d+ threads?")
WITHOUT_STEP = re.compile(r"no compiled step: [^)]+")
ON_OTHER_LINES = ("preset", "dataset", "epochs", "learning_rate", "batch_size", "seed", "device")
SAID_BY_STATE = ("diverged", "memory", "failed", "lost")  # alerts, with the keys that there are here
# What to do about a run that ended early, by the cause of its failure.
HINTS: dict[Cause | None, str] = {
    None: "r resumes from the last save",
    "diverged": "r resumes from the last good state with a lower learning rate",
    "memory": "r resumes once memory is free; n starts a run with a smaller batch",
}


def facts(snapshot: Snapshot, width: int, depth: ColorDepth, rows: int = MANY_ROWS) -> Text:
    """The facts for a column of `width` cells, the most important first; fewer words where there are few rows."""
    summary = snapshot.summary
    lines: list[Text] = []
    if trouble := summary.damage or (summary.status and summary.status.error) or snapshot.metrics_damage:
        lines += [Text(line, "bold red") for line in _wrap(printable(trouble), width)]
    for alert in summary.alerts:
        if alert.is_problem and alert.kind not in SAID_BY_STATE:
            lines += [Text(line, "bold yellow") for line in _wrap(alert.text, width)]
    if summary.status and summary.status.reason:
        lines += [Text(line, MUTED) for line in _wrap(printable(summary.status.reason), width)]
    if snapshot.unread:
        lines.append(Text(f"{1 - snapshot.unread:.0%} of the metrics read so far", MUTED))
    if summary.read_only:
        lines += [Text(line, MUTED) for line in _wrap(f"this run {summary.read_only}", width)]
    if summary.state in (State.CREATED, State.QUEUED) and not summary.read_only:
        not_begun = snapshot.waits or ("waits in the queue" if summary.queued else "not started: r trains it")
        lines += [Text(line, MUTED) for line in _wrap(printable(not_begun), width)]
    if summary.newer:
        lines += [Text(line, MUTED) for line in _wrap(summary.newer, width)]
    elif summary.status and not summary.read_only and summary.state in (State.LOST, State.FAILED, State.STOPPED):
        hint = HINTS[summary.status.cause if summary.state is State.FAILED else None]
        lines += [Text(line, MUTED) for line in _wrap(hint, width)]
    progress, times, losses = _progress(snapshot, width, depth), _times(snapshot), _losses(snapshot)
    device = _device(snapshot, width)
    room = rows - len(lines) - len(times) - len(losses)
    if len(progress) + len(device) > room:
        device = _device_in_short(snapshot, width)
    if len(progress) + len(device) > room:
        progress = _progress_in_short(snapshot, width, depth)
    lines += [
        *(*progress, *times, *losses, *device),
        *(*_load_of_device(snapshot, width), *_saved(snapshot), *_settings(snapshot, width)),
    ]
    return Text("\n").join(lines)


def _line(label: str, *parts: str | Text | tuple[str, str]) -> Text:
    return Text.assemble((f"{label:<{LABEL_WIDTH}} ", MUTED), *parts)


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(width, 1))


def _epoch_and_step(snapshot: Snapshot) -> tuple[int, int]:
    """How many epochs are finished, and how many steps are done."""
    status, steps, finished = snapshot.summary.status, snapshot.steps["step"], snapshot.epochs["epoch"]
    assert status is not None
    step = max(status.step, int(steps[-1])) if len(steps) else status.step
    epoch = max(status.epoch, int(finished[-1])) if len(finished) else status.epoch  # the status is a moment behind
    return epoch, step


def _progress(snapshot: Snapshot, width: int, depth: ColorDepth) -> list[Text]:
    status = snapshot.summary.status
    if status is None or not status.steps_per_epoch * status.epochs:
        return []
    per_epoch = status.steps_per_epoch
    epoch, step = _epoch_and_step(snapshot)
    in_epoch = step - epoch * per_epoch
    if in_epoch > per_epoch:  # the curves are ahead of the status
        in_epoch = (step - 1) % per_epoch + 1
    said = f", next {in_epoch / per_epoch:.0%}" if in_epoch > 0 else ", early" * formatting.ended_early(status)
    done = step / (per_epoch * status.epochs)
    return [
        _line("epoch", f"{epoch}/{status.epochs} done", said),
        _line("run", bar(done, f"{done:.0%}", width - INDENT, depth)),
    ]


def _progress_in_short(snapshot: Snapshot, width: int, depth: ColorDepth) -> list[Text]:
    status = snapshot.summary.status
    if status is None or not status.steps_per_epoch * status.epochs:
        return []
    epoch, step = _epoch_and_step(snapshot)
    done, epochs = step / (status.steps_per_epoch * status.epochs), f"{epoch}/{status.epochs} "
    said = f"{done:.0%}" + ", early" * formatting.ended_early(status)
    return [_line("epoch", epochs, bar(done, said, width - INDENT - len(epochs), depth))]


def _times(snapshot: Snapshot) -> list[Text]:
    status, config = snapshot.summary.status, snapshot.summary.config
    if status is None or config is None:
        return []
    total = status.steps_per_epoch * status.epochs
    if not total:
        begins = snapshot.summary.state not in (State.CREATED, State.QUEUED)
        return [_line("now", status.activity or str(status.state))] if begins else []
    active = snapshot.summary.state is State.RUNNING
    speed = _speed(snapshot)
    times = snapshot.steps["time"]
    took = formatting.duration(float(times[-1])) if len(times) else "0 s"
    lines = []
    if active and speed:
        _, step = _epoch_and_step(snapshot)
        eta = formatting.estimate((total - step) * config.batch_size / speed)
        lines.append(_line("time", f"{took}, ETA {eta}"))
    else:
        lines.append(_line("time", took))
    if active and status.activity != "training":
        lines.append(_line("now", status.activity))
    elif active and speed:
        lines.append(_line("speed", formatting.throughput(speed)))
    return lines


def _speed(snapshot: Snapshot) -> float:
    """Images a second. The median: a save or a pause lowers a single reading."""
    speeds = snapshot.steps["images_per_second"][-SPEED_READINGS:]
    return float(np.nanmedian(speeds)) if np.isfinite(speeds).any() else 0.0


def _saved(snapshot: Snapshot) -> list[Text]:
    """How long ago it was saved: what has been trained since then, a kill would cost."""
    status, config, steps = snapshot.summary.status, snapshot.summary.config, snapshot.steps["step"]
    speed = _speed(snapshot)
    if status is None or config is None or snapshot.summary.state is not State.RUNNING or not speed:
        return []
    if status.saved_step is None:
        return [_line("saved", "not yet")]
    unsaved = max(status.step, int(steps[-1])) - status.saved_step
    return [_line("saved", f"{formatting.duration(unsaved * config.batch_size / speed)} ago")]


def _losses(snapshot: Snapshot) -> list[Text]:
    summary = snapshot.summary
    validations = snapshot.epochs["val_loss"][snapshot.epochs["step"] > snapshot.best_since]
    validations = validations[validations == validations]
    best = validations.min() if len(validations) else None
    lines = [
        _line("train", formatting.loss(summary.train_loss)),
        _line("val", formatting.validation(summary), ("  best ", MUTED), formatting.loss(best)),
    ]
    distances = snapshot.epochs["frechet"][np.isfinite(snapshot.epochs["frechet"])]
    if len(distances):
        last, best = float(distances[-1]), float(distances.min())
        lines.append(_line("Fréchet", formatting.loss(last), ("  best ", MUTED), formatting.loss(best)))
    return lines


def _device(snapshot: Snapshot, width: int) -> list[Text]:
    status = snapshot.summary.status
    if status is None or not status.device:
        return []
    # The device, its threads and how it trains, such as `AMD EPYC, 2 threads, fused bfloat16`.
    name, *details = printable(status.device_name).split(", ")
    lines = [_line("device", status.device, f", {name}" if name else "")]
    return lines + [_line("", line) for line in _wrap(", ".join(details), width - INDENT)]


def _device_in_short(snapshot: Snapshot, width: int) -> list[Text]:
    """Without its name and its threads: what does the steps on it, or why no compiled step does."""
    status = snapshot.summary.status
    if status is None or not status.device:
        return []
    _, *details = printable(status.device_name).split(", ")
    method = ", ".join(detail for detail in details if not THREADS.fullmatch(detail))
    if without := WITHOUT_STEP.search(method):
        method = without[0]
    wrapped = _wrap(", ".join(filter(None, (status.device, method))), width - INDENT)
    return [_line("" if index else "device", line) for index, line in enumerate(wrapped)]


def _load_of_device(snapshot: Snapshot, width: int) -> list[Text]:
    status = snapshot.summary.status
    if status is None or not status.device or snapshot.summary.state not in (State.RUNNING, State.PAUSED):
        return []
    wrapped = _wrap(", ".join(_load(status)), width - INDENT)
    return [_line("" if index else "load", line) for index, line in enumerate(wrapped)]


def _load(status: Status) -> list[str]:
    """What is known of how busy the device is, in words."""
    load, gpu = status.gpu or status.device_load, status.gpu
    words = []
    if load and load.utilisation is not None:
        words.append(f"{load.utilisation:.0f}%")
    if load and load.memory_used is not None and load.memory_total is not None:
        words.append(f"{formatting.memory(load.memory_used)} of {formatting.memory(load.memory_total)}")
    if gpu and gpu.temperature is not None:
        words.append(f"{gpu.temperature:.0f} °C")
    if gpu and gpu.power is not None:
        words.append(f"{gpu.power:.0f} W")
    if gpu and gpu.card is not None and status.device != f"cuda:{gpu.card}":
        words.append(f"card {gpu.card}")
    return words


def _settings(snapshot: Snapshot, width: int) -> list[Text]:
    config, status = snapshot.summary.config, snapshot.summary.status
    if config is None:
        return []
    rate = (status and status.learning_rate) or config.learning_rate
    base = status and status.base_learning_rate
    left_out = _wrap(printable(status.left_out), width - INDENT) if status and status.left_out else []
    lines = [
        _line("model", config.preset, (" on ", MUTED), printable(config.dataset_title)),
        *(_line("" if index else "data", line) for index, line in enumerate(left_out)),
        _line("lr", f"{rate:.3g}", (", batch ", MUTED), str(config.batch_size)),
        *([_line("set", f"learning rate to {base:g}")] if base not in (None, config.learning_rate) else []),
        _line("seed", str(config.seed)),
    ]
    others = ", ".join(
        f"{title(name)} {as_text(value)}"
        for name, value in differing(config).items()
        if config.forked_from is not None or name not in ON_OTHER_LINES
    )
    if config.forked_from is not None:
        wrapped = _wrap(f"of {config.forked_from.place}", width - INDENT)
        lines += [_line("" if index else "fork", line) for index, line in enumerate(wrapped)]
    wrapped = _wrap(printable(others), width - INDENT)
    lines += [_line("" if index else "with", line) for index, line in enumerate(wrapped)]
    if status and status.host:
        lines.append(_line("host", printable(f"{status.host}, process {status.pid}")))
    if status and status.job:
        lines.append(_line("job", printable(status.job)))
    return lines


def bar(fraction: float, label: str, width: int, depth: ColorDepth) -> Text:
    """A progress bar with its label on the right, `width` cells in all."""
    length = max(4, width - len(label) - 1)
    done = round(min(max(fraction, 0.0), 1.0) * length)
    full, empty = ("#", "-") if depth is ColorDepth.ASCII else ("━", "─")
    return Text.assemble((full * done, "cyan"), (empty * (length - done), MUTED), f" {label}")
