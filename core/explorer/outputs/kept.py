"""What was measured of a run before, as its file has it: no PyTorch, so that it is there at once."""

from __future__ import annotations

from core.errors import DamagedFile, RunError
from core.evaluation import kept
from core.explorer.results import EvaluationResult
from core.models.checksum import digest_of
from core.runs.run import Run


def evaluations_of(run: Run) -> list[EvaluationResult]:
    """The evaluations that a run keeps, the newest first; `weights` of those of other weights than the newest is 0.

    Raises RunGone, DamagedFile or OSError.
    """
    run.check_there()
    found = kept.read(run.evaluation_path)
    if not found:
        return []
    version = run.weights_version()
    try:
        digest = digest_of(run.read_weights())
    except (RunError, DamagedFile, ValueError, AttributeError):  # whoever looks into them says what is wrong
        digest = ""
    return [
        EvaluationResult(each.evaluation, version * (each.weights == digest), each.epoch, each.note) for each in found
    ]
