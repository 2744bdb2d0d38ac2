"""What a training reports besides its losses: gradients, how much of the latents is used, how busy a GPU is."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from core.data.images import ImageSet
from core.evaluation.latent_use import latent_use
from core.jobs import process
from core.jobs.trainer.orders import Signals
from core.models.autoencoder import MODELS, DiagonalGaussian, KlWeight
from core.runs.metrics.lines import KL_CHANNELS
from core.runs.metrics.reader import MetricsReader
from core.runs.run import Run
from core.runs.status import GpuFigures
from core.shapes import LATENT_SHAPE
from core.training.devices.load import LoadMeter
from core.training.reports import Reports
from core.training.totals import RunningTotals, TrainingClock
from core.training.trainer import Trainer
from tests.conftest import cut_digits
from tests.core.training.test_kernels import NoTape
from tests.support.run_files import lines
from tests.support.trainers import train
from tui.background.snapshots import RunReader

MakeRun = Callable[..., Run]


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return cut_digits(300, 50)


def norms(run: Run) -> list[float]:
    return [row["gradient_norm"] for row in lines(run, "step")]


def test_step_lines_have_the_norm_of_the_last_gradient_also_after_an_interruption(
    make_run: MakeRun, images: ImageSet
) -> None:
    settings = {"epochs": 1, "batch_size": 30}
    straight, broken = make_run("straight", **settings), make_run("broken", **settings)
    with straight.open_metrics() as metrics:
        trainer = Trainer(straight, images, "cpu", metrics, report_seconds=0)
        found = []
        for _ in islice(trainer.steps(), 10):
            gradients = [each.grad for each in trainer.model.parameters() if each.grad is not None]
            found.append(math.sqrt(sum(float(each.double().square().sum()) for each in gradients)))
        trainer.stop()
    assert norms(straight) == pytest.approx(found[: len(norms(straight))], rel=1e-5)
    assert len(set(found)) == 10
    for _ in range(2):  # saved before the line of its last step was written
        train(broken, images, boundaries=4, report_seconds=0)
    train(broken, images, report_seconds=0)
    assert norms(broken)[: len(norms(straight))] == norms(straight)


def test_compiled_steps_layers_and_recorded_layers_tell_of_the_same_gradient(
    make_run: MakeRun, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for name in ("compiled", "layers", "recorded"):
        run = make_run(name, epochs=1, batch_size=100, precision="float32")
        recorder = {"recorder": NoTape(torch.device("cpu"))} if name == "recorded" else {}
        train(run, images, boundaries=2, report_seconds=0, **recorder)
        found.append(norms(run)[0])
        monkeypatch.setattr("core.kernels.step_library.Products.in_turn", ())  # by PyTorch's layers
    assert found[0] == pytest.approx(found[1], rel=1e-3)
    assert found[1] == pytest.approx(found[2], rel=1e-5)


def test_validations_say_how_much_of_the_latent_is_used(make_run: MakeRun, images: ImageSet) -> None:
    channels = KL_CHANNELS[: LATENT_SHAPE[0]]
    used, unused = make_run("vae", epochs=2, batch_size=100, validate_every=2), make_run("ae", preset="ae", epochs=1)
    for run in (used, unused):
        train(run, images)
    first, last = lines(used, "epoch")
    assert "active_units" not in first  # without a validation
    assert last["active_units"] in range(65)
    # All of the few images are looked at, by another kind of product than the validation has.
    assert sum(last[name] for name in channels) == pytest.approx(last["val_kl"], rel=1e-3)
    assert not {*KL_CHANNELS} - {*channels} & last.keys()
    assert not {"active_units", *KL_CHANNELS} & lines(unused, "epoch")[0].keys()
    reader = MetricsReader(used.metrics_path)
    reader.poll()
    assert reader.epochs["active_units"].tolist() == pytest.approx([math.nan, last["active_units"]], nan_ok=True)


def test_a_latent_number_is_active_where_its_mean_varies() -> None:
    class Stub(torch.nn.Module):
        latent_shape = LATENT_SHAPE

        def encode(self, x: torch.Tensor) -> DiagonalGaussian:
            mean = torch.zeros(len(x), *LATENT_SHAPE)
            mean[:, 0, 0, :3] = x.mean(dim=(1, 2, 3))[:, None] * torch.tensor([1.0, 0.5, 0.01])
            mean[:, 1] = 2.0
            return DiagonalGaussian(mean, torch.zeros_like(mean))

    shades = torch.tensor([0, 255], dtype=torch.uint8).repeat(1500)[:, None, None].expand(-1, 32, 32)
    found = latent_use(Stub(), shades)  # type: ignore[arg-type]
    assert found.active_units == 2
    assert found.kl[1:] == pytest.approx((32.0, 0.0, 0.0))


def test_channels_have_their_part_of_the_divergence() -> None:
    model = MODELS["vae"]()
    posterior = model.encode(torch.rand(5, 1, 32, 32))
    torch.testing.assert_close(posterior.kl_by_channel().sum(dim=1), posterior.kl())
    assert MODELS["ae"]().encode(torch.rand(5, 1, 32, 32)).kl_by_channel().tolist() == [[0.0] * 4] * 5


def test_how_busy_a_gpu_is_has_a_line_in_five_seconds_of_training_and_without_one_none(tmp_path: Path) -> None:
    now = [0.0]
    run = Run(tmp_path)
    with run.open_metrics() as metrics:
        clock = TrainingClock(lambda: now[0])
        reports = Reports(metrics, RunningTotals(torch.device("cpu")), clock, KlWeight(), 0.5)
        for second in range(12):
            now[0] = float(second)
            reports.device(0, 10 * second, GpuFigures(utilisation=50 + second, memory_used=3 << 30))
            reports.device(0, 10 * second, None)
        length = metrics.sync()
        now[0] = 20.0
        reports.device(1, 200, GpuFigures(power=90.0))
        reader = MetricsReader(run.metrics_path)
        reader.poll()
        assert reader.devices["step"].tolist() == [0, 50, 100, 200]
        assert reader.devices["utilisation"][:3].tolist() == [50, 55, 60]
        assert np.isnan(reader.devices["utilisation"][3])
        metrics.cut(length)  # as a resume does
        reader.poll()
    assert reader.devices["step"].tolist() == [0, 50, 100]
    assert (len(reader.steps), reader.damaged_lines) == (0, 0)


def test_a_trainer_reports_its_gpu_and_on_a_cpu_nothing(
    make_small_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, seen = (make_small_run(name, epochs=1) for name in ("plain", "seen"))
    monkeypatch.setattr(Signals, "handle", lambda self: None)  # this process has its own
    assert process.train([plain]) == 0
    assert lines(plain, "device") == []
    figures = GpuFigures(card=0, utilisation=93, memory_used=1 << 30, memory_total=80 << 30, temperature=61)
    monkeypatch.setattr(LoadMeter, "read", lambda self: {"device_load": None, "gpu": figures})
    assert process.train([seen]) == 0
    first = lines(seen, "device")[0]
    assert (first["utilisation"], first["memory_used"], first["temperature"], first["power"]) == (93, 1 << 30, 61, None)
    shown = RunReader(seen).poll()
    assert shown is not None
    assert shown.devices["memory_total"][0] == 80 << 30
