"""The training loop: step, report, validate, save. It knows models, data and a run, and nothing of processes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from core.data.images import ImageSet
from core.runs.metrics.log import STEP_LINE_SECONDS, MetricsLog
from core.runs.run import Run
from core.runs.snapshots.keeping import Keeper
from core.runs.status import Asked, StatusChanges
from core.training import checkpoint
from core.training.devices.numerics import prepare
from core.training.distributed import ALONE, SingleProcess, Task
from core.training.methods.choice import Stepper
from core.training.methods.kernels import KernelStep
from core.training.methods.shared import SharedStep
from core.training.methods.training import Training
from core.training.objectives import make_objective
from core.training.reports import Reports
from core.training.saving.checkpoints import Checkpoints
from core.training.saving.taking import take
from core.training.saving.writing import Saving
from core.training.step import Recorder, ScheduledAdam, keep_gradient_norm
from core.training.totals import RunningTotals, TrainingClock
from core.training.validation import FRECHET_SAMPLES, Validated, Validation


class Trainer:
    """Trains one run; `metrics` is the run's open log, which nobody else can hold at the same time.

    Of several processes the first one goes through `steps` and holds the log; the others have None and `follow` it.

    A run that was saved before goes on exactly where it was; on another kind of device with other random numbers, which
    `method` says. What was `asked` of the first process holds for all, except what the state holds already. A `shared`
    step of several runs is launched between their turns. Raises DamagedFile when the state cannot be read.
    """

    def __init__(
        self,
        run: Run,
        images: ImageSet,
        device: torch.device | str,
        metrics: MetricsLog | None,
        asked: Sequence[Asked] = (),
        ranks: SingleProcess = ALONE,
        *,
        report_seconds: float = STEP_LINE_SECONDS,
        frechet_samples: int = FRECHET_SAMPLES,
        now: Callable[[], float] = time.perf_counter,
        recorder: Recorder | None = None,
        shared: SharedStep | None = None,
        threads: int | None = None,
    ) -> None:
        self.run, self.ranks, self._frechet_samples = run, ranks, frechet_samples
        self.config = run.training_config()
        self.device = torch.device(device)
        prepare(self.device)

        self.objective, self.generator = make_objective(run, images, self.device)
        self.model = self.objective.model
        self.batches_per_epoch = math.ceil(self.objective.examples / self.config.batch_size)
        self.validation = Validation(self.objective, images.train_images, self.device, self.config)
        self.totals = RunningTotals(self.device)
        self.clock = TrainingClock(now)
        self._reports = None

        # A recorded step needs the count of steps and the rate on the GPU.
        recorded = self.device.type == "cuda" and ranks.world_size == 1
        self.optimizer = ScheduledAdam(self.model, self.config.schedule, self.config.learning_rate, capturable=recorded)
        self.task = Task.STEP
        self.epochs = self.config.epochs
        self.epoch = self.step_in_epoch = 0  # finished epochs, and finished steps of this one
        self.permutation: Tensor | None = None
        state = checkpoint.load_state(run)
        if state is not None:
            self._load(state)
        self.checkpoints = Checkpoints(run, self.config, self.objective, self.batches_per_epoch)
        if metrics is not None:
            metrics.cut(0 if state is None else state.metrics_length)
            self.checkpoints.snapshots.begin(self.step)
            self._reports = Reports(metrics, self.totals, self.clock, self.objective.kl_weight, report_seconds)
        for each in asked:
            if each.id not in self.optimizer.requests:
                self.optimizer.change_base_rate(each.learning_rate or self.optimizer.base_rate, each.id)
                if each.epochs is not None:
                    self.epochs, self.validation.since_best = each.epochs, 0
        self.epochs = round(ranks.number_of_first(self.epochs))
        self.optimizer.base_rate = ranks.number_of_first(self.optimizer.base_rate)

        training = Training(
            self.objective, self.optimizer, self.generator, self.totals, ranks, self.config, self.device, threads
        )
        self._stepper = Stepper(training, state, recorder, shared)
        self.clock.start()

    # Where training stands

    @property
    def snapshots(self) -> Keeper:
        """What keeps the snapshots of the run."""
        return self.checkpoints.snapshots

    @property
    def reports(self) -> Reports:
        """What writes into the open log of the run."""
        assert self._reports is not None, "only the first process reports and saves"
        return self._reports

    @property
    def step(self) -> int:
        """Finished steps since the start of the run."""
        return self.epoch * self.batches_per_epoch + self.step_in_epoch

    @property
    def learning_rate(self) -> float:
        """That of the next step; after the last one that of the last."""
        return self.optimizer.rate_at(self._progress)

    @property
    def _progress(self) -> float:
        """The fraction of the training that is done."""
        steps = self.epochs * self.batches_per_epoch
        return min(self.step, steps - 1) / steps

    @property
    def ended_early(self) -> str | None:
        """Why training ends before its goal, where it does by itself."""
        return self.validation.exhausted if self.epoch < self.epochs else None

    @property
    def activity(self) -> str:
        """What the trainer does now, in a word or two."""
        return self.task.activity

    @property
    def method(self) -> str:
        """What does the steps, in a few words."""
        return self._stepper.method

    @property
    def place(self) -> KernelStep | None:
        """The training's place in a shared step, once it has one."""
        return self._stepper.place

    @property
    def waits_for_save(self) -> bool:
        """Whether training would be faster after a save."""
        return self._stepper.waits_for_save

    @property
    def seconds(self) -> float:
        """Spent training, as of the last look at the clock."""
        return self.clock.seconds

    def progress(self) -> StatusChanges:
        """How far training is, under the names of status.json."""
        return {
            "epoch": self.epoch,
            "epochs": self.epochs,
            "step": self.step,
            "steps_per_epoch": self.batches_per_epoch,
            "images_per_second": self.clock.images_per_second,
            "learning_rate": self.learning_rate,
            "base_learning_rate": self.optimizer.base_rate,
        }

    def paused(self) -> AbstractContextManager[None]:
        """Time spent in there does not count as training."""
        return self.clock.paused()

    def set_learning_rate(self, rate: float, request: str) -> bool:
        """Go on with another rate in all processes, at a step boundary; whether that request was not done before.

        It is what the schedule begins with: a cosine goes on from where it is, at that many times its height.
        """
        if request in self.optimizer.requests:
            return False
        self.ranks.announce(Task.SET_RATE)
        self.optimizer.change_base_rate(self.ranks.number_of_first(rate), request)
        self.reports.learning_rate(self.epoch, self.step, rate)
        return True

    # The loop

    def steps(self) -> Iterator[None]:
        """Train to the goal. Control returns after each step, batch of a validation and epoch: to save, pause or stop.

        Nothing that a step gave is read before that, as several trainings may share the step. Raises Diverged.
        """
        self.checkpoints.keep_snapshot_if_due(self.step)
        if self.step_in_epoch:
            self._report_if_due()
        while self.epoch < self.epochs and not self.ended_early:
            while self.step_in_epoch < self.batches_per_epoch:
                self._begin(Task.STEP)
                self._train_step()
                yield
                self._report_if_due()
                self.checkpoints.keep_snapshot_if_due(self.step)
            validation = frechet = None
            if self.config.validates_after(self.epoch + 1, self.epochs):
                self._begin(Task.VALIDATE)
                validation = yield from self.validation.losses(self._stepper.validate, self.step)
            if self.config.measures_after(self.epoch + 1, self.epochs):
                self._begin(Task.MEASURE)
                frechet = yield from self.validation.frechet(self._frechet_samples)
            self._report_epoch(validation, frechet)
            self._begin(Task.END_EPOCH)
            self._end_epoch()
            yield
        self.stop()

    def stop(self) -> None:
        """End training in all processes."""
        self._begin(Task.STOP)

    def follow(self) -> Iterator[None]:
        """Do what the first process says until it says to stop, thing by thing; it validates and measures alone."""
        for task in self.ranks.tasks():
            if task is Task.STEP:
                self._train_step()
            elif task is Task.END_EPOCH:
                self._end_epoch()
            elif task is Task.SET_RATE:
                self.optimizer.base_rate = self.ranks.number_of_first(math.nan)
            yield

    def _begin(self, task: Task) -> None:
        self.task = task
        self.ranks.announce(task)

    def _train_step(self) -> None:
        if self.permutation is None:
            self.permutation = torch.randperm(self.objective.examples, generator=self.generator, device=self.device)
        begin = self.step_in_epoch * self.config.batch_size
        indices = self.permutation[begin : begin + self.config.batch_size]
        self.optimizer.set_rate(self._progress)
        self._stepper(indices)
        self.totals.images += len(indices)
        self.step_in_epoch += 1

    def _end_epoch(self) -> None:
        self.totals.reset()
        self.epoch, self.step_in_epoch, self.permutation = self.epoch + 1, 0, None

    # What it reports

    def _report_epoch(self, validation: Validated | None, frechet: float | None) -> None:
        loss = self.reports.epoch(self.epoch + 1, self.step, validation, frechet)
        if loss is not None and self.validation.is_best(loss):
            self.checkpoints.keep_best(self.step, self.epoch)

    def _report_if_due(self) -> None:
        self.reports.steps_if_due(self.epoch, self.step, self.learning_rate, self._stepper.gradient_norm)

    # What it saves

    def save(self) -> None:
        """Write the weights, with what has to be measured, and all that an exact resume needs.

        Raises Diverged or OSError.
        """
        self.begin_save(measured=True).wait()

    def begin_save(self, *, measured: bool) -> Saving:
        """Take all that is saved, with or without what has to be measured; it is written while training goes on.

        Raises Diverged, or OSError where the disk refuses the metrics.
        """
        self._stepper.before_save()
        self.clock.read()
        wanted = {"sums": self.totals.sums, "permutation": self.permutation, "squares": self._stepper.squares}
        taken = take(self.model, self.optimizer, wanted)
        keep_gradient_norm(taken.group, self._stepper.gradient_norm(taken.others.get("squares")))
        progress = {
            "generator": self.generator.get_state(),
            "epochs": self.epochs,
            "epoch": self.epoch,
            "batch": self.step_in_epoch,
        }
        progress |= self.totals.state_dict(taken.others["sums"], self.step)
        progress |= self.clock.state_dict() | self.validation.state_dict()
        return self.checkpoints.begin(self.step, taken, progress, self.reports.metrics, measured=measured)

    def _load(self, state: checkpoint.TrainingState) -> None:
        examples, batch_size = self.objective.examples, self.config.batch_size
        checkpoint.take_over(state, self.run, self.model, self.optimizer, self.generator, examples, batch_size)
        self.permutation = None if state.permutation is None else state.permutation.to(self.device)
        self.epochs, self.epoch, self.step_in_epoch = state.epochs, state.epoch, state.batch
        if state.is_foreign(self.generator):
            self.generator.manual_seed(self.generator.initial_seed() + self.step)
        for part in (self.totals, self.clock, self.validation):
            part.load_state_dict(dict(state))
