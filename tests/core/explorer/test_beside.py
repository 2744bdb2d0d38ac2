"""What takes long of a learned prior is done beside other questions, and given up where nobody waits for it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from core.explorer.plane import density
from core.explorer.queries import RunExplorer
from core.explorer.session import RunSession
from core.latents.options import CompletionOptions, ProjectionOptions, SamplingOptions
from core.runs.run import Run
from core.shapes import IMAGE_SHAPE

PLANE = ProjectionOptions()


class NotAwaited(Exception):
    """Raised in place of a report."""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> RunSession:
    run = Run(Path(__file__).parents[3] / "checkpoints" / "prior-mnist")
    return RunSession(run, tmp_path_factory.mktemp("data"), limit=200)


QUESTIONS: dict[str, Callable[[RunExplorer], object]] = {
    "density": lambda explorer: explorer.density(PLANE, "learned"),
    "denoising": lambda explorer: explorer.denoising(2, 8, 0, 1.0, SamplingOptions(), lambda step, samples: None),
    "flow": lambda explorer: explorer.flow(8, 0, SamplingOptions(), PLANE, None, lambda particles: None),
    "completion": lambda explorer: explorer.complete(
        np.ones(IMAGE_SHAPE, np.float32), np.ones(IMAGE_SHAPE, bool), CompletionOptions(1)
    ),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_others_are_answered_between_the_steps_of_what_takes_long(session: RunSession, name: str) -> None:
    answers = []

    def look(words: str) -> None:
        if words.startswith(("drawing", "denoising", "completing")):
            answers.append(pool.submit(RunExplorer(session).decode, np.zeros((1, 64))).result(10))
            raise NotAwaited

    with ThreadPoolExecutor(1) as pool, pytest.raises(NotAwaited):
        QUESTIONS[name](RunExplorer(session, look))
    assert [answer.shape for answer in answers] == [(1, *IMAGE_SHAPE)]


def test_latents_that_were_drawn_until_a_density_was_given_up_are_not_drawn_again(
    session: RunSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.keep(("drawn", "learned"), dict).clear()
    monkeypatch.setattr(density, "DRAWS", 40)
    monkeypatch.setattr(density, "AT_ONCE", 10)

    def stop(words: str) -> None:
        if words.startswith("drawing latents: 20"):
            raise NotAwaited

    with pytest.raises(NotAwaited):
        RunExplorer(session, stop).density(PLANE, "learned")
    said: list[str] = []
    RunExplorer(session, said.append).density(PLANE, "learned")
    assert said[0] == "drawing latents: 20 of 40"
