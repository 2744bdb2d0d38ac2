"""What a training adds up: the parts of the loss over an epoch, and the seconds it took."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from typing import Any

import torch
from torch import Tensor

from core.errors import Diverged
from core.models.autoencoder import KlWeight


@dataclass(frozen=True)
class LossTotals:
    """Sums over images of the parts of the loss."""

    images: int = 0
    reconstruction: float = 0.0
    kl: float = 0.0

    @classmethod
    def read(cls, images: int, sums: Tensor, what: str, step: int) -> LossTotals:
        """From sums (2,) on a device, which the host waits for. Raises Diverged when one is not finite."""
        reconstruction, kl = sums.tolist()
        if not math.isfinite(reconstruction + kl):
            raise Diverged(f"the {what} is no longer a finite number at step {step}")
        return cls(images, reconstruction, kl)

    def __add__(self, other: LossTotals) -> LossTotals:
        return LossTotals(self.images + other.images, self.reconstruction + other.reconstruction, self.kl + other.kl)

    def __sub__(self, other: LossTotals) -> LossTotals:
        return self + LossTotals(-other.images, -other.reconstruction, -other.kl)

    def means(self, kl_weight: KlWeight, prefix: str = "") -> dict[str, float]:
        """The means over images and the loss they give, under the names of metrics.jsonl."""
        reconstruction, kl = self.reconstruction / self.images, self.kl / self.images
        return {
            f"{prefix}loss": kl_weight.total(reconstruction, kl),
            f"{prefix}reconstruction": reconstruction,
            f"{prefix}kl": kl,
        }


def zero_sums(device: torch.device) -> Tensor:
    """Room for the sums of squared error and KL divergence, (2,)."""
    # Metal knows no float64.
    return torch.zeros(2, dtype=torch.float32 if device.type == "mps" else torch.float64, device=device)


class RunningTotals:
    """The loss totals of the epoch in progress.

    The device adds them up in `sums`; reading them makes the host wait for it, so that is done seldom. A step line
    covers what came after the last one, including what the epoch before left unlogged.
    """

    def __init__(self, device: torch.device) -> None:
        self.sums = zero_sums(device)
        self.images = 0
        self.skipped = 0  # of the epoch in progress, before a fork began within it
        self._logged = self._carried_over = LossTotals()

    @property
    def passed(self) -> int:
        """The images of the epoch so far, be they trained on here or not."""
        return self.images + self.skipped

    @property
    def unlogged(self) -> int:
        """The images that no step line covers yet."""
        return self._carried_over.images + self.images - self._logged.images

    def read(self, step: int) -> LossTotals:
        """The totals of the epoch so far. Raises Diverged."""
        return LossTotals.read(self.images, self.sums, "loss", step)

    def take_unlogged(self, step: int) -> LossTotals:
        """The totals since the last call. Raises Diverged."""
        totals = self.read(step)
        unlogged = self._carried_over + totals - self._logged
        self._logged, self._carried_over = totals, LossTotals()
        return unlogged

    def carry_over(self, totals: LossTotals) -> None:
        """Leave what was not logged of an epoch with these totals to the next step line."""
        self._carried_over += totals - self._logged
        self._logged = LossTotals()

    def reset(self) -> None:
        """Begin an epoch."""
        self.sums.zero_()
        self.images = self.skipped = 0

    def state_dict(self, sums: Tensor, step: int) -> dict[str, Any]:
        """What a resume needs, under the keys of state.pt, of a copy of the sums. Raises Diverged."""
        found = LossTotals.read(self.images, sums, "loss", step)
        totals = {"sums": astuple(found), "reported": astuple(self._logged), "carried": astuple(self._carried_over)}
        return totals | ({"skipped": self.skipped} if self.skipped else {})

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
        self.images, *sums = state["sums"]
        self.skipped = state.get("skipped", 0)
        self.sums += torch.tensor(sums, dtype=self.sums.dtype, device=self.sums.device)
        self._logged, self._carried_over = LossTotals(*state["reported"]), LossTotals(*state["carried"])


class TrainingClock:
    """Seconds spent training, over all resumes and without pauses, and the throughput in images a second."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self.seconds = self.images_per_second = 0.0
        self._epoch_began = self._reported_at = 0.0
        self._now, self._paused = now, False
        self.start()

    def start(self) -> None:
        """Count from now on."""
        self._seen = self._now()

    def read(self) -> float:
        """The seconds until now."""
        now = self._now()
        if not self._paused:
            self.seconds += now - self._seen
        self._seen = now
        return self.seconds

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Time spent in here does not count."""
        self.read()
        before, self._paused = self._paused, True
        yield
        self.read()
        self._paused = before

    @property
    def since_report(self) -> float:
        """The seconds between the last report and the last reading."""
        return self.seconds - self._reported_at

    def report(self, images: int) -> float:
        """The throughput since the last report, in which so many images were trained on."""
        self.read()
        self.images_per_second = round(images / self.since_report, 1)
        self._reported_at = self.seconds
        return self.images_per_second

    def end_epoch(self, images: int) -> float:
        """The throughput over an epoch of so many images, validation included."""
        self.read()
        throughput = round(images / (self.seconds - self._epoch_began), 1)
        self._epoch_began = self.seconds
        return throughput

    def state_dict(self) -> dict[str, float]:
        """What a resume needs, under the keys of state.pt."""
        return {
            "seconds": self.seconds,
            "images_per_second": self.images_per_second,
            "reported_at": self._reported_at,
            "epoch_began": self._epoch_began,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
        self.seconds, self.images_per_second = state["seconds"], state["images_per_second"]
        self._reported_at, self._epoch_began = state["reported_at"], state["epoch_began"]
