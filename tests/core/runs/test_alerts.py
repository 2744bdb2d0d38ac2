"""Each alert comes with a series that calls for it, not with one that does not, and does not flicker between."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from core.runs.alerts import following
from core.runs.alerts.following import Disk, RunAlerts, gather
from core.runs.alerts.rules import Facts, Kind, find_alerts
from core.runs.catalog import RunSummary
from core.runs.config import make_config
from core.runs.forks.origin import ForkedFrom
from core.runs.metrics.lines import EPOCH_COLUMNS, STEP_COLUMNS
from core.runs.metrics.reader import Table
from core.runs.run import Run
from core.runs.status import State, Status

BOOT = "a start of this machine"
ROOMY = Disk(100 * 10**9, 500 * 10**9)


def table(names: tuple[str, ...], **columns: list[float]) -> Table:
    """A table with these columns, and numbers from 1 in the others."""
    rows = max([0, *map(len, columns.values())])
    found = Table(names)
    found.extend(np.array([columns.get(name, [*range(1, rows + 1)]) for name in names], np.float64))
    return found


def summary(state: State = State.RUNNING, **status: object) -> RunSummary:
    known = {"state": state, "pid": 7, "boot": BOOT, "uptime": 1000.0, "begun": True, "epoch": 5} | status
    return RunSummary(
        Run(Path("run")), state=state, config=make_config(preset="vae"), status=Status.model_validate(known)
    )


def kinds(
    found: RunSummary,
    *,
    speeds: list[float] | None = None,
    kl: list[float] | None = None,
    losses: list[float] | None = None,
    disk: Disk | None = ROOMY,
    now: float = 1001.0,
    before: set[Kind] | None = None,
) -> set[Kind]:
    speeds, kl = speeds or [1000.0] * len(kl or []), kl or [20.0] * len(speeds or [])
    steps = table(STEP_COLUMNS, images_per_second=speeds, kl=kl)
    facts = gather(found, steps, table(EPOCH_COLUMNS, val_loss=losses or []), disk, now, BOOT)
    return {alert.kind for alert in find_alerts(facts, before or set())}


@pytest.mark.parametrize(
    ("state", "cause", "kind"),
    [
        (State.FAILED, "diverged", "diverged"),
        (State.FAILED, "memory", "memory"),
        (State.FAILED, None, "failed"),
        (State.LOST, None, "lost"),
        (State.FINISHED, None, "finished"),
    ],
)
def test_how_a_run_ended_is_an_alert_and_nothing_else_of_it_is(state: State, cause: str | None, kind: Kind) -> None:
    ended = summary(state, cause=cause)
    assert kinds(ended, losses=[1.0, 9.0, 9.0, 9.0, 9.0], now=9000.0, disk=Disk(0, 1)) == {kind}


@pytest.mark.parametrize("state", [State.CREATED, State.RUNNING, State.PAUSED, State.STOPPED])
def test_of_a_run_that_is_well_nothing_is_said(state: State) -> None:
    assert kinds(summary(state), speeds=[1000.0] * 100, losses=[5.0, 4.0, 4.1, 3.0]) == set()


def test_a_trainer_that_gives_no_sign_of_life_is_stalled_but_not_one_that_loads() -> None:
    assert kinds(summary(), now=1055.0) == set()
    assert kinds(summary(), now=1065.0) == {"stalled"}
    assert kinds(summary(begun=False), now=1300.0) == set()
    assert kinds(summary(begun=False), now=1700.0) == {"stalled"}
    assert kinds(summary(boot="another machine"), now=9000.0) == set(), "whose clock is another one"
    (alert,) = find_alerts(Facts(State.PAUSED, pid=7, silent=100.0))
    assert "kill process 7" in alert.text


def test_a_disk_that_is_nearly_full_stays_so_until_there_is_clearly_room() -> None:
    def found(free: int, before: set[Kind]) -> set[Kind]:
        return kinds(summary(), disk=Disk(free, 500 * 10**9), before=before)

    assert found(1_100_000_000, set()) == set()
    assert found(900_000_000, set()) == {"disk"}
    assert found(1_100_000_000, {"disk"}) == {"disk"}
    assert found(1_600_000_000, {"disk"}) == set()
    assert kinds(summary(), disk=Disk(10**8, 10**9)) == set(), "a tenth of a small disk is free"


def test_validation_rises_when_three_in_a_row_are_clearly_above_the_best() -> None:
    falls = [9.0, 8.0, 7.2, 6.5, 6.0, 5.6, 5.3, 5.1, 5.0]
    assert kinds(summary(), losses=[*falls, 5.4, 5.5]) == set(), "two are not enough"
    assert kinds(summary(), losses=[*falls, 5.3, 5.5, 5.7]) == {"rising"}
    assert kinds(summary(), losses=[*falls, 5.1, 5.1, 5.2]) == set(), "that is little"
    assert kinds(summary(), losses=[*falls, 5.4, 5.6, 5.3], before={"rising"}) == {"rising"}
    assert kinds(summary(), losses=[*falls, 5.4, 5.6, 5.1], before={"rising"}) == set()
    (alert,) = find_alerts(Facts(State.RUNNING, best_epoch=2, since_best=3, above_best=0.5))
    assert "rises since epoch 2" in alert.text


def risen(losses: list[float]) -> list[int]:
    """After how many of these validations the alert is on, while they come one by one."""
    found, before = [], set[Kind]()
    for count in range(1, len(losses) + 1):
        before = kinds(summary(), losses=losses[:count], before=before)
        if before:
            found.append(count)
    return found


def test_the_noise_of_a_constant_rate_is_no_rise_and_overfitting_is() -> None:
    recorded = Path("checkpoints/ae-mnist/metrics.jsonl").read_text().splitlines()
    noisy = [loss for line in recorded if (loss := json.loads(line).get("val_loss")) is not None]
    assert len(noisy) == 100
    assert risen(noisy) == []
    # With the same noise, from epoch 60 on it fits its training set only.
    overfit = [loss + max(0, epoch - 60) * 0.06 for epoch, loss in enumerate(noisy, start=1)]
    assert 60 < risen(overfit)[0] < 95


@pytest.mark.parametrize("state", [State.RUNNING, State.FINISHED])
def test_a_loss_above_that_of_a_grey_picture_is_an_alert_though_the_run_ends_well(state: State) -> None:
    found = [kinds(replace(summary(state), validation=(3, loss))) for loss in (1_321_912_945.0, 60.0)]
    assert ["useless" in each for each in found] == [True, False]
    assert "useless" not in kinds(replace(summary(epoch=1), validation=(1, 900.0))), "it begins there"


def test_the_kl_divergence_has_collapsed_when_latents_tell_nothing_after_the_first_epochs() -> None:
    assert kinds(summary(), kl=[20.0] * 100 + [0.1] * 20) == {"collapsed"}
    assert kinds(summary(epoch=1), kl=[0.1] * 30) == set(), "it begins there"
    assert kinds(summary(), kl=[20.0] * 119 + [0.1]) == set()
    assert kinds(summary(), kl=[0.6] * 30) == set()
    assert kinds(summary(), kl=[0.6] * 30, before={"collapsed"}) == {"collapsed"}
    plain = replace(summary(), config=make_config(preset="ae"))
    assert kinds(plain, kl=[0.0] * 100) == set()
    assert kinds(replace(summary(), config=make_config(preset="vae", beta=0)), kl=[0.0] * 100) == set()


def test_throughput_far_below_the_usual_is_an_alert_until_it_is_clearly_back() -> None:
    assert kinds(summary(), speeds=[1000.0] * 100 + [300.0] * 20) == {"slow"}
    assert kinds(summary(), speeds=[1000.0] * 100 + [550.0] * 20) == set(), "one more run beside it"
    assert kinds(summary(), speeds=[1000.0] * 119 + [10.0]) == set(), "a save"
    assert kinds(summary(), speeds=[1000.0] * 20 + [300.0] * 20) == set(), "nothing is usual yet"
    assert kinds(summary(), speeds=[1000.0] * 100 + [550.0] * 20, before={"slow"}) == {"slow"}
    assert kinds(summary(), speeds=[1000.0] * 100 + [700.0] * 20, before={"slow"}) == set()


def test_values_about_a_threshold_make_no_alert_come_and_go() -> None:
    noise = np.random.default_rng(0).normal(0, 150, 400)
    speeds = [1000.0] * 400 + list(np.linspace(1000, 300, 400) + noise) + list(np.linspace(300, 1000, 400) + noise)
    before: set[Kind] = set()
    states = []
    for end in range(400, len(speeds), 5):
        before = kinds(summary(), speeds=speeds[:end], before=before)
        states.append("slow" in before)
    assert sum(one != other for one, other in pairwise(states)) == 2, "on once, and off once"


def test_alerts_are_those_of_the_files_and_stay_equal_while_nothing_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.create(tmp_path, "run", make_config(preset="vae"))
    with run.open_metrics() as log:
        for epoch, loss in enumerate([9.0, 8.0, 7.2, 6.6, 6.0, 5.5, 5.2, 5.0, 6.0, 6.5, 7.0, 7.5], 1):
            log.append({"kind": "epoch", "epoch": epoch, "step": epoch, "time": 1.0, "val_loss": loss})
    monkeypatch.setattr(following, "free_space", lambda folder: ROOMY)
    alerts = RunAlerts(run.metrics_path)
    trained = replace(summary(), run=run)
    first, second = alerts.add_to(trained), alerts.add_to(trained)
    assert [alert.kind for alert in first.alerts] == ["rising"]
    assert first == second
    assert first.as_json()["alerts"][0]["kind"] == "rising"


def test_a_fork_is_measured_by_its_own_speed_and_validations() -> None:
    parent = summary()
    assert parent.config is not None

    def fork(step: int) -> RunSummary:
        """One that began after so many steps, with another loss."""
        origin = ForkedFrom(run="a", step=step, epoch=1, best_since=step)
        return replace(parent, config=parent.config and parent.config.model_copy(update={"forked_from": origin}))

    losses, speeds = [2.0, 9.0, 9.1, 9.2, 9.3], [1000.0] * 60 + [100.0] * 80
    assert kinds(parent, losses=losses) == {"rising"}
    assert kinds(fork(1), losses=losses) == set()
    assert kinds(fork(0), losses=losses) == {"rising"}
    assert "slow" in kinds(parent, speeds=[1000.0] * 90 + [100.0] * 50)
    assert kinds(fork(90), speeds=[1000.0] * 90 + [100.0] * 50) == set()
    assert kinds(fork(60), speeds=speeds) == set()
