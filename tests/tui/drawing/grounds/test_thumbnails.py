"""Thumbnails in the plane: where they lie, and what stands in for those that are not known yet."""

from __future__ import annotations

import numpy as np
import pytest
from rich.style import Style

from core.arrays import Images
from tests.support.drawing import greys_of
from tui.drawing.grounds.thumbnails import Mesh, Thumbnails
from tui.drawing.view import Canvas, View
from tui.terminal.capabilities import ColorDepth

HOME = View((-4.0, 4.0), (-3.0, 3.0))


def mesh_of(view: View) -> Mesh:
    return Mesh.of(view, HOME, 80, 30)


def known(mesh: Mesh, brightness: float = 1.0) -> Thumbnails:
    images: Images = np.full((len(mesh.points), 28, 28), brightness, np.float32)
    return Thumbnails(HOME, {key: number for number, key in enumerate(mesh.keys)}, mesh.points, images)


def test_panning_by_cells_asks_only_for_what_comes_into_view() -> None:
    mesh = mesh_of(HOME)
    thumbnails = known(mesh)
    assert len(thumbnails.missing(mesh)) == 0
    panned = Canvas(HOME, 0, 0, 80, 30, False, {}).panned(3, 0)
    missing = thumbnails.missing(mesh_of(panned))
    assert 0 < len(missing) <= 8
    assert (mesh_of(panned).points[missing, 0] > mesh.points[:, 0].max()).all()
    back = Canvas(panned, 0, 0, 80, 30, False, {}).panned(-3, 0)
    assert len(thumbnails.missing(mesh_of(back))) == 0


def test_thumbnails_grow_and_their_points_come_closer_as_one_zooms() -> None:
    meshes = [mesh_of(HOME.zoomed(factor, 0, 0)) for factor in (1, 3, 9, 27)]
    assert [mesh.size for mesh in meshes] == [8, 12, 24, 24]
    steps = [np.diff(np.unique(mesh.points[:, 0].round(9)))[0] for mesh in meshes]
    assert steps == sorted(steps, reverse=True)
    assert len(set(steps)) == 4


def test_what_is_not_known_is_the_nearest_that_is() -> None:
    mesh = mesh_of(HOME)
    left = mesh.points[:, 0] < 0
    images = np.where(left[:, None, None], 0.2, 0.8) * np.ones((1, 28, 28))
    thumbnails = Thumbnails(HOME, {}, mesh.points, images.astype(np.float32))
    closer = mesh_of(HOME.zoomed(1.5, 0, 0))
    found = thumbnails.of(closer)
    assert found is not None
    far_left = closer.points[:, 0] < -0.5
    assert found[far_left] == pytest.approx(0.2)


def test_a_thumbnail_lies_around_its_point() -> None:
    mesh = mesh_of(HOME)
    chosen = 30
    images = np.zeros((len(mesh.points), 28, 28), np.float32)
    images[chosen] = 1
    thumbnails = Thumbnails(HOME, {key: number for number, key in enumerate(mesh.keys)}, mesh.points, images)
    greys = greys_of(thumbnails.draw(HOME, 80, 30, Style(), ColorDepth.TRUECOLOR))
    rows, columns = np.nonzero(greys)
    canvas = Canvas(HOME, 0, 0, 80, 30, False, {})
    column, row = canvas.cell_of(*mesh.points[chosen])
    assert columns.max() + 1 - columns.min() == 8
    assert abs((columns.min() + columns.max() + 1) / 2 - column) <= 1
    assert abs((rows.min() + rows.max() + 1) / 4 - row) <= 1


def test_the_edges_cut_them() -> None:
    mesh = mesh_of(HOME.shifted(0.07, 0.03))
    strips = known(mesh, 0.5).draw(mesh.view, 80, 30, Style(), ColorDepth.NONE)
    assert [strip.cell_length for strip in strips] == [80] * 30
    assert all(segment.style is not None for strip in strips for segment in strip)


def test_a_sheet_of_them_lies_where_they_are_drawn() -> None:
    mesh = mesh_of(HOME.shifted(0.07, 0.03))
    images = np.zeros((len(mesh.points), 28, 28), np.float32)
    chosen = len(images) // 2
    images[chosen] = 1
    thumbnails = Thumbnails(HOME, {key: number for number, key in enumerate(mesh.keys)}, mesh.points, images)
    sheet = thumbnails.sheet(mesh)
    assert sheet is not None
    rows, columns = np.nonzero(sheet.image)
    x, y = (
        np.linspace(*ends, size + 1) for ends, size in zip((sheet.x, sheet.y), sheet.image.shape[::-1], strict=True)
    )
    middle = (x[columns.min()] + x[columns.max() + 1]) / 2, (y[::-1][rows.min()] + y[::-1][rows.max() + 1]) / 2
    assert middle == pytest.approx(tuple(mesh.points[chosen]), abs=0.01 * mesh.cell[0])
    assert sheet.x[0] <= mesh.view.x[0] < mesh.view.x[1] <= sheet.x[1], "beyond the edges"
    assert sheet.y[0] <= mesh.view.y[0] < mesh.view.y[1] <= sheet.y[1]
