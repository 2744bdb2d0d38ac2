"""How many colours a terminal shows, and whether anything but ASCII, follows the environment."""

from __future__ import annotations

import pytest
from textual.app import App

from tui.terminal.capabilities import ColorDepth, color_depth, is_ascii

pytestmark = pytest.mark.usefixtures("truecolor")


@pytest.mark.parametrize(
    ("environment", "depth"),
    [
        ({}, ColorDepth.TRUECOLOR),
        ({"COLORTERM": ""}, ColorDepth.EIGHT_BIT),
        ({"COLORTERM": "", "TERM": "screen"}, ColorDepth.SIXTEEN),
        ({"NO_COLOR": "1"}, ColorDepth.NONE),
        ({"TERM": "dumb"}, ColorDepth.ASCII),
        ({"LC_ALL": "C", "NO_COLOR": "1"}, ColorDepth.ASCII),
    ],
)
async def test_the_colour_depth_follows_the_environment(
    environment: dict[str, str], depth: ColorDepth, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with App[None]().run_test() as pilot:
        assert color_depth(pilot.app) is depth


def test_only_utf_encodings_carry_blocks() -> None:
    assert is_ascii({}, "iso8859-1")
    assert is_ascii({}, "ansi_x3.4-1968")
    assert is_ascii({}, "no such encoding")
    assert not is_ascii({}, "UTF-8")
