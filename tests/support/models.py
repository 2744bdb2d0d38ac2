"""The models of runs, loaded as the explorer loads them."""

from __future__ import annotations

from torch import nn

from core.latents.learned_prior import LearnedPrior, load_learned_prior
from core.models.autoencoder import Autoencoder
from core.models.weights import load_autoencoder
from core.runs.first_stage import read_first_stage
from core.runs.run import Run


def load_model(run: Run, *, best: bool = False) -> Autoencoder:
    """The newest or the best autoencoder of a run; of a learned prior its first stage."""
    preset: str = run.config().preset
    if preset == "prior":
        preset, content = read_first_stage(run)
        return load_autoencoder(content, preset, run.first_stage_path)
    return load_autoencoder(run.read_weights(best=best), preset, run.weights_path(best=best))


def load_prior(run: Run) -> LearnedPrior:
    """The newest learned prior of a run."""
    return load_learned_prior(
        run.read_weights(), run.config().sizes.latent_shape, run.config().dynamics, run.weights_path()
    )


def last_convolution(network: nn.Module) -> nn.Conv2d:
    """The last convolution of a network, whose weights a test may change."""
    *_, last = (module for module in network.modules() if isinstance(module, nn.Conv2d))
    return last


def last_normalisation(network: nn.Module) -> nn.BatchNorm2d:
    """The last batch normalisation of a network, whose weights a test may change."""
    *_, last = (module for module in network.modules() if isinstance(module, nn.BatchNorm2d))
    return last
