"""The newest reconstructions of a few validation digits; needs PyTorch, so it is read off the UI thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from core.data import DataError
from core.files import DamagedFile
from core.run import Run

if TYPE_CHECKING:
    from core.explorer import Explorer

Images = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Preview:
    """Originals and reconstructions, each (N, 28, 28) in [0, 1]; or, without them, why there are none."""

    run: Run
    originals: Images | None = None
    reconstructions: Images | None = None
    message: str = ""


class PreviewReader:
    """Reads the newest weights of one run and reconstructs one digit of each class."""

    def __init__(self, run: Run, make_explorer: Callable[[Run], Explorer]) -> None:
        self._run, self._make_explorer = run, make_explorer

    def read(self) -> Preview:
        """The reconstructions as of now; what is missing or damaged becomes a message."""
        try:
            explorer = self._make_explorer(self._run)
            return Preview(self._run, *explorer.one_of_each(), explorer.note)
        except FileNotFoundError:
            return Preview(self._run, message="no weights yet")
        except (DamagedFile, DataError) as error:
            return Preview(self._run, message=str(error))
        except OSError as error:
            return Preview(self._run, message=f"{error.filename}: {error.strerror}")
