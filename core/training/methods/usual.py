"""Which runs whole steps of our own are made for, as it is known before PyTorch is loaded."""

from __future__ import annotations

from core.kernels.step_library import has_step
from core.runs.architecture.sizes import Sizes
from core.runs.config import RunConfig
from core.shapes import LATENT_SHAPE

POSTS_LATENT = "x".join(map(str, LATENT_SHAPE))


def unusual(config: RunConfig, kind: str, processes: int = 1) -> str:
    """Why nothing of our own does the whole steps of a run on that kind of device, in a few words; else nothing."""
    sizes = config.sizes
    if processes > 1:
        return "processes share its batches"
    if config.clip_norm:
        return "gradients are clipped"
    if config.preset_record.learns_prior:
        return "" if sizes.latent_shape == LATENT_SHAPE else f"latents are not {POSTS_LATENT}"
    if kind == "cpu":
        return "" if has_step(sizes.features, sizes.latent_channels) else "none for its sizes"
    return "" if sizes == Sizes() else "its sizes are not those of the post"


def slower_on_cpu(config: RunConfig) -> str:
    """Why a new run that may be trained on a CPU would go without a compiled step there; else nothing."""
    return unusual(config, "cpu", config.processes) if config.device in ("auto", "cpu") else ""
