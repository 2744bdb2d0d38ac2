"""`vae-tui fork`: what it says, makes and refuses."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.errors import UserError
from core.jobs.forking import save_before
from core.jobs.queue.waiting import set_paused
from core.runs.run import Run
from core.runs.status import State
from tests.support import run_files, trainers
from tui.command_line import command_line

MakeRun = Callable[..., Run]


@pytest.fixture
def call(runs_dir: Path, few_digits: Path) -> Callable[..., str]:
    """What the command prints, or the error that it raises, as it would be shown."""

    def run(*words: str) -> str:
        place = ["--runs-dir", str(runs_dir), "--data-dir", str(few_digits)]
        done = CliRunner().invoke(command_line(["fork"]), ["fork", *words, *place])
        if done.exception is not None and not isinstance(done.exception, UserError | SystemExit):
            raise done.exception
        return str(done.exception or done.output)

    return run


@pytest.mark.slow
def test_a_fork_is_described_made_and_refused(
    call: Callable[..., str], make_small_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = make_small_run("parent", preset="vae", epochs=2)
    trainers.finish(parent)
    there = parent.path.parent
    assert call("parent") == "epochs must be more than the 2 that parent has done by then, not 2"
    assert call("parent", "--dataset", "mnist") == (
        "data set stays kmnist in a fork of this run: it learned those images"
    )
    moment = call("parent", "--at", "0.9", "--dry-run").splitlines()
    assert moment[:2] == ["the snapshot of epoch 0.83 of parent, nearest to 0.9", "seed 1 instead of 0"]
    assert call("parent", "--at", "-1").startswith("at must be a number of epochs, such as 12 or 0.5, not")
    planned = call("parent", "--epochs", "3", "--beta", "2", "--dry-run").splitlines()
    assert planned[:2] == ["the newest state, epoch 2 of parent", "epochs 3 instead of 2, beta 2 instead of 0.4"]
    assert planned[2] == "learning rate 0.00075 at epoch 2 of 3"
    described = json.loads(call("parent", "--epochs", "3", "--beta", "2", "--dry-run", "--json"))
    changed, rate = {"epochs": 3, "beta": 2.0}, pytest.approx(0.00075)
    assert described == {"run": "parent", "step": 12, "epoch": 2.0, "changed": changed, "learning_rate": rate}
    assert [path.name for path in there.iterdir()] == ["parent"]
    made = json.loads(call("parent", "--epochs", "3", "--beta", "2", "--create-only", "--json"))
    assert (made["name"], made["forked_from"]["step"], made["settings"]["beta"]) == ("parent-fork", 12, 2.0)
    done = call("parent-fork", "--epochs", "4", "--name", "again")
    assert (
        "again is forked from parent-fork at epoch 2; epochs 4; it begins with learning rate 0.0015 at epoch 2 of 4"
        in done
    )
    assert done.splitlines()[-1] == "again finished after 4 epochs"
    run_files.assert_sound(Run(there / "again"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    set_paused(True)
    waits = call("parent", "--epochs", "3", "--name", "waits", "--queue").splitlines()[-1]
    assert waits == "waits is number 1 in the queue: the queue is paused; look at it with: vae-tui queue"
    assert call("parent", "--epochs", "3", "--queue", "--time-limit", "1h").startswith("--queue must be left out with")


def test_a_trainer_is_asked_to_save_before_and_not_waited_for_for_ever(make_small_run: MakeRun) -> None:
    run = make_small_run()
    assert not save_before(run)
    with run.open_metrics():
        status = run.status().updated(state=State.RUNNING, done_request=3, locked=True)
        run.write_status(status.updated(folder=run.path.stat().st_ino))
        assert not save_before(run, 0.05)
        assert run.requests.names() == []  # a trainer that comes to it later would save for nobody

        def answer() -> None:
            while not run.requests.names():
                pass
            run.requests.remove(run.requests.names()[0])

        trainer = threading.Thread(target=answer)
        trainer.start()
        assert save_before(run)
        trainer.join()
