"""Training learns, reports what it does, and continues exactly where it was."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import pytest
import torch

from core.data.images import ImageSet, pixels
from core.errors import DamagedFile, Diverged
from core.models.autoencoder import Autoencoder, loss
from core.models.weights import metadata_of
from core.runs.architecture.presets import PRESETS
from core.runs.config import make_config
from core.runs.run import Run
from core.training.objectives import latent_scale, new_autoencoder
from core.training.trainer import Trainer
from tests.conftest import cut_digits
from tests.support.models import load_model
from tests.support.run_files import assert_same_weights, lines
from tests.support.trainers import train

MakeRun = Callable[..., Run]


@pytest.fixture(scope="session")
def images() -> ImageSet:
    """300 training and 50 validation digits: an epoch takes a fraction of a second."""
    return cut_digits(300, 50)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_run_interrupted_within_an_epoch_ends_bit_for_bit_like_an_uninterrupted_one(
    preset: str, make_run: MakeRun, images: ImageSet
) -> None:
    settings = {"preset": preset, "epochs": 3, "batch_size": 32}
    straight, broken = make_run("straight", **settings), make_run("broken", **settings)
    train(straight, images)
    first = train(broken, images, boundaries=14)
    assert first.epoch == 1
    assert 0 < first.step_in_epoch < first.batches_per_epoch
    train(broken, images, boundaries=9)
    train(broken, images)
    assert_same_weights(straight, broken)


def test_schedule_and_kl_weight_are_where_they_were_after_an_interruption(make_run: MakeRun, images: ImageSet) -> None:
    settings = {"epochs": 3, "batch_size": 32, "schedule": "cosine", "decoder_variance": "optimal", "beta": 2.0}
    straight, broken = make_run("straight", **settings), make_run("broken", **settings)
    train(straight, images)
    train(broken, images, boundaries=14)
    train(broken, images)
    assert_same_weights(straight, broken)


def test_the_cosine_takes_the_learning_rate_from_what_was_asked_for_to_nothing(
    make_run: MakeRun, images: ImageSet
) -> None:
    run = make_run(epochs=2, batch_size=30, schedule="cosine", learning_rate=0.01)
    rates = []
    with run.open_metrics() as metrics:
        trainer = Trainer(run, images, "cpu", metrics)
        for _ in trainer.steps():
            rates.append(float(trainer.optimizer.param_groups[0]["lr"]))
    assert rates[0] == 0.01
    assert rates[len(rates) // 2] == pytest.approx(0.005)
    assert 0 < rates[-1] < 1e-4
    assert rates == sorted(rates, reverse=True)


def test_a_scheduled_run_that_goes_on_follows_the_schedule_of_its_new_length(
    make_run: MakeRun, images: ImageSet
) -> None:
    run = make_run(epochs=1, batch_size=30, schedule="cosine", learning_rate=0.01)
    ended = train(run, images)
    assert 0 < ended.learning_rate < 3e-4
    longer = train(run, images, boundaries=1, epochs=2)
    assert longer.learning_rate == pytest.approx(0.01 * (1 + math.cos(math.pi * 11 / 20)) / 2)


def test_beta_weighs_the_kl_divergence(make_run: MakeRun, images: ImageSet) -> None:
    found = {}
    for beta in (0.1, 10.0):
        run = make_run(f"beta-{beta}", epochs=4, batch_size=32, beta=beta)
        train(run, images)
        last = found[beta] = lines(run, "epoch")[-1]
        for part in ("train", "val"):
            total = last[f"{part}_reconstruction"] + beta * last[f"{part}_kl"]
            assert last[f"{part}_loss"] == pytest.approx(total)
    assert found[0.1]["val_kl"] > 1.5 * found[10.0]["val_kl"]


def test_an_optimal_decoder_variance_weighs_the_kl_divergence_by_the_error(make_run: MakeRun, images: ImageSet) -> None:
    run = make_run(epochs=2, batch_size=32, decoder_variance="optimal")
    train(run, images)
    last = lines(run, "epoch")[-1]
    variance = last["val_reconstruction"] / 1024
    assert last["val_loss"] == pytest.approx(last["val_reconstruction"] + 2 * variance * last["val_kl"])


def test_a_run_interrupted_during_validation_ends_like_an_uninterrupted_one(
    make_run: MakeRun, images: ImageSet
) -> None:
    straight, broken = make_run("straight", batch_size=100), make_run("broken", batch_size=100)
    train(straight, images)
    interrupted = train(broken, images, boundaries=4)
    assert interrupted.activity == "validating"
    assert lines(broken, "epoch") == []
    train(broken, images)
    assert_same_weights(straight, broken)


def test_what_came_after_the_last_save_is_forgotten_and_done_again(make_run: MakeRun, images: ImageSet) -> None:
    straight, killed = make_run("straight", batch_size=32), make_run("killed", batch_size=32)
    train(straight, images)
    train(killed, images, boundaries=3)
    with killed.open_metrics() as metrics:
        for _ in islice(Trainer(killed, images, "cpu", metrics).steps(), 12):
            pass  # and then the process dies, having written an epoch line but saved nothing
    assert len(lines(killed, "epoch")) == 1
    train(killed, images)
    assert_same_weights(straight, killed)


def test_saving_changes_nothing_in_what_follows(make_run: MakeRun, images: ImageSet) -> None:
    straight, saving = make_run("straight", batch_size=32), make_run("saving", batch_size=32)
    train(straight, images)
    with saving.open_metrics() as metrics:
        trainer = Trainer(saving, images, "cpu", metrics)
        for _ in trainer.steps():
            trainer.save()
    assert_same_weights(straight, saving)


def test_the_seed_decides_the_run(make_run: MakeRun, images: ImageSet) -> None:
    one, same, other = (make_run(name, seed=seed, epochs=1) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    for run in (one, same, other):
        train(run, images)
    assert_same_weights(one, same)
    assert lines(one, "epoch") != lines(other, "epoch")


def test_epoch_lines_hold_exact_means_over_the_images(make_run: MakeRun, images: ImageSet) -> None:
    run = make_run(preset="ae", epochs=1, batch_size=32)
    train(run, images)
    (line,) = lines(run, "epoch")
    model = load_model(run)
    x = pixels(images.validation_images)
    with torch.no_grad():
        expected = loss(x, *model(x)).total().mean().item()
    assert line["val_loss"] == pytest.approx(expected, rel=1e-5)
    assert line["val_kl"] == line["train_kl"] == 0
    assert (line["epoch"], line["step"]) == (1, 10)


def test_step_lines_cover_every_image_once(make_run: MakeRun, images: ImageSet) -> None:
    run = make_run(preset="vae", epochs=2, batch_size=32)
    train(run, images, report_seconds=0.0)
    steps, epochs = lines(run, "step"), lines(run, "epoch")
    assert [line["step"] for line in steps] == list(range(1, 21))
    sizes = 9 * [32] + [300 - 9 * 32]
    for epoch in (0, 1):
        of_epoch = [line for line in steps if line["epoch"] == epoch]
        for part in ("loss", "reconstruction", "kl"):
            mean = sum(line[part] * size for line, size in zip(of_epoch, sizes, strict=True)) / 300
            assert mean == pytest.approx(epochs[epoch][f"train_{part}"])


def test_steps_are_reported_at_most_twice_a_second_even_over_short_epochs(make_run: MakeRun, images: ImageSet) -> None:
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 0.03
        return now

    few = replace(images, train_images=images.train_images[:20], train_labels=images.train_labels[:20])
    run = make_run(preset="ae", epochs=20, batch_size=10)
    train(run, few, now=clock)
    times = [json.loads(line)["time"] for line in run.metrics_path.read_text().splitlines() if '"step",' in line]
    assert len(times) > 2
    assert all(later - earlier >= 0.5 for earlier, later in pairwise(times))
    assert len(lines(run, "epoch")) == 20


def test_a_few_epochs_on_real_digits_halve_the_loss(make_run: MakeRun, images: ImageSet) -> None:
    run = make_run(preset="ae", epochs=6, batch_size=32)
    train(run, images)
    assert lines(run, "epoch")[-1]["val_loss"] < 0.5 * lines(run, "epoch")[0]["val_loss"]


def test_epochs_without_validation_say_null(make_run: MakeRun, images: ImageSet) -> None:
    run = make_run(preset="ae", epochs=3, batch_size=300, validate_every=2)
    train(run, images)
    assert [line["val_loss"] is None for line in lines(run, "epoch")] == [True, False, False]


def test_the_best_weights_are_those_of_the_lowest_validation_loss(make_run: MakeRun, images: ImageSet) -> None:
    run = make_run(preset="ae", epochs=2, batch_size=50)
    with run.open_metrics() as metrics:
        trainer = Trainer(run, images, "cpu", metrics)
        assert isinstance(trainer.model, Autoencoder)
        for _ in trainer.steps():
            if trainer.epoch == 1 and trainer.step_in_epoch == 1:
                with torch.no_grad():
                    for parameter in trainer.model.decoder.parameters():
                        parameter.mul_(3)
        trainer.save()
    first, second = lines(run, "epoch")
    assert first["val_loss"] < second["val_loss"]
    best = metadata_of(run.read_weights(best=True))
    assert best["epoch"] == "0"
    assert best["step"] == "6"


def test_a_finished_run_can_be_given_more_epochs(make_run: MakeRun, images: ImageSet) -> None:
    longer, extended = (
        make_run("longer", epochs=3, batch_size=100, schedule="constant"),
        make_run("extended", epochs=2, batch_size=100, schedule="constant"),
    )
    train(longer, images)
    train(extended, images)
    train(extended, images, epochs=3)
    assert_same_weights(longer, extended)


def test_a_loss_that_is_no_number_ends_training_and_leaves_the_last_good_weights(
    make_run: MakeRun, images: ImageSet
) -> None:
    run = make_run(preset="ae", epochs=2, batch_size=100)
    train(run, images, boundaries=3)
    weights, state = run.read_weights(), run.read_state()
    with run.open_metrics() as metrics:
        trainer = Trainer(run, images, "cpu", metrics)
        with torch.no_grad():
            next(trainer.model.parameters()).fill_(float("nan"))
        with pytest.raises(Diverged, match="no longer"):
            trainer.save()
        with pytest.raises(Diverged, match=r"the .*loss is no longer a finite number at step"):
            list(trainer.steps())
    assert (run.read_weights(), run.read_state()) == (weights, state)


def test_the_latent_scale_makes_latents_of_unit_spread(make_run: MakeRun, images: ImageSet) -> None:
    run = make_run(preset="vae", epochs=1, batch_size=100)
    trained = train(run, images).model
    assert isinstance(trained, Autoencoder)
    model = load_model(run)
    assert model.latent_scale is not None
    assert model.latent_scale == pytest.approx(latent_scale(trained, images.train_images))
    with torch.no_grad():
        z = model.encode(pixels(images.train_images)).sample() * model.latent_scale
    assert z.std() == pytest.approx(1.0, rel=0.02)


def test_the_latent_scale_is_of_images_from_the_first_to_the_last() -> None:
    model = new_autoencoder(make_config(preset="ae"))
    images = torch.zeros(4000, 32, 32, dtype=torch.uint8)
    alike = latent_scale(model, images)
    images[3000:] = torch.randint(256, (1000, 32, 32), dtype=torch.uint8)  # as of a folder that is sorted by class
    assert latent_scale(model, images) != alike


def test_a_save_on_the_way_leaves_out_what_takes_long_to_measure(make_run: MakeRun, images: ImageSet) -> None:
    run = make_run(preset="vae", epochs=1, batch_size=100)
    with run.open_metrics() as metrics:
        trainer = Trainer(run, images, "cpu", metrics)
        list(islice(trainer.steps(), 2))
        trainer.begin_save(measured=False).wait()
        assert load_model(run).latent_scale is None
        trainer.save()
    assert load_model(run).latent_scale is not None


def test_a_state_of_another_model_is_refused(make_run: MakeRun, images: ImageSet) -> None:
    run, other = make_run("a", preset="ae", batch_size=300), make_run("b", preset="vae", batch_size=300)
    train(other, images, boundaries=1)
    run.write_state(other.read_state() or b"")
    with (
        run.open_metrics() as metrics,
        pytest.raises(DamagedFile, match=r"state\.pt: is not the state of this run"),
    ):
        Trainer(run, images, "cpu", metrics)


class Payload:
    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("executed"),)


def test_a_state_with_a_pickled_call_is_not_executed(
    make_run: MakeRun, images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = make_run()
    torch.save({"model": Payload()}, run.state_path)
    with run.open_metrics() as metrics, pytest.raises(DamagedFile, match=r"state\.pt: is damaged, or holds more"):
        Trainer(run, images, "cpu", metrics)
    assert not Path("executed").exists()


@pytest.mark.parametrize("length", [0, 7, 8, 100, 10_000])
def test_truncated_weights_are_named(make_run: MakeRun, images: ImageSet, length: int) -> None:
    run = make_run(batch_size=300)
    train(run, images, boundaries=1)
    run.write_weights(run.read_weights()[:length])
    with pytest.raises(DamagedFile, match=r"^model\.safetensors: holds no vae model: [^\n]+$"):
        load_model(run)
