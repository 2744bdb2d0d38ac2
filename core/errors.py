"""What a user can act on: one base for all such errors, and one line for each."""

from __future__ import annotations

import resource
from pathlib import Path

from core import packages
from core.text import printable

LONGEST_REASON = 300
NO_MEMORY = (
    *("out of memory", "can't allocate memory", "ALLOC_FAILED", "ALLOCATION_FAILED"),
    *("annot allocate memory", "failed to map segment", "can't start new thread"),  # under `ulimit -v`
)


class UserError(Exception):
    """Something that cannot be done as asked; its text is one line that says what is wrong and what would be right."""


class ConfigError(UserError, ValueError):
    """One or more values that are not allowed; `problems` maps each field to its message."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("; ".join(problems.values()))
        self.problems = problems

    def __reduce__(self) -> tuple[type[ConfigError], tuple[dict[str, str]]]:
        return type(self), (self.problems,)


class DataError(UserError):
    """An image set that cannot be had."""


class RunError(UserError):
    """Something that cannot be done with a run."""


class PackageMissing(UserError):
    """A package that is not installed, though what was asked for needs it."""


class RunGone(RunError):
    """The folder of a run is no longer there."""


class Diverged(ArithmeticError):
    """The loss, the weights or the samples of a training are no longer finite; its last saved state still is."""


class OutOfMemory(MemoryError):
    """A device has no memory left; the text says what is free there and what to do."""


class DamagedFile(UserError):
    """A file that is there but cannot be what it should be; the text names it."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = printable(reason)[:LONGEST_REASON]
        super().__init__(f"{printable(path.name)}: {self.reason}")

    def __reduce__(self) -> tuple[type[DamagedFile], tuple[Path, str]]:
        return type(self), (self.path, self.reason)


def check_packages(*names: str) -> None:
    """Raise PackageMissing where one of these is missing or, without names, one that training needs."""
    if lacking := packages.lacking(*names):
        raise PackageMissing(lacking)


def describe(error: Exception) -> str:
    """The error in one line for a person: a damaged file with its folder, a failed operation with its file.

    One that nobody expected has its kind, so that it can be reported.
    """
    if isinstance(error, DamagedFile):
        return printable(": ".join(filter(None, (error.path.parent.name, str(error)))))
    if isinstance(error, OSError) and error.strerror:
        return printable(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
    if isinstance(error, UserError):
        return printable(str(error))
    if is_out_of_memory(error):
        return without_memory(error)
    if lacking := packages.complaint(error):
        return lacking
    said = (str(error).strip().splitlines() or [""])[0][:LONGEST_REASON]
    return printable(f"unexpected {type(error).__name__}: {said}")


def without_memory(error: BaseException) -> str:
    """What to say where a process lacked memory: how much it may have counts for more than what is free."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    limit = "" if allowed == resource.RLIM_INFINITY else f": ulimit -v allows {allowed / 1e9:.1f} GB"
    said = (str(error).strip().splitlines() or [""])[0][:LONGEST_REASON]
    return printable(f"not enough memory{limit}" + (f" ({said})" if said else ""))


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether the error, or one that it comes of, says that the machine or a device has no memory left."""
    while error is not None:
        # PyTorch's own class cannot be named without loading PyTorch; CUDA and its libraries have texts only.
        if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
            return True
        if any(words in str(error) for words in NO_MEMORY):
            return True
        error = error.__cause__ or error.__context__
    return False
