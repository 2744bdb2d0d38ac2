"""Writes a run's newest weights and what belongs to them into a folder of their own."""

from __future__ import annotations

from pathlib import Path

from core import files
from core.data import registry
from core.data.own import reading
from core.errors import DataError
from core.models.likelihood import Likelihood
from core.models.weights import IMPORTED, LIKELIHOOD, load_autoencoder, metadata_of
from core.runs.catalog import summarise
from core.runs.config import RunConfig, chosen
from core.runs.first_stage import read_first_stage
from core.runs.run import Run
from core.standalone.model import load
from core.standalone.onnx_files import encoder_and_decoder
from core.text import printable

HERE = Path(__file__).parent
KINDS = {"folder": "a folder of pictures", "npz": "a NumPy archive", "idx": "IDX files"}
EXAMPLE = '''"""Draws new DRAWN: `python example.py` writes samples.pgm, a picture that most viewers open."""

from pathlib import Path

import torch
from model import load

model = load(Path(__file__).with_name("model.safetensors"))
torch.manual_seed(0)
with torch.no_grad():
    images = model.decode(torch.randn(64, *model.latent_shape)).clamp(0, 1)
rows = images.view(8, 8, 32, 32).transpose(1, 2).reshape(256, 256)
pixels = bytes((rows * 255).round().to(torch.uint8).flatten().tolist())
Path("samples.pgm").write_bytes(b"P5 256 256 255\\n" + pixels)
print("wrote samples.pgm: 64 DRAWN from the prior, as good as the prior fits the latents")
'''
ONNX_USE = """
`encoder.onnx` and `decoder.onnx` need onnxruntime only, and take batches of any size:

```python
from onnxruntime import InferenceSession

encoder, decoder = InferenceSession("encoder.onnx"), InferenceSession("decoder.onnx")
mean, *log_variance = encoder.run(None, {"images": images})  # (B, 1, 32, 32), float32 in [0, 1]
(reconstructions,) = decoder.run(None, {"latents": mean})
```
"""


def write(run: Run, folder: Path, onnx: bool = False) -> list[Path]:
    """Write the folder, which must not exist yet; its files. Of a learned prior it is its first stage.

    Raises RunError, DamagedFile or OSError.
    """
    config = run.config()
    learns_prior = config.preset_record.learns_prior
    preset, weights = read_first_stage(run) if learns_prior else (config.preset, run.read_weights())
    load_autoencoder(weights, preset, run.first_stage_path if learns_prior else run.weights_path())  # refuses damage
    contents = {
        "model.safetensors": weights,
        "model.py": (HERE / "model.py").read_bytes(),
        "example.py": EXAMPLE.replace("DRAWN", drawn(config)).encode(),
        "README.md": card(run, config, preset, metadata_of(weights), onnx).encode(),
        "LICENSE": (HERE / "LICENSE").read_bytes(),
    }

    def fill(place: Path) -> None:
        for name, content in contents.items():
            (place / name).write_bytes(content)
        if onnx:
            graphs = encoder_and_decoder(load(place / "model.safetensors"))
            for name, content in graphs.items():
                (place / name).write_bytes(content)
            contents.update(graphs)

    files.make_folder(folder, 0o755, fill)
    return [folder / name for name in contents]


def card(run: Run, config: RunConfig, preset: str, metadata: dict[str, str], onnx: bool) -> str:
    """The model card: what it is, what it was trained on and how, how good it is, how to use it."""
    trained_here, rows = "epoch" in metadata, dict[str, str]()
    if trained_here:
        rows["after"] = f"epoch {metadata['epoch']}, step {metadata.get('step', 'unknown')}"
        rows |= trained_as(run, config) if preset == config.preset else {}
        rows |= {"images": own_images(config)} if config.dataset in registry.OWN else {}
    rows["latent scale"] = metadata.get("latent_scale", "not measured")
    is_bernoulli = metadata.get(LIKELIHOOD) == Likelihood.BERNOULLI
    decoded = "(B, 1, 32, 32), " + ("pixels in [0, 1] already" if is_bernoulli else "not clipped to [0, 1]")
    latent = "x".join(map(str, config.sizes.latent_shape))
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    on = "images of its user's own" if config.dataset in registry.OWN else config.dataset
    trained, imported = f"trained by vae-tui on {on}", imported_from(metadata)
    origin = trained if trained_here else imported
    if trained_here and IMPORTED in metadata:
        origin = f"{imported}, then {trained}"
    stage = f"the first stage of a learned prior ({printable(str(config.first_stage))}), " * (preset != config.preset)
    return f"""# {printable(run.name)}

An autoencoder ({preset}) for images of 32x32 pixels with a latent of {latent} numbers, {stage}{origin}.

| | |
| --- | --- |
{table}

`python example.py` draws new {drawn(config)}. `model.py` needs PyTorch only:

```python
from model import load

model = load("model.safetensors")
mean, log_variance = model.encode(images)  # (B, 1, 32, 32) in [0, 1]
reconstructions = model.decode(mean)  # {decoded}
```
{ONNX_USE if onnx else ""}
It knows images like those that it was trained on and no others; it was made for learning about autoencoders.
LICENSE is that of the code in this folder; the weights are those of who trained them.
"""


def drawn(config: RunConfig) -> str:
    """What a model draws, in a word."""
    return "digits" if config.dataset in registry.DIGITS else "images"


def own_images(config: RunConfig) -> str:
    """What a user's own images are and, where they are still those, how many; not where they lie."""
    source, kind = config.image_source, KINDS[config.dataset]
    try:
        found = reading.read(source.name, source.folder or Path(), source.reading)
    except DataError:
        return f"{kind}, which could not be read when this was written"
    if source.fingerprint and found.fingerprint != source.fingerprint:
        return f"{kind}, in which there were others when this was written"
    train, validation = len(found.train_images) - source.held_out, source.held_out or len(found.validation_images)
    classes = f"{len(found.classes)} class{'es' * (len(found.classes) != 1)}" if found.classes else "without labels"
    return f"{kind}: {train:,} images to train on, {validation:,} to validate on, {classes}"


def imported_from(metadata: dict[str, str]) -> str:
    """That vae-tui did not train these weights, and which files they came from where that is known."""
    files = f" from {printable(metadata[IMPORTED])}" if IMPORTED in metadata else ""
    return f"imported by vae-tui{files}: how and on what it was trained is not known here"


def trained_as(run: Run, config: RunConfig) -> dict[str, str]:
    """The settings and the losses of a run, as rows of a card."""
    summary = summarise(run)
    goal = summary.status.epochs if summary.status else 0  # another one where it was resumed to more epochs
    values = chosen(config)
    if config.dataset in registry.OWN:  # which the images say better
        del values["dataset"]
    values |= {"epochs": goal} if goal not in (0, config.epochs) else {}
    settings = ", ".join(f"{name} {value}" for name, value in values.items()) or "the preset's own"
    losses = {"training": summary.train_loss, "validation": summary.val_loss}
    known = [f"{kind} loss {value:.2f}" for kind, value in losses.items() if value is not None]
    error = "cross-entropy" if config.likelihood == Likelihood.BERNOULLI else "squared error"
    said = f"{', '.join(known) or 'not measured'} ({error} of an image and weighted KL divergence)"
    return {"settings": printable(settings), "losses": said}
