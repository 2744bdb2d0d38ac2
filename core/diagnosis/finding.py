"""One thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What was found, and in `advice` what would be better; where it `hinders`, runs cannot be trained as it is."""

    topic: str
    text: str
    advice: str = ""
    hinders: bool = False


def size(count: float) -> str:
    """A number of bytes in words."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
