"""Which image sets there are, where they lie, and which one `auto` means."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from platformdirs.macos import MacOS
from platformdirs.unix import Unix

from core.data import download, registry
from core.data.images import load_image_set
from core.errors import DataError
from tests.support.image_sets import PUBLISHED, file_names, put


def test_importing_the_module_imports_nothing_heavy() -> None:
    code = "import sys, core.data.registry; print({'torch', 'torchvision', 'mlxtend', 'numpy'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_looking_for_a_set_imports_nothing_heavy_either(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from core.data import registry; "
        "registry.describe_sets(Path(sys.argv[1])); registry.resolve('auto', Path(sys.argv[1])); "
        "print('torch' in sys.modules, 'torchvision' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_set_is_on_disk_when_each_of_torchvisions_files_is_there(name: str, tmp_path: Path) -> None:
    place = put(name, tmp_path)
    assert registry.folder(name, tmp_path) == place
    assert registry.is_on_disk(name, tmp_path)
    for file in file_names(name):
        content = (place / file).read_bytes()
        (place / file).unlink()
        assert not registry.is_on_disk(name, tmp_path), file
        (place / file).write_bytes(content)


def test_auto_is_mnist_when_it_is_on_disk_and_says_where(tmp_path: Path) -> None:
    place = put("mnist", tmp_path)
    assert registry.resolve("auto", tmp_path) == "mnist"
    assert registry.explain_auto(tmp_path).startswith(f"mnist, found in {place}")
    assert "mnist-5k" in registry.explain_auto(tmp_path)


def test_auto_is_the_embedded_set_otherwise_and_says_how_to_get_mnist(tmp_path: Path) -> None:
    put("kmnist", tmp_path)
    assert registry.resolve("auto", tmp_path) == "mnist-5k"
    said = registry.explain_auto(tmp_path)
    assert said.startswith("mnist-5k, as mnist is not in")
    assert f"vae-tui data --download mnist --data-dir {tmp_path}" in said


def test_a_named_set_stays_what_it_is(tmp_path: Path) -> None:
    assert [registry.resolve(name, tmp_path) for name in registry.NAMES] == list(registry.NAMES)


@pytest.mark.parametrize(
    "ask", [registry.resolve, registry.is_on_disk, registry.folder, load_image_set, download.download]
)
def test_an_unknown_name_is_an_error_that_lists_the_names(ask: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'mnits'.*auto, mnist, fashion-mnist, kmnist, qmnist, mnist-5k"):
        ask("mnits", tmp_path)


def test_the_list_of_sets_says_which_are_on_disk_and_where(tmp_path: Path) -> None:
    put("kmnist", tmp_path)
    sets = registry.describe_sets(tmp_path)
    assert tuple(found.name for found in sets) == registry.NAMES
    assert [found.name for found in sets if found.on_disk] == ["kmnist", "mnist-5k"]
    assert sets[2].folder == tmp_path / "KMNIST" / "raw"
    assert sets[-1].folder is None
    assert json.loads(json.dumps(sets[2].as_json()))["folder"] == str(tmp_path / "KMNIST" / "raw")


def test_the_data_folder_is_the_users_choice_or_in_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("VAE_TUI_DATA", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    for system, cache in ((Unix, ".cache"), (MacOS, "Library/Caches")):
        monkeypatch.setattr(platformdirs, "PlatformDirs", system)
        assert registry.default_data_dir() == tmp_path / cache / "vae-tui/data"
    monkeypatch.setattr(platformdirs, "PlatformDirs", Unix)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert registry.default_data_dir() == tmp_path / "xdg/vae-tui/data"
    monkeypatch.setenv("VAE_TUI_DATA", str(tmp_path / "chosen"))
    assert registry.default_data_dir() == tmp_path / "chosen"
