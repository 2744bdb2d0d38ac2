"""What an image may be where it is hidden, by what a run knows."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import torch
from torch import Tensor

from core.arrays import Bools, Images, Labels
from core.data.registry import DIGITS
from core.evaluation import classifier
from core.explorer.outputs.decoding import shown
from core.explorer.protocol import Report
from core.explorer.results import Completions
from core.explorer.session import RunSession
from core.latents.completion.guided import guided
from core.latents.completion.optimised import optimised
from core.latents.completion.visible import VisiblePixels
from core.latents.options import CompletionOptions
from core.models.autoencoder import Autoencoder


def complete(
    session: RunSession,
    open_model: Callable[[], AbstractContextManager[Autoencoder]],
    image: Images,
    hidden: Bools,
    options: CompletionOptions,
    report: Report,
) -> Completions:
    """The answers for an image (28, 28) whose pixels are hidden here, bool (28, 28); it takes long: others may ask."""
    visible = VisiblePixels.of(image, hidden)
    with open_model() as model, torch.inference_mode(False):  # what is made for inference lets no gradient through
        decode = session.keep("differentiable", lambda: _differentiable(model)).decode
        prior = session.learned_prior() if session.config.preset_record.learns_prior else None
        if prior is not None:
            prior.check_digit(options.digit)
        latents = None if prior else session.latents("training")
        has_digits = session.config.dataset in DIGITS

    def say(what: str, done: int, total: int) -> None:
        report(f"completing: {done} of {total} {what}")

    with torch.no_grad():
        if prior is not None:
            z = guided(prior, decode, visible, options, partial(say, "levels of noise"))
        else:
            assert latents is not None
            z = optimised(latents, decode, visible, options, partial(say, "steps"))
        output = decode(z)
        chosen = visible.varied(output, options.count)
        z, output = z[chosen], output[chosen]
    return Completions(
        shown(output),
        z.flatten(1).numpy(),
        visible.errors(output).numpy(),
        _digits(output) if has_digits else None,
        prior.classes if prior is not None else None,
    )


def _differentiable(model: Autoencoder) -> Autoencoder:
    """A copy whose weights are not made for inference only."""
    return copy.deepcopy(model).requires_grad_(False)


def _digits(output: Tensor) -> Labels:
    probabilities = classifier.classify(classifier.shipped(), [output]).probabilities
    digits: Labels = probabilities.argmax(dim=1).numpy()
    return digits
