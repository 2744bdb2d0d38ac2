"""An explorer that has its questions answered elsewhere."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from core.explorer.messages import Answer, Callback, Question

if TYPE_CHECKING:
    from core.arrays import Bools, Floats, Images
    from core.explorer.protocol import Report
    from core.explorer.results import (
        Completions,
        EvaluationResult,
        ImageDetail,
        LatentProjection,
        Neighbours,
        Particles,
        ReconstructionPage,
        Reconstructions,
        Samples,
        Sketched,
    )
    from core.latents.options import CompletionOptions, Order, Part, PathKind, ProjectionOptions, SamplingOptions
    from core.latents.plane.density import PlaneDensity
    from core.runs.run import Run

NUMBERS = itertools.count(1)  # of questions


class Ask(Protocol):
    """Gives the answer to a question; what is reported and shown meanwhile may end it."""

    def __call__(self, question: Question, report: Report, on_callback: Callable[..., object]) -> Answer: ...


class RemoteExplorer:
    """Asks about a run on behalf of one task; core.explorer.protocol says what each question gives."""

    def __init__(self, run: Run, ask: Ask, report: Report, moment: int | None = None) -> None:
        self.run, self.note, self.moment = run, "", moment
        self._ask_elsewhere, self._report = ask, report

    @property
    def default_sampler(self) -> str:
        return self.run.config().preset_record.default_sampler

    def at(self, moment: int | None) -> RemoteExplorer:
        return RemoteExplorer(self.run, self._ask_elsewhere, self._report, moment)

    def page(self, first: int, count: int, label: int | None = None, order: Order = "index") -> ReconstructionPage:
        page: ReconstructionPage = self._ask("page", first, count, label, order)
        return page

    def reconstruct(self, images: Images) -> Reconstructions:
        reconstructions: Reconstructions = self._ask("reconstruct", images)
        return reconstructions

    def sketch(self, image: Images, nearest: int) -> Sketched:
        sketched: Sketched = self._ask("sketch", image, nearest)
        return sketched

    def neighbours(self, images: Images, count: int) -> Neighbours:
        neighbours: Neighbours = self._ask("neighbours", images, count)
        return neighbours

    def complete(self, image: Images, hidden: Bools, options: CompletionOptions) -> Completions:
        completions: Completions = self._ask("complete", image, hidden, options)
        return completions

    def image_detail(self, index: int, samples: int, seed: int, part: Part = "validation") -> ImageDetail:
        detail: ImageDetail = self._ask("image_detail", index, samples, seed, part)
        return detail

    def pair(self, part: Part, index: int) -> tuple[Images, Images]:
        pair: tuple[Images, Images] = self._ask("pair", part, index)
        return pair

    def preview(self) -> tuple[Images, Images]:
        preview: tuple[Images, Images] = self._ask("preview")
        return preview

    def samples(
        self,
        sampler: str,
        count: int,
        seed: int,
        temperature: float = 1.0,
        options: SamplingOptions | None = None,
        go_on: Callable[[], object] = lambda: None,
    ) -> Samples:
        words = (sampler, count, seed, temperature, options)
        samples: Samples = self._ask("samples", *words, callback="go_on", on_callback=go_on)
        return samples

    def denoising(
        self,
        frames: int,
        count: int,
        seed: int,
        temperature: float,
        options: SamplingOptions,
        show: Callable[[int, Samples], object],
    ) -> None:
        words = (frames, count, seed, temperature, options)
        self._ask("denoising", *words, callback="show", on_callback=show)

    def flow(
        self,
        count: int,
        seed: int,
        options: SamplingOptions,
        plane: ProjectionOptions,
        start: Particles | None,
        show: Callable[[Particles], object],
    ) -> None:
        self._ask("flow", count, seed, options, plane, start, callback="show", on_callback=show)

    def activity(self) -> Floats:
        activity: Floats = self._ask("activity")
        return activity

    def traversal(self, z: Floats, number: int, steps: int) -> Samples:
        path: Samples = self._ask("traversal", z, number, steps)
        return path

    def interpolation(self, start: Floats, end: Floats, steps: int, path: PathKind) -> Samples:
        between: Samples = self._ask("interpolation", start, end, steps, path)
        return between

    def decode(self, z: Floats) -> Images:
        images: Images = self._ask("decode", z)
        return images

    def projection(self, options: ProjectionOptions) -> LatentProjection:
        projection: LatentProjection = self._ask("projection", options)
        return projection

    def density(self, options: ProjectionOptions, sampler: str) -> PlaneDensity:
        density: PlaneDensity = self._ask("density", options, sampler)
        return density

    def evaluations(self) -> list[EvaluationResult]:
        from core.explorer.outputs.kept import evaluations_of  # with pydantic, which the first frame does without

        return evaluations_of(self.run)  # a look at a file, for which nobody should wait for PyTorch

    def check_evaluable(self) -> None:
        self._ask("check_evaluable")

    def evaluate(
        self,
        sampler: str,
        samples: int,
        seeds: int,
        options: SamplingOptions | None = None,
        show: Callable[[Mapping[str, Any]], object] = lambda figures: None,
    ) -> EvaluationResult:
        words = (sampler, samples, seeds, options)
        result: EvaluationResult = self._ask("evaluate", *words, callback="show", on_callback=show)
        return result

    def _ask(
        self,
        method: str,
        *arguments: Any,
        callback: Callback | None = None,
        on_callback: Callable[..., object] = lambda: None,
    ) -> Any:
        question = Question(next(NUMBERS), self.run, method, arguments, callback, self.moment)
        answer = self._ask_elsewhere(question, self._report, on_callback)
        self.note, self.moment = answer.note, answer.moment
        return answer.value
