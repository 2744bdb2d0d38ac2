"""What a run trains and the loss it minimises."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol

import torch
from torch import Tensor, nn

from core.arrays import evenly_spaced
from core.data.images import ImageSet, pixels
from core.evaluation.latent_use import LatentUse, latent_use, moments
from core.kernels import fused
from core.kernels.native_step import NativeStep
from core.kernels.step_library import Products
from core.latents import encoding, samplers
from core.models.autoencoder import MODELS, Autoencoder, KlWeight, Loss, fold_batch_norm, loss
from core.models.denoiser import Denoiser
from core.models.likelihood import PIXELS, Likelihood
from core.models.weights import LIKELIHOOD, load_autoencoder
from core.runs.config import RunConfig, check_last_batch
from core.runs.first_stage import read_first_stage
from core.runs.metrics.lines import KL_CHANNELS
from core.runs.run import Run
from core.training.devices.memory import measure
from core.training.devices.numerics import proper_float32
from core.training.latent_objective import SAMPLE_BATCH, LatentObjective

FITTED_IMAGES = 10_000
VALIDATION_BATCH = 500
VALIDATION_BATCH_GPU = 1000  # by PyTorch's layers MNIST's take 38 ms in batches of 2,000 on an H200, 44 of 500
LATENT_SCALE_IMAGES = 2048


class Objective(Protocol):
    """A model on its device, and the loss of its examples; examples go by their index."""

    kl_weight: KlWeight
    examples: int
    held_out: int

    @property
    def model(self) -> nn.Module:
        """The network whose weights are trained and saved."""

    def accelerate(self, precision: str) -> tuple[nn.Module, str]:
        """A faster stand-in for the model in training mode, and its name in a few words."""

    def compile_step(
        self, optimizer: torch.optim.Adam, batch_size: int, products: Products
    ) -> Callable[[Tensor, Tensor | None], Tensor]:
        """A step of the optimizer on a CPU as one call into compiled code: what takes indices (B,) and noise (B, ...).

        It gives the sums over the batch of the parts of the loss, float64 (2,). Raises Unavailable.
        """

    def sample_noise(self, count: int, generator: torch.Generator) -> Tensor | None:
        """What is random in a step on so many examples, (count, ...)."""

    def loss(self, forward: nn.Module, indices: Tensor, noise: Tensor | None) -> Loss:
        """The loss of the examples with indices (B,), through `forward` in place of the model."""

    def validate(self, generator: torch.Generator) -> Iterator[Tensor]:
        """For each batch of held-out examples the sums of the parts of the loss, and of others or none, (2 + M,)."""

    def latent_use(self, means: Tensor) -> dict[str, float]:
        """How much of a latent is used, under the names of metrics.jsonl; nothing where there is no posterior.

        `means` (M,) over the held-out examples are those of what a validation gave besides the parts of the loss.
        """

    def samples(self, count: int, seed: int) -> Iterator[Tensor]:
        """So many sampled images, in batches (B, 1, 32, 32) on the CPU; the same for the same seed."""

    def metadata(self, *, measured: bool) -> dict[str, object]:
        """What is stored beside the weights, with or without what is measured; not finite where training diverged."""


class ImageObjective:
    """An autoencoder on images: the error of its likelihood, and the weighted KL divergence of the posterior.

    Raises ConfigError where the last batch is too small for the sizes of the model.
    """

    def __init__(self, config: RunConfig, images: ImageSet, model: Autoencoder, device: torch.device) -> None:
        self._sampler, self._has_posterior = config.preset_record.default_sampler, config.preset_record.has_kl
        self.images, self.device = images.to(device), device
        self.model = model.to(device)
        self.kl_weight = KlWeight(config.beta, optimal=config.decoder_variance == "optimal")
        self.examples, self.held_out = len(images.train_images), len(images.validation_images)
        check_last_batch(config, self.examples)

    def accelerate(self, precision: str) -> tuple[nn.Module, str]:
        """A faster stand-in for the model in training mode, and its name in a few words."""
        return fused.accelerate(self.model, self.device, precision)

    def compile_step(self, optimizer: torch.optim.Adam, batch_size: int, products: Products) -> NativeStep:
        """A step of the optimizer on a CPU as one call into compiled code. Raises Unavailable."""
        images, threads = self.images.train_images, torch.get_num_threads()
        at_once = min(batch_size, len(images))
        return NativeStep(self.model, optimizer, images, at_once, self.kl_weight, products, threads)

    def sample_noise(self, count: int, generator: torch.Generator) -> Tensor | None:
        """What `random_numbers` draws for the model."""
        return random_numbers(self.model, count, generator)

    def loss(self, forward: nn.Module, indices: Tensor, noise: Tensor | None) -> Loss:
        """The loss of the images with indices (B,)."""
        return _loss(self.model, forward, self.images.train_images[indices], noise)

    def validate(self, generator: torch.Generator) -> Iterator[Tensor]:
        """For each batch of validation images the sums of squared error and KL divergence, and moments of the latents.

        In evaluation mode and proper float32, with one posterior sample an image. The weights are those of the first
        call.
        """
        model = fold_batch_norm(self.model)
        at_once = VALIDATION_BATCH_GPU if self.device.type == "cuda" else VALIDATION_BATCH
        for batch in self.images.validation_images.split(at_once):
            noise = self.sample_noise(len(batch), generator)
            yield measure(partial(_sums, model, batch, noise), len(batch))

    @proper_float32()
    def latent_use(self, means: Tensor) -> dict[str, float]:
        """How much of a latent is used; what is not finite is left out.

        Where kernels validated, which give the loss only, on an even selection of the validation images.
        """
        if not self._has_posterior:
            return {}
        used = (
            LatentUse.of(means, self.model.latent_shape)
            if len(means)
            else latent_use(self.model, self.images.validation_images)
        )
        named = {"active_units": used.active_units} | dict(zip(KL_CHANNELS, used.kl, strict=False))
        return {name: value for name, value in named.items() if math.isfinite(value)}

    def samples(self, count: int, seed: int) -> Iterator[Tensor]:
        """So many images from the preset's default sampler."""
        model = fold_batch_norm(self.model).cpu().requires_grad_(False)
        sampler = samplers.standard_normal(math.prod(model.latent_shape))
        if self._sampler != "prior":
            every = evenly_spaced(self.examples, FITTED_IMAGES)
            images, labels = self.images.train_images[every].cpu(), self.images.train_labels[every].cpu()
            sampler = samplers.fit(self._sampler, encoding.encode(model, images, labels))
        for z in sampler.sample(count, seed).split(SAMPLE_BATCH):
            yield model.decode(z)

    def metadata(self, *, measured: bool) -> dict[str, object]:
        """The latent scale, which takes up to a second to measure."""
        found: dict[str, object] = {}
        if self.model.likelihood is not Likelihood.GAUSSIAN:
            found[LIKELIHOOD] = self.model.likelihood
        if measured:
            found["latent_scale"] = latent_scale(self.model, self.images.train_images)
        return found


def random_numbers(model: Autoencoder, count: int, generator: torch.Generator) -> Tensor | None:
    """The noise of posterior samples of so many images, (count, C, h, w); None where the posterior is a point.

    Where the likelihood is Bernoulli, flat and with the chances of all pixels behind it, (count, D + 1024).
    """
    noise = model.noise(count, generator)
    if model.likelihood is Likelihood.GAUSSIAN:
        return noise
    chances = torch.rand((count, PIXELS), generator=generator, device=generator.device)
    return chances if noise is None else torch.cat([noise.flatten(1), chances], dim=1)


def drawn_batch(model: Autoencoder, images: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """What the likelihood is of, (B, 1, 32, 32), of images uint8 (B, 32, 32), and the noise of posterior samples.

    `noise` is what `random_numbers` drew.
    """
    x = pixels(images)
    if model.likelihood is Likelihood.GAUSSIAN:
        return x, noise
    assert noise is not None
    of_posterior, chances = noise[:, :-PIXELS], noise[:, -PIXELS:]
    shaped = of_posterior.reshape(-1, *model.latent_shape) if of_posterior.shape[1] else None
    return model.likelihood.drawn(x, chances), shaped


def _loss(model: Autoencoder, forward: nn.Module, images: Tensor, noise: Tensor | None) -> Loss:
    x, drawn = drawn_batch(model, images, noise)
    output, posterior = forward(x, drawn)
    return loss(x, output, posterior, model.likelihood)


def _sums(model: Autoencoder, images: Tensor, noise: Tensor | None, part: slice) -> Tensor:
    x, drawn = drawn_batch(model, images[part], None if noise is None else noise[part])
    output, posterior = model(x, drawn)
    parts = loss(x, output, posterior, model.likelihood)
    sums = torch.stack([parts.reconstruction.sum(), parts.kl.sum()])
    return sums if posterior.log_variance is None else torch.cat([sums, moments(posterior)])


@torch.no_grad()
@proper_float32()
def latent_scale(model: Autoencoder, images: Tensor) -> float:
    """1 / standard deviation of the latents of images (N, 32, 32), from an even selection of 2,048 of them.

    Rombach et al. 2022, appendix G. The variance is that of posterior samples, computed without drawing any.
    """
    chosen = images[torch.from_numpy(evenly_spaced(len(images), LATENT_SCALE_IMAGES))]
    folded = fold_batch_norm(model)
    posteriors = [folded.encode(pixels(batch)) for batch in chosen.split(VALIDATION_BATCH)]
    between = torch.cat([posterior.mean for posterior in posteriors]).var()
    within = torch.cat([posterior.variance() for posterior in posteriors]).mean()
    return float((between + within).rsqrt())


def new_autoencoder(config: RunConfig) -> Autoencoder:
    """One with the sizes and the likelihood of a run, and weights that PyTorch's generator draws."""
    model = MODELS[config.preset]((1, *config.sizes.features), config.sizes.latent_channels)
    model.likelihood = Likelihood(config.likelihood)
    return model


def make_objective(run: Run, images: ImageSet, device: torch.device) -> tuple[Objective, torch.Generator]:
    """A model with the initial weights of the run's seed, and the generator of all later random numbers.

    Weights are drawn on the CPU, whatever the device. The generator's own seed is drawn after them, so that it does
    not repeat the numbers they came from. PyTorch's global generator is left alone.
    Raises FileNotFoundError, DamagedFile or OSError.
    """
    config = run.config()
    objective: Objective
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        if config.preset_record.learns_prior:
            preset, content = read_first_stage(run)
            first_stage = load_autoencoder(content, preset, run.first_stage_path).requires_grad_(False)
            if first_stage.latent_scale is None:  # the weights of a training that went on
                first_stage.latent_scale = latent_scale(first_stage, images.train_images.cpu())
            objective = LatentObjective(config, images, first_stage, Denoiser(first_stage.latent_shape), device)
        else:
            objective = ImageObjective(config, images, new_autoencoder(config), device)
        following = int(torch.randint(2**62, ()))
    return objective, torch.Generator(device).manual_seed(following)
