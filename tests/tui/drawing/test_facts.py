"""The facts beside the curves: how far a run is, how fast, its losses, its device and its settings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.runs.config import check_values
from core.runs.status import GpuFigures, State
from tests.support.snapshots import make_snapshot, make_summary
from tui.drawing.facts import facts
from tui.messages import Snapshot
from tui.run_columns import RUN_COLUMNS
from tui.terminal.capabilities import ColorDepth

WIDTH = 40


def lines(**settings: object) -> list[str]:
    config = check_values(dataset="mnist", **settings)
    return facts(make_snapshot(make_summary(config=config)), WIDTH, ColorDepth.TRUECOLOR).plain.splitlines()


def test_settings_that_are_not_the_usual_ones_are_listed() -> None:
    shown = lines(beta="0.7", schedule="constant", holdout="10000", epochs="5")
    start = next(index for index, line in enumerate(shown) if line.startswith("with"))
    assert [line[8:] for line in shown[start : start + 2]] == ["schedule constant, beta 0.7,", "holdout 10000"]
    assert all(len(line) <= WIDTH for line in shown)


def test_usual_settings_are_not_listed() -> None:
    assert not any(line.startswith("with") for line in lines(preset="ae"))


def test_pictures_that_are_skipped_are_counted() -> None:
    summary = make_summary()
    assert summary.status is not None and "data" not in shown_of(make_snapshot(summary))
    said = "2 of the 24 pictures cannot be decoded and are left out"
    shown = shown_of(make_snapshot(replace(summary, status=summary.status.updated(left_out=said))))
    assert shown["data"] == "2 of the 24 pictures cannot be"


def test_a_long_log_says_how_much_of_it_was_read() -> None:
    shown = facts(replace(make_snapshot(), unread=0.91), WIDTH, ColorDepth.TRUECOLOR).plain
    assert shown.startswith("9% of the metrics read so far\n")


def test_a_run_of_a_newer_version_says_so() -> None:
    newer = check_values(dataset="mnist").model_copy(update={"schedule": "linear"})
    summary = make_summary(state=State.STOPPED, config=newer)
    shown = facts(make_snapshot(summary), WIDTH, ColorDepth.TRUECOLOR).plain.replace("\n", " ")
    assert shown.startswith("written by a newer version of vae-tui; this one does not know schedule linear")
    assert "r resumes" not in shown


def shown_of(snapshot: Snapshot, depth: ColorDepth = ColorDepth.TRUECOLOR) -> dict[str, str]:
    """The facts by their labels."""
    return {line[:7].strip(): line[8:] for line in facts(snapshot, WIDTH, depth).plain.splitlines()}


def test_a_run_that_trains_says_how_far_it_is_how_fast_and_when_it_ends() -> None:
    shown = shown_of(make_snapshot())
    assert shown["epoch"] == "2/10 done, next 50%"
    assert shown["run"].endswith(" 25%")
    assert shown["run"].count("━") == round(1172 / 4690 * 28)
    assert shown["time"] == "1 m 3 s, ETA 3 m"
    assert shown["speed"] == "2,400 images/s"
    assert (shown["train"], shown["val"]) == ("42.12", "40.50  best 40.50")
    assert shown["load"] == "93%, 1.2 GB of 85.0 GB"
    assert shown["saved"] == "not yet"
    assert shown_of(make_snapshot(make_summary(saved_step=972)))["saved"] == "11 s ago"  # 200 steps of 128 images
    assert "Fréchet" not in shown
    assert shown_of(make_snapshot(distances=(7.0, 9.0)))["Fréchet"] == "9.00  best 7.00"


def test_between_validations_the_newest_is_shown_with_its_epoch_here_and_in_the_list() -> None:
    summary = make_summary()
    assert summary.status
    later = make_summary(status=summary.status.model_copy(update={"epoch": 4, "step": 4 * 469 + 7}))
    assert shown_of(make_snapshot(later))["val"] == "40.50 e2  best 40.50"
    assert shown_of(make_snapshot(later))["epoch"] == "4/10 done, next 1%"
    before = make_summary(status=summary.status.model_copy(update={"epoch": 1, "step": 800}))
    assert shown_of(make_snapshot(before))["epoch"].startswith("2/10 done")  # whose line is there already
    cells = {name: cell(later).plain for name, cell in RUN_COLUMNS.items()}
    assert (cells["val"], cells["epoch"]) == ("40.50 e2", "4/10")


@pytest.mark.parametrize(
    ("epoch", "steps", "state", "said"),
    [
        (4, 469, State.RUNNING, "4/10 done, next 100%"),  # it is validated
        (10, 0, State.FINISHED, "10/10 done"),
        (5, 0, State.FINISHED, "5/10 done"),  # with patience
    ],
)
def test_epochs_that_are_done_are_told_from_the_part_of_the_next(
    epoch: int, steps: int, state: State, said: str
) -> None:
    before = make_summary(state=state)
    assert before.status
    status = before.status.model_copy(update={"epoch": epoch, "step": epoch * 469 + steps})
    shown = shown_of(make_snapshot(make_summary(state=state, status=status)))
    assert shown["epoch"] == said
    assert shown["run"].endswith(f" {(epoch * 469 + steps) / 4690:.0%}")


def test_a_single_slow_reading_changes_no_estimate() -> None:
    snapshot = make_snapshot()
    snapshot.steps["images_per_second"][-2:] = 3.0  # as after a save
    assert shown_of(snapshot)["speed"] == "2,400 images/s"


def test_a_run_that_does_not_train_promises_nothing() -> None:
    shown = shown_of(make_snapshot(make_summary(state=State.STOPPED)))
    assert shown["time"] == "1 m 3 s"
    assert not {"speed", "load", "now"} & {*shown}


def test_in_ascii_the_bars_are_ascii() -> None:
    shown = shown_of(make_snapshot(), ColorDepth.ASCII)
    assert shown["run"].isascii()
    assert set(shown["run"].split()[0]) == {"#", "-"}


@pytest.mark.parametrize("width", [0, 1, 8, 20])
def test_a_column_of_any_width_is_filled(width: int) -> None:
    broken = make_summary(state=State.FAILED, error="the loss is no longer a finite number at step 7")
    assert "finite" in " ".join(facts(make_snapshot(broken), max(width, 8), ColorDepth.NONE).plain.split())
    assert facts(make_snapshot(), width, ColorDepth.NONE).plain


def test_how_a_device_trains_is_wrapped_and_not_cut() -> None:
    summary = make_summary()
    assert summary.status is not None
    named = summary.status.model_copy(update={"device_name": "AMD EPYC, 1 thread, compiled step, bfloat16"})
    lines = facts(make_snapshot(replace(summary, status=named)), 34, ColorDepth.TRUECOLOR).plain.splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("device"))
    assert [line[8:] for line in lines[start : start + 3]] == [
        "cuda:0, AMD EPYC",
        "1 thread, compiled step,",
        "bfloat16",
    ]


@pytest.mark.parametrize(
    ("trains", "said"),
    [
        ("compiled step, bfloat16", ["cpu, compiled step,", "bfloat16"]),
        ("fused bfloat16 (no compiled step: none for its sizes)", ["cpu, no compiled step:", "none for its sizes"]),
        ("fused bfloat16, 1 layer of other sizes by PyTorch (no compiled step: gradients are clipped)",
         ["cpu, no compiled step:", "gradients are clipped"]),
    ],
)  # fmt: skip
def test_in_a_small_terminal_what_does_the_steps_is_said_whole(trains: str, said: list[str]) -> None:
    summary = make_summary()
    assert summary.status is not None
    status = summary.status.model_copy(update={"device": "cpu", "device_name": f"AMD EPYC, 2 threads, {trains}"})
    snapshot = make_snapshot(replace(summary, status=status))
    rows, width = 7, 30  # at 80x24
    lines = facts(snapshot, width, ColorDepth.TRUECOLOR, rows).plain.splitlines()
    assert [line[8:] for line in lines[rows - 2 : rows]] == said
    assert [line[:7].strip() for line in lines[: rows - 2]] == ["epoch", "time", "speed", "train", "val"]
    assert lines[0].startswith("epoch   2/10 ━") and lines[0].endswith(" 25%")
    assert max(map(len, lines[:rows])) <= width


@pytest.mark.parametrize(
    ("gpu", "shown"),
    [
        (None, ["93%, 1.2 GB of 85.0 GB"]),
        (
            GpuFigures(
                card=0, utilisation=7, memory_used=2 * 10**9, memory_total=85 * 10**9, temperature=41, power=123
            ),
            ["7%, 2.0 GB of 85.0 GB, 41", "°C, 123 W"],
        ),
        (GpuFigures(card=3, memory_used=2 * 10**9, memory_total=10**10), ["2.0 GB of 10.0 GB, card 3"]),
        (GpuFigures(power=90.0), ["90 W"]),
        (GpuFigures(), []),
    ],
    ids=["an earlier version's", "all", "a part of a card", "power only", "nothing"],
)
def test_of_a_gpu_is_shown_what_can_be_read(gpu: GpuFigures | None, shown: list[str]) -> None:
    summary = make_summary()
    assert summary.status is not None
    read = summary.status.model_copy(update={"gpu": gpu})
    lines = facts(make_snapshot(replace(summary, status=read)), 34, ColorDepth.TRUECOLOR).plain.splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("device")) + 1
    end = next(index for index, line in enumerate(lines) if line.startswith("saved"))
    assert [line[8:] for line in lines[start:end]] == shown
    assert all(line.startswith("load" if index == 0 else "    ") for index, line in enumerate(lines[start:end]))


def test_a_run_that_was_not_begun_says_what_it_waits_for() -> None:
    created = make_summary(state=State.CREATED)
    assert "not started: r trains it" in facts(make_snapshot(created), WIDTH, ColorDepth.TRUECOLOR).plain
    queued = replace(make_snapshot(replace(created, state=State.QUEUED)), waits="number 2 in the queue: no room")
    shown = facts(queued, WIDTH, ColorDepth.TRUECOLOR).plain
    assert "number 2 in the queue: no room" in shown
    assert "not started" not in shown
