"""Samples can be measured while a model trains: the figure tells good from bad and leaves training as it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator

import pytest
import safetensors.torch
import torch
from torch import Tensor

from core.data.images import ImageSet, load_image_set, pixels
from core.errors import ConfigError, Diverged
from core.evaluation.periodic import PeriodicFrechet
from core.runs.architecture.presets import PRESETS
from core.runs.config import check_values
from core.runs.metrics.reader import MetricsReader
from core.runs.run import Run
from core.training.trainer import Trainer
from tests.conftest import cut_digits
from tests.support import trainers

MakeRun = Callable[..., Run]


@pytest.fixture(scope="module")
def images() -> ImageSet:
    """300 training and 50 validation digits."""
    return cut_digits(300, 50)


def result(measurement: Generator[None, None, float]) -> float:
    while True:
        try:
            next(measurement)
        except StopIteration as end:
            return float(end.value)


def train(run: Run, images: ImageSet, boundaries: int | None = None) -> Trainer:
    """Train with 300 samples a measurement, in two batches: it takes a part of a second."""
    return trainers.train(run, images, boundaries, frechet_samples=300)


def distances(run: Run) -> list[float | None]:
    rows = [json.loads(line) for line in run.metrics_path.read_text().splitlines()]
    return [row["frechet"] for row in rows if row["kind"] == "epoch"]


def weights(run: Run) -> dict[str, Tensor]:
    return safetensors.torch.load(run.read_weights())


def test_digits_are_nearer_than_worse_digits_and_these_nearer_than_noise() -> None:
    whole = load_image_set("mnist-5k")
    gauge = PeriodicFrechet(whole.train_images)
    digits = pixels(whole.validation_images[:1000])
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(digits.shape, generator=generator)
    others, worse, worst = (result(gauge.measure(x.split(250))) for x in (digits, digits.lerp(noise, 0.3), noise))
    assert 5 * others < worse < worst


def test_a_measurement_can_be_left_after_every_batch() -> None:
    whole = load_image_set("mnist-5k")
    gauge = PeriodicFrechet(whole.train_images[:500])
    batches = pixels(whole.validation_images[:500]).split(100)
    assert sum(1 for _ in gauge.measure(batches)) == 2 + 5  # two of the training images, the first time
    assert sum(1 for _ in gauge.measure(batches)) == 5


def test_samples_that_are_no_numbers_end_training() -> None:
    gauge = PeriodicFrechet(load_image_set("mnist-5k").train_images[:250])
    with pytest.raises(Diverged, match="samples are no longer finite"):
        result(gauge.measure([torch.full((2, 1, 32, 32), torch.nan)]))


def test_samples_are_measured_every_so_many_epochs_and_after_the_last(make_run: MakeRun, images: ImageSet) -> None:
    run = make_run(epochs=5, batch_size=100, measure_every=2)
    train(run, images)
    first, second, third, fourth, last = distances(run)
    assert (first, third) == (None, None)
    assert all(distance is not None and distance > 1 for distance in (second, fourth, last))
    reader = MetricsReader(run.metrics_path)
    reader.poll()
    assert reader.epochs["frechet"][[1, 3, 4]].tolist() == [second, fourth, last]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_measured_run_ends_bit_for_bit_like_an_unmeasured_one(
    preset: str, make_run: MakeRun, images: ImageSet
) -> None:
    settings = {"preset": preset, "epochs": 2, "batch_size": 100}
    plain, measured = make_run("plain", **settings), make_run("measured", **settings, measure_every=1)
    train(plain, images)
    train(measured, images)
    assert distances(plain) == [None, None]
    assert None not in distances(measured)
    for name, tensor in weights(plain).items():
        assert torch.equal(tensor, weights(measured)[name]), name


def test_a_run_left_in_the_middle_of_a_measurement_measures_the_same_again(make_run: MakeRun, images: ImageSet) -> None:
    settings = {"epochs": 2, "batch_size": 100, "measure_every": 1}
    straight, broken = make_run("straight", **settings), make_run("broken", **settings)
    train(straight, images)
    left = train(broken, images, boundaries=6)  # three steps, one of validation, one of two with training images
    assert left.activity == "measuring samples"
    assert distances(broken) == []
    train(broken, images)
    assert distances(broken) == distances(straight)


def test_samples_come_in_batches_and_again_for_the_same_seed(make_run: MakeRun, images: ImageSet) -> None:
    run = make_run(batch_size=100, measure_every=1)
    with run.open_metrics() as metrics:
        objective = Trainer(run, images, "cpu", metrics).objective

    def drawn(seed: int) -> Iterator[Tensor]:
        return objective.samples(300, seed)

    assert [len(batch) for batch in drawn(0)] == [250, 50]
    assert torch.equal(torch.cat(list(drawn(0))), torch.cat(list(drawn(0))))
    assert not torch.equal(torch.cat(list(drawn(0))), torch.cat(list(drawn(1))))


@pytest.mark.parametrize("dataset", ["fashion-mnist", "kmnist"])
def test_only_digits_can_be_measured(dataset: str) -> None:
    with pytest.raises(ConfigError, match=f"measure every must be 0 for {dataset}: a classifier of digits measures"):
        check_values(dataset=dataset, measure_every="2")
    assert check_values(dataset="mnist", measure_every="2").measure_every == 2
