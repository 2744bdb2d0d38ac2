"""The autoencoders of the post, behind the interface that latent diffusion expects of a first stage."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from core.models.likelihood import PIXELS, Likelihood
from core.shapes import LATENT_SHAPE, latent_shape

FEATURES = (1, 8, 16, 32)
LATENT_CHANNELS = LATENT_SHAPE[0]
LOG_VARIANCE_BOUNDS = (-30.0, 20.0)
Number = TypeVar("Number", float, Tensor)
# As published, sigma can reach 0 and the KL divergence infinity; below this the KL stops pulling.
SIGMA_SQUARED_FLOOR = 1e-6


@dataclass(frozen=True)
class DiagonalGaussian:
    """Mean and log-variance, each (B, C, H, W); log-variance None is a point mass."""

    mean: Tensor
    log_variance: Tensor | None = None

    def mode(self) -> Tensor:
        """The most likely latent, (B, C, H, W)."""
        return self.mean

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """One latent per image, (B, C, H, W)."""
        if self.log_variance is None:
            return self.mean
        noise = torch.randn(self.mean.shape, generator=generator, device=self.mean.device, dtype=self.mean.dtype)
        return self.reparameterize(noise)

    def reparameterize(self, noise: Tensor | None) -> Tensor:
        """Latents (B, C, H, W) from standard normal noise of that shape. Kingma & Welling 2014, section 2.4."""
        if self.log_variance is None or noise is None:
            return self.mean
        return self.mean + torch.exp(0.5 * self.log_variance) * noise

    def kl(self) -> Tensor:
        """KL divergence to N(0, I) in nats, (B,). Kingma & Welling 2014, appendix B."""
        if self.log_variance is None:
            return self.mean.new_zeros(len(self.mean))
        terms = self.log_variance.exp() + self.mean.square() - self.log_variance - 1
        return 0.5 * terms.sum(dim=(1, 2, 3))

    def kl_by_channel(self) -> Tensor:
        """The same of each channel, (B, C)."""
        if self.log_variance is None:
            return self.mean.new_zeros(self.mean.shape[:2])
        terms = self.log_variance.exp() + self.mean.square() - self.log_variance - 1
        return 0.5 * terms.sum(dim=(2, 3))

    def variance(self) -> Tensor:
        """The variance of each latent number, (B, C, H, W); zeros for a point mass."""
        return torch.zeros_like(self.mean) if self.log_variance is None else self.log_variance.exp()


class ConvBlock(nn.Sequential):
    """3x3 convolution that keeps the size, batch normalisation, leaky ReLU."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(
            nn.Conv2d(channels_in, channels_out, 3, padding="same"),
            nn.BatchNorm2d(channels_out),
            nn.LeakyReLU(),
        )


class Encoder(nn.Sequential):
    """(B, features[0], S, S) to (B, features[-1], s, s): each level after the first halves the size."""

    def __init__(self, *features: int) -> None:
        levels = []
        for level, (channels_in, channels_out) in enumerate(pairwise(features)):
            blocks: list[nn.Module] = [nn.MaxPool2d(2)] if level > 0 else []
            blocks += [ConvBlock(channels_in, channels_out), ConvBlock(channels_out, channels_out)]
            levels.append(nn.Sequential(*blocks))
        super().__init__(*levels)


class Decoder(nn.Sequential):
    """(B, features[0], s, s) to (B, features[-1], S, S): each level after the first doubles the size."""

    def __init__(self, *features: int) -> None:
        levels = []
        last = len(features) - 2
        for level, (channels_in, channels_out) in enumerate(pairwise(features)):
            blocks: list[nn.Module] = []
            if level > 0:
                blocks += [nn.Upsample(scale_factor=2, mode="nearest"), ConvBlock(channels_in, channels_in)]
            blocks.append(ConvBlock(channels_in, channels_in))
            blocks.append(
                nn.Conv2d(channels_in, channels_out, 1) if level == last else ConvBlock(channels_in, channels_out)
            )
            levels.append(nn.Sequential(*blocks))
        super().__init__(*levels)


class Autoencoder(nn.Module):
    """Encoder and mirrored decoder; its posterior is a point. 51,357 parameters as in the post.

    `features` are the channels of its levels, `latent_shape` (C, h, w) is that of a latent of one image; what the
    decoder gives is meant as `likelihood` says.
    """

    encoder_channels_per_latent = 1

    def __init__(self, features: Sequence[int] = FEATURES, latent_channels: int = LATENT_CHANNELS) -> None:
        super().__init__()
        self.encoder = Encoder(*features, self.encoder_channels_per_latent * latent_channels)
        self.decoder = Decoder(latent_channels, *reversed(features))
        self.features = tuple(features[1:])
        self.latent_shape = latent_shape(len(features) - 1, latent_channels)
        self.likelihood = Likelihood.GAUSSIAN
        self.latent_scale: float | None = None  # 1 / standard deviation of z over the training set, once that is known

    def encode(self, x: Tensor) -> DiagonalGaussian:
        """The posterior over the latent of images (B, 1, 32, 32) in [0, 1]."""
        return DiagonalGaussian(self.encoder(x))

    def decode(self, z: Tensor) -> Tensor:
        """The expected images (B, 1, 32, 32) of latents (B, C, h, w), or flat (B, D); not clipped to [0, 1]."""
        return self.likelihood.images(self.output(z))

    def output(self, z: Tensor) -> Tensor:
        """What the decoder gives for these latents, (B, 1, 32, 32), as the likelihood takes it."""
        output: Tensor = self.decoder(z.view(-1, *self.latent_shape))
        return output

    def forward(self, x: Tensor, noise: Tensor | None = None) -> tuple[Tensor, DiagonalGaussian]:
        """The decoder's output for the posterior sample with this noise (B, C, h, w), and the posterior."""
        posterior = self.encode(x)
        return self.output(posterior.reparameterize(noise)), posterior

    def noise(self, count: int, generator: torch.Generator) -> Tensor | None:
        """Noise for posterior samples of so many images, on the generator's device; None for a point."""
        return None


class _Variational(Autoencoder):
    encoder_channels_per_latent = 2

    def noise(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.randn((count, *self.latent_shape), generator=generator, device=generator.device)


class PublishedVariationalAutoencoder(_Variational):
    """The post's VAE: half of the encoder's channels are mu, half sigma, both behind a leaky ReLU.

    52,965 parameters. Only sigma squared and the symmetric product sigma * noise are ever used, so the sign of
    sigma carries nothing and the posterior can be given by its log-variance.
    """

    def encode(self, x: Tensor) -> DiagonalGaussian:
        """The posterior over the latent of images (B, 1, 32, 32) in [0, 1]."""
        mean, sigma = self.encoder(x).chunk(2, dim=1)
        return DiagonalGaussian(mean, sigma.square().clamp(min=SIGMA_SQUARED_FLOOR).log())


class VariationalAutoencoder(_Variational):
    """A VAE whose mean and log-variance leave the encoder through a 1x1 convolution without activation."""

    def __init__(self, features: Sequence[int] = FEATURES, latent_channels: int = LATENT_CHANNELS) -> None:
        super().__init__(features, latent_channels)
        self.head = nn.Conv2d(2 * latent_channels, 2 * latent_channels, 1)

    def encode(self, x: Tensor) -> DiagonalGaussian:
        """The posterior over the latent of images (B, 1, 32, 32) in [0, 1]."""
        mean, log_variance = self.head(self.encoder(x)).chunk(2, dim=1)
        return DiagonalGaussian(mean, log_variance.clamp(*LOG_VARIANCE_BOUNDS))


def fold_batch_norm(model: Autoencoder) -> Autoencoder:
    """A copy for inference only, three times as fast on a CPU.

    Each batch normalisation is folded into its convolution, which changes outputs by rounding only; the weights
    are laid out channels last.
    """
    fused = copy.deepcopy(model).eval()
    for block in fused.modules():
        if isinstance(block, ConvBlock):
            convolution, normalisation, _ = block
            assert isinstance(convolution, nn.Conv2d)
            assert isinstance(normalisation, nn.BatchNorm2d)
            block[0] = fuse_conv_bn_eval(convolution, normalisation)
            block[1] = nn.Identity()
            block[2] = nn.LeakyReLU(inplace=True)
    return fused.to(memory_format=torch.channels_last)


MODELS: dict[str, type[Autoencoder]] = {
    "ae": Autoencoder,
    "vae-post": PublishedVariationalAutoencoder,
    "vae": VariationalAutoencoder,
}


@dataclass(frozen=True)
class Loss:
    """The parts of the loss of a batch, each (B,), in squared pixel error, or nats where it is Bernoulli, and nats."""

    reconstruction: Tensor
    kl: Tensor

    def total(self, kl_weight: Tensor | float = 1.0) -> Tensor:
        """The training loss, (B,)."""
        return self.reconstruction + kl_weight * self.kl


@dataclass(frozen=True)
class KlWeight:
    """The weight of the KL divergence beside the squared error summed over an image's pixels.

    `beta` itself where the decoder's variance is fixed at 1/2, which makes the sum minus the ELBO (beta 1; Higgins et
    al. 2017 for others). `optimal` takes the variance that suits the error best, the mean squared error of a pixel:
    Rybkin et al. 2021, section 4, times twice the variance, which leaves the minimum where it was.
    """

    beta: float = 1.0
    optimal: bool = False

    def given(self, squared_error: Number) -> Number | float:
        """The weight at this mean squared error of an image; it is a constant within a step."""
        return self.beta * 2 * squared_error / PIXELS if self.optimal else self.beta

    def total(self, squared_error: float, kl: float) -> float:
        """The training loss, from the means over images."""
        return squared_error + self.given(squared_error) * kl


def loss(x: Tensor, output: Tensor, posterior: DiagonalGaussian, likelihood: Likelihood = Likelihood.GAUSSIAN) -> Loss:
    """The error of each image summed over its pixels, and the KL divergence of its posterior."""
    return Loss(likelihood.error(x, output), posterior.kl())
