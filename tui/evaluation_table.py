"""The metrics of an evaluation in words, for the command, the screen and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.latents.options import SAMPLERS
from core.text import printable
from tui.formatting import count

if TYPE_CHECKING:
    from core.evaluation.results import Evaluation
    from core.explorer.results import EvaluationResult
    from core.latents.options import SamplingOptions


FRACTIONS = ("precision", "recall", "classifier_confidence", "class_balance", "authenticity", "authenticity_floor")
NONE = "–"
POINT = "elbo and iwae are left out: the posterior of an autoencoder is a point"


def conditions(sampler: str, samples: int, seeds: int, dataset: str, options: Mapping[str, float] | None = None) -> str:
    """What is measured, such as 10,000 samples from the prior N(0, I), 3 seeds, mnist."""
    chosen = ", ".join(f"{name} {value:g}" for name, value in (options or {}).items())
    source = f"{SAMPLERS[sampler]} ({chosen})" if chosen else SAMPLERS[sampler]
    return f"{samples:,} samples from {source}, {count(seeds, 'seed')}, {dataset}"


def in_brief(sampler: str, samples: int, seeds: int, dataset: str) -> str:
    """The same in few words, such as 10,000 prior samples, 3 seeds, mnist."""
    return f"{samples:,} {sampler} samples, {count(seeds, 'seed')}, {dataset}"


# Whether less or more is better.
BETTER = {
    **dict.fromkeys(("frechet_samples", "frechet_reconstructions", "test_squared_error"), "↓"),
    **dict.fromkeys(("precision", "recall", "classifier_confidence", "class_balance", "elbo", "iwae"), "↑"),
}


def name_shown(figure: str) -> str:
    """A metric as people read it."""
    return figure.replace("_", " ")


def cells(evaluation: Evaluation, figure: str) -> tuple[str, str]:
    """The value of a metric and its standard deviation over the seeds; a dash where there is none."""
    return shown(getattr(evaluation, figure), figure)


def shown(measured: Any, figure: str) -> tuple[str, str]:
    """The same of a value of that metric."""
    if measured is None or isinstance(measured, int):
        return (NONE if measured is None else str(measured)), NONE
    form = ".3f" if figure in FRACTIONS else ".2f"
    if isinstance(measured, float):
        return format(measured, form), NONE
    return format(measured.mean, form), NONE if measured.std is None else format(measured.std, form)


def that_were_measured(meanings: Mapping[str, str], measured: Sequence[Evaluation]) -> Mapping[str, str]:
    """The metrics that there is a value of in any of these evaluations; all, where there are none yet."""
    there = {name for name in meanings for each in measured if getattr(each, name) is not None}
    return {name: meaning for name, meaning in meanings.items() if name in there} if measured else meanings


def in_short(figures: Mapping[str, Any]) -> str:
    """What is known of an evaluation that goes on, in a few words: Fréchet distance 6.02 of 1 seed."""
    distance, rebuilt = figures.get("frechet_samples"), figures.get("frechet_reconstructions")
    if distance is not None:
        return f"Fréchet distance {distance.mean:.2f} of {count(distance.n, 'seed')}"
    if rebuilt is not None:
        return f"Fréchet distance of reconstructions {rebuilt:.2f}"
    error = figures.get("test_squared_error")
    return "" if error is None else f"squared error {error:.2f}"


def plain_options(sampler: str, options: SamplingOptions) -> dict[str, float] | None:
    """The options of a learned prior as an evaluation names them."""
    return {"guidance": options.guidance, "steps": options.steps} if sampler == "learned" else None


def measured_with(evaluation: Evaluation) -> tuple[str, int, int, dict[str, float] | None]:
    """The sampler, how many samples of how many seeds, and the options of a learned prior."""
    return evaluation.sampler, evaluation.samples, evaluation.draws, evaluation.sampling_options


def otherwise(measured: EvaluationResult | None, than: EvaluationResult | None) -> str:
    """How something was measured in other ways than what it is seen beside: 300, 1 seed. Nothing if in the same way."""
    numbers = [(each.evaluation.samples, each.evaluation.draws) for each in (measured, than) if each is not None]
    (samples, seeds), *others = numbers or [(0, 0)]
    return f"{samples:,}, {count(seeds, 'seed')}" if others and others != [(samples, seeds)] else ""


def classifier(evaluation: Evaluation) -> str:
    """In whose features samples were compared, with the accuracy of that classifier; or why they were not."""
    told = evaluation.classifier
    if not told:
        return evaluation.left_out
    correct = f"{float(told.get('test_accuracy', 'nan')):.2%}"
    if told.get("dataset", "mnist") == "mnist":
        return f"classifier: {correct} of MNIST's test images"
    return f"features of a classifier trained on {printable(told['dataset'])}: {correct} of its validation images"


def without_likelihood(evaluation: Evaluation) -> str:
    """Why there are no bounds of a likelihood, where there are none."""
    return POINT if evaluation.elbo is None else ""


def epoch(measured: EvaluationResult) -> str:
    """The epoch after which the weights were saved."""
    return "epoch unknown" if measured.epoch is None else f"epoch {measured.epoch}"


def as_json(run: str, measured: EvaluationResult) -> dict[str, Any]:
    """An evaluation, with its run and the epoch of the weights."""
    return {"run": run, "epoch": measured.epoch, **measured.evaluation.as_json()}


def columns(measured: Sequence[EvaluationResult], meanings: Mapping[str, str]) -> dict[str, list[Any]]:
    """Everything that was measured as columns of a table, a line for each metric of each sampler."""
    lines = [_line(each, figure) | {"meaning": meaning} for each in measured for figure, meaning in meanings.items()]
    return {name: [line[name] for line in lines] for name in lines[0]}


def _line(measured: EvaluationResult, figure: str) -> dict[str, Any]:
    evaluation = measured.evaluation
    value: Any = getattr(evaluation, figure)
    mean, std = (value, None) if value is None or isinstance(value, int | float) else (value.mean, value.std)
    return {
        "sampler": evaluation.sampler,
        "samples": evaluation.samples,
        "draws": evaluation.draws,
        "epoch": measured.epoch,
        "figure": figure,
        "value": mean,
        "std": std,
    }
