"""How good what the presets generate is, from evaluations in a folder: a table, and a picture.

`vae-tui evaluate RUN --sampler SAMPLER --json > FOLDER/RUN.SAMPLER.json` makes one of them. Those of a model that was
trained with several KL weights lie in FOLDER/beta/WEIGHT.json. `python -m tests.benchmarks.quality FOLDER PICTURE.png`
does the rest.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture

Evaluation = dict[str, Any]


def read(folder: Path) -> dict[str, Evaluation]:
    """The evaluations in a folder by their names, the best samples last."""
    found = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    return dict(sorted(found.items(), key=lambda item: -float(item[1]["frechet_samples"]["mean"])))


def number(figure: Any, form: str = ".2f") -> str:
    """A figure, with its spread where it has one."""
    if figure is None or isinstance(figure, int):
        return "" if figure is None else str(figure)
    if isinstance(figure, float):
        return format(figure, form)
    spread = "" if figure["std"] is None else f" ± {figure['std']:{form}}"
    return f"{figure['mean']:{form}}{spread}"


def table(found: dict[str, Evaluation]) -> str:
    """One line for each evaluation, in Markdown."""
    lines = [
        "| run | sampler | Fréchet distance | precision | recall | confidence | class balance |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, each in found.items():
        shares = (number(each[figure], ".3f") for figure in ("precision", "recall", "classifier_confidence"))
        cells = (*name.split(".", 1), number(each["frechet_samples"]), *shares, number(each["class_balance"], ".3f"))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def models(found: dict[str, Evaluation]) -> str:
    """One line for each run: what does not depend on the sampler, in Markdown."""
    lines = [
        "| run | reconstructions | squared error | ELBO | importance-weighted bound | active units |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    by_run = {name.split(".")[0]: each for name, each in found.items()}
    for run, each in by_run.items():
        likelihood = (number(each[figure], ".1f") for figure in ("elbo", "iwae"))
        cells = (run, number(each["frechet_reconstructions"]), number(each["test_squared_error"]), *likelihood)
        lines.append(f"| {' | '.join(cells)} | {each['active_units']} |")
    return "\n".join(lines)


def draw_samplers(axes: Axes, found: dict[str, Evaluation]) -> None:
    """The distance of samples of each run and sampler, what its decoder can show, and the floor."""
    for place, each in enumerate(found.values()):
        figure = each["frechet_samples"]
        axes.errorbar(figure["mean"], place, xerr=figure["std"], fmt="o", color="tab:blue", capsize=3)
        axes.plot(each["frechet_reconstructions"], place, "d", color="tab:orange", fillstyle="none")
    floor = next(iter(found.values()))["frechet_floor"]
    axes.axvline(floor, color="gray", linestyle=":")
    axes.plot([], [], "o", color="tab:blue", label="samples")
    axes.plot([], [], "d", color="tab:orange", fillstyle="none", label="reconstructions")
    axes.plot([], [], ":", color="gray", label="real digits")
    axes.set_yticks(range(len(found)), [name.replace(".", "  ", 1) for name in found])
    axes.set_xscale("log")
    axes.set_xlabel("Fréchet distance to the training images")
    axes.legend(loc="upper right")


def draw_weights(axes: Axes, found: dict[str, Evaluation]) -> None:
    """What the KL weight exchanges: the distance of samples and of reconstructions against the squared error."""
    by_error = sorted(found.items(), key=lambda item: float(item[1]["test_squared_error"]))
    errors = [each["test_squared_error"] for _, each in by_error]
    samples = [each["frechet_samples"]["mean"] for _, each in by_error]
    axes.plot(errors, samples, "o-", color="tab:blue", label="samples of the prior")
    axes.plot(
        errors,
        [each["frechet_reconstructions"] for _, each in by_error],
        "d-",
        color="tab:orange",
        fillstyle="none",
        label="reconstructions",
    )
    for (name, _), error, distance in zip(by_error, errors, samples, strict=True):
        axes.annotate(name, (error, distance), xytext=(0, 7), textcoords="offset points", ha="center")
    axes.set_xlabel("squared error of held-out images, by KL weight")
    axes.set_ylabel("Fréchet distance")
    axes.set_ylim(0, 1.15 * max(samples))
    axes.legend()


def main(folder: Path, picture: Path) -> None:
    """Print the tables and write the picture."""
    found = read(folder)
    print(table(found), models(found), sep="\n\n")
    drawing = Picture(figsize=(11, 4.5), layout="constrained")
    left, right = drawing.subplots(1, 2, width_ratios=(3, 2))
    draw_samplers(left, found)
    draw_weights(right, read(folder / "beta"))
    for axes in (left, right):
        axes.grid(alpha=0.3)
    drawing.savefig(picture, dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
