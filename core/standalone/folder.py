"""Writes a run's newest weights and what belongs to them into a folder of their own."""

from __future__ import annotations

from pathlib import Path

from core import files
from core.errors import RunError
from core.models.weights import load_autoencoder, metadata_of
from core.runs.catalog import summarise
from core.runs.config import RunConfig, chosen
from core.runs.run import Run
from core.runs.settings import FIRST_STAGES
from core.text import either, printable

HERE = Path(__file__).parent
EXAMPLE = '''"""Draws new digits: `python example.py` writes samples.pgm, a picture that most viewers open."""

from pathlib import Path

import torch
from model import load

model = load(Path(__file__).with_name("model.safetensors"))
torch.manual_seed(0)
with torch.no_grad():
    images = model.decode(torch.randn(64, 4, 4, 4)).clamp(0, 1)
rows = images.view(8, 8, 32, 32).transpose(1, 2).reshape(256, 256)
pixels = (rows * 255).round().to(torch.uint8).numpy().tobytes()
Path("samples.pgm").write_bytes(b"P5 256 256 255\\n" + pixels)
print("wrote samples.pgm: 64 digits from the prior, as good as the prior fits the latents")
'''
LICENSE = """MIT License

Copyright (c) 2026 The vae-tui authors

The code in this folder, and the weights where they are yours to give, may be used, copied, changed and passed on by
anyone for any purpose, with this notice. They come without any warranty.
"""


def write(run: Run, folder: Path) -> list[Path]:
    """Write the folder, which must not exist yet; its files. Raises RunError, DamagedFile or OSError."""
    config = run.config()
    if config.preset_record.learns_prior:
        raise RunError(f"{run.name} learns a prior; what can be exported is a run of {either(FIRST_STAGES)}")
    weights = run.read_weights()
    load_autoencoder(weights, config.preset, run.weights_path())  # refuses what is damaged
    contents = {
        "model.safetensors": weights,
        "model.py": (HERE / "model.py").read_bytes(),
        "example.py": EXAMPLE.encode(),
        "README.md": card(run, config, metadata_of(weights)).encode(),
        "LICENSE": LICENSE.encode(),
    }

    def fill(place: Path) -> None:
        for name, content in contents.items():
            (place / name).write_bytes(content)

    files.make_folder(folder, 0o755, fill)
    return [folder / name for name in contents]


def card(run: Run, config: RunConfig, metadata: dict[str, str]) -> str:
    """The model card: what it is, what it was trained on and how, how good it is, how to use it."""
    summary = summarise(run)
    settings = ", ".join(f"{name} {value}" for name, value in chosen(config).items()) or "the preset's own"
    losses = {"training": summary.train_loss, "validation": summary.val_loss}
    known = [f"{kind} loss {value:.2f}" for kind, value in losses.items() if value is not None]
    return f"""# {printable(run.name)}

An autoencoder ({config.preset}) for images of 32x32 pixels with a latent of 4x4x4 numbers, trained by vae-tui on
{config.dataset}.

| | |
| --- | --- |
| after | epoch {metadata.get("epoch", "?")}, step {metadata.get("step", "?")} |
| settings | {printable(settings)} |
| losses | {", ".join(known) or "not measured"} (squared error of an image and weighted KL divergence) |
| latent scale | {metadata.get("latent_scale", "not measured")} |

`python example.py` draws new digits. `model.py` needs PyTorch only:

```python
from model import load

model = load("model.safetensors")
mean, log_variance = model.encode(images)  # (B, 1, 32, 32) in [0, 1]
```

It knows images like those that it was trained on and no others; it was made for learning about autoencoders.
"""
