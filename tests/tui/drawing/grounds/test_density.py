"""Densities as shades, lines and signs, in all depths of colour."""

from __future__ import annotations

import numpy as np
import pytest
from rich.style import Style

from core.latents.plane.density import PlaneDensity, PlaneGaussians, densities
from tests.support.drawing import text_of
from tui.drawing.grounds.density import Ratio, Shades
from tui.drawing.grounds.ground import Ground, draw_ground
from tui.drawing.view import View
from tui.terminal.capabilities import ColorDepth

LABELS = np.arange(20_000) % 2
POINTS = 0.4 * np.random.default_rng(0).standard_normal((20_000, 2)) + np.where(LABELS, 2.0, -2.0)[:, None] * [1, 0]
DENSITY = densities(POINTS[None], LABELS, PlaneGaussians(np.ones(1), np.zeros((1, 2)), np.eye(2)[None]))
MEANS = {0: (-2.0, 0.0), 1: (2.0, 0.0)}
VIEW = View((-4.0, 4.0), (-4.0, 4.0))


def drawn(ground: Ground, depth: ColorDepth) -> list[str]:
    strips = draw_ground(ground, 70, 22, VIEW, "x", "y", Style(), depth)
    assert all(strip.cell_length == 70 for strip in strips)
    assert all(segment.style is not None for strip in strips for segment in strip)
    return text_of(strips).splitlines()


def test_shades_are_darkest_in_the_crowd_and_lines_go_round_the_middle() -> None:
    lines = drawn(Shades(DENSITY, "the prior N(0, I)", MEANS), ColorDepth.NONE)
    assert lines[0].startswith("░99% ▒90% ▓50% █10% latents • drawn from the prior N(0, I)")
    narrow = draw_ground(Shades(DENSITY, "it", MEANS), 34, 22, VIEW, "x", "y", Style(), ColorDepth.NONE)[0].text
    assert narrow.split("↑")[0].split() == ["░99%", "▒90%", "▓50%", "█10%", "latents"], "no sign without its meaning"
    middle = next(line for line in lines if "0" in line and "1" in line and "█" in line)
    assert middle.index("░") < middle.index("█") < middle.index("•")
    assert "•" in lines[6]


def test_lines_are_where_a_level_is_crossed_not_where_the_view_or_the_grid_ends() -> None:
    inside = View((-0.05, 0.05), (-0.05, 0.05))  # within the least region of what is drawn
    assert "•" not in "".join(text_of(Shades(DENSITY, "it", {}).draw(inside, 40, 12, Style(), ColorDepth.NONE)))
    everywhere = PlaneDensity((0.0, 1.0), (0.0, 1.0), np.ones((256, 256)), np.ones((256, 256)), 1e6)
    beyond = View((-1.0, 2.0), (-1.0, 2.0))
    assert "•" not in "".join(text_of(Shades(everywhere, "it", {}).draw(beyond, 40, 12, Style(), ColorDepth.NONE)))


@pytest.mark.parametrize("depth", ColorDepth)
def test_what_the_signs_mean_is_said_and_drawn(depth: ColorDepth) -> None:
    lines = drawn(Ratio(DENSITY, "it", MEANS), depth)
    assert lines[0].startswith(" = 8x drawn  - 2x  . alike  + 2x  # 8x latents")
    body = "".join(lines[1:])
    assert body.count("#") > 10
    assert body.count("=") > 10
    shades = "".join(drawn(Shades(DENSITY, "it", MEANS), depth)[1:])
    assert ("o" if depth is ColorDepth.ASCII else "•") in shades
    if depth is ColorDepth.ASCII:
        assert shades.replace("─", "").replace("│", "").isascii()
