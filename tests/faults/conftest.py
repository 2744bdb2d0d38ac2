"""What the tests of faults share."""

from __future__ import annotations

import os
import random

import pytest


@pytest.fixture
def chance() -> random.Random:
    """A generator whose seed a failing test shows; KILL_SEED sets it."""
    seed = int(os.environ.get("KILL_SEED") or random.SystemRandom().randrange(2**32))
    print(f"to see it again: KILL_SEED={seed}")
    return random.Random(seed)
