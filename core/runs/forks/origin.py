"""Where a fork began: the run, the moment, and what identifies both."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from core.text import printable

Moment = Annotated[float, Field(ge=0, le=2**53, allow_inf_nan=False)]


class ForkedFrom(BaseModel):
    """`forked_from` of config.json. What a newer version writes besides is kept.

    `epoch` counts epochs and parts of one, `time` the seconds trained until then. `created` is when the run was made
    that it was forked from, which may have another name by now, `weights` a checksum of the tensors as in
    evaluation.json; `snapshot` whether those are all that was taken over; `changed` the settings that are others.
    Validations after step `best_since` can be the best one: those before are of a loss that is another sum.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    run: Annotated[str, Field(max_length=255)]
    step: Annotated[int, Field(ge=0, le=2**53)]
    epoch: Moment
    time: Moment = 0.0
    created: Annotated[str, Field(max_length=64)] = ""
    weights: Annotated[str, Field(max_length=64)] = ""
    snapshot: bool = False
    best_since: Annotated[int, Field(ge=0, le=2**53)] = 0
    changed: Annotated[tuple[Annotated[str, Field(max_length=40)], ...], Field(max_length=100)] = ()

    @property
    def place(self) -> str:
        """`ae at epoch 12`, and that it is of a snapshot where it is."""
        what = ", from a snapshot" if self.snapshot else ""
        return printable(f"{self.run} at epoch {epoch_words(self.epoch)}{what}")

    @property
    def words(self) -> str:
        """The same in a sentence."""
        return f"forked from {self.place}"


def epoch_words(epoch: float) -> str:
    """Epochs and parts of one in as many digits as tell moments apart: 0.04, 0.5, 12.3, 400."""
    return f"{epoch:.2f}".rstrip("0").rstrip(".") if epoch < 10 else f"{epoch:.1f}".removesuffix(".0")
