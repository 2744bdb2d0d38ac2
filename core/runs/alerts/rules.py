"""The alerts of a run, from what is known of it: pure functions, which keep an alert longer than they wait for it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from core.runs.status import Cause, State

Kind = Literal[
    "diverged", "memory", "failed", "lost", "stalled", "disk", "useless", "rising", "collapsed", "slow", "finished"
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)

STALLED_SECONDS = 60.0  # a trainer beats every 20 seconds at least, but while it loads
LOADING_SECONDS = 600.0
NEARLY_FULL, NEARLY_FULL_SHARE = 1e9, 0.05  # bytes that are free, of a small disk a share
VALIDATIONS, RISEN = 3, 0.05  # that are all above the best one, and by which share of it
NOISES = 4.0  # by how many deviations of the noise of validations they are above it besides
COLLAPSED_NATS, COLLAPSED_EPOCHS = 0.5, 2
GREY_EPOCHS = 2
SLOW_SHARE = 0.4
# An alert that is on stays until a value is this much better than where it came on.
MARGIN = 1.5


@dataclass(frozen=True)
class Alert:
    """What is wrong with a run, and in one sentence what to do."""

    kind: Kind
    text: str

    @property
    def is_problem(self) -> bool:
        """Whether something is wrong, rather than done."""
        return self.kind != "finished"


@dataclass(frozen=True)
class Facts:
    """What a reader knows of a run; None is what cannot be known, or not yet.

    `silent` is how many seconds ago its trainer gave a sign of life, `free` and `total` are bytes of its disk. Of the
    validations: the epoch of the best, how many came since, by which share of the best the lowest of the last ones is
    higher, and the deviation of their noise as such a share.
    `over_grey` is the newest validation loss as a share of the largest that an even grey picture can have for an error.
    `kl` is that of the last steps in nats an image, where the loss has one; `speed` the throughput of the last steps as
    a share of what is usual for the run.
    """

    state: State | None
    cause: Cause | None = None
    pid: int | None = None
    begun: bool = True
    silent: float | None = None
    free: int | None = None
    total: int | None = None
    epoch: int = 0
    best_epoch: int | None = None
    since_best: int = 0
    above_best: float = 0.0
    noise: float = 0.0
    over_grey: float | None = None
    kl: float | None = None
    speed: float | None = None


def find_alerts(facts: Facts, before: Collection[Kind] = ()) -> tuple[Alert, ...]:
    """What there is to say of a run, the worst first, where it was said of these kinds at the last look."""
    return tuple(sorted(_found(facts, before), key=lambda alert: KINDS.index(alert.kind)))


def _found(facts: Facts, before: Collection[Kind]) -> Iterator[Alert]:
    match facts.state:
        case State.FAILED:
            yield FAILURES[facts.cause]
        case State.LOST:
            yield Alert("lost", "its trainer is gone: resume it, and it continues from its last save")
        case State.FINISHED:
            yield from _of_loss(facts)
            yield Alert("finished", "it has finished: look into it, or resume it for more epochs")
        case State.RUNNING | State.PAUSED:
            yield from _of_trainer(facts, before)
            if facts.state is State.RUNNING:
                yield from _of_loss(facts)
                yield from _of_training(facts, before)


FAILURES: dict[Cause | None, Alert] = {
    None: Alert("failed", "training failed: read its log, and resume it from its last save"),
    "diverged": Alert("diverged", "training diverged: resume it with a lower learning rate, from its last good state"),
    "memory": Alert("memory", "memory ran out: resume it once some is free, or train with smaller batches"),
}


def _of_trainer(facts: Facts, before: Collection[Kind]) -> Iterator[Alert]:
    allowed = STALLED_SECONDS if facts.begun else LOADING_SECONDS
    if facts.silent is not None and facts.silent > allowed:
        process = f"process {facts.pid}" if facts.pid else "its process"
        yield Alert("stalled", f"it makes no progress: read its log, and kill {process} if it hangs; then resume it")
    if facts.free is not None and facts.total is not None:
        low = min(NEARLY_FULL, NEARLY_FULL_SHARE * facts.total)
        if facts.free < low * (MARGIN if "disk" in before else 1):
            yield Alert("disk", "its disk is nearly full: free some space, or training will have to wait for it")


def _of_loss(facts: Facts) -> Iterator[Alert]:
    if facts.over_grey is not None and facts.over_grey > 1 and facts.epoch >= GREY_EPOCHS:
        text = "its validation loss is above that of an even grey picture: train a run with a lower learning rate"
        yield Alert("useless", text)


def _of_training(facts: Facts, before: Collection[Kind]) -> Iterator[Alert]:
    risen = max(RISEN, NOISES * facts.noise) / (MARGIN if "rising" in before else 1)
    if facts.since_best >= VALIDATIONS and facts.above_best > risen:
        best = f"since epoch {facts.best_epoch}"
        yield Alert("rising", f"validation loss rises {best}: stop it, and use its best weights, which are kept")
    nats = COLLAPSED_NATS * (MARGIN if "collapsed" in before else 1)
    if facts.kl is not None and facts.epoch >= COLLAPSED_EPOCHS and facts.kl < nats:
        yield Alert("collapsed", "the KL divergence is nearly 0, so latents tell nothing: train with a smaller beta")
    share = SLOW_SHARE * (MARGIN if "slow" in before else 1)
    if facts.speed is not None and facts.speed < share:
        yield Alert("slow", "it trains far below its usual speed: see what else runs there (vae-tui doctor)")
