"""The newest reconstructions of a few validation digits; needs PyTorch, so it is read off the UI thread."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from core.data import DataError
from core.files import DamagedFile
from core.run import Run

if TYPE_CHECKING:
    from torch import Tensor

Images = npt.NDArray[np.float32]

BORDER = 2  # the padding around the 28 x 28 pixels of MNIST shows nothing


@dataclass(frozen=True, eq=False)
class Preview:
    """Originals and reconstructions, each (N, 28, 28) in [0, 1]; or, without them, why there are none."""

    run: Run
    originals: Images | None = None
    reconstructions: Images | None = None
    message: str = ""


class PreviewReader:
    """Reads the newest weights of one run and reconstructs one digit of each class."""

    def __init__(self, run: Run, data_dir: Path) -> None:
        self._run, self._data_dir = run, data_dir
        self._images: Tensor | None = None
        self._note = ""

    def read(self) -> Preview:
        """The reconstructions as of now; what is missing or damaged becomes a message."""
        try:
            return self._read()
        except FileNotFoundError:
            return Preview(self._run, message="no weights yet")
        except (DamagedFile, DataError) as error:
            return Preview(self._run, message=str(error))
        except OSError as error:
            return Preview(self._run, message=f"{error.filename}: {error.strerror}")

    def _read(self) -> Preview:
        import torch

        from core import browsing, checkpoint

        # The trainer may need every core.
        torch.set_num_threads(1)
        model = checkpoint.load_model(self._run)
        if self._images is None:
            source = browsing.find_images(self._run.config(), self._data_dir)
            chosen = browsing.one_of_each(source.images.validation_labels)
            self._images, self._note = source.images.validation_images[chosen], source.note or ""
        inside = slice(BORDER, -BORDER)
        originals = (self._images[:, inside, inside].float() / 255).numpy()
        reconstructions = browsing.reconstruct(model, self._images)[:, inside, inside].numpy()
        return Preview(self._run, originals, reconstructions, self._note)
