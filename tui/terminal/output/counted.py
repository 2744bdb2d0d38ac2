"""How much was written to the terminal: what a slow connection has to take."""

from __future__ import annotations

from typing import Any

from textual.app import App
from textual.driver import Driver


class _Counted:
    """Counts the bytes that a driver writes."""

    bytes_written = 0

    def write(self, data: str) -> None:
        self.bytes_written += len(data.encode())
        super().write(data)  # type: ignore[misc]


def counting(driver: type[Driver]) -> type[Driver]:
    """The same driver, which counts what it writes."""
    return type(driver.__name__, (_Counted, driver), {})


def bytes_written(app: App[Any]) -> int:
    """By the driver of an app until now; none by one that writes to no terminal."""
    driver = app._driver
    return driver.bytes_written if isinstance(driver, _Counted) else 0
