"""The training loop: it knows models, data and a run, and nothing of processes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, suppress

import torch
from torch import Tensor

from core.data.images import ImageSet
from core.errors import DamagedFile
from core.evaluation.periodic import SAMPLES, PeriodicFrechet
from core.models import weights
from core.runs.metrics_log import MetricsLog
from core.runs.run import Run
from core.runs.status import State, StatusChanges
from core.training import checkpoint
from core.training.checkpoint import TrainingState
from core.training.clock import Stopwatch
from core.training.distributed import ALONE, SingleProcess
from core.training.objectives import make_objective
from core.training.schedule import LRScheduler
from core.training.step import CUDAGraphStep, CudaRecorder, Recorder, init_optimizer_state
from core.training.totals import NOT_VALIDATED, Diverged, LossTotals, finite_sums

REPORT_SECONDS = 0.5


class Trainer:
    """Trains one run; `metrics` is the run's open log, which nobody else can hold at the same time.

    Where several processes train it together, the first one has the log and the others None.

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
        metrics: MetricsLog | None,
        epochs: int | None = None,
        learning_rate: float | None = None,
        ranks: SingleProcess = ALONE,
    ) -> None:
        self.run, self.metrics, self.ranks = run, metrics, ranks
        self.config = run.config()
        self.device = torch.device(device)
        self.objective, self.generator = make_objective(run, images, self.device)
        self.model = self.objective.model
        self.batches_per_epoch = math.ceil(self.objective.examples / self.config.batch_size)
        forward, self.method = self.objective.accelerate(self.config.precision)
        self._forward = ranks.join(forward)
        # Only recorded steps need a count of steps, and a rate, that lie on the GPU.
        recorded = self.device.type == "cuda" and ranks.count == 1
        rate: float | Tensor = self.config.learning_rate
        if recorded:
            rate = torch.tensor(rate, device=self.device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=rate, fused=True, capturable=recorded)
        self._rate = LRScheduler(self.optimizer, self.config.schedule, self.config.learning_rate)

        self.epochs = self.config.epochs
        self.epoch = 0  # finished epochs
        self.batch = 0  # finished steps of this epoch
        self.permutation: Tensor | None = None
        self.best = math.inf
        self._unwritten_best: bytes | None = None
        self._gauge = PeriodicFrechet(images.train_images) if self.config.measure_every else None
        self._measuring = False
        self._watch = Stopwatch()  # over all resumes
        self.images_per_second = 0.0

        # The device sums up an epoch; the host reads seldom. A step line covers what came after `_reported`,
        # and `_carried`: the end of the epoch before.
        self._sums = self._zero_sums()
        self._reported = LossTotals()
        self._carried = LossTotals()
        self._reported_at = 0.0
        self._epoch_began = 0.0

        state = checkpoint.load_state(run)
        if state is not None:
            self._restore(state)
        if self.metrics is not None:
            self.metrics.cut(0 if state is None else state.metrics_length)
        self.epochs = epochs or self.epochs
        self._rate.base = learning_rate or self._rate.base
        self._train_on: Callable[[Tensor], None] = self._step
        if recorded:
            self._record(CudaRecorder(self.device))
        self._watch.start()

    @property
    def seconds(self) -> float:
        """Spent training, as of the last look at the clock."""
        return self._watch.seconds

    @property
    def step(self) -> int:
        """Finished steps since the start of the run."""
        return self.epoch * self.batches_per_epoch + self.batch

    @property
    def learning_rate(self) -> float:
        """The step size of the next step; after the last one that of the last."""
        return self._rate.after(self._share_done)

    @property
    def _share_done(self) -> float:
        steps = self.epochs * self.batches_per_epoch
        return min(self.step, steps - 1) / steps

    @property
    def activity(self) -> str:
        """What is being done, in a word or two."""
        if self.batch < self.batches_per_epoch:
            return "training"
        return "measuring samples" if self._measuring else "validating"

    def fit(self) -> None:
        """Train to the goal, save, and call the run finished. Raises Diverged, or OSError when it cannot be written."""
        for _ in self.steps():
            pass
        self.save()
        status = self.run.status().updated(**self.progress())
        status = status.updated(state=State.FINISHED, activity="", saved_step=self.step, heartbeat=time.time())
        self.run.write_status(status)

    def progress(self) -> StatusChanges:
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
                count = self.objective.examples
                self.permutation = torch.randperm(count, generator=self.generator, device=self.device)
            for chosen in self.permutation.split(self.config.batch_size)[self.batch :]:
                self._rate.set(self._share_done)
                self._train_on(chosen)
                self.batch += 1
                self._watch.read()
                if self.metrics is not None and self.seconds - self._reported_at >= REPORT_SECONDS:
                    self._report(self.metrics)
                yield
            yield from self._end_epoch()

    def resting(self) -> AbstractContextManager[None]:
        """Time spent in there does not count as training."""
        return self._watch.resting()

    def _step(self, chosen: Tensor) -> None:
        """One step of the optimizer, on the training examples with these indices."""
        share = self.ranks.share(len(chosen))
        drawn = self.objective.draw(len(chosen), self.generator)
        parts = self.objective.parts(self._forward, chosen[share.part], None if drawn is None else drawn[share.part])
        sums = torch.stack([parts.reconstruction.sum(), parts.kl.sum()]).detach().to(self._sums.dtype)
        sums = self.ranks.add_up(sums / share.copies)
        self._sums += sums
        self.optimizer.zero_grad()
        # Gradients are averaged over the processes.
        scale = self.ranks.count / (share.copies * len(chosen))
        weight = self.objective.kl_weight.given(sums[0] / len(chosen))
        (parts.total(weight).sum() * scale).backward()
        self.optimizer.step()

    def _record(self, recorder: Recorder) -> None:
        init_optimizer_state(self.optimizer)
        self._train_on = CUDAGraphStep(self._step, self._changing, self.generator, recorder)

    def _changing(self) -> Iterator[Tensor]:
        """All that a step changes."""
        yield from self.model.state_dict().values()
        for state in self.optimizer.state.values():
            yield from state.values()
        yield self._sums

    def _end_epoch(self) -> Iterator[None]:
        validated = distance = None
        if self.config.validates_after(self.epoch + 1, self.epochs):
            validated = yield from self._validate()
        if self._gauge is not None and self.config.measures_after(self.epoch + 1, self.epochs):
            self._measuring = True
            distance = yield from self._gauge.measure(self.objective.samples(SAMPLES, self.config.seed))
            self._measuring = False
        if self.metrics is not None:
            self._report_epoch(self.metrics, validated, distance)
        self._sums.zero_()
        self.epoch, self.batch, self.permutation = self.epoch + 1, 0, None
        yield

    def _validate(self) -> Generator[None, None, LossTotals]:
        """Sums over the held-out examples, with the same noise every time."""
        generator = torch.Generator(self.device).manual_seed(self.config.seed)
        sums = self._zero_sums()
        for batch in self.objective.validate(generator):
            sums += batch
            yield
        return finite_sums(self.objective.held_out, sums, "validation loss", self.step)

    def _report_epoch(self, metrics: MetricsLog, validated: LossTotals | None, distance: float | None) -> None:
        trained = self._read_sums()
        self._watch.read()
        line = {"kind": "epoch", "epoch": self.epoch + 1, "step": self.step, "time": round(self.seconds, 3)}
        line |= trained.means(self.objective.kl_weight, "train_")
        means = validated.means(self.objective.kl_weight, "val_") if validated else NOT_VALIDATED
        rate = trained.images / (self.seconds - self._epoch_began)
        metrics.append(line | means | {"frechet": distance, "images_per_second": round(rate, 1)})
        if (found := means["val_loss"]) is not None and found < self.best:
            self.best = found
            self._unwritten_best = self._weights()
            with suppress(OSError):  # nothing is lost: `save` writes it or raises
                self._write_best()
        self._carried += trained - self._reported
        self._reported = LossTotals()
        self._epoch_began = self.seconds

    def _report(self, metrics: MetricsLog) -> None:
        sums = self._read_sums()
        news = self._carried + sums - self._reported
        self._watch.read()
        self.images_per_second = round(news.images / (self.seconds - self._reported_at), 1)
        line = {"kind": "step", "epoch": self.epoch, "step": self.step, "time": round(self.seconds, 3)}
        line |= news.means(self.objective.kl_weight) | {"learning_rate": self.learning_rate}
        metrics.append(line | {"images_per_second": self.images_per_second})
        self._carried, self._reported, self._reported_at = LossTotals(), sums, self.seconds

    def _zero_sums(self) -> Tensor:
        # Metal knows no float64.
        kind = torch.float32 if self.device.type == "mps" else torch.float64
        return torch.zeros(2, dtype=kind, device=self.device)

    def _read_sums(self) -> LossTotals:
        """What the device summed up in this epoch; waits for the device."""
        images = min(self.batch * self.config.batch_size, self.objective.examples)
        return finite_sums(images, self._sums, "loss", self.step)

    # Saving and going on

    def save(self) -> None:
        """Write the weights and everything that an exact resume needs. Raises Diverged or OSError.

        state.pt comes last and holds the weights too, so that being killed between two files does no harm.
        """
        assert self.metrics is not None, "only the first process saves"
        sums = self._read_sums()
        self._write_best()
        self.run.write_weights(self._weights())
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
        checkpoint.save_state(self.run, state)

    def _write_best(self) -> None:
        if self._unwritten_best is not None:
            self.run.write_weights(self._unwritten_best, best=True)
            self._unwritten_best = None

    def _weights(self) -> bytes:
        """The weights as a file holds them. Raises Diverged."""
        if not all(bool(tensor.isfinite().all()) for tensor in self.model.state_dict().values()):
            raise Diverged(f"the weights are no longer finite numbers at step {self.step}")
        measured = self.objective.metadata()
        if not all(math.isfinite(number) for number in measured.values()):
            raise Diverged(f"the latents are no longer finite numbers at step {self.step}")
        metadata = {"preset": self.config.preset, "epoch": self.epoch, "step": self.step} | measured
        return weights.weights_to_bytes(self.model, metadata)

    def _restore(self, state: TrainingState) -> None:
        try:
            state.check(self.model, self.objective.examples, self.batches_per_epoch)
            self.model.load_state_dict(state.model)
            ours = self.optimizer.state_dict()["param_groups"]
            self.optimizer.load_state_dict({"state": state.optimizer["state"], "param_groups": ours})
            self.generator.set_state(state.generator)
        except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError, AttributeError) as error:
            reason = f"is not the state of this run: {weights.first_line(error)}"
            raise DamagedFile(self.run.state_path, reason) from error
        self.permutation = None if state.permutation is None else state.permutation.to(self.device)
        self._rate.base = state.learning_rate
        self.epochs, self.epoch, self.batch = state.epochs, state.epoch, state.batch
        self.best, self._watch.seconds = state.best, state.seconds
        self.images_per_second = state.images_per_second
        self._sums += torch.tensor(state.sums[1:], dtype=self._sums.dtype, device=self.device)
        self._reported, self._carried = LossTotals(*state.reported), LossTotals(*state.carried)
        self._reported_at, self._epoch_began = state.reported_at, state.epoch_began
