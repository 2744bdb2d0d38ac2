"""Particles above the ground of classes, in all depths of colour."""

from __future__ import annotations

import numpy as np
import pytest
from rich.color import ColorSystem
from rich.style import Style
from textual.strip import Strip

from tests.support.drawing import text_of
from tui.drawing.grounds.ground import draw_ground
from tui.drawing.grounds.particles import Classes, ParticleGround
from tui.drawing.view import View
from tui.terminal.capabilities import ColorDepth

LABELS = np.arange(1000) % 10
CENTERS = np.stack([np.arange(10) * 10.0, np.zeros(10)], axis=1)
CLASSES = Classes(CENTERS[LABELS] + np.random.default_rng(0).standard_normal((1000, 2)), LABELS)
VIEW = View((-5.0, 95.0), (-5.0, 5.0))


def drawn(particles: list[tuple[float, float]], depth: ColorDepth) -> list[Strip]:
    points = np.array(particles).reshape(-1, 2)
    return ParticleGround(points, np.zeros(len(points), int), CLASSES).draw(VIEW, 100, 11, Style(), depth)


def test_grounds_of_classes_are_told_apart_in_256_colours() -> None:
    found = set()
    for strip in drawn([], ColorDepth.EIGHT_BIT):
        for segment in strip:
            if segment.style is not None and segment.style.bgcolor is not None:
                found.add(segment.style.bgcolor.downgrade(ColorSystem.EIGHT_BIT).number)
    assert len(found) == 10
    assert not found & {0, 16}, "none is black"


@pytest.mark.parametrize("depth", ColorDepth)
def test_signs_of_classes_stay_while_particles_pass(depth: ColorDepth) -> None:
    means = [(float(x), float(y)) for x, y in (CLASSES.points[label == LABELS].mean(axis=0) for label in range(10))]
    passing = "".join(text_of(drawn(means, depth)))
    assert passing == "".join(text_of(drawn([], depth)))
    assert all(passing.count(str(label)) == 1 for label in range(10))


def test_without_colours_the_legend_tells_particles_from_classes() -> None:
    ground = ParticleGround(CENTERS, LABELS[:10], CLASSES)
    for depth in (ColorDepth.NONE, ColorDepth.ASCII):
        legend = draw_ground(ground, 100, 20, VIEW, "", "", Style(), depth)[0].text
        assert legend.startswith("3 a particle asked for a 3  0 where latents of that digit lie")


@pytest.mark.parametrize("depth", [ColorDepth.SIXTEEN, ColorDepth.NONE, ColorDepth.ASCII])
def test_where_colours_do_not_tell_particles_are_the_digits_they_are_asked_for(depth: ColorDepth) -> None:
    points, digits = np.array([(5.0, 4.0), (15.0, 4.0), (25.0, 4.0)]), np.array([3, 1, 7])
    strips = ParticleGround(points, digits, CLASSES).draw(VIEW, 100, 11, Style(), depth)
    assert text_of(strips).splitlines()[1].split() == ["3", "1", "7"]
