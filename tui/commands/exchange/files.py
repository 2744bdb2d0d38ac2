"""The commands that take a run out or bring one in: export, encode, import, pack and unpack."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from core import files
from core.data import registry
from core.errors import ConfigError, RunError
from core.exchange import arrays, examples, packing
from core.runs.architecture.presets import FIRST_STAGES, PRESETS
from core.runs.catalog import find_run
from core.runs.config import check_values
from core.runs.first_stage import with_images
from core.runs.run import NameTaken, Run
from core.text import either
from tui.commands.options.common import DataDir, RunName, RunsDir, check_folder, expand, files_as_named
from tui.commands.options.settings import Shared, check_share, setting_option, takes_settings
from tui.commands.output import echo, print_error
from tui.commands.words import RUNS_DIR, command_hint

Name = Annotated[str | None, typer.Option("--name", help="Name of the run.", metavar="NAME", show_default=False)]


def given(what: str, metavar: str) -> Any:
    """An argument that is a path."""
    return typer.Argument(metavar=metavar, help=what, callback=expand_all)


def expand_all(paths: list[Path] | Path) -> list[Path] | Path:
    """Paths as typed, with `~` as the home folder."""
    return [files.expanded(path) for path in paths] if isinstance(paths, list) else files.expanded(paths)


def new_folder(path: Path, write: Callable[[Path], object]) -> Path:
    """Write a folder that must not exist yet; its whole path. Raises RunError where it does."""
    place = path.absolute()
    try:
        write(place)
    except FileExistsError as error:
        raise RunError(f"{place} exists; name another one with --out") from error
    return place


def export(
    run: RunName,
    runs_dir: RunsDir = RUNS_DIR,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The folder to make.", metavar="DIR", callback=expand, show_default="RUN-export"),
    ] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Event files for TensorBoard instead, into RUN-tensorboard.")
    ] = False,
    onnx: Annotated[
        bool, typer.Option("--onnx", help="Encoder and decoder as ONNX files too, checked with onnxruntime.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    found, written = find_run(runs_dir, run), list[Path]()
    if tensorboard:
        if onnx:
            raise ConfigError({"onnx": "onnx files do not go with event files: leave --tensorboard or --onnx out"})
        export_events(found, out or Path(f"{found.name}-tensorboard"), data_dir)
        return
    from core.standalone import folder

    def write(place: Path) -> None:
        written.extend(folder.write(found, place, onnx))

    place = new_folder(out or Path(f"{found.name}-export"), write)
    echo(f"wrote {', '.join(path.name for path in written)} to {place}")
    if found.config().preset_record.learns_prior:
        echo("that is the autoencoder whose latents it learns; what it learned of them is not exported")


def export_events(run: Run, out: Path, data_dir: Path | None) -> None:
    """Write event files, with pictures where the run has weights."""
    from core.exchange.tensorboard import write
    from tui.commands.printing import answer

    pictures = answer(run, data_dir, lambda explorer: explorer.preview()) if run.weights_version() else None
    counted = list[int]()
    place = new_folder(out, lambda place: counted.append(write(run, place, pictures)))
    echo(f"wrote {counted[0]:,} numbers to {place}; look at them with: tensorboard --logdir {shlex.quote(str(out))}")


@takes_settings({name: setting_option(name, default="as the run reads them") for name in ("fit", "damaged")})
def encode(
    settings: dict[str, Any],
    run: RunName,
    images: Annotated[Path, given("A picture, a folder of pictures or of IDX files, or an .npz file.", "IMAGES")],
    out: Annotated[
        Path, typer.Option("--out", help="Where the latents go.", metavar="FILE.npz", callback=expand)
    ] = Path("latents.npz"),
    runs_dir: RunsDir = RUNS_DIR,
    data_dir: DataDir = None,
) -> None:
    if out.suffix != arrays.SUFFIX:
        raise ConfigError({"out": f"out must end in .npz, not be {out.name}"})
    check_folder(out)
    found = find_run(runs_dir, run)
    found.config(), found.read_weights()  # what is wrong with a run is said before PyTorch is loaded
    from core.data.own.given import read
    from tui.commands.printing import progress

    checked = check_values(dataset="folder", **settings)
    how = replace(found.config().image_source.reading, **{name: getattr(checked, name) for name in settings})
    looked_at = read(images, how)
    if looked_at.left_out:
        print_error(looked_at.left_out)
    with progress() as report:
        report("loading PyTorch")
        from core.exchange.encoding import encode_images

        content = encode_images(found, looked_at, data_dir or registry.default_data_dir(), report)
    files.replace(out.absolute(), content)
    echo(f"wrote the posteriors of {len(looked_at.names):,} images to {out}: means, deviations, paths")


PRESET_OF_WEIGHTS = setting_option(
    "preset",
    help=f"{'; '.join(f'{name}: {PRESETS[name].description}' for name in FIRST_STAGES)}.",
    default="needed",
    choices=FIRST_STAGES,
)


@takes_settings({"preset": PRESET_OF_WEIGHTS, "dataset": setting_option("dataset")})
def import_run(
    settings: dict[str, Any],
    weights: Annotated[list[Path], given("A state dict, or that of the encoder and that of the decoder.", "WEIGHTS")],
    name: Name = None,
    runs_dir: RunsDir = RUNS_DIR,
    data_dir: DataDir = None,
) -> None:
    if settings.get("preset") not in FIRST_STAGES:
        said = f"preset must say what the weights are of: {either(FIRST_STAGES)}"
        raise ConfigError({"preset": said})
    if len(weights) > 2:
        said = f"weights must be one file, or the encoder's and the decoder's, not {len(weights)}"
        raise ConfigError({"weights": said})
    folder = (data_dir or registry.default_data_dir()).absolute()
    settings = with_images(settings, folder, {})
    check_values(**settings)  # before anything is read
    from core.exchange.importing import import_run

    with files_as_named():
        run = import_run(weights, settings, runs_dir, name)
    made(run)


def pack(
    run: RunName,
    runs_dir: RunsDir = RUNS_DIR,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="The file to write.", metavar="FILE", callback=expand, show_default=f"RUN{packing.SUFFIX}"
        ),
    ] = None,
    snapshots: Annotated[bool, typer.Option(help="With its snapshots, or without.", show_default="with them")] = True,
) -> None:
    found = find_run(runs_dir, run)
    place = (out or Path(f"{found.name}{packing.SUFFIX}")).absolute()
    check_folder(place)
    packing.pack(found, place, snapshots=snapshots)
    echo(f"wrote {place}, {place.stat().st_size / 1e6:.1f} MB; on another machine: vae-tui unpack {place.name}")


def unpack(
    packed: Annotated[Path, given("A file that vae-tui pack wrote.", "FILE")],
    name: Name = None,
    share: Shared = None,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    try:
        with files_as_named():
            run = packing.unpack(packed, runs_dir, name, check_share(share))
    except FileExistsError as error:
        raise RunError(f"there is a run {name} already; name another one with --name") from error
    made(run)


def copy_examples(share: Shared = None, runs_dir: RunsDir = RUNS_DIR) -> None:
    shared, found = check_share(share), examples.examples()
    if not found:
        raise RunError("no trained runs came with this program: it was installed without them")
    for example in found:
        try:
            made(examples.copy(example, runs_dir, shared))
        except NameTaken:
            echo(f"{example.name} is there already")


def made(run: Run) -> None:
    """Say where a run is, and how it is looked at."""
    echo(f"{run.name} is ready in {run.path}; look at it with: {command_hint(run)}")
