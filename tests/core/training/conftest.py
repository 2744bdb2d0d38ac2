"""What the tests of training share."""

from __future__ import annotations

import pytest

from core.kernels.compiler import Unavailable
from core.training import latent_objective, objectives


@pytest.fixture
def no_compiled_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine where the whole step cannot be compiled, but all else can."""

    def refuse(*given: object) -> object:
        raise Unavailable("no C++ compiler")

    monkeypatch.setattr(objectives, "NativeStep", refuse)
    monkeypatch.setattr(latent_objective, "DenoiserStep", refuse)
