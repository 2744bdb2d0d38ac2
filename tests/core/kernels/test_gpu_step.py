"""The GPU's training step does what PyTorch's layers do, as far as that shows without a GPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

pytest.importorskip("triton", minversion="3.3")

from core.kernels.gpu import selftest, tiles
from core.kernels.gpu.layers import Unfit, layers_of
from core.kernels.gpu.plan import tables
from core.models.autoencoder import MODELS, Autoencoder
from tests.gpu import ahead

ROOT = Path(__file__).parents[3]
ONE_AND_THREE = [f"{preset} {runs}" for runs in (1, 3) for preset in ("vae", "ae", "vae-post")]


def interpreted(*parts: str, module: str = "interpreted_steps") -> dict[str, Any]:
    """How far what Triton's interpreter does, in a process of its own, is from PyTorch."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.core.kernels.{module}", *parts],
        env=os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_held_out_images_are_measured_by_running_statistics_as_pytorch_does() -> None:
    for preset, found in interpreted("evaluated").items():
        assert found["sums"] < 1e-6, preset  # in float64
        assert found["batches"] == 2
        assert found["unchanged"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_interpreted_steps_are_those_of_pytorch() -> None:
    found = interpreted()
    for name in ONE_AND_THREE:  # in float64
        assert found[name]["loss"] < 2e-5, name
        assert found[name]["buffers"] < 2e-5, name
        # A pixel whose maximum is nearly shared, or a number near the kink of the leaky ReLU, may fall either way.
        assert found[name]["gradient"] < 5e-2, name
        assert found[name]["norm"] < 1e-2, name
    # What bfloat16 between the layers costs elsewhere too.
    assert found["bfloat16"]["loss"] < 2e-2
    assert found["bfloat16"]["gradient"] < 0.6
    # The last batch of an epoch may be smaller.
    assert found["last batch"]["loss"] < 1e-5
    assert found["last batch"]["buffers"] < 1e-5
    assert found["adam"]["weights"] < 1e-6
    assert found["adam"]["moments"] < 1e-5
    assert found["adam"]["steps"] == 0
    assert found["restored"]["same"]  # from the state of another step
    assert found["regrouped"] == {"same": True, "trained": True}


def test_kernels_are_compiled_by_copies_of_a_process_that_uses_no_gpu(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.core.kernels.compiled_by_copies"],
        env=os.environ | {"TRITON_CACHE_DIR": str(tmp_path), "OMP_NUM_THREADS": "1"},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["adam", "add_parts"]


def test_a_process_compiles_before_it_uses_the_gpu_and_remembers_what_it_checked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[str] = []

    def compile_kernels(wanted: object, capability: int, meanwhile: Callable[[], None]) -> None:
        done.append(f"copied for {capability}")
        meanwhile()

    monkeypatch.setattr(selftest, "compile_kernels", compile_kernels)
    monkeypatch.setattr(selftest, "begin", lambda device: done.append(f"began on {device}"))
    monkeypatch.setattr(selftest, "stamp", lambda wanted, device: tmp_path / "checked")
    monkeypatch.setattr(sys, "argv", ["", '{"preset": "ae", "batch": 16}', "cuda:1", "90"])

    def refuse(wanted: object, device: str) -> object:
        raise Unfit("off by half")

    monkeypatch.setattr(selftest, "require", refuse)
    assert selftest.main() == 1
    assert capsys.readouterr().out == "off by half\n"
    assert not (tmp_path / "checked").exists()
    monkeypatch.setattr(selftest, "require", lambda wanted, device: "as PyTorch does")
    assert selftest.main() == 0
    assert (tmp_path / "checked").read_text() == "as PyTorch does\n"
    assert done == ["copied for 90", "began on cuda:1"] * 2


def test_a_gpu_gets_the_tilings_that_its_shared_memory_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu, device = SimpleNamespace(), torch.device("cuda:0")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda each: gpu)
    given = {"H100": 232_448, "A100": 166_912, "RTX 4090": 101_376, "T4": 65_536}
    found: dict[str, int | str] = {}
    for name, size in given.items():
        gpu.shared_memory_per_block_optin = size
        try:
            found[name] = tiles.room_of(device)
        except Unfit as reason:
            found[name] = str(reason)
    assert found == {
        "H100": tiles.WIDE, "A100": tiles.NARROW, "RTX 4090": tiles.NARROW,
        "T4": "a program needs 99 KB of shared memory; this GPU gives it 64",
    }  # fmt: skip


def test_a_triton_without_products_so_small_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triton.__version__", "3.2.0")
    with pytest.raises(Unfit, match=r"^Triton 3\.2\.0 has no products of 8 columns; 3\.3 has"):
        tiles.room_of(torch.device("cuda:0"))


def test_the_largest_of_the_narrow_tilings_fits_into_a_small_gpus_shared_memory() -> None:
    (largest,) = ahead.compile_all(86, "float32", "vae", only=["backward encoder.0.1"], room=tiles.NARROW)
    assert largest.shared <= tiles.NARROW


KEYS = """
import triton
from core.kernels.triton import MODULES
functions = [each for module in MODULES for each in vars(module).values() if isinstance(each, triton.JITFunction)]
print(len(functions), *(each.__name__ for each in functions if each.hash is None))
"""


def test_a_kernel_goes_by_the_same_key_in_every_process_whatever_was_compiled_before_it() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", KEYS], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    count, *without = done.stdout.split()
    assert int(count) > 20
    assert without == []


def test_other_networks_are_refused() -> None:
    with pytest.raises(Unfit):
        layers_of(Autoencoder(features=(1, 8, 12, 32)))


@pytest.mark.parametrize("block", [1, 2])
def test_the_matrix_of_a_convolution_does_what_the_convolution_does(block: int) -> None:
    encoder, _ = layers_of(MODELS["vae"]())
    layer = encoder[1]
    weight = torch.randn(layer.channels_out, layer.channels_in, 3, 3)
    table = tables.forward_table(layer, block)
    matrix = torch.where(table >= 0, weight.flatten()[table.clamp(min=0)], 0.0).sum(2)
    size = 2 * block
    images = torch.randn(1, layer.channels_in, size, size)
    wanted = torch.nn.functional.conv2d(images, weight, padding=1)[0, :, :block, :block]
    window = torch.nn.functional.pad(images, (1, 1, 1, 1))[0, :, : block + 2, : block + 2]
    found = window.permute(1, 2, 0).flatten() @ matrix
    torch.testing.assert_close(found.view(block, block, -1).permute(2, 0, 1), wanted)


def test_a_transposed_table_leads_back() -> None:
    encoder, decoder = layers_of(MODELS["vae"]())
    for layer in (encoder[2], decoder[2]):
        table = tables.backward_table(layer, 1)
        weights = layer.channels_in * layer.channels_out * 9
        back = tables.transpose(table, weights)
        matrix, kernel = torch.randn(table.shape[:2]), torch.randn(weights)
        product = (torch.where(table >= 0, kernel[table.clamp(min=0)], 0.0).sum(2) * matrix).sum()
        gradient = torch.where(back >= 0, matrix.flatten()[back.clamp(min=0)], 0.0).sum(1)
        torch.testing.assert_close((gradient * kernel).sum(), product, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(("architecture", "most"), [(80, 4096), (90, 0)])
def test_kernels_compile_ahead_of_time(architecture: int, most: int) -> None:
    compiled = ahead.compile_all(architecture, "float32", "vae", only=("encoder.1.1", "backward decoder.1.2"))
    assert len(compiled) == 3
    assert {kernel.name: kernel.spilled for kernel in compiled if kernel.spilled > most} == {}


def test_normalisations_of_the_denoiser_are_those_of_pytorch() -> None:
    found = interpreted("all", module="interpreted_norms")
    check = found.pop("check")
    assert len(found) == 5
    for name, errors in found.items():  # in float64
        assert max(errors.values()) < 1e-6, name
    assert check["repeats"]
    assert check["loss"] < 1e-6
    assert check["gradient"] < 1e-5


@pytest.mark.parametrize("architecture", [80, 90])
def test_normalisations_of_the_denoiser_compile_ahead_of_time_without_spills(architecture: int) -> None:
    compiled = ahead.compile_all(architecture, "float32", "prior")
    assert len(compiled) == 10
    assert [kernel for kernel in compiled if kernel.spilled] == []
