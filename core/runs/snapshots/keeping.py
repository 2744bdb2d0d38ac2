"""Keeps the snapshots of a run that trains: written beside the training, whole or not at all, and thinned out."""

from __future__ import annotations

import errno
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from core import files
from core.errors import Diverged
from core.runs.run import Run
from core.runs.snapshots.folder import file_name, folder_of, is_folder, steps_in
from core.runs.snapshots.moments import kept_at, next_moment

Make = Callable[[], bytes]  # the file's content; raises Diverged


class Keeper:
    """Writes the snapshots of a run, at most so many; only the trainer that holds its lock may.

    A snapshot that the disk refuses is tried again at the next save, and `trouble` says why. None keeps a training
    from going on. `thread`: the one that writes, which may write other things in turns with them.
    """

    def __init__(self, run: Run, steps_per_epoch: int, most: int, thread: ThreadPoolExecutor) -> None:
        self._folder, self._steps_per_epoch, self._most = folder_of(run), steps_per_epoch, most
        self._waiting: dict[int, Make] = {}
        self._next: int | None = None
        self._thread = thread
        self.trouble = ""

    def begin(self, step: int) -> None:
        """Go on at this step: what was kept of later ones goes, and is taken again."""
        self._next = next_moment(step, self._steps_per_epoch) if self._most else None
        try:
            found = steps_in(self._folder)
            for later in found:
                if later > step:
                    found[later].unlink(missing_ok=True)
            if is_folder(self._folder):
                files.remove_temporary_files(self._folder, ["*.safetensors"])
        except OSError as error:
            self._say(error)
        else:
            if self._most and step not in found and next_moment(step - 1, self._steps_per_epoch) == step:
                self._next = step  # a kill came between the save and the snapshot

    def is_due(self, step: int) -> bool:
        """Whether the weights after this step are to be kept."""
        return step == self._next

    def keep(self, step: int, make: Make) -> None:
        """Have the weights after this step written while training goes on; `make` is called in another thread."""
        self._next = next_moment(step, self._steps_per_epoch)
        self._waiting[step] = make
        self._thread.submit(self._write, step)

    def settle(self) -> None:
        """Return once all that was taken is on the disk, or was refused again."""
        self._thread.submit(self.write_waiting, max(self._waiting, default=0)).result()

    def write_waiting(self, step: int) -> None:
        """Bring to the disk what it refused of the moments until this step; only the thread that writes calls it."""
        if waiting := [moment for moment in sorted(self._waiting) if moment <= step]:
            self._write(max(waiting))
        files.share_folder(self._folder)

    def _write(self, step: int) -> None:
        """Write what waits of the moments until this step, and remove what is not kept of them."""
        kept = kept_at(step, self._steps_per_epoch, self._most)
        try:
            for moment in sorted(self._waiting):
                if moment in kept:
                    self._put(moment, self._waiting[moment])
                if moment <= step:
                    del self._waiting[moment]
            for moment, path in steps_in(self._folder).items():
                if moment not in kept:
                    path.unlink(missing_ok=True)
        except OSError as error:
            self._say(error)
        else:
            self.trouble = ""

    def _put(self, step: int, make: Make) -> None:
        with suppress(Diverged):  # nobody looks at such weights, and the training finds out by itself
            content = make()
            try:
                self._folder.mkdir(mode=0o700)
            except FileExistsError:
                if not is_folder(self._folder):
                    raise NotADirectoryError(errno.ENOTDIR, "another file has the name of their folder") from None
            else:
                files.share_folder(self._folder)
            files.replace(self._folder / file_name(step), content)

    def _say(self, error: OSError) -> None:
        self.trouble = f"cannot keep snapshots: {error.strerror}"
