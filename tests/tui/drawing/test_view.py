"""The view of a plane: what it shows at first, its cells, and the point nearest to a place."""

from __future__ import annotations

import numpy as np

from tests.support.drawing import clouds
from tui.drawing.view import View, home_view, lay_out, nearest

UNIT = View((0.0, 1.0), (0.0, 1.0))


def test_the_first_view_holds_all_points_but_far_outliers() -> None:
    points, _ = clouds(5000)
    view = home_view(points)
    for values, (low, high) in ((points[:, 0], view.x), (points[:, 1], view.y)):
        assert low < values.min() < values.max() < high
        assert high - low < 1.2 * (values.max() - values.min())
    outliers = np.concatenate([points, [(1e6, -1e6)] * 3])
    assert home_view(outliers).x[1] < 10
    assert home_view(outliers).y[0] > -10


def test_cells_and_values_are_each_others_inverse() -> None:
    for view in (UNIT, View((-3e-5, 2e-5), (7.0, 9e6)), View((1e9, 1e9 + 2), (-1e99, 1e99))):
        for width, height in ((80, 24), (21, 6), (3, 2), (1, 1)):
            canvas = lay_out(width, height, view)
            for column in range(canvas.columns):
                for row in range(canvas.rows):
                    assert canvas.cell_of(*canvas.center_of(column, row)) == (column, row)


def test_nearest_is_nearest_on_the_screen_not_in_values() -> None:
    points = np.array([(1.0, 0.0), (0.0, 2.0), (np.nan, 0.0)])
    everything = np.ones(3, bool)
    assert nearest(points, everything, 0, 0, (1, 1)) == 0
    assert nearest(points, everything, 0, 0, (10, 1)) == 1
    assert nearest(points, np.array([True, False, True]), 0, 0, (10, 1)) == 0
    assert nearest(points, np.array([False, False, True]), 0, 0, (1, 1)) is None


def test_points_of_single_precision_are_seen_without_a_warning() -> None:
    points = np.array([(0.5, 0.5), (np.inf, 0.5)], np.float32)
    with np.errstate(all="raise"):
        assert UNIT.holds(points).tolist() == [True, False]
