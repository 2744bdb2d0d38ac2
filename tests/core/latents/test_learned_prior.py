"""The learned prior: what is known in closed form comes out, and a trained one draws what it is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from core.data.images import ImageSet, load_image_set, pixels
from core.errors import ConfigError, DamagedFile, RunError
from core.explorer.queries import RunExplorer
from core.explorer.results import Samples
from core.latents.learned_prior import LearnedPrior
from core.latents.options import STEPS, SamplingOptions, parse_sampling_options
from core.latents.schedulers import DDPM, SCHEDULERS, FlowMatching, NoiseScheduler, Predict
from core.models.denoiser import NULL_CLASS, Denoiser, timestep_embedding
from core.models.weights import load_autoencoder, load_denoiser, weights_to_bytes
from core.runs.config import check_values
from core.runs.first_stage import first_stage_settings
from core.runs.metrics.reader import MetricsReader
from core.runs.run import Run
from core.shapes import LATENT_SHAPE
from core.training.latent_objective import ScaledLatents
from core.training.trainer import Trainer
from core.trash import discard
from tests.conftest import CHECKPOINTS
from tests.support.models import last_convolution, load_model, load_prior
from tests.support.trainers import train

MakeRun = Callable[..., Run]

MEAN, DEVIATION = 1.5, 0.4  # of latents that are all drawn from one Gaussian
CPU = torch.device("cpu")


def best_guess_of_flow(z: Tensor, time: float) -> Tensor:
    """The velocity that is expected where latents are such Gaussians."""
    straying = z - (1 - time) * MEAN
    variance = (1 - time) ** 2 * DEVIATION**2 + time**2
    velocity: Tensor = time * straying / variance - (MEAN + (1 - time) * DEVIATION**2 * straying / variance)
    return velocity


def best_guess_of_noise(z: Tensor, time: float) -> Tensor:
    """The noise that is expected where latents are such Gaussians."""
    signal = float((1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)).cumprod(0)[round(time * 1000)])
    variance = signal * DEVIATION**2 + 1 - signal
    noise: Tensor = (1 - signal) ** 0.5 / variance * (z - signal**0.5 * MEAN)
    return noise


@pytest.mark.parametrize(
    ("dynamics", "predict", "steps"),
    [
        (FlowMatching(), best_guess_of_flow, 20),
        (DDPM(), best_guess_of_noise, 200),
        (DDPM(), best_guess_of_noise, 1000),
    ],
    ids=["flow", "ddim", "ddpm"],
)
def test_the_way_back_from_noise_ends_in_the_distribution_that_is_predicted_for(
    dynamics: NoiseScheduler, predict: Predict, steps: int
) -> None:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn((400, 4, 4, 4), generator=generator)
    *before, last = dynamics.denoise(predict, noise, steps, generator)
    assert len(before) == steps - 1
    assert last.mean().item() == pytest.approx(MEAN, abs=0.02)
    assert last.std().item() == pytest.approx(DEVIATION, rel=0.03)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_latents_become_noise_by_and_by(name: str) -> None:
    dynamics = SCHEDULERS[name]()
    z = torch.full((3, 4, 4, 4), 5.0)
    noise = torch.randn(3, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    noisy = dynamics.add_noise(z, noise, torch.tensor([0.0, 0.5, 0.9999]))
    far = (noisy.latents - noise).square().mean(dim=(1, 2, 3))
    assert torch.allclose(noisy.latents[0], z[0], atol=0.1)
    assert far[0] > far[1] > far[2]
    assert far[2] < 0.01
    assert (noisy.time >= 0).all()
    assert (noisy.time < 1).all()


def test_a_time_of_ddpm_is_the_step_that_its_noise_was_added_in() -> None:
    scheduler, z, noise = DDPM(), torch.randn(5, *LATENT_SHAPE), torch.randn(5, *LATENT_SHAPE)
    for time in (1 - 18 / 20, 0.5, 1 - 1 / 20):  # the first is just below 0.1
        noisy = scheduler.add_noise(z, noise, torch.full((5,), time)).latents
        assert torch.allclose(scheduler.expected(noisy, noise, time), z, atol=1e-4)


def test_a_flows_target_leads_from_noise_to_the_latents() -> None:
    z, noise = torch.randn(2, 4, 4, 4), torch.randn(2, 4, 4, 4)
    noisy = FlowMatching().add_noise(z, noise, torch.tensor([0.3, 0.8]))
    assert torch.allclose(noisy.latents - torch.tensor([0.3, 0.8])[:, None, None, None] * noisy.target, z, atol=1e-5)


def test_a_denoiser_tells_times_and_classes_apart() -> None:
    torch.manual_seed(0)
    network = Denoiser(channels=16, embedding=32)
    assert network(torch.randn(2, 4, 4, 4), torch.rand(2), torch.tensor([0, 1])).count_nonzero() == 0
    torch.nn.init.normal_(last_convolution(network.leave).weight)
    z = torch.randn(1, 4, 4, 4)

    def predicted(time: float, label: int) -> Tensor:
        result: Tensor = network(z, torch.tensor([time]), torch.tensor([label]))
        assert result.shape == z.shape
        return result

    base = predicted(0.5, 3)
    assert torch.equal(base, predicted(0.5, 3))
    for other in (predicted(0.51, 3), predicted(0.5, 4), predicted(0.5, NULL_CLASS)):
        assert (other - base).abs().max() > 1e-3


def test_the_waves_of_a_time_are_those_of_its_step() -> None:
    found = timestep_embedding(torch.tensor([0.0, 0.25]))
    assert found[0].tolist() == [0.0] * 64 + [1.0] * 64
    assert found[1, 0].item() == pytest.approx(math.sin(250), abs=1e-4)
    assert found[1, 127].item() == pytest.approx(math.cos(250 * 10_000 ** (-63 / 64)), abs=1e-4)


def test_latents_are_scaled_to_a_deviation_of_one() -> None:
    images = load_image_set("mnist-5k")
    model = load_model(Run(CHECKPOINTS / "vae-mnist"))
    latents = ScaledLatents.of(model, images.validation_images, images.validation_labels, CPU)
    noise = torch.randn(latents.mean.shape, generator=torch.Generator().manual_seed(0))
    z = latents.sample(torch.arange(len(latents.mean)), noise)
    assert z.std().item() == pytest.approx(1, abs=0.1)
    posterior = model.encode(pixels(images.validation_images[:1]))
    assert model.latent_scale is not None
    assert torch.allclose(latents.mean[0] / model.latent_scale, posterior.mean[0], atol=1e-5)


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ((0.5, 0.2, 0.3), "digit must be 0, 1 or 2, not 7: the classes of the images"),
        ((1.0,), "digit must be left out, not 7: one class, or without labels,"),
    ],
)
def test_only_a_class_that_training_images_had_can_be_asked_for(shares: tuple[float, ...], said: str) -> None:
    prior = load_prior(Run(CHECKPOINTS / "prior-mnist"))
    prior.check_digit(7)
    prior.network.class_shares[:] = 0
    prior.network.class_shares[: len(shares)] = torch.tensor(shares)
    assert prior.classes == ((0, 1, 2) if len(shares) == 3 else ())
    prior.check_digit(None)
    for digit in prior.classes:
        prior.check_digit(digit)
    with pytest.raises(ConfigError, match=said):
        prior.check_digit(7)


# A prior that was trained a little


@pytest.fixture(scope="module")
def images() -> ImageSet:
    """The zeros and the ones of 4,000 digits."""
    whole = load_image_set("mnist-5k")
    few, out = (labels < 2 for labels in (whole.train_labels, whole.validation_labels))
    return ImageSet(
        whole.name,
        whole.train_images[few],
        whole.train_labels[few],
        whole.validation_images[out],
        whole.validation_labels[out],
    )


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory, images: ImageSet) -> Run:
    """A prior over the latents of the shipped autoencoder's zeros and ones."""
    first = Run(CHECKPOINTS / "ae-mnist")
    settings = {"epochs": 15, "batch_size": 50, "learning_rate": 3e-3, "dataset": "mnist-5k"}
    config = check_values(**first_stage_settings(first) | settings | {"preset": "prior"})
    run = Run.create(tmp_path_factory.mktemp("runs"), "prior", config, first.read_weights())
    train(run, images)
    return run


@pytest.fixture
def prior(learned: Run) -> LearnedPrior:
    found = load_prior(learned)
    return replace(found, options=parse_sampling_options("learned", learned.config().dynamics, None, None, None))


def ink(prior: LearnedPrior, run: Run, seed: int = 0) -> Tensor:
    """How much of the middle of each of 20 samples is white: little in a zero, much in a one."""
    model = load_model(run)
    with torch.inference_mode():
        digits = model.decode(prior.sample(20, seed).view(-1, 4, 4, 4))
    middle: Tensor = digits[:, 0, 14:18, 14:18].mean(dim=(1, 2))
    return middle


@pytest.mark.slow
def test_it_draws_the_digit_that_it_is_asked_for(prior: LearnedPrior, learned: Run) -> None:
    zeros, ones = (ink(replace(prior, options=replace(prior.options, digit=digit)), learned) for digit in (0, 1))
    assert zeros.mean() < 0.25
    assert ones.mean() > 0.5


@pytest.mark.slow
def test_a_training_is_followed_by_samples_of_each_class(learned: Run) -> None:
    explorer = RunExplorer.open(learned, learned.path)
    rows = explorer.preview()
    assert [row.shape for row in rows] == [(10, 28, 28)] * 2
    for row in rows:
        assert row[1, 12:16, 12:16].mean() > row[0, 12:16, 12:16].mean() + 0.3
    assert abs(rows[0] - rows[1]).max() > 0.1


@pytest.mark.slow
def test_a_way_out_of_noise_has_as_many_moments_as_were_asked_for(learned: Run) -> None:
    explorer, options = (
        RunExplorer.open(learned, learned.path),
        parse_sampling_options("learned", learned.config().dynamics, "1", None, None),
    )
    moments: list[tuple[int, Samples]] = []
    explorer.denoising(5, 4, 0, 1.0, options, lambda *moment: moments.append(moment))
    assert [step for step, _ in moments] == [2, 4, 6, 8, 10]
    film = [samples for _, samples in moments]
    assert [moment.images.shape for moment in film] == [(4, 28, 28)] * 5
    assert (film[-1].latents == explorer.samples("learned", 4, 0, 1.0, options).latents).all()
    distances = [abs(moment.latents - film[-1].latents).mean() for moment in film]
    assert distances == sorted(distances, reverse=True)
    moments.clear()
    explorer.denoising(1, 4, 0, 1.0, options, lambda *moment: moments.append(moment))
    ((step, only),) = moments
    assert step == 10
    assert (only.latents == film[-1].latents).all()


@pytest.mark.slow
def test_asked_for_any_it_draws_classes_as_often_as_training_had_them(prior: LearnedPrior) -> None:
    shares = prior.network.class_shares
    assert shares.sum().item() == pytest.approx(1)
    assert shares[:2].tolist() == pytest.approx([0.5, 0.5], abs=0.05)
    labels = prior.labels(2000, seed=0)
    assert labels.bincount(minlength=10)[:2].tolist() == pytest.approx([1000, 1000], abs=120)
    assert labels.max() == 1


@pytest.mark.slow
def test_the_same_seed_draws_the_same_and_more_of_them_begin_alike(prior: LearnedPrior) -> None:
    one, same, other = (prior.sample(8, seed) for seed in (5, 5, 6))
    assert torch.equal(one, same)
    assert not torch.allclose(one, other)
    assert torch.allclose(prior.sample(4, 5), one[:4], atol=1e-5)


@pytest.mark.slow
def test_no_noise_makes_all_samples_of_a_class_alike(prior: LearnedPrior) -> None:
    cold = replace(prior, options=replace(prior.options, digit=1)).sample(3, 0, temperature=0.0)
    assert torch.allclose(cold[0], cold[1], atol=1e-5)
    with pytest.raises(ConfigError, match="temperature must be from 0 to 3"):
        prior.sample(1, 0, -1.0)


@pytest.mark.slow
def test_guidance_of_one_is_the_class_and_of_zero_any(prior: LearnedPrior) -> None:
    asked = []

    class Listening(Denoiser):
        def forward(self, z: Tensor, time: Tensor, label: Tensor) -> Tensor:
            asked.extend(label.tolist())
            return torch.full_like(z, float(label[0]))

    heard = replace(
        prior, network=Listening(channels=16, embedding=32), options=SamplingOptions(digit=4, guidance=1.0, steps=1)
    )
    heard.sample(1, 0)
    assert set(asked) == {4}
    for guidance, expected in ((0.0, float(NULL_CLASS)), (3.0, NULL_CLASS + 3.0 * (4 - NULL_CLASS))):
        guided = replace(heard, options=SamplingOptions(digit=4, guidance=guidance, steps=1))
        predicted = guided.predictor(torch.tensor([4]))(torch.zeros(1, 4, 4, 4), 0.5)
        assert predicted.mean().item() == pytest.approx(expected)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_training_lowers_the_error_below_that_of_knowing_nothing(
    name: str, make_run: MakeRun, images: ImageSet
) -> None:
    run = make_run(preset="prior", dynamics=name, epochs=3, batch_size=50, learning_rate=3e-3)
    train(run, images)
    reader = MetricsReader(run.metrics_path)
    reader.poll()
    nothing_known = 64.0 if name == "ddpm" else 128.0  # the variance of noise, and of noise less latents
    assert reader.epochs["val_loss"][-1] < 0.9 * nothing_known


# What belongs to it


def test_a_prior_keeps_the_weights_of_its_first_stage(make_run: MakeRun) -> None:
    run = make_run(preset="prior")
    assert run.first_stage_path.stat().st_mode & 0o777 == 0o600
    first = Run(CHECKPOINTS / "ae-mnist")
    assert run.read_first_stage() == first.read_weights()
    assert run.config().first_stage == "ae-mnist"
    model, expected = load_model(run), load_model(first)
    assert model.latent_scale == expected.latent_scale
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), expected.parameters(), strict=True))
    discard(run)
    assert not run.path.exists()


def test_a_prior_on_weights_that_were_saved_on_the_way_measures_their_latents_itself(
    make_run: MakeRun, images: ImageSet
) -> None:
    run = make_run(preset="prior", epochs=1, batch_size=50)
    first = load_autoencoder(run.read_first_stage(), "ae", run.first_stage_path)
    assert first.latent_scale is not None
    run.first_stage_path.write_bytes(weights_to_bytes(first.state_dict(), {"preset": "ae"}))
    train(run, images)
    learned = load_denoiser(run.read_weights(), LATENT_SHAPE, run.weights_path())
    assert learned.latent_scale == pytest.approx(first.latent_scale, rel=0.1)  # that of other images


def test_a_prior_needs_a_first_stage_and_nothing_else_has_one() -> None:
    with pytest.raises(ConfigError, match="first stage must be the name of a run, not nothing"):
        check_values(preset="prior")
    with pytest.raises(ConfigError, match="first stage must be left out for preset ae, not a-run"):
        check_values(preset="ae", first_stage="a-run", first_stage_preset="vae")
    with pytest.raises(ConfigError, match="first stage preset must be one of vae, vae-post or ae, not prior"):
        check_values(preset="prior", first_stage="a-run", first_stage_preset="prior")


def test_a_prior_is_no_first_stage(make_run: MakeRun) -> None:
    with pytest.raises(RunError, match="p learns a prior itself; a first stage is a run of vae, vae-post or ae"):
        first_stage_settings(make_run("p", preset="prior"))


def test_only_a_learned_prior_has_options() -> None:
    with pytest.raises(ConfigError, match="guidance goes with the sampler learned, not mixture"):
        parse_sampling_options("mixture", "flow", None, "2", None)
    assert parse_sampling_options("mixture", "flow", None, None, None) == SamplingOptions()


def test_a_run_without_weights_is_no_first_stage(make_run: MakeRun) -> None:
    with pytest.raises(RunError, match="a-run has no weights yet"):
        make_run(preset="ae").read_weights()


@pytest.mark.parametrize("content", [b"", b"\0" * 100, None])
def test_a_first_stage_that_is_damaged_is_named(content: bytes | None, make_run: MakeRun, images: ImageSet) -> None:
    run = make_run(preset="prior")
    run.first_stage_path.unlink()
    if content is not None:
        run.first_stage_path.write_bytes(content)
    with pytest.raises((DamagedFile, FileNotFoundError), match=r"first-stage\.safetensors"), run.open_metrics() as log:
        Trainer(run, images, "cpu", log)


def test_options_are_what_was_typed_or_the_defaults() -> None:
    assert parse_sampling_options("learned", "flow", None, None, None) == SamplingOptions(None, 1.0, STEPS["flow"][1])
    assert parse_sampling_options("learned", "ddpm", "7", "2.5", "1000") == SamplingOptions(7, 2.5, 1000)
    for typed, message in (
        (("10", None, None), "digit must be a whole number from 0 to 9"),
        ((None, "-1", None), "guidance must be from 0 to 10, not -1"),
        ((None, None, "0"), "steps must be a whole number from 1 to 100"),
    ):
        with pytest.raises(ConfigError, match=message):
            parse_sampling_options("learned", "flow", *typed)
