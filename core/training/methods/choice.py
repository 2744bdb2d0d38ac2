"""Which method does a run's steps: the one its state names, else the fastest there is."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from core.kernels import fused, step_library
from core.kernels.compiler import Unavailable
from core.kernels.step_library import Products
from core.training.checkpoint import TrainingState
from core.training.methods.compiled import CompiledStep
from core.training.methods.denoising import DenoisingStep
from core.training.methods.kernels import MARKED, Kernels, KernelStep
from core.training.methods.layers import FixedThreads
from core.training.methods.shared import SharedStep
from core.training.methods.training import MARK, THREADS, Training, mark_of, threads_of
from core.training.methods.usual import unusual
from core.training.step import (
    CUDAGraphStep,
    CudaRecorder,
    Recorder,
    TrainingStep,
    keep_gradient_norm,
    norm_of,
    saved_gradient_norm,
)
from core.training.validation import Validate

GPU = "cuda"
GPU_STEPS = (KernelStep, DenoisingStep, CUDAGraphStep)
CHANGED = "no longer bit for bit"
SMALLER = "this GPU has less shared memory"
UNTIL = ", until its kernels are compiled"
NO_KERNELS, NO_STEP = ", without kernels of its own: {}", " (no compiled step: {})"
MARKS = {str(products): products for products in Products}


class Stepper:
    """Does the steps of a training. Called with the indices (B,) of its examples.

    `method` names what does them, in a few words, and `validate` measures the loss of held-out examples.

    A run goes on by the method of its state, bit for bit. Kernels that have to be compiled first take over at a save,
    whose state names them, and PyTorch's layers do the steps until then. What does those of some forks is chosen anew.
    `recorder` records PyTorch's, and then nothing else does them. With kernels the steps are those of `shared`.
    """

    def __init__(
        self,
        training: Training,
        state: TrainingState | None,
        recorder: Recorder | None,
        shared: SharedStep | None = None,
    ) -> None:
        self._training, self._recorder, self._shared = training, recorder, shared
        self._stepped = False
        self.place: KernelStep | None = None  # in a step that several trainings share
        self._kernels: Kernels | None = None
        moved = state is not None and state.is_foreign(training.generator)
        self._remark = f", {CHANGED}: saved on another kind of device" if moved else ""
        processes, made_for = training.ranks.world_size, training.config.processes
        if state is not None and processes != made_for:
            self._remark += f", {CHANGED}: trained by {processes} instead of {made_for} processes"
        is_new = state is None or moved or state.new_method
        mark = None if state is None or is_new else mark_of(state.optimizer)
        self._threads = training.threads if state is None or is_new else threads_of(state.optimizer)
        self._step: Callable[[Tensor], None]
        self.validate: Validate = training.objective.validate
        kind = training.device.type
        reason = unusual(training.config, kind, processes)
        if recorder is None and kind == GPU and processes == 1:
            self._recorder = CudaRecorder(training.device)
            self._prepare(is_new, mark)
        elif recorder is None and kind == "cpu" and not reason:
            self._compile(is_new, mark)
        else:
            self._use_layers()
            if recorder is None and reason and kind in ("cpu", GPU):
                self._remark += (NO_STEP if kind == "cpu" else NO_KERNELS).format(reason)

    def __call__(self, indices: Tensor) -> None:
        self._step(indices)
        self._stepped = True

    @property
    def squares(self) -> Tensor | None:
        """What the squares of the last gradient's numbers add up to, in parts, where a step on a GPU leaves that."""
        step = self._step
        return step.squares if self._stepped and isinstance(step, GPU_STEPS) else None

    def gradient_norm(self, squares: Tensor | None = None) -> float | None:
        """The norm of the gradient of the last step; None where it is no finite number.

        Before the first step, that with which the state was saved. `squares`: a copy of those, for which nobody waits.
        """
        if not self._stepped:
            return saved_gradient_norm(self._training.optimizer)
        squares = self.squares if squares is None else squares
        return self._training.optimizer.gradient_norm() if squares is None else norm_of(squares)

    @property
    def method(self) -> str:
        """What does the steps, in a few words, and why nothing faster does."""
        return self._method + self._remark

    @property
    def waits_for_save(self) -> bool:
        """Whether a save would let other kernels take over."""
        try:
            return self._kernels is not None and self._kernels.ready
        except Unavailable as reason:
            self._give_up(reason)
            return False

    def before_save(self) -> None:
        """Have kernels that are ready take over, so that the state which is saved now names them."""
        if self._kernels is not None and self.waits_for_save:
            keep_gradient_norm(self._training.optimizer.param_groups[0], self.gradient_norm())
            self._remark = ""
            self._take_over(self._kernels)

    def _compile(self, is_new: bool, mark: str | None) -> None:
        training = self._training
        low = fused.number_type(training.config.precision, training.device) == torch.bfloat16
        wanted = step_library.fastest(bfloat16=low) if is_new else MARKS.get(str(mark))
        for products in wanted.in_turn if wanted else ():
            try:
                self._step = compiled = CompiledStep(training, products)
            except Unavailable as reason:
                if not is_new and products is wanted:
                    self._remark += f", {CHANGED}: {reason}"
            else:
                self._method = compiled.method
                return
        self._use_layers()

    def _prepare(self, is_new: bool, mark: str | None) -> None:
        """Take kernels at once if they are ready, or if the state says that they did the steps before."""
        named = mark is not None and mark.startswith(MARKED)
        try:
            self._kernels = Kernels(self._training, mark if named else None, self._shared)
            if named and self._kernels.mark != mark:
                self._remark += f", {CHANGED}: {SMALLER}"
            ready = named or (is_new and self._kernels.ready)
        except (Unavailable, OSError) as reason:
            self._use_layers()
            self._give_up(reason, f", {CHANGED}" if named else "")
            return
        if ready:
            self._take_over(self._kernels, f", {CHANGED}" if named else "")
        else:
            self._use_layers()
            self._remark += UNTIL

    def _take_over(self, kernels: Kernels, lost: str = "") -> None:
        assert self._recorder is not None
        try:
            step = kernels.step(self._recorder)
        except Exception as error:  # noqa: BLE001 - whatever a GPU refuses these kernels, PyTorch's layers can train
            self._use_layers()  # anew: tensors may have been moved
            self._give_up(error, lost)
        else:
            self._step, self._method, self._kernels = step, step.method, None
            self._stepped = False  # the norm of its last gradient is that which is saved
            self.validate = step.validate
            self.place = step if self._shared is not None and isinstance(step, KernelStep) else None

    def _give_up(self, reason: Exception, lost: str = "") -> None:
        self._kernels = None
        first = (str(reason).strip().splitlines() or [type(reason).__name__])[0]
        self._remark = f"{self._remark.removesuffix(UNTIL)}{lost}{NO_KERNELS.format(first)}"

    def _use_layers(self) -> None:
        training = self._training
        group = training.optimizer.param_groups[0]
        group.pop(MARK, None)
        self.validate = training.objective.validate
        forward, self._method = training.objective.accelerate(training.config.precision)
        step = TrainingStep(
            training.objective, training.ranks.wrap_ddp(forward), training.optimizer, training.generator,
            training.totals, training.ranks, training.config.clip_norm,
        )  # fmt: skip
        self._step = step if self._recorder is None else step.recorded(self._recorder)
        if training.device.type == "cpu":
            usual = torch.get_num_threads()
            group[THREADS] = threads = self._threads or usual
            self._step = FixedThreads(self._step, threads)
            self._method += "" if threads == usual else f" with {threads} thread{'s' * (threads != 1)}"
