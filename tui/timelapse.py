"""A training as a film: the same digits, latents or images at every moment of which a run keeps a snapshot."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from core.arrays import Images, evenly_spaced
from core.errors import ConfigError, UserError, describe
from core.explorer.protocol import Explorer
from core.latents.options import GRID, Order, ProjectionOptions
from tui import formatting
from tui.drawing.images import mosaic
from tui.drawing.points import CLASS_COLORS
from tui.drawing.view import View, home_view
from tui.export import write_file

if TYPE_CHECKING:
    from core.explorer.results import LatentProjection, ReconstructionPage, Samples

What = Literal["reconstruct", "sample", "latent"]
MOST_FRAMES, MOST_ON_A_STRIP = 100, 12
FRAME_SECONDS, LAST_SECONDS = 0.15, 1.5
SCALE, COLUMNS, MOST_IMAGES = 3, 10, 40  # of digits: pixels for each of theirs, digits a row, and digits
PLANE, DOT = 640, 2  # pixels of a plane, and the radius of a point in it
CAPTION = 26  # pixels above a picture
STRIP_COLUMNS = 3
FONT = ImageFont.load_default(16)
BACKGROUND, INK = (255, 255, 255), (0, 0, 0)


@dataclass(frozen=True)
class Shot:
    """What is asked at every moment, and how the answers, the newest one last, become pictures of one size."""

    ask: Callable[[Explorer], Any]
    draw: Callable[[Sequence[Any]], list[Image.Image]]


def of_reconstructions(first: int = 0, count: int = 20, label: int | None = None, order: Order = "index") -> Shot:
    """The same digits, each above its reconstruction."""

    def draw(pages: Sequence[ReconstructionPage]) -> list[Image.Image]:
        return [_digits(page.stacks()[:, :2]) for page in pages]

    return Shot(lambda explorer: explorer.page(first, min(count, MOST_IMAGES), label, order), draw)


def of_samples(sampler: str, seed: int = 0, temperature: float = 1.0, count: int = MOST_IMAGES) -> Shot:
    """The same latents, decoded; a grid as a square."""
    columns = math.isqrt(min(count, MOST_IMAGES)) if sampler == GRID else COLUMNS
    number = columns**2 if sampler == GRID else min(count, MOST_IMAGES)

    def draw(found: Sequence[Samples]) -> list[Image.Image]:
        return [_digits(samples.images[:, None], columns) for samples in found]

    return Shot(lambda explorer: explorer.samples(sampler, number, seed, temperature), draw)


def of_plane(options: ProjectionOptions, view: View | None = None, hidden: frozenset[int] = frozenset()) -> Shot:
    """The latents in the plane, in one view: by default the one that holds the newest."""

    def draw(planes: Sequence[LatentProjection]) -> list[Image.Image]:
        seen = view or home_view(planes[-1].points)
        return [_plane(plane, seen, hidden) for plane in planes]

    return Shot(lambda explorer: explorer.projection(options), draw)


def frames(
    explorer: Explorer, moments: Sequence[tuple[int, float]], title: str, shot: Shot, warn: Callable[[str], None]
) -> list[Image.Image]:
    """A picture of each moment, by its step and epoch, then one of the newest weights; of many evenly chosen ones.

    One whose snapshot cannot be read is left out, and `warn` is told of it in a line.
    """
    newest = shot.ask(explorer.at(None))  # what is wrong with all of them is raised here
    answers, captions = [], []
    for step, epoch in (moments[place] for place in evenly_spaced(len(moments), MOST_FRAMES - 1)):
        caption = formatting.moment(epoch)
        try:
            answers.append(shot.ask(explorer.at(step)))
        except (UserError, OSError) as error:
            warn(f"{caption} is left out: {describe(error)}")
            continue
        captions.append(caption)
    answers.append(newest)
    captions.append("newest")
    return [
        _captioned(picture, f"{title}, {caption}")
        for picture, caption in zip(shot.draw(answers), captions, strict=True)
    ]


def save(path: Path, pictures: Sequence[Image.Image], *, replace: bool = False) -> None:
    """The pictures as a GIF that repeats, or some of them side by side as a PNG.

    Raises ConfigError for other endings, OSError.
    """
    content = io.BytesIO()
    match path.suffix.lower():
        case ".gif":
            palette = [picture.quantize(64, dither=Image.Dither.NONE) for picture in pictures]
            milliseconds = [round(1000 * FRAME_SECONDS)] * (len(pictures) - 1) + [round(1000 * LAST_SECONDS)]
            palette[0].save(
                content, "GIF", save_all=True, append_images=palette[1:], duration=milliseconds, loop=0, optimize=True
            )
        case ".png":
            _strip(pictures).quantize(64, dither=Image.Dither.NONE).save(content, "PNG", optimize=True)
        case _:
            raise ConfigError({"out": f"out must end in .gif or .png, not {path.name[:60]!r}"})
    write_file(path, content.getvalue(), replace=replace)


def _digits(tiles: Images, columns: int = COLUMNS) -> Image.Image:
    """Tiles (N, K, H, W) in [0, 1], so many a row, the K images of each below each other."""
    number, stacked, height, width = tiles.shape
    columns = min(columns, number)
    rows = -(-number // columns)
    whole: Images = np.zeros((rows * columns, stacked, height, width), tiles.dtype)
    whole[:number] = tiles
    grid = whole.reshape(rows, columns, stacked, height, width).swapaxes(1, 2)
    picture = np.clip(np.nan_to_num(mosaic(grid.reshape(rows * stacked, columns, height, width))), 0, 1)
    pixels = np.rint(picture * 255).astype(np.uint8).repeat(SCALE, axis=0).repeat(SCALE, axis=1)
    return Image.fromarray(pixels).convert("RGB")


def _plane(plane: LatentProjection, view: View, hidden: frozenset[int]) -> Image.Image:
    picture = Image.new("RGB", (PLANE, PLANE), BACKGROUND)
    pencil = ImageDraw.Draw(picture)
    seen = view.holds(plane.points) & ~np.isin(plane.labels, list(hidden))
    (left, right), (bottom, top) = view.x, view.y
    across = (plane.points[seen, 0] - left) / (right - left) * PLANE
    down = (top - plane.points[seen, 1]) / (top - bottom) * PLANE
    labels = plane.labels[seen]
    for x, y, label in zip(across.tolist(), down.tolist(), labels.tolist(), strict=True):
        pencil.ellipse((x - DOT, y - DOT, x + DOT, y + DOT), CLASS_COLORS[label % len(CLASS_COLORS)])
    for label in np.unique(labels).tolist():
        middle = (float(np.median(across[labels == label])), float(np.median(down[labels == label])))
        pencil.text(middle, str(label), INK, FONT, anchor="mm", stroke_width=2, stroke_fill=BACKGROUND)
    return picture


def _captioned(picture: Image.Image, caption: str) -> Image.Image:
    whole = Image.new("RGB", (picture.width, picture.height + CAPTION), BACKGROUND)
    whole.paste(picture, (0, CAPTION))
    ImageDraw.Draw(whole).text((6, 3), caption, INK, FONT)
    return whole


def _strip(pictures: Sequence[Image.Image]) -> Image.Image:
    """Some of them, evenly chosen with the last one among them, in rows."""
    backwards = evenly_spaced(len(pictures), MOST_ON_A_STRIP)
    chosen = [pictures[len(pictures) - 1 - place] for place in backwards][::-1]
    columns = min(STRIP_COLUMNS, len(chosen))
    width, height = (max(size) for size in zip(*(picture.size for picture in chosen), strict=True))
    whole = Image.new("RGB", (columns * width, -(-len(chosen) // columns) * height), BACKGROUND)
    for place, picture in enumerate(chosen):
        whole.paste(picture, (place % columns * width, place // columns * height))
    return whole
