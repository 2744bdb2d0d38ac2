"""A training is played no faster than 40 kB a second."""

from tui.screens.moments.pace import BYTES_A_CELL, BYTES_A_SECOND, Pace


def test_large_pictures_are_given_their_time() -> None:
    now = [0.0]
    pace = Pace(0, lambda: now[0])
    cells = 2 * BYTES_A_SECOND // BYTES_A_CELL  # of two seconds
    assert not pace.is_due(cells)
    now[0] = 1.9
    assert not pace.is_due(cells)
    now[0] = 2.0
    assert pace.is_due(cells)
    assert pace.is_due(cells)  # nothing changed since
    now[0] = 10.0
    assert pace.is_due(cells)
    assert not pace.is_due(2 * cells)  # time that was not used is not saved up
