"""Runs are looked into by a process of their own, which answers as one would here, and is ended and started anew."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from core.errors import ConfigError, DamagedFile, RunError
from core.explorer import client
from core.explorer.client import LOADING, ExplorerEnded, ExplorerProcess
from core.explorer.messages import Answer, Question
from core.explorer.protocol import Report
from core.explorer.queries import RunExplorer
from core.explorer.remote import RemoteExplorer
from core.latents.options import SamplingOptions
from core.runs.run import Run
from tests.conftest import CHECKPOINTS
from tests.support.machines import ROOT

WaitUntil = Callable[..., None]
MakeRun = Callable[..., Run]
VAE, PRIOR = Run(CHECKPOINTS / "vae-mnist"), Run(CHECKPOINTS / "prior-mnist")


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExplorerProcess]:
    """One for all tests, of which those that end it come last: to start it takes seconds."""
    process = ExplorerProcess(tmp_path_factory.mktemp("no-images"))
    yield process
    process.close()


class Enough(Exception):
    pass


def test_answers_are_those_of_an_explorer_in_this_process(process: ExplorerProcess, tmp_path: Path) -> None:
    said: list[str] = []
    there, here = process.of(VAE, said.append), RunExplorer.open(VAE, tmp_path)
    assert there.default_sampler == here.default_sampler
    found, expected = (explorer.page(3, 5, 7, "worst") for explorer in (there, here))
    assert said[:2] == [LOADING, "reading the images"]
    assert there.note == here.note == "on mnist-5k: no mnist on disk"
    for one, other in zip(vars(found).values(), vars(expected).values(), strict=True):
        assert np.array_equal(one, other)
    again = there.reconstruct(found.originals).images
    assert np.allclose(again, found.reconstructions, atol=1e-5)
    assert np.array_equal(there.decode(np.eye(3, 64)), here.decode(np.eye(3, 64)))
    assert said.count(LOADING) == 1


def test_steps_of_denoising_come_one_by_one_and_end_where_they_are_refused(process: ExplorerProcess) -> None:
    steps: list[int] = []
    explorer = process.of(PRIOR, print)
    explorer.denoising(3, 2, 0, 1.0, SamplingOptions(steps=4), lambda step, samples: steps.append(step))
    assert steps == [2, 3, 4]

    def refuse(step: int, samples: object) -> None:
        raise Enough

    with pytest.raises(Enough):
        explorer.denoising(3, 2, 0, 1.0, SamplingOptions(steps=4), refuse)
    assert explorer.samples("learned", 2, 0).images.shape == (2, 28, 28)


def test_a_fit_ends_where_it_is_not_to_go_on() -> None:
    def ask(question: Question, report: Report, on_callback: Callable[..., object]) -> Answer:
        assert question.callback == "go_on"
        on_callback()
        raise AssertionError("it went on")

    def refuse() -> None:
        raise Enough

    with pytest.raises(Enough):
        RemoteExplorer(VAE, ask, print).samples("mixture", 2, 0, go_on=refuse)


def test_what_is_wrong_with_a_run_or_a_question_is_raised_here(process: ExplorerProcess, make_run: MakeRun) -> None:
    explorer = process.of(run := make_run(), print)
    with pytest.raises(RunError, match="a-run has no weights yet"):
        explorer.page(0, 4)
    run.write_weights(b"garbage")
    with pytest.raises(DamagedFile, match="holds no vae model"):
        explorer.page(0, 4)
    with pytest.raises(ConfigError, match="sampler must be one of"):
        process.of(VAE, print).samples("none", 2, 0)


def test_a_process_that_is_used_is_not_ended(process: ExplorerProcess) -> None:
    process.of(VAE, lambda words: process.end_unused(0.0)).preview()
    before = process.pid
    process.end_unused(60.0)
    assert process.pid == before is not None


def test_a_process_that_dies_is_named_and_the_next_question_starts_another(process: ExplorerProcess) -> None:
    before = process.pid

    def kill(words: str) -> None:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)

    with pytest.raises(ExplorerEnded, match=r"^the process that looks into runs was ended by SIGKILL$"):
        process.of(VAE, kill).evaluate("prior", 1000, 1)

    def refuse(words: str) -> None:
        raise Enough(words)

    with pytest.raises(Enough, match=LOADING):
        process.of(VAE, refuse).preview()
    assert process.pid not in (None, before)


def test_a_process_that_is_not_used_is_ended_and_none_is_started_once_closed(
    process: ExplorerProcess, wait_until: WaitUntil
) -> None:
    process.prepare()
    wait_until(lambda: process.pid, what="its start")
    before = process.pid
    process.end_unused(0.0)
    assert process.pid is None
    wait_until(lambda: not psutil.pid_exists(before or 0), what="its end")
    process.close()
    with pytest.raises(ExplorerEnded, match="the app was left"):
        process.of(VAE, print).preview()
    assert process.pid is None


def test_it_ends_at_once_when_its_app_is_killed_even_while_it_loads(wait_until: WaitUntil, tmp_path: Path) -> None:
    app = """
        import time
        from pathlib import Path
        from core.explorer.client import ExplorerProcess
        process = ExplorerProcess(Path("/nonexistent"))
        process.prepare()
        while not process.pid:
            time.sleep(0.01)
        print(process.pid, flush=True)
        time.sleep(60)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(app)], cwd=ROOT, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        child = psutil.Process(int(program.stdout.readline()))
        program.kill()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 10, "its end")


@pytest.mark.parametrize(
    ("package", "said"),
    [
        ("torch", r"^libtorch.so is missing"),
        ("numpy", r"^the process that looks into runs ended with status 1: ImportError: libtorch.so is missing$"),
    ],
)
def test_what_cannot_be_loaded_is_said(
    package: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_until: WaitUntil
) -> None:
    (tmp_path / f"{package}.py").write_text("raise ImportError('libtorch.so is missing')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    process = ExplorerProcess(tmp_path)
    with pytest.raises(Exception, match=said):
        process.of(VAE, print).preview()
    wait_until(lambda: process.pid is None, what="its end, so that another is tried")


def test_where_one_process_after_the_other_ends_the_next_is_started_later_and_later(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    now, started = 0.0, list[float]()

    class Child:
        """Ends at once."""

        ended, lived = "the process that looks into runs was ended by SIGKILL", 3.0

        def __init__(self, data_dir: Path) -> None:
            started.append(now)

        def expect(self, number: int) -> None:
            pass

        def ask(self, *given: object) -> None:
            raise ExplorerEnded(self.ended)

    monkeypatch.setattr(client, "_Child", Child)
    process = ExplorerProcess(tmp_path, clock=lambda: now)
    said = set()
    for _ in range(100):  # a screen asks again every two seconds
        with pytest.raises(ExplorerEnded, match="was ended by SIGKILL") as raised:
            process.of(VAE, print).page(3, 5, 7, "worst")
        said.add(str(raised.value))
        now += 2.0
    assert started == [0, 2, 10, 28, 90, 152]
    assert f"{Child.ended}; 4 ended so, and the next is started after 60 s" in said
    Child.lived = 1000.0
    now += 100
    for _ in range(2):
        with pytest.raises(ExplorerEnded):
            process.of(VAE, print).page(3, 5, 7, "worst")
    assert started[-2:] == [now, now], "it had lived for long"
