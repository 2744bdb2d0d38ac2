"""What was chosen of charts, kept in a file of the user's from one use to the next."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from core import files
from core.errors import DamagedFile
from tui.drawing.plots.scales import Scale
from tui.run_axis import XKind
from tui.series import WEIGHTS, CurveOptions

LARGEST = 10_000  # bytes


class Choices(BaseModel):
    """Which charts are shown, and how; values of newer versions are left out."""

    model_config = ConfigDict(frozen=True)

    charts: tuple[str, ...]
    x: XKind
    scale: Scale
    weight: float

    def options(self, usual: CurveOptions) -> CurveOptions:
        """The choices as options."""
        weight = self.weight if self.weight in WEIGHTS else usual.weight
        return CurveOptions(x=self.x, scale=self.scale, weight=weight)


def read(path: Path) -> Choices | None:
    """What was kept, None where nothing was. Raises DamagedFile or OSError."""
    try:
        return Choices.model_validate_json(files.read(path, LARGEST))
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise DamagedFile(path, "holds no choice of charts; it is replaced by the next one") from error


def write(path: Path, choices: Choices) -> None:
    """Keep these. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.replace(path, choices.model_dump_json(indent=2).encode() + b"\n")
