"""Cost against size: small sizes of each part, what is kept of them, and the picture."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import sizes


@pytest.fixture(autouse=True)
def small_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {
        "IMAGES": (200, 5_000),
        "SHAPES": (((1, 8, 16, 32), 4), ((1, 8, 16, 32), 8)),
        "LINES": (500, 1_000),
        "LATENTS": (300, 400),
        "FOLDERS": (1, 3),
        "VIEWERS": (0, 1),
        "RUNS": (1, 2),
        "SECONDS": 2.0,  # a slow machine may validate for one of them
        "BATCH_SIZE": 16,
        "WARM_UP_STEPS": 1,
    }
    for name, value in small.items():
        monkeypatch.setattr(sizes, name, value)


def measure_and_draw(folder: Path, monkeypatch: pytest.MonkeyPatch, *parts: str) -> dict[str, dict[str, Any]]:
    only = [f"--only={part}" for part in parts]
    figures, picture = folder / "sizes.json", folder / "sizes.png"
    monkeypatch.setattr(sys, "argv", ["sizes", str(figures), *only, "--draw", str(picture)])
    sizes.main()
    assert picture.read_bytes().startswith(b"\x89PNG")
    found: dict[str, dict[str, Any]] = json.loads(figures.read_text())
    return found


def test_parts_are_measured_at_their_sizes_kept_and_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = measure_and_draw(tmp_path, monkeypatch, "steps", "folder")
    assert found.keys() == {"steps", "folder"}
    assert [[size for size, _ in points] for points in found["folder"]["series"].values()] == [[1, 3], [1, 3]]
    assert len(found["steps"]["series"]) == 5
    assert measure_and_draw(tmp_path, monkeypatch, "none") == found
    more = measure_and_draw(tmp_path, monkeypatch, "latents")
    assert more == found | {"latents": more["latents"]}


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_training_is_measured_at_its_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = measure_and_draw(tmp_path, monkeypatch, "images", "parameters", "viewers", "beside")
    for part in found.values():
        assert all(cost > 0 for points in part["series"].values() for _, cost in points)
    parameters = [size for size, _ in found["parameters"]["series"]["our layers"]]
    assert parameters[0] == 51_357 < parameters[1]
