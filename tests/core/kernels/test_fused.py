"""The fast path of training computes what the modules compute, and says what it is."""

from __future__ import annotations

import copy
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from core.kernels import fused, native
from core.kernels.compiler import Unavailable
from core.models.autoencoder import MODELS, Autoencoder, ConvBlock, loss
from tests.support.models import last_convolution

CPU = torch.device("cpu")
# What rounding to 8 bits of mantissa in each of some twenty layers adds up to.
TOLERANCES = {"float32": 2e-2, "bfloat16": 0.3}


def gradients(model: Autoencoder, called: nn.Module, x: Tensor, noise: Tensor | None) -> tuple[float, list[Tensor]]:
    """The loss and the gradients of the model's parameters when that is called in its place."""
    model.zero_grad()
    total = loss(x, *called(x, noise)).total().mean()
    total.backward()
    return total.item(), [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]


def distance(one: Tensor, other: Tensor) -> float:
    """How far apart two tensors are, as a part of their length."""
    return float((one - other).norm() / (one.norm() + 1e-3))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("preset", MODELS)
@pytest.mark.parametrize(
    ("features", "channels", "is_odd"),
    [
        ((1, 8, 16, 32), 4, False),
        ((1, 12, 24), 3, True),
        ((1, 8, 16, 64), 2, True),
    ],
)
def test_the_fused_pass_gives_the_loss_gradients_and_statistics_of_the_model(
    preset: str, precision: str, features: tuple[int, ...], channels: int, is_odd: bool
) -> None:
    torch.manual_seed(0)
    plain = MODELS[preset](features, channels)
    fast = copy.deepcopy(plain)
    called, method = fused.accelerate(fast, CPU, precision)
    assert method.startswith(f"fused {precision}")
    assert ("of other sizes by PyTorch" in method) == is_odd
    x = torch.rand(32, 1, 32, 32)
    noise = plain.noise(32, torch.Generator().manual_seed(1))
    expected, wanted = gradients(plain, plain, x, noise)
    found, given = gradients(fast, called, x, noise)
    tolerance = TOLERANCES[precision]
    assert found == pytest.approx(expected, rel=1e-5 if precision == "float32" else 1e-2)
    names = [name for name, _ in plain.named_parameters()]
    before_norm = {f"{name}.0.bias" for name, module in plain.named_modules() if isinstance(module, ConvBlock)}
    assert len(wanted) == len(given) == len(names)
    for name, one, other in zip(names, wanted, given, strict=True):
        if name in before_norm:  # normalisation takes that bias away, so only rounding gives it a gradient
            assert is_odd or torch.equal(other, torch.zeros_like(other)), name
            assert one.norm() < 1e-2
        elif precision == "float32" or name.startswith(f"decoder.{len(features) - 1}"):
            assert distance(one, other) < tolerance, name
    for (name, one), (_, other) in zip(plain.named_buffers(), fast.named_buffers(), strict=True):
        assert distance(one.float(), other.float()) < tolerance / 10, name


def block(channels_in: int, channels_out: int, slope: float = 0.01) -> ConvBlock:
    torch.manual_seed(channels_in + channels_out)
    made = ConvBlock(channels_in, channels_out)
    made[2] = nn.LeakyReLU(slope)
    norm = made[1]
    assert isinstance(norm, nn.BatchNorm2d)
    nn.init.uniform_(norm.weight, -1.5, 1.5)
    nn.init.uniform_(norm.bias, -1.0, 1.0)
    return made


def kernel_gradient(block: ConvBlock) -> Tensor:
    """The gradient of the convolution's kernels."""
    gradient = last_convolution(block).weight.grad
    assert gradient is not None
    return gradient


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("channels_in", "channels_out", "size", "upsampled"),
    [(1, 8, 32, False), (8, 8, 32, False), (8, 8, 16, True), (16, 8, 16, False), (32, 32, 4, True), (32, 4, 4, False)],
)
def test_a_block_and_its_gradients_are_those_of_the_modules(
    channels_in: int, channels_out: int, size: int, upsampled: bool, dtype: torch.dtype
) -> None:
    # A number near zero that rounding brings to the other side changes less so.
    plain = block(channels_in, channels_out, slope=0.01 if dtype == torch.float32 else 0.9)
    fast = copy.deepcopy(plain)
    layer = fused.FusedBlock(fast, native.load(dtype), upsampled)
    # Values that bfloat16 holds exactly, so that only what the block does is rounded.
    x = torch.randn(6, channels_in, size, size).bfloat16().float()
    one, other = x.clone().requires_grad_(), fused._channels_last(x, dtype).requires_grad_()
    y = plain(nn.functional.interpolate(one, scale_factor=2) if upsampled else one)
    z = layer(other)
    pull = torch.randn_like(y).bfloat16()
    y.backward(pull.float())
    z.backward(pull.to(dtype))
    tolerance = 2e-5 if dtype == torch.float32 else 2e-2
    assert distance(y.detach(), z.detach().float()) < tolerance
    assert one.grad is not None
    assert other.grad is not None
    assert distance(one.grad, other.grad.float()) < tolerance
    assert distance(kernel_gradient(plain), kernel_gradient(fast)) < tolerance
    for name in ("weight", "bias"):
        assert distance(getattr(plain[1], name).grad, getattr(fast[1], name).grad) < tolerance
    for name in ("running_mean", "running_var"):
        assert distance(getattr(plain[1], name), getattr(fast[1], name)) < tolerance
    assert fast[1].num_batches_tracked == 1


def test_the_first_block_gets_its_kernels_gradient_without_one_for_the_images() -> None:
    plain = block(1, 8)
    fast = copy.deepcopy(plain)
    x = torch.rand(5, 1, 32, 32)
    pull = torch.randn(5, 8, 32, 32)
    plain(x).backward(pull)
    fused.FusedBlock(fast, native.load(torch.float32), False)(fused._channels_last(x, torch.float32)).backward(pull)
    assert distance(kernel_gradient(plain), kernel_gradient(fast)) < 2e-5


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_last_convolution_and_its_gradients_are_those_of_the_module(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    plain = nn.Conv2d(8, 1, 1)
    fast = copy.deepcopy(plain)
    x = torch.randn(5, 8, 16, 16).bfloat16().float()
    one, other = x.clone().requires_grad_(), fused._channels_last(x, dtype).requires_grad_()
    pull = torch.randn(5, 1, 16, 16)
    y, z = plain(one), fused.FusedProjection(fast, native.load(dtype))(other)
    y.backward(pull)
    z.backward(pull)
    assert z.dtype == torch.float32
    assert distance(y.detach(), z.detach()) < 1e-5
    assert one.grad is not None
    assert other.grad is not None
    assert distance(one.grad, other.grad.float()) < (1e-5 if dtype == torch.float32 else 5e-3)
    for name in ("weight", "bias"):
        assert distance(getattr(plain, name).grad, getattr(fast, name).grad) < 1e-5


def test_a_second_backward_pass_is_refused_since_the_first_used_up_what_it_needs() -> None:
    y = fused.FusedBlock(block(8, 8), native.load(torch.float32), False)(
        fused._channels_last(torch.randn(2, 8, 16, 16), torch.float32)
    )
    y.sum().backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="a second time"):
        y.sum().backward()


@pytest.mark.parametrize("channels", [8, 16])
def test_pooling_passes_the_gradient_to_the_first_of_the_largest(channels: int) -> None:
    x = torch.randint(0, 3, (4, channels, 8, 8)).float()  # many ties
    one, other = x.clone().requires_grad_(), fused._channels_last(x, torch.float32).requires_grad_()
    pull = torch.randn(4, channels, 4, 4)
    y, z = nn.functional.max_pool2d(one, 2), fused.FusedPool(native.load(torch.float32))(other)
    y.backward(pull)
    z.backward(pull)
    assert torch.equal(y, z)
    assert one.grad is not None
    assert other.grad is not None
    assert torch.equal(one.grad, other.grad)


def test_bfloat16_is_stored_as_the_nearest() -> None:
    x = fused._channels_last(torch.randn(4, 16, 8, 8), torch.bfloat16)
    norm, bias = nn.BatchNorm2d(16), torch.zeros(16)
    exact, _ = native.load(torch.float32).normalise(fused._channels_last(x, torch.float32), norm, bias, 0.01)
    rounded, _ = native.load(torch.bfloat16).normalise(x, norm, bias, 0.01)
    assert (exact.bfloat16() == rounded).float().mean() > 0.999


def test_numbers_that_are_none_do_not_vanish() -> None:
    layer = fused.FusedBlock(block(8, 8), native.load(torch.bfloat16), False)
    x = fused._channels_last(torch.zeros(2, 8, 16, 16), torch.bfloat16)
    x[0, 0, 0, 0] = torch.nan
    assert layer(x).isnan().any()


def test_images_that_no_kernel_is_made_for_are_refused() -> None:
    library = native.load(torch.float32)
    with pytest.raises(ValueError, match=r"no kernel for torch\.float32 images"):
        library.pool(torch.rand(2, 8, 8, 8))
    with pytest.raises(ValueError, match=r"no kernel for torch\.bfloat16"):
        library.pool(fused._channels_last(torch.rand(2, 8, 8, 8), torch.bfloat16))
    with pytest.raises(ValueError, match="no kernel"):
        library.pool(fused._channels_last(torch.rand(2, 12, 8, 8), torch.float32))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_without_a_compiler_pytorchs_own_layers_do_it_and_the_reason_is_said(
    precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(dtype: torch.dtype) -> native.Kernels:
        raise Unavailable("no C++ compiler")

    monkeypatch.setattr(native, "load", refuse)
    model = MODELS["vae"]()
    called, method = fused.accelerate(model, CPU, precision)
    assert method == f"{precision} without fused kernels: no C++ compiler"
    x = torch.rand(4, 1, 32, 32)
    noise = model.noise(4, torch.Generator().manual_seed(0))
    reconstruction, posterior = called(x, noise)
    assert reconstruction.dtype == posterior.mean.dtype == torch.float32
    expected, _ = model(x, noise)
    assert distance(expected.detach(), reconstruction.detach()) < (1e-4 if precision == "float32" else 0.1)


def test_auto_is_bfloat16_only_where_the_processor_multiplies_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for has, number in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(fused, "bfloat16_is_faster", lambda has=has: has)
        assert fused.accelerate(MODELS["ae"](), CPU, "auto")[1] == f"fused {number}"


# The library


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    native.load.cache_clear()
    yield tmp_path / "cache" / "vae-tui" / "kernels"
    native.load.cache_clear()


def test_the_library_is_compiled_once(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    native.load(torch.float32)
    (made,) = fresh.glob("*.so")
    assert made.stat().st_mode & 0o077 == 0
    native.load.cache_clear()
    monkeypatch.setattr(subprocess, "run", None)
    native.load(torch.float32)


def test_no_compiler_one_that_refuses_and_a_library_that_cannot_be_loaded_are_told_apart(
    fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    native.load(torch.float32)
    (made,) = fresh.glob("*.so")
    native.load.cache_clear()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # the linker knows the first one by its path
    broken = tmp_path / "vae-tui" / "kernels" / made.name
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"no library")
    with pytest.raises(Unavailable, match=r"invalid ELF header|file too short|not a mach-o"):
        native.load(torch.float32)
    compiler = tmp_path / "c++"
    compiler.write_text("#!/bin/sh\necho 'unknown option -fopenmp' >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    with pytest.raises(Unavailable, match="the compiler refused: unknown option -fopenmp"):
        native.load(torch.float32)
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(Unavailable, match=r"no C\+\+ compiler"):
        native.load(torch.float32)
