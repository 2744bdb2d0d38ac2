"""Which runs belong together: those of a sweep, and those that differ in nothing but the seed."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.runs.choosing.quantities import state_word

if TYPE_CHECKING:
    from core.runs.catalog import RunSummary
    from core.runs.config import RunConfig
    from core.runs.keeping.measures import Best
    from core.runs.run import Run

NOT_COMPARED = {"seed", "created", "versions", "data_dir", "sweep"}  # of runs that differ in the seed
NUMBERED = re.compile(r"(.+?)-\d+")


@dataclass(frozen=True)
class RunGroup:
    """Runs that are shown as one row, in the order in which they would be listed."""

    key: str
    title: str
    runs: tuple[RunSummary, ...]

    @property
    def best(self) -> Best | None:
        """The best validation of all."""
        return min((run.best for run in self.runs if run.best), key=lambda best: best[1], default=None)

    @property
    def last(self) -> float | None:
        """The lowest of the newest validation losses."""
        return min((run.validation[1] for run in self.runs if run.validation), default=None)

    @property
    def other_sums(self) -> bool:
        """Whether its losses are different sums, as of two likelihoods, so that none is the lowest."""
        from core.runs.settings import SETTINGS

        weighing = [name for name, setting in SETTINGS.items() if setting.changes_loss]
        configs = [run.config for run in self.runs if run.config]
        return len({tuple(getattr(config, name) for name in weighing) for config in configs}) > 1

    @property
    def states(self) -> list[tuple[str, int]]:
        """How many runs are in each state, the most frequent first."""
        return Counter(map(state_word, self.runs)).most_common()

    def contains(self, run: Run) -> bool:
        """Whether it is one of them."""
        return any(one.run == run for one in self.runs)


class Groups:
    """Knows to which group each run belongs; what it found out of a configuration is kept."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[RunConfig, str, str]] = {}

    def of(self, runs: Sequence[RunSummary]) -> Mapping[Run, tuple[str, str]]:
        """For each run that belongs to a group of two or more its key, the same from one use to the next, and title."""
        found = {run.run: self._sweep_and_seeds(run.run.name, run.config) for run in runs if run.config}
        self._keys = {run.run.name: self._keys[run.run.name] for run in runs if run.config}
        sweeps = Counter(sweep for sweep, _ in found.values() if sweep)
        seeds = Counter(seed for _, seed in found.values())
        # Those of a sweep that differ in the seed only are as well called by their common name.
        together: dict[Run, tuple[str, str]] = {}
        for run, (sweep, seed) in found.items():
            if sweeps[sweep] > 1 and sweep:
                together[run] = sweep, sweep.split("/")[1]
            elif seeds[seed] > 1:
                stem = NUMBERED.fullmatch(run.name)
                together[run] = seed, stem[1] if stem else run.name
        return together

    def _sweep_and_seeds(self, name: str, config: RunConfig) -> tuple[str, str]:
        known = self._keys.get(name)
        if known is None or known[0] is not config:
            text = config.model_dump_json(exclude=NOT_COMPARED)
            known = config, sweep_key(config), f"seeds/{hashlib.sha256(text.encode()).hexdigest()[:16]}"
            self._keys[name] = known
        return known[1], known[2]


def sweep_key(config: RunConfig) -> str:
    """The same for all runs that were made for one sweep; nothing where a run was made for none."""
    return "" if config.sweep is None else f"sweep/{config.sweep}/{config.dataset_title}"


def folded(
    runs: Iterable[RunSummary], groups: Mapping[Run, tuple[str, str]], keys: set[str]
) -> list[RunSummary | RunGroup]:
    """The runs as rows, those of the groups that are folded as one each, where the first of them stands."""
    rows: list[RunSummary | str] = []
    gathered: dict[str, list[RunSummary]] = {}
    titles: dict[str, str] = {}
    for run in runs:
        key, title = groups.get(run.run, ("", ""))
        if not key or key not in keys:
            rows.append(run)
            continue
        if key not in gathered:
            rows.append(key)
        gathered.setdefault(key, []).append(run)
        titles.setdefault(key, title)
    return [RunGroup(row, titles[row], tuple(gathered[row])) if isinstance(row, str) else row for row in rows]
