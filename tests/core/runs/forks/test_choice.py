"""What a fork may have otherwise, where it says it began, and which lines of metrics it takes along."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import ConfigError, DamagedFile, RunError
from core.runs.catalog import summarise
from core.runs.config import RunConfig, make_config
from core.runs.forks.choice import KEPT, changed_settings, changes_loss, fork_settings
from core.runs.forks.moment import nearest_moment, newest_moment, parse_epoch, steps_per_epoch
from core.runs.forks.origin import epoch_words
from core.runs.metrics.copying import copy_metrics, mark_fork, trained_until
from core.runs.run import Run
from core.runs.settings import SETTINGS

MakeRun = Callable[..., Run]
PARENT = make_config(preset="vae", dataset="mnist-5k", seed=7)


def line(step: int, kind: str = "step") -> bytes:
    row = {"kind": kind, "epoch": 0, "step": step, "time": step / 2, "loss": 1.5}
    return json.dumps(row, separators=(",", ":")).encode() + b"\n"


def test_what_may_be_another_is_taken_over_where_it_is_not_chosen() -> None:
    same = fork_settings(PARENT, {}, snapshot=False)
    assert changed_settings(PARENT, same) == ()
    other = fork_settings(PARENT, {"beta": "2", "epochs": 9, "device": "cpu", "seed": "7"}, snapshot=False)
    assert changed_settings(PARENT, other) == ("epochs", "beta", "device")
    assert changes_loss(PARENT, other)
    assert not changes_loss(PARENT, fork_settings(PARENT, {"learning_rate": 0.1}, snapshot=False))


def test_a_decoder_variance_that_weighs_the_kl_divergence_itself_brings_the_beta_of_a_new_run() -> None:
    assert fork_settings(PARENT, {"decoder_variance": "optimal"}, snapshot=False).beta == 1.0
    assert fork_settings(PARENT, {"decoder_variance": "optimal", "beta": 0.5}, snapshot=False).beta == 0.5


@pytest.mark.parametrize("name", [*KEPT, "seed"])
def test_what_is_part_of_the_state_is_refused_with_the_reason(name: str) -> None:
    wanted = {
        "fit": "squeeze",
        "damaged": "skip",
        "preset": "ae",
        "features": "4,8",
        "latent_channels": 2,
        "likelihood": "bernoulli",
        "dataset": "mnist",
        "first_stage": "a",
        "batch_size": 3,
        "holdout": 5,
        "dynamics": "ddpm",
    }
    with pytest.raises(ConfigError, match=rf"^{SETTINGS[name].title or name.replace('_', ' ')} stays? .*: \w+"):
        fork_settings(PARENT, {name: (wanted | {"seed": 8})[name]}, snapshot=False)


def test_a_fork_of_a_snapshot_has_the_next_seed_or_the_one_that_is_chosen() -> None:
    assert fork_settings(PARENT, {}, snapshot=True).seed == 8
    assert fork_settings(PARENT, {"seed": "3"}, snapshot=True).seed == 3
    assert fork_settings(PARENT.model_copy(update={"seed": 2**32 - 1}), {}, snapshot=True).seed == 0


def test_moments_read_as_short_as_they_can() -> None:
    assert [*map(epoch_words, (0.03125, 0.5, 1.0, 9.99, 12.34, 400.0))] == ["0.03", "0.5", "1", "9.99", "12.3", "400"]
    assert parse_epoch("1e1") == 10
    for text in ("-1", "nan", "inf", "ten", ""):
        with pytest.raises(ConfigError, match="at must be a number of epochs"):
            parse_epoch(text)


def test_a_run_without_state_or_snapshots_has_no_moment(make_run: MakeRun) -> None:
    run = make_run()
    with pytest.raises(RunError, match="has saved no state yet"):
        newest_moment(run)
    with pytest.raises(RunError, match="has no snapshots"):
        nearest_moment(run, 1.0)
    with pytest.raises(RunError, match="says nowhere how many steps an epoch has"):
        steps_per_epoch(run)
    run.write_status(run.status().updated(saved_step=5))
    with pytest.raises(DamagedFile, match=r"state\.pt: is missing: training cannot go on from step 5"):
        newest_moment(run)
    run.write_state(b"what its trainer reads")
    run.metrics_path.write_bytes(line(10) + line(12, "epoch").replace(b'"epoch":0', b'"epoch":2'))
    run.write_status(run.status().updated(saved_step=15))
    moment = newest_moment(run)  # a status that does not say it leaves it to the metrics
    assert (moment.step, moment.epoch, moment.epochs_done) == (15, 2.5, 2)


def test_lines_are_copied_up_to_a_length_or_a_step_and_the_mark_stands_behind_them(tmp_path: Path) -> None:
    source, damaged = tmp_path / "source", b'{"kind":"step","epo\n'
    lines = [line(step) for step in range(1, 40_000)]
    source.write_bytes(b"".join([*lines[:100], damaged, *lines[100:]]) + b'{"kind":"st')
    copy_metrics(source, tmp_path / "whole", len(b"".join(lines[:50])) + 5, 0)
    assert (tmp_path / "whole").read_bytes() == b"".join(lines[:50])
    for step in (1, 100, 20_000, 39_999, 10**9):
        target = tmp_path / str(step)
        copy_metrics(source, target, None, step)
        kept = target.read_bytes().replace(damaged, b"")
        assert kept == b"".join(lines[:step])
        assert trained_until(source, step) == min(step, 39_999) / 2
    length = mark_fork(tmp_path / "1", run="a", epoch=0, step=1, seconds=0.5, best_anew=False)
    assert (tmp_path / "1").stat().st_size == length
    assert json.loads((tmp_path / "1").read_bytes().splitlines()[-1])["kind"] == "fork"
    copy_metrics(tmp_path / "none", tmp_path / "empty", 10, 0)
    assert (tmp_path / "empty").read_bytes() == b""
    assert trained_until(tmp_path / "none", 5) == 0.0


@pytest.mark.parametrize(
    "garbage",
    [7, "vae", [], {}, {"run": 3}, {"run": "a", "step": -1, "epoch": 1}, {"run": "a" * 300, "step": 1, "epoch": 1},
     {"run": "a", "step": 1, "epoch": 1e999}, {"run": "a", "step": 1, "epoch": 1, "changed": {"a": 1}}],
)  # fmt: skip
def test_a_beginning_that_cannot_be_is_damage_in_one_line(make_run: MakeRun, garbage: object) -> None:
    run = make_run()
    path = run.path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"forked_from": garbage}))
    damage = summarise(run).damage
    assert damage is not None
    assert damage.startswith("config.json: ")
    assert len(damage.splitlines()) == 1


def test_what_a_newer_version_says_of_a_beginning_is_kept_and_names_are_shown_safely(make_run: MakeRun) -> None:
    run = make_run()
    path = run.path / "config.json"
    origin = {"run": "a\x1b[31m\nb", "step": 1, "epoch": 1.0, "mood": "good"}
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"forked_from": origin}))
    fork = run.config().forked_from
    assert fork is not None
    assert fork.words.isprintable()
    assert RunConfig.model_validate_json(run.config().model_dump_json()).forked_from == fork
    assert "forked_from" not in make_run("plain").config().model_dump()
