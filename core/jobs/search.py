"""Which values the runs of a sweep have: lists, ranges, and random trials out of them."""

from __future__ import annotations

import itertools
import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.errors import ConfigError
from core.runs.settings import Settings, title

MEMBERS_LIMIT = 1000
# What is multiplied rather than added to: between 0.1 and 1 lies 0.316.
LOGARITHMIC = ("learning_rate", "beta", "batch_size", "clip_norm")
DIGITS = 3  # of a drawn number; names of runs hold it whole
DRAWS = 50  # of a trial before it is said that there are no others
SPAN = re.compile(r"([^:]+?)\.\.([^:]+?)(?::(.*))?")
Value = str


@dataclass(frozen=True)
class Span:
    """All numbers from one to another, of which `count` are tried where trials are not drawn."""

    setting: str
    low: float
    high: float
    count: int | None = None

    @property
    def is_logarithmic(self) -> bool:
        """Whether equal factors are equally likely, rather than equal distances (Bergstra & Bengio 2012)."""
        return self.setting in LOGARITHMIC and self.low > 0

    def at(self, part: float) -> Value:
        """The number so far between both ends, 0 to 1, as text."""
        if self.is_logarithmic:
            value = self.low * (self.high / self.low) ** part
        else:
            value = self.low + (self.high - self.low) * part
        if Settings.model_fields[self.setting].annotation is int:
            return str(round(value))
        rounded = min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)
        return f"{rounded:.12g}"

    def values(self) -> list[Value]:
        """The numbers that are tried, at equal distances or factors. Raises ConfigError."""
        if self.count is None:
            text = f"{self.low:g}..{self.high:g}"
            wanted = f"a list, or say how many of it: {text}:5, or --trials N to draw them"
            raise ConfigError({self.setting: f"{title(self.setting)} must be {wanted}; not {text}"})
        parts = [number / max(1, self.count - 1) for number in range(self.count)]
        return list(dict.fromkeys(self.at(part) for part in parts))


Choice = Sequence[Value] | Span


def parse_choice(setting: str, text: str) -> Choice:
    """The values of a list such as `1e-3,3e-4` or `0-4,7`, or a range such as `0.1..1` or `0.1..1:5`. As text.

    Raises ConfigError.
    """
    span = SPAN.fullmatch(text.strip())
    if span is None:
        return parse_values(text)
    called = title(setting)
    try:
        low, high = float(span[1]), float(span[2])
    except ValueError:
        raise ConfigError({setting: f"{called} must be a range of numbers, not {text[:60]}"}) from None
    if Settings.model_fields[setting].annotation not in (int, float):
        raise ConfigError({setting: f"{called} must be a list: it is no number, so it has no range {text[:60]}"})
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ConfigError({setting: f"{called} must be a range that begins with the smaller number, not {text[:60]}"})
    count = None
    if span[3] is not None:
        count = int(span[3]) if span[3].isdecimal() and len(span[3]) < 10 else 0
        if not 2 <= count <= MEMBERS_LIMIT:
            raise ConfigError({setting: f"{called} must be 2 to {MEMBERS_LIMIT:,} values of a range, not {text[:60]}"})
    return Span(setting, low, high, count)


def parse_values(text: str) -> list[Value]:
    """The values of a list such as `1e-3,3e-4` or `0-4,7`, as text; only whole numbers have ranges."""
    values: list[Value] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if dash and first.isdecimal() and last.isdecimal() and len(first + last) < 20:
            if int(last) < int(first):
                raise ConfigError({"sweep": f"a range must begin with the smaller number, not {part.strip()}"})
            if int(last) - int(first) >= MEMBERS_LIMIT:
                raise ConfigError({"sweep": f"a sweep must have at most {MEMBERS_LIMIT:,} runs, not {part}"})
            values += map(str, range(int(first), int(last) + 1))
        else:
            values.append(part.strip())
    return values


def every_combination(choices: Mapping[str, Choice]) -> list[dict[str, Value]]:
    """Every combination of the choices, in their order. Raises ConfigError."""
    values = {name: choice.values() if isinstance(choice, Span) else choice for name, choice in choices.items()}
    if math.prod(map(len, values.values())) > MEMBERS_LIMIT:
        raise ConfigError({"sweep": f"a sweep must have at most {MEMBERS_LIMIT:,} runs"})
    return [dict(zip(values, each, strict=True)) for each in itertools.product(*values.values())]


def draw_trials(choices: Mapping[str, Choice], trials: int, seed: int) -> list[dict[str, Value]]:
    """So many different draws, each with every seed that is chosen: the same ones again, and more where more are asked.

    A range whose values are counted is a list of them. Raises ConfigError.
    """
    seeds = choices.get("seed", ())
    every_seed = [*seeds] if not isinstance(seeds, Span) else []
    drawn = {name: choice for name, choice in choices.items() if name != "seed" or not every_seed}
    if trials * max(1, len(every_seed)) > MEMBERS_LIMIT:
        raise ConfigError({"trials": f"a sweep must have at most {MEMBERS_LIMIT:,} runs"})
    found: dict[tuple[Value, ...], dict[str, Value]] = {}
    number = 0
    while len(found) < trials and number < DRAWS * trials:
        trial = {name: _draw(name, choice, f"{seed} {number} {name}") for name, choice in drawn.items()}
        found.setdefault(tuple(trial.values()), trial)
        number += 1
    if len(found) < trials:
        raise ConfigError({"trials": f"trials must be at most {len(found)}: there are no more combinations"})
    return [trial | each for trial in found.values() for each in ([{"seed": one} for one in every_seed] or [{}])]


def _draw(name: str, choice: Choice, seed: str) -> Value:
    """A value that depends on the seed alone, whatever else is drawn."""
    source = random.Random(seed)
    if isinstance(choice, Span):
        return source.choice(choice.values()) if choice.count else choice.at(source.random())
    return source.choice(choice)
