"""Which questions of a screen were answered, and what is to be done once they are."""

from __future__ import annotations

from collections.abc import Callable


class Abandoned(Exception):
    """Something else was asked for in the meantime."""


class Answers:
    """Of each kind of question the newest counts."""

    def __init__(self) -> None:
        self._newest: dict[str, object] = {}  # stands for the newest question of each kind
        self._answered: dict[str, object] = {}  # for that whose answer was shown last
        self._then: tuple[str, Callable[[], object]] | None = None

    def ask(self, kind: str) -> object:
        """What stands for a new question."""
        self._newest[kind] = asked = object()
        return asked

    def answered(self, kind: str, asked: object) -> None:
        """The answer to a question is shown."""
        self._answered[kind] = asked
        if self._then is not None and self._then[0] == kind and self.is_newest(kind):
            (_, act), self._then = self._then, None
            act()

    def is_newest(self, kind: str) -> bool:
        """Whether the newest question of that kind was answered."""
        return self._newest.get(kind) is self._answered.get(kind)

    def when_newest(self, kind: str, act: Callable[[], object]) -> None:
        """Do this now or, while an answer of that kind is to come, with that answer."""
        if self.is_newest(kind):
            act()
        else:
            self._then = kind, act

    def drop(self) -> None:
        """Do nothing more with an answer."""
        self._then = None
