"""What an image may be where it is hidden, by what a run knows."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from core.arrays import Bools, Images, Labels
from core.data.registry import DIGITS
from core.evaluation import classifier
from core.explorer.outputs.decoding import shown
from core.explorer.results import Completions
from core.explorer.session import RunSession
from core.latents.completion.guided import guided
from core.latents.completion.optimised import optimised
from core.latents.completion.visible import VisiblePixels
from core.latents.options import CompletionOptions
from core.models.autoencoder import Autoencoder


def complete(
    session: RunSession, model: Autoencoder, image: Images, hidden: Bools, options: CompletionOptions
) -> Completions:
    """The answers for an image (28, 28) whose pixels are hidden here, bool (28, 28)."""
    with torch.inference_mode(False), torch.no_grad():  # what is made for inference lets no gradient through
        visible = VisiblePixels.of(image, hidden)
        decode = session.keep("differentiable", lambda: _differentiable(model)).decode
        if session.config.preset_record.learns_prior:

            def report(done: int, total: int) -> None:
                session.report(f"completing: {done} of {total} levels of noise")

            z = guided(session.learned_prior(), decode, visible, options, report)
        else:
            latents = session.latents("training")
            session.report("optimising latents")
            z = optimised(latents, decode, visible, options)
        output = decode(z)
        chosen = visible.varied(output, options.count)
        z, output = z[chosen], output[chosen]
    return Completions(
        shown(output),
        z.flatten(1).numpy(),
        visible.errors(output).numpy(),
        _digits(output) if session.config.dataset in DIGITS else None,
    )


def _differentiable(model: Autoencoder) -> Autoencoder:
    """A copy whose weights are not made for inference only."""
    return copy.deepcopy(model).requires_grad_(False)


def _digits(output: Tensor) -> Labels:
    probabilities = classifier.classify(classifier.shipped(), [output]).probabilities
    digits: Labels = probabilities.argmax(dim=1).numpy()
    return digits
