"""What was chosen of charts, as the user's settings keep it; and where it was kept before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from core import files, folders
from core.errors import DamagedFile
from tui import quantities
from tui.configuration.configuration import Configuration
from tui.configuration.settings import CHARTS, Setting
from tui.drawing.plots.scales import Scale
from tui.run_axis import XKind
from tui.series import WEIGHTS, CurveOptions

LARGEST = 10_000  # bytes


@dataclass(frozen=True)
class Choices:
    """Which charts are shown, and how."""

    charts: Sequence[str]
    options: CurveOptions
    enlarged: str = ""  # the chart that fills the screen, if one does


class _Before(BaseModel):
    """The file of a screen in the folder for state, as versions up to 0.1 wrote it."""

    charts: tuple[str, ...]
    x: XKind
    scale: Scale
    weight: float


def read(configuration: Configuration, screen: str) -> Choices:
    """What was chosen for this screen, or the usual. Raises DamagedFile or OSError for what is kept as before."""
    settings = CHARTS[screen]
    kept = {setting.name: configuration[setting] for setting in settings.all}
    if configuration.path is not None and not any(setting in configuration for setting in settings.all):
        kept |= _before(screen)
    weight = min(WEIGHTS, key=lambda known: abs(known - float(str(kept[settings.smoothing.name]))))
    shown: Any = kept[settings.shown.name]
    charts = [key for key in quantities.TITLES if key in shown] or quantities.USUAL_CHARTS
    x: Any = kept[settings.x.name]
    scale: Any = kept[settings.scale.name]
    enlarged = str(kept[settings.enlarged.name])
    return Choices(
        charts, CurveOptions(x=x, scale=scale, weight=weight), enlarged if enlarged in quantities.TITLES else ""
    )


def _before(screen: str) -> dict[str, object]:
    path, settings = folders.state_dir() / "charts" / f"{screen}.json", CHARTS[screen]
    try:
        found = _Before.model_validate_json(files.read(path, LARGEST))
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        raise DamagedFile(path, "holds no choice of charts; it is replaced by the next one") from error
    values = (found.charts, found.x, found.scale, found.weight)
    return {setting.name: value for setting, value in zip(settings.all[: len(values)], values, strict=True)}


def chosen(screen: str, choices: Choices) -> Mapping[Setting[Any], Any]:
    """The settings that say so."""
    settings, options = CHARTS[screen], choices.options
    return {
        settings.shown: tuple(choices.charts),
        settings.x: options.x,
        settings.scale: options.scale,
        settings.smoothing: options.weight,
        settings.enlarged: choices.enlarged,
    }
