"""Greys as sixels: the sequence with which terminals since the VT240 draw pictures."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

BAND = 6  # lines of pixels that a sign stands for, one bit each
LOWEST = 63  # the sign without any
REPEATED = re.compile(rb"(.)\1{3,}")
SPAN = re.compile(rb"[^?]+(?:[?]{1,9}[^?]+)*")  # what a grey draws without a longer gap


def sixels(pixels: npt.NDArray[np.uint8]) -> str:
    """What draws a picture (H, W) of few greys, each a register of its own (VT330 manual, chapter 14)."""
    (height, width), greys = pixels.shape, np.unique(pixels)
    bands = np.pad(pixels.astype(np.int16), ((0, -height % BAND), (0, 0)), constant_values=-1).reshape(-1, BAND, width)
    bits = (1 << np.arange(BAND, dtype=np.uint8))[:, None]
    drawn = [((bands == grey) * bits).sum(axis=1, dtype=np.uint8) + np.uint8(LOWEST) for grey in greys]
    lines = b"-".join(_band([signs[at].tobytes() for signs in drawn]) for at in range(len(bands)))
    percents = (round(int(grey) * 100 / 255) for grey in greys)
    registers = "".join(f"#{register};2;{grey};{grey};{grey}" for register, grey in enumerate(percents))
    return f'\x1bP0;1q"1;1;{width};{height}{registers}{lines.decode()}\x1b\\'


def _band(signs_of: list[bytes]) -> bytes:
    """Six lines of pixels, of the signs of each grey, in as few passes from left to right as its spans need."""
    spans = [(found.start(), grey, found[0]) for grey, signs in enumerate(signs_of) for found in SPAN.finditer(signs)]
    passes: list[tuple[int, bytes]] = []  # where each ends, and its signs
    for start, grey, signs in sorted(spans):
        at = next((at for at, (end, _) in enumerate(passes) if end <= start), len(passes))
        end, before = passes[at] if at < len(passes) else (0, b"")
        gap = _packed(b"?" * (start - end))
        passes[at : at + 1] = [(start + len(signs), b"%b%b#%d%b" % (before, gap, grey, _packed(signs)))]
    return b"$".join(content for _, content in passes)


def _packed(signs: bytes) -> bytes:
    """Four signs and more of the same as their count and one of them."""
    return REPEATED.sub(lambda found: b"!%d%b" % (len(found[0]), found[1]), signs)
