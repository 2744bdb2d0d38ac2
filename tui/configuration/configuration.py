"""The settings of a user: read when the app starts, kept whenever something is chosen."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from core import files
from core.errors import DamagedFile, describe
from core.text import closest, printable
from tui.configuration.settings import KEYS, SETTINGS, Setting
from tui.configuration.toml import Value, changed, flat

T = TypeVar("T")
LARGEST = 100_000  # bytes
HEADER = "# Settings of vae-tui; docs/configuration.md says what there is.\n"


class Configuration:
    """What config.toml says; variables come before it, and values that cannot be are left out.

    `problems` has a line for each of these. Without a path nothing is read and nothing kept.
    """

    def __init__(self, path: Path | None = None, environment: Mapping[str, str] | None = None) -> None:
        self.path, self.problems = path, list[str]()
        self._lock, self._file_lock = threading.Lock(), threading.Lock()
        self._awaits_turn = False  # whether a write has not begun yet
        self._values: dict[str, object] = {}
        self._unwritten: dict[str, Value] = {}
        found = self._read() if path is not None else {}
        self.keys = {
            name.removeprefix(f"{KEYS}."): value
            for name, value in found.items()
            if name.startswith(f"{KEYS}.") and isinstance(value, str)
        }
        known = {setting.name: setting for setting in SETTINGS}
        for name, value in found.items():
            if name in known:
                self._take(known[name], name, value)
            elif not name.startswith(f"{KEYS}."):
                meant = closest(name, known)
                hint = f"; did you mean {meant}?" if meant else ""
                self.problems.append(f"config.toml: there is no setting {printable(name)[:60]}{hint}")
            elif not isinstance(value, str):
                self.problems.append(f'config.toml: {printable(name)} must be a key such as "ctrl+k"')
        for setting in SETTINGS:
            if (given := (environment or {}).get(setting.variable)) is not None:
                self._take(setting, setting.variable, _from_text(given, setting.usual))

    def _read(self) -> dict[str, object]:
        if self.path is None:
            return {}
        try:
            written = files.read_once(self.path, LARGEST)
        except FileNotFoundError:
            return {}
        except (OSError, DamagedFile) as error:
            self.problems.append(describe(error))
            return {}
        import tomllib

        try:
            return flat(tomllib.loads(written.decode()))
        except ValueError as error:  # not TOML, or not UTF-8
            self.problems.append(f"config.toml is left out: {printable(str(error))}")
            return {}

    def _take(self, setting: Setting[Any], name: str, value: object) -> None:
        try:
            self._values[setting.name] = setting.check(value)
        except ValueError as error:
            where = "" if name == setting.variable else "config.toml: "
            self.problems.append(f"{where}{name} must be {error}, not {printable(repr(value))[:60]}")

    def __contains__(self, setting: Setting[T]) -> bool:
        """Whether it was set."""
        return setting.name in self._values

    def __getitem__(self, setting: Setting[T]) -> T:
        """What was set, or the usual value."""
        return self._values.get(setting.name, setting.usual)  # type: ignore[return-value]

    def choose(self, values: Mapping[Setting[Any], Any]) -> bool:
        """From now on these hold; whether there is something to be written."""
        new = {setting.name: value for setting, value in values.items() if self[setting] != value}
        with self._lock:
            self._values.update(new)
            self._unwritten.update(new)
            return self.path is not None and bool(self._unwritten)

    def write(self) -> None:
        """Keep what was chosen for the next use; for any thread. One that has not begun yet does it for all.

        Raises OSError, or DamagedFile where the file cannot be changed, which stays as it is then; the next write tries
        again.
        """
        if self.path is None:
            return
        with self._lock:
            if self._awaits_turn:
                return
            self._awaits_turn = True
        with self._file_lock:
            with self._lock:
                self._awaits_turn = False
                new, self._unwritten = self._unwritten, {}
            try:
                if new:
                    _keep(self.path, new)
            except BaseException:
                with self._lock:
                    self._unwritten = new | self._unwritten
                raise


def _keep(path: Path, new: Mapping[str, Value]) -> None:
    """Change these values in the file, which may take long. Raises OSError and DamagedFile."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        written = files.read_once(path, LARGEST).decode()
    except FileNotFoundError:
        written = HEADER
    try:
        content = changed(written, new)
    except ValueError as error:
        raise DamagedFile(path, f"{error}: what is chosen is not kept") from error
    files.replace(path, content.encode())


def _from_text(text: str, usual: object) -> object:
    """A variable as TOML, or where it is none as the text itself, in lists with commas between the items."""
    import tomllib

    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    if isinstance(usual, tuple) and not isinstance(value, list):
        return [item for item in map(str.strip, text.split(",")) if item]
    return text if isinstance(usual, str) and not isinstance(value, str) else value
