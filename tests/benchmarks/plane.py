"""How fast the looks of the plane, the walk, the flow and the pencil answer while a training holds every core.

`python -m tests.benchmarks.plane [--presses 200] [--only density,pencil] [--json]`
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
import psutil

from tests.benchmarks.figures import Figure, run_alone
from tests.benchmarks.viewer import SETTLE_SECONDS, View, Watch, runs, training

QUIET_SECONDS = 0.4  # after which nothing more comes in answer to a key
PAUSE_SECONDS = (0.0, 0.1)
LONGEST_SECONDS = 20.0
KEY_MILLISECONDS, STROKE_MILLISECONDS = 50.0, 100.0
UP, DOWN, RIGHT, LEFT = ("\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D")


@dataclass(frozen=True)
class Key:
    """What is pressed for what; `view` is what it leads to where something else is written meanwhile."""

    name: str
    pressed: str
    view: View | None = None


@dataclass(frozen=True)
class Look:
    """What is opened on a run by keys, each with what is seen then, and the keys to press there over and over."""

    run: str
    way: Sequence[tuple[str, View]]
    keys: Sequence[Key]


@dataclass(frozen=True)
class Answer:
    """Milliseconds from a key to the first byte and to the last one of the view that it leads to, and their number."""

    first: float
    whole: float
    written: int


def says(*words: str) -> View:
    """Whether each of these is on the screen."""
    return lambda screen: all(word in screen for word in words)


def keys(name: str, *pressed: str) -> list[Key]:
    """Keys that do the same."""
    return [Key(name, each) for each in pressed]


# Each look is known by words of its own. What stands in the heading may be cut.
PLANE: Sequence[tuple[str, View]] = [("", says("epoch")), ("5", says("classes  0", "reconstructed", "decoded here"))]
DIGITS = [("v", lambda screen: not re.search("[⠁-⣿]", screen))]
DENSITY = [*DIGITS, ("v", says("10% latents"))]
RATIO = [*DENSITY, ("v", says("8x latents"))]
DECODED = [*RATIO, ("v", says("decoded in the plane"))]
ALONE = [("c", says("o only")), ("o", says("· · ·"))]
NUMBERS = [("]", says("latent numbers"))]
WALK = [("t", says("σ", "esc back"))]
FLOW = [("a", says("step 0 of")), ("", says("a stops"))]
PENCIL = [("b", says("draw a digit"))]

CURSOR = keys("cursor", LEFT, LEFT, UP, RIGHT, RIGHT, DOWN)
ZOOM = [*keys("zoom in", *"++++"), *keys("zoom out", *"----")]
# With the cursor somewhere else each time, and then to where nothing was decoded yet.
ELSEWHERE = [*keys("cursor", LEFT, UP), *keys("zoom in", *"+++++++"), *keys("zoom out", *"-------")]
PAN = keys("pan", *"HKLLJJHHKL")
AROUND = [Key("next look", "v")] * 10
ONE_CLASS = [*CURSOR, *ZOOM, Key("question", "c"), Key("all classes", "a"), Key("question", "c"), Key("one class", "o")]
NEXT_NUMBER = keys("latent number", *"]}]}[{[{")
WAYS = [*keys("path", DOWN, UP), *keys("page", ".", ".", ",", ",")]
STEPS = [*keys("step", *";;::;;;:::")]  # from the last one on, where there is none after it
SPEED = [Key("speed", "]", says("at most 1 a")), Key("speed", "[", says("at most 0.5 a"))]
DRAWN = [LEFT, *[DOWN] * 3, *[RIGHT] * 3, *[DOWN] * 3, *[LEFT] * 4]
BACK = [*[UP] * 6, *[RIGHT] * 2]
STROKES = [
    *keys("pen down", " "),
    *keys("stroke", *DRAWN),
    *keys("pen up", " "),
    *keys("pen", *BACK),
    Key("clear", "0"),
]

LOOKS: dict[str, Look] = {
    "points": Look("vae-mnist", PLANE, [*CURSOR, *ZOOM]),
    "one class": Look("vae-mnist", [*PLANE, *ALONE], ONE_CLASS),
    "latent numbers": Look("vae-mnist", [*PLANE, *NUMBERS], NEXT_NUMBER),
    "density": Look("vae-mnist", [*PLANE, *DENSITY], [*CURSOR, *ZOOM]),
    "ratio": Look("vae-mnist", [*PLANE, *RATIO], [*CURSOR, *ZOOM]),
    "decoded": Look("vae-mnist", [*PLANE, *DECODED], [*ELSEWHERE, *PAN]),
    "looks": Look("vae-mnist", PLANE, AROUND),
    "walk": Look("vae-mnist", [*PLANE, *WALK], WAYS),
    "travelling": Look("prior-mnist", [*PLANE, *FLOW, ("[", says("at most 1 a")), ("[", says("at most 0.5 a"))], SPEED),
    "flow": Look("prior-mnist", [*PLANE, *FLOW, ("]", says("at most 4 a")), ("", says("step 20 of"))], STEPS),
    "pencil": Look("vae-mnist", [*PLANE, *PENCIL], STROKES),
}


def measure(presses: int, only: str) -> list[Figure]:
    """The figures of all looks, or of those that are named, with commas between; presses / 2 seconds for each."""
    figures = []
    with training() as run, runs() as folder:
        trainer = psutil.Process(run.status().pid)
        for name in only.split(",") if only else LOOKS:
            look = LOOKS[name]
            with Pressed(folder, look.run) as app:
                app.go(look.way)
                app.try_all(look.keys, len(look.keys))  # makes what later ones only show
                trainer.cpu_percent()
                answers = app.try_all(look.keys, max(len(look.keys), presses))
                cores = f"the trainer used {trainer.cpu_percent() / 100:.1f} of {psutil.cpu_count()} cores"
            figures += [figure for key, found in answers.items() for figure in told(f"{name}: {key}", found, cores)]
    return figures


class Pressed(Watch):
    """The app, in which keys are pressed one after the other, each once the one before is answered."""

    def go(self, way: Iterable[tuple[str, View]]) -> None:
        """Press these keys, each once what the one before leads to is seen."""
        for key, view in way:
            self.press(key)
            if key or not view(self._shown()):
                self.when(view)
        self.let_pass(SETTLE_SECONDS)

    def try_all(self, wanted: Sequence[Key], count: int) -> dict[str, list[Answer]]:
        """The answers to so many keys, over and over, by their names."""
        chance = random.Random(0)
        answers: dict[str, list[Answer]] = {}
        for _, key in zip(range(count), cycle(wanted), strict=False):
            answers.setdefault(key.name, []).append(self.whole_answer(key))
            self.let_pass(chance.uniform(*PAUSE_SECONDS))
        return answers

    def whole_answer(self, key: Key) -> Answer:
        """Press a key and wait until nothing more comes, or until its view is there; fails if nothing comes."""
        if key.view is not None:
            passed = self.answer(key.pressed, key.view)
            return Answer(passed, passed, 0)
        start = time.perf_counter()
        self.press(key.pressed)
        arrivals = self._arrivals(LONGEST_SECONDS, QUIET_SECONDS)
        assert arrivals, f"no answer to {key.name}"
        contents = [content for _, content in arrivals]
        self._undrawn += contents
        first, last = (1000 * (arrivals[end][0] - start) for end in (0, -1))
        return Answer(first, last, sum(map(len, contents)))


def told(title: str, answers: Sequence[Answer], cores: str) -> list[Figure]:
    """The 99th percentile until the first byte of the answer; of strokes also until all that the model says of them."""
    first, whole = [each.first for each in answers], [each.whole for each in answers]
    written = [each.written for each in answers]
    finished = f"finished: {in_words(whole)}; {np.median(written):,.0f} bytes, at most {max(written):,}"
    detail = f"{in_words(first)}; {finished}; {cores}"
    figures = [Figure(title, last_percent(first), "ms", "at most", KEY_MILLISECONDS, detail)]
    if title.endswith("stroke"):
        title = f"{title} to all that the model says of it"
        figures.append(Figure(title, last_percent(whole), "ms", "at most", STROKE_MILLISECONDS, in_words(whole)))
    return figures


def last_percent(times: Sequence[float]) -> float:
    """The 99th percentile."""
    return float(np.quantile(times, 0.99, method="higher"))


def in_words(times: Sequence[float]) -> str:
    """The middle, the 99th percentile and the largest of times in milliseconds."""
    return f"median {np.median(times):.0f}, 99 % {last_percent(times):.0f}, largest {max(times):.0f} ms of {len(times)}"


def main() -> None:
    """The command line."""
    run_alone(__doc__, measure, presses=200, only="")


if __name__ == "__main__":
    main()
