"""Which questions of a screen were answered, and what is to be done once they are."""

from __future__ import annotations

from collections.abc import Callable


class Abandoned(Exception):
    """Something else was asked for in the meantime."""


class Answers:
    """Of each kind of question the newest counts."""

    def __init__(self) -> None:
        self._newest: dict[str, int] = {}  # the number of the newest question of each kind
        self._answered: dict[str, int] = {}  # of that whose answer was shown last
        self._then: tuple[str, Callable[[], object]] | None = None

    def ask(self, kind: str) -> int:
        """The number of a new question."""
        self._newest[kind] = asked = self._newest.get(kind, 0) + 1
        return asked

    def is_overtaken(self, kind: str, asked: int) -> bool:
        """Whether the answer to a newer question is shown: those that other threads answer come in any order."""
        return asked < self._answered.get(kind, 0)

    def answered(self, kind: str, asked: int) -> None:
        """The answer to a question is shown."""
        self._answered[kind] = asked
        if self._then is not None and self._then[0] == kind and self.is_newest(kind):
            (_, act), self._then = self._then, None
            act()

    def is_newest(self, kind: str) -> bool:
        """Whether the newest question of that kind was answered."""
        return self._newest.get(kind) == self._answered.get(kind)

    def when_newest(self, kind: str, act: Callable[[], object]) -> None:
        """Do this now or, while an answer of that kind is to come, with that answer."""
        if self.is_newest(kind):
            act()
        else:
            self._then = kind, act

    def give_up(self, kind: str) -> None:
        """Wait no more for the answer to the newest question: what is shown is what is wanted."""
        self.answered(kind, self._newest.get(kind, 0))

    def drop(self) -> None:
        """Do nothing more with an answer."""
        self._then = None
