"""A training or a flow is played no faster than 40 kB a second."""

import io

from textual.app import App
from textual.drivers.headless_driver import HeadlessDriver

from tui.screens.moments.pace import BYTES_A_SECOND, Pace
from tui.terminal.output.counted import counting


def test_large_pictures_are_given_their_time() -> None:
    now, written = [0.0], [500_000]
    pace = Pace(lambda: written[0], lambda: now[0])
    written[0] += 2 * BYTES_A_SECOND
    assert not pace.is_due()
    now[0] = 1.9
    assert not pace.is_due()
    now[0] = 2.0
    assert pace.is_due()
    assert pace.is_due()  # nothing was written since
    now[0] = 10.0
    assert pace.is_due()
    written[0] += BYTES_A_SECOND
    assert not pace.is_due()  # time that was not used is not saved up


async def test_bytes_are_counted_and_not_characters() -> None:
    class Kept(HeadlessDriver):
        def write(self, data: str) -> None:
            file.write(data)

    file = io.StringIO()
    driver = counting(Kept)(App())
    driver.write("⠐\x1b[1m")
    driver.write("a")
    assert file.getvalue() == "⠐\x1b[1ma"
    assert driver.bytes_written == 8  # type: ignore[attr-defined]
