"""The training loop: it knows models, data and a run, and nothing of processes."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from core import checkpoint, resume
from core.data import ImageSet, pixels
from core.files import DamagedFile
from core.metrics import MetricsLog
from core.models import MODELS, Autoencoder, loss
from core.resume import TrainingState
from core.run import Run
from core.status import State
from core.sums import NOT_VALIDATED, Diverged, Sums, finite_sums

REPORT_SECONDS = 0.5
EVALUATION_BATCH = 500
LATENT_SCALE_IMAGES = 2048


class Trainer:
    """Trains one run; `metrics` is the run's open log, which nobody else can hold at the same time.

    A run that was saved before goes on exactly where it was: weights, optimizer, the epoch's permutation, the
    random generator and the running sums come from its state. `epochs` sets a new goal, `learning_rate` another
    rate than the saved one.
    Raises DamagedFile when the state cannot be read.
    """

    def __init__(
        self,
        run: Run,
        images: ImageSet,
        device: torch.device | str,
        metrics: MetricsLog,
        epochs: int | None = None,
        learning_rate: float | None = None,
    ) -> None:
        self.run, self.metrics = run, metrics
        self.config = run.config()
        self.device = torch.device(device)
        self.images = images.to(self.device)
        self.batches_per_epoch = math.ceil(len(images.train_images) / self.config.batch_size)

        model, self.generator = make_model(self.config.preset, self.config.seed, self.device)
        self.model = model.to(self.device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=self.config.learning_rate)

        self.epochs = self.config.epochs
        self.epoch = 0  # finished epochs
        self.batch = 0  # finished steps of this epoch
        self.permutation: Tensor | None = None
        self.best = math.inf
        self.seconds = 0.0  # spent training, over all resumes
        self.images_per_second = 0.0

        # The device sums up an epoch; the host reads seldom. A step line covers what came after `_reported`,
        # and `_carried`: the end of the epoch before.
        self._sums = self._zero_sums()
        self._reported = Sums()
        self._carried = Sums()
        self._reported_at = 0.0
        self._epoch_began = 0.0
        self._resting = False

        state = resume.load_state(run)
        if state is not None:
            self._restore(state)
        self.metrics.cut(0 if state is None else state.metrics_length)
        self.epochs = epochs or self.epochs
        if learning_rate is not None:
            self.optimizer.param_groups[0]["lr"] = learning_rate
        self._clock = time.perf_counter()

    @property
    def step(self) -> int:
        """Finished steps since the start of the run."""
        return self.epoch * self.batches_per_epoch + self.batch

    @property
    def learning_rate(self) -> float:
        """The step size of the optimizer now."""
        return float(self.optimizer.param_groups[0]["lr"])

    @property
    def validating(self) -> bool:
        """Whether the steps of the epoch are done but the epoch is not."""
        return self.batch == self.batches_per_epoch

    def fit(self) -> None:
        """Train to the goal, save, and call the run finished. Raises Diverged, or OSError when it cannot be written."""
        for _ in self.steps():
            pass
        self.save()
        news = self.progress() | {"state": State.FINISHED, "activity": "", "saved_step": self.step}
        self.run.write_status(self.run.status().model_copy(update=news | {"heartbeat": time.time()}))

    def progress(self) -> dict[str, Any]:
        """How far training is, under the names of status.json."""
        return {
            "epoch": self.epoch,
            "epochs": self.epochs,
            "step": self.step,
            "steps_per_epoch": self.batches_per_epoch,
            "images_per_second": self.images_per_second,
            "learning_rate": self.learning_rate,
        }

    def steps(self) -> Iterator[None]:
        """Train to the goal; control returns at every boundary, where the caller may save, rest or leave."""
        self.model.train()
        while self.epoch < self.epochs:
            if self.permutation is None:
                count = len(self.images.train_images)
                self.permutation = torch.randperm(count, generator=self.generator, device=self.device)
            while self.batch < self.batches_per_epoch:
                self._step(self.permutation)
                self.batch += 1
                self._tick()
                if self.seconds - self._reported_at >= REPORT_SECONDS:
                    self._report()
                yield
            yield from self._end_epoch()

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Time spent in here does not count as training."""
        self._tick()
        before, self._resting = self._resting, True
        yield
        self._tick()
        self._resting = before

    def _step(self, permutation: Tensor) -> None:
        first = self.batch * self.config.batch_size
        x = pixels(self.images.train_images[permutation[first : first + self.config.batch_size]])
        reconstruction, posterior = self.model(x, self.generator)
        parts = loss(x, reconstruction, posterior)
        self.optimizer.zero_grad()
        parts.total().mean().backward()
        self.optimizer.step()
        self._sums += torch.stack([parts.reconstruction.sum(), parts.kl.sum()]).detach()

    def _end_epoch(self) -> Iterator[None]:
        validation = None
        if self.config.validates_after(self.epoch + 1, self.epochs):
            validation = yield from self._validate()
        trained = self._read_sums()
        self._tick()
        line = {"kind": "epoch", "epoch": self.epoch + 1, "step": self.step, "time": round(self.seconds, 3)}
        line |= trained.means("train_")
        line |= validation.means("val_") if validation else NOT_VALIDATED
        rate = trained.images / (self.seconds - self._epoch_began)
        self.metrics.append(line | {"images_per_second": round(rate, 1)})
        if validation and validation.mean_loss < self.best:
            self.best = validation.mean_loss
            self._save_weights(best=True)
        self._carried += trained - self._reported
        self._reported = Sums()
        self._sums = self._zero_sums()
        self._epoch_began = self.seconds
        self.epoch, self.batch, self.permutation = self.epoch + 1, 0, None
        yield

    def _validate(self) -> Generator[None, None, Sums]:
        """Sums over the validation set, one posterior sample an image, with the same noise every time."""
        generator = torch.Generator(self.device).manual_seed(self.config.seed)
        sums = self._zero_sums()
        for batch in self.images.validation_images.split(EVALUATION_BATCH):
            with evaluating(self.model):
                x = pixels(batch)
                parts = loss(x, *self.model(x, generator))
                sums += torch.stack([parts.reconstruction.sum(), parts.kl.sum()])
            yield
        return finite_sums(len(self.images.validation_images), sums, "validation loss", self.step)

    def _report(self) -> None:
        sums = self._read_sums()
        news = self._carried + sums - self._reported
        self._tick()
        self.images_per_second = round(news.images / (self.seconds - self._reported_at), 1)
        line = {"kind": "step", "epoch": self.epoch, "step": self.step, "time": round(self.seconds, 3)}
        line |= news.means() | {"learning_rate": self.learning_rate}
        self.metrics.append(line | {"images_per_second": self.images_per_second})
        self._carried, self._reported, self._reported_at = Sums(), sums, self.seconds

    def _tick(self) -> None:
        now = time.perf_counter()
        if not self._resting:
            self.seconds += now - self._clock
        self._clock = now

    def _zero_sums(self) -> Tensor:
        # Metal knows no float64.
        kind = torch.float32 if self.device.type == "mps" else torch.float64
        return torch.zeros(2, dtype=kind, device=self.device)

    def _read_sums(self) -> Sums:
        """What the device summed up in this epoch; waits for the device."""
        images = min(self.batch * self.config.batch_size, len(self.images.train_images))
        return finite_sums(images, self._sums, "loss", self.step)

    # Saving and going on

    def save(self) -> None:
        """Write the weights and everything that an exact resume needs. Raises Diverged or OSError.

        state.pt comes last and holds the weights too, so that being killed between two files does no harm.
        """
        sums = self._read_sums()
        self._save_weights()
        state = TrainingState(
            model=self.model.state_dict(),
            optimizer=self.optimizer.state_dict(),
            generator=self.generator.get_state(),
            permutation=self.permutation,
            epochs=self.epochs,
            epoch=self.epoch,
            batch=self.batch,
            best=self.best,
            seconds=self.seconds,
            images_per_second=self.images_per_second,
            sums=(sums.images, sums.reconstruction, sums.kl),
            reported=(self._reported.images, self._reported.reconstruction, self._reported.kl),
            carried=(self._carried.images, self._carried.reconstruction, self._carried.kl),
            reported_at=self._reported_at,
            epoch_began=self._epoch_began,
            metrics_length=self.metrics.sync(),
        )
        resume.save_state(self.run, state)

    def _save_weights(self, *, best: bool = False) -> None:
        if not all(bool(tensor.isfinite().all()) for tensor in self.model.state_dict().values()):
            raise Diverged(f"the weights are no longer finite numbers at step {self.step}")
        scale = latent_scale(self.model, self.images.train_images)
        if not math.isfinite(scale):
            raise Diverged(f"the latents are no longer finite numbers at step {self.step}")
        self.model.latent_scale = scale
        metadata: dict[str, object] = {"preset": self.config.preset, "epoch": self.epoch, "step": self.step}
        metadata |= {"latent_scale": self.model.latent_scale}
        self.run.write_weights(checkpoint.weights_to_bytes(self.model, metadata), best=best)

    def _restore(self, state: TrainingState) -> None:
        try:
            state.check(self.model, len(self.images.train_images), self.batches_per_epoch)
            self.model.load_state_dict(state.model)
            ours = self.optimizer.state_dict()["param_groups"]
            ours[0]["lr"] = state.learning_rate
            self.optimizer.load_state_dict({"state": state.optimizer["state"], "param_groups": ours})
            self.generator.set_state(state.generator)
        except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError, AttributeError) as error:
            reason = f"is not the state of this run: {checkpoint.first_line(error)}"
            raise DamagedFile(self.run.state_path, reason) from error
        self.permutation = None if state.permutation is None else state.permutation.to(self.device)
        self.epochs, self.epoch, self.batch = state.epochs, state.epoch, state.batch
        self.best, self.seconds = state.best, state.seconds
        self.images_per_second = state.images_per_second
        self._sums += torch.tensor(state.sums[1:], dtype=self._sums.dtype, device=self.device)
        self._reported, self._carried = Sums(*state.reported), Sums(*state.carried)
        self._reported_at, self._epoch_began = state.reported_at, state.epoch_began


def make_model(preset: str, seed: int, device: torch.device) -> tuple[Autoencoder, torch.Generator]:
    """A model with the initial weights of a seed, on the CPU, and the generator of all that is random afterwards.

    The generator's own seed is drawn after the weights, so that it does not repeat the numbers they came from.
    PyTorch's random state stays as it is.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = MODELS[preset]()
        following = int(torch.randint(2**62, ()))
    return model, torch.Generator(device).manual_seed(following)


@contextmanager
def evaluating(model: Autoencoder) -> Iterator[None]:
    """Evaluation mode without gradients, and back to the mode before."""
    training = model.training
    model.eval()
    with torch.no_grad():
        yield
    model.train(training)


def latent_scale(model: Autoencoder, images: Tensor) -> float:
    """1 / standard deviation of the latents of images (N, 32, 32), from an even selection of 2,048 of them.

    Rombach et al. 2022, appendix G. The variance is that of posterior samples, computed without drawing any.
    """
    chosen = images[:: max(1, len(images) // LATENT_SCALE_IMAGES)][:LATENT_SCALE_IMAGES]
    with evaluating(model):
        posteriors = [model.encode(pixels(batch)) for batch in chosen.split(EVALUATION_BATCH)]
        between = torch.cat([posterior.mean for posterior in posteriors]).var()
        within = torch.cat([posterior.variance() for posterior in posteriors]).mean()
        return float((between + within).rsqrt())
