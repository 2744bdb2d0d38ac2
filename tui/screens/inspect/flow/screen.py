"""Particles that travel from noise to digits in the plane, along what a learned prior says."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual.binding import BindingType

from core.latents.options import GUIDANCE_STEPS, SEEDS, STEPS
from core.runs.run import Run
from tui.screens.dialogs import AskClass, AskValue
from tui.screens.exporting import Export
from tui.screens.inspect.flow.keys import FLOW_KEYS
from tui.screens.inspect.flow.travelling import TravellingScreen
from tui.screens.inspect.sample import parse_seed_and_steps


class FlowScreen(TravellingScreen):
    """Opened by `a` on the plane; what is asked for while particles travel counts from where they are."""

    ABOUT = "flow: latents of a learned prior on their way from noise to digits"
    BINDINGS: ClassVar[list[BindingType]] = FLOW_KEYS

    def _change(self, **changes: object) -> None:
        """Have other options count from the particles on that are seen; where they are digits already, from noise."""
        if self.options is None or (changed := replace(self.options, **changes)) == self.options:  # type: ignore[arg-type]
            return
        if self._at_end:
            self.notify("the particles had arrived: they set out from noise again", timeout=4)
        stand = not self.plays and not self._at_end
        self.options = changed
        self._let_flow(self.frames[self.place] if 0 < self.place < changed.steps else None)
        if not stand:
            self._play()

    def action_classes(self) -> None:
        def answered(answer: str | None) -> None:
            if answer is not None:
                self._change(digit=None if answer == "a" else int(answer))

        there = self.frames[-1].askable if self.frames else None
        self.app.push_screen(AskClass("Which digit?", "any", there=there), answered)

    def action_guidance(self, by: int) -> None:
        if self.options is not None:
            place = GUIDANCE_STEPS.index(self.options.guidance) + by
            self._change(guidance=GUIDANCE_STEPS[min(max(place, 0), len(GUIDANCE_STEPS) - 1)])

    def _restart(self) -> None:
        stand = not self.plays and not self._at_end
        self._let_flow(None)
        if not stand:
            self._play()

    def action_seed(self, by: int) -> None:
        self.seed = min(max(self.seed + by, SEEDS[0]), SEEDS[1])
        self._restart()

    def action_type_seed(self) -> None:
        if self.options is None:
            return

        def answered(typed: tuple[int, int] | None) -> None:
            if typed is not None and self.options is not None:
                self.seed, self.options = typed[0], replace(self.options, steps=typed[1])
                self._restart()

        config = self.run_update.summary.config if self.run_update else None
        most = STEPS[config.dynamics if config else "flow"][-1]
        question = f"The seed, and in how many steps noise becomes digits (1 to {most}):"
        parse = partial(parse_seed_and_steps, most=most)
        self.app.push_screen(AskValue(question, f"{self.seed}, {self.options.steps}", parse), answered)

    def to_export(self, run: Run, stem: str) -> Export | None:
        seen = self._seen()
        return None if seen is None else Export(lambda folder: seen.write(folder, stem, run.name))
