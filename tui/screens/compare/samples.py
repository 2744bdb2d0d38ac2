"""Samples of two runs from the same seed."""

from __future__ import annotations

import numpy as np
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Label

from core.explorer.protocol import Explorer
from core.explorer.results import Samples
from core.latents.options import SAMPLERS, SEEDS
from core.runs.architecture.presets import DEFAULT_PRESET, PRESETS
from core.runs.run import Run
from core.shapes import IMAGE_SHAPE
from tui.screens import exporting
from tui.screens.compare.view import WAITING, ModelsView, Question
from tui.screens.exporting import Export
from tui.widgets.gallery import Gallery

COUNT, COLUMNS = 20, 4


class SamplesView(ModelsView[tuple[str, list[Samples]]]):
    """Samples of both from the same seed, each by the sampler that suits it unless one is chosen."""

    title = "samples"
    topic = "sampling"

    def __init__(self) -> None:
        super().__init__(id="samples")
        self.sampler: str | None = None
        self.seed = 0
        self._samples: list[Samples] = []

    def compose(self) -> ComposeResult:
        for _ in range(2):
            with Vertical(classes="side"):
                yield Label("", classes="run-name", markup=False)
                yield Gallery(at_least=16, columns=COLUMNS, captions="none", message=WAITING)

    def question(self) -> Question[tuple[str, list[Samples]]]:
        sampler, seed = self.sampler, self.seed

        def ask(*explorers: Explorer) -> tuple[str, list[Samples]]:
            names = [sampler or explorer.default_sampler for explorer in explorers]
            samplers = " and ".join(dict.fromkeys(SAMPLERS[name] for name in names))
            pairs = zip(explorers, names, strict=True)
            return f"{samplers}, seed {seed}", [explorer.samples(name, COUNT, seed) for explorer, name in pairs]

        return ask

    def show(self, answer: tuple[str, list[Samples]]) -> None:
        self.heading, self._samples = answer
        for gallery, samples in zip(self.query(Gallery), self._samples, strict=True):
            gallery.show(samples.images[:, None])

    def show_message(self, message: str) -> None:
        self._samples = []
        for gallery in self.query(Gallery):
            gallery.show_message(message)

    def change_seed(self, by: int) -> None:
        self.seed = min(max(self.seed + by, SEEDS[0]), SEEDS[1])

    def next_sampler(self) -> None:
        names = [None, *PRESETS[DEFAULT_PRESET].samplers]  # None: to each its own
        self.sampler = names[(names.index(self.sampler) + 1) % len(names)]

    def to_export(self, stem: str, runs: tuple[Run, Run]) -> Export | None:
        tiling = self.query(Gallery).first().tiling((1, *IMAGE_SHAPE))
        if not self._samples or tiling is None:
            return None
        shown = min(COUNT, tiling.capacity) // tiling.columns * tiling.columns
        rows = [samples.images[:shown].reshape(-1, tiling.columns, *IMAGE_SHAPE) for samples in self._samples]
        images = np.concatenate(rows, axis=1).reshape(-1, *IMAGE_SHAPE)
        return Export(lambda folder: exporting.write_picture(folder, stem, images, 2 * tiling.columns))
