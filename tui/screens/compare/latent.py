"""The latents of two runs in the plane."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from string import ascii_lowercase

import numpy as np
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Label

from core.explorer.results import LatentProjection
from core.latents.options import LINEAR, ProjectionOptions
from core.runs.run import Run
from tui import latent_plane
from tui.drawing.view import home_view
from tui.export_plots import Seen
from tui.screens import exporting
from tui.screens.compare.view import WAITING, ModelsView, Question
from tui.screens.exporting import Export
from tui.widgets.scatter import Scatter

Planes = tuple[LatentProjection, LatentProjection]
AtMoment = bool  # whether they are those of a moment, which the selected run or the other one has


class LatentView(ModelsView[tuple[Planes, AtMoment]]):
    """The latents of both in the plane, by the same rules and with the same limits."""

    title = "latent"

    def __init__(self) -> None:
        super().__init__(id="latent")
        self.options = ProjectionOptions()
        self._planes: Planes | None = None

    def compose(self) -> ComposeResult:
        for _ in range(2):
            with Vertical(classes="side"):
                yield Label("", classes="run-name", markup=False)
                yield Scatter(message=WAITING)

    def question(self) -> Question[tuple[Planes, AtMoment]]:
        options = self.options
        return lambda left, right: (
            (left.projection(options), right.projection(options)),
            left.moment is not None or right.moment is not None,
        )

    def show(self, answer: tuple[Planes, AtMoment]) -> None:
        planes, at_moment = answer
        self._planes = planes
        home = home_view(np.concatenate([plane.points for plane in planes]))
        for scatter, plane in zip(self.query(Scatter), planes, strict=True):
            x_label, y_label = plane.projection.axes
            scatter.show(
                plane.points, plane.labels, x_label=x_label, y_label=y_label, home=home, count=len(plane.classes)
            )
        names, facts = zip(*map(latent_plane.title, planes), strict=True)
        left, right = (fact.partition(", ")[0] for fact in facts)
        if at_moment:
            left = left.removeprefix("held-out ")  # as the plane of a moment is described
        numbers = f"{left} | {right.lstrip(ascii_lowercase + '- ')}" if left else ""
        both = " | ".join(dict.fromkeys(name.partition(" of ")[0] for name in names))
        self.heading = ", ".join(filter(None, (both, numbers)))

    def on_scatter_moved(self, message: Scatter.Moved) -> None:
        """What the mouse does to one plane is done to both: they keep the same limits."""
        for scatter in self.query(Scatter):
            if scatter is not message.scatter:
                scatter.look_at(message.scatter.view)

    def show_message(self, message: str) -> None:
        self._planes = None
        for scatter in self.query(Scatter):
            scatter.show_message(message)

    @property
    def topic(self) -> str:  # type: ignore[override]
        return self.options.projection

    def next_projection(self) -> None:
        following = LINEAR[(LINEAR.index(self.options.projection) + 1) % len(LINEAR)]
        self.options = replace(self.options, projection=following)

    def change_fit(self) -> None:
        """At moments that are over: fitted to the newest weights, or to each moment."""
        self.options = replace(self.options, fit_each=not self.options.fit_each)

    def to_export(self, stem: str, runs: tuple[Run, Run]) -> Export | None:
        if self._planes is None:
            return None
        seen = [Seen(scatter.view, scatter.hidden) for scatter in self.query(Scatter)]
        sides = list(zip(runs, self._planes, seen, strict=True))

        def write(folder: Path) -> list[Path]:
            return [
                file
                for run, plane, part in sides
                for file in exporting.write_projection(folder, f"{run.name}-latent", run.name, plane, part)
            ]

        return Export(write, exporting.WHOLE_TABLE)
