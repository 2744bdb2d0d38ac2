"""The facts beside the curves: the settings that were chosen, and whether a newer version wrote the run."""

from __future__ import annotations

from core.runs.config import check_values
from tests.support.snapshots import make_snapshot, make_summary
from tui.drawing.facts import facts
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


def test_a_run_of_a_newer_version_says_so() -> None:
    newer = check_values(dataset="mnist").model_copy(update={"schedule": "linear"})
    shown = " ".join(
        facts(make_snapshot(make_summary(config=newer)), WIDTH, ColorDepth.TRUECOLOR).plain.splitlines()[:3]
    )
    assert shown.startswith("written by a newer version of vae-tui; this one does not know schedule linear")
