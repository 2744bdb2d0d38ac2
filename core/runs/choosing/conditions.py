"""What runs must fulfil to be shown: words, and comparisons such as `preset=vae and val_loss<40`."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import ConfigError
from core.runs.choosing.quantities import SEARCHED, UNITS, Quantity, Value, find_quantity, quantity_names
from core.text import alternatives, printable

if TYPE_CHECKING:
    from core.runs.catalog import RunSummary

Test = Callable[["RunSummary"], bool]
TOKEN = re.compile(r"""\s*(?:(!=|!~|<=|>=|==|=|<|>|~)|([()])|"([^"]*)"|'([^']*)'|([^\s()=<>!~"']+))""")
NUMBER = re.compile(r"([-+]?(?:\d+(?:_\d+)*\.?\d*|\.\d+)(?:e[-+]?\d+)?)([a-z]*)")
GAP = re.compile(r"(?<=[^\s=<>!~])\s+(?![\s=<>!~])")  # between words, not beside a comparison
LONGEST = 500  # characters
DEEPEST = 50  # brackets in each other
ORDER: Mapping[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Condition:
    """What is asked of runs, as it was typed and as a test."""

    text: str
    holds: Test


@dataclass(frozen=True)
class _Token:
    text: str
    kind: str  # operator, bracket, quoted or word

    def is_word(self, word: str) -> bool:
        return self.kind == "word" and self.text.lower() == word


def parse_condition(text: str) -> Condition:
    """The condition as typed; without any words all runs fulfil it. Raises ConfigError, in one line.

    Terms are comparisons of a quantity and a value, or words that must stand in a run's name, preset, data set, state,
    tags or note. They are joined by `and`, which may be left out, `or`, `not` and brackets.
    """
    if len(text) > LONGEST:
        raise _problem(f"a filter has at most {LONGEST} characters")
    parser = _Parser(_tokens(text))
    holds = parser.alternatives(0) if parser.tokens else _always
    if parser.tokens:
        raise _problem(f"nothing is open that {parser.tokens[0].text} could close")
    return Condition(text.strip(), holds)


def readable_part(text: str) -> Condition | None:
    """What holds of a condition that is being typed: whole terms from its front; None where there is none."""
    for gap in reversed([match.start() for match in GAP.finditer(text[:LONGEST])]):
        with suppress(ConfigError):
            return parse_condition(text[:gap])
    return None


def may_name_a_quantity(text: str) -> bool:
    """Whether the last word can be the beginning of a comparison."""
    word = text.rpartition(" ")[2].lstrip("(").lower()
    return bool(word) and any(name.startswith(word) for name in quantity_names())


def _problem(text: str) -> ConfigError:
    return ConfigError({"filter": printable(text)})


def _always(run: RunSummary) -> bool:
    return True


def _tokens(text: str) -> list[_Token]:
    found, place = [], 0
    rest = text.rstrip()
    while place < len(rest):
        match = TOKEN.match(rest, place)
        if match is None:
            sign = rest[place:].strip()[:1]
            raise _problem("a quotation mark has no second one" if sign in "\"'" else f"{sign} is no comparison")
        compared, bracket, double, single, word = match.groups()
        if compared:
            found.append(_Token("=" if compared == "==" else compared, "operator"))
        elif bracket:
            found.append(_Token(bracket, "bracket"))
        elif word:
            found.append(_Token(word, "word"))
        else:
            found.append(_Token(double if double is not None else single, "quoted"))
        place = match.end()
    return found


class _Parser:
    """Takes the tokens from the front; what is left when it is done belongs to nothing."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens

    def alternatives(self, depth: int) -> Test:
        if depth > DEEPEST:
            raise _problem(f"more than {DEEPEST} brackets stand in each other")
        found = [self._all(depth)]
        while self._take("or"):
            found.append(self._all(depth))
        return found[0] if len(found) == 1 else lambda run: any(test(run) for test in found)

    def _all(self, depth: int) -> Test:
        found = [self._term(depth)]
        while self.tokens and not self.tokens[0].is_word("or") and self.tokens[0].text != ")":
            self._take("and")
            found.append(self._term(depth))
        return found[0] if len(found) == 1 else lambda run: all(test(run) for test in found)

    def _take(self, word: str) -> bool:
        taken = bool(self.tokens) and self.tokens[0].is_word(word)
        if taken:
            self.tokens.pop(0)
        return taken

    def _term(self, depth: int) -> Test:
        negated = False
        while self._take("not"):
            negated = not negated
        test = self._positive(depth)
        return (lambda run: not test(run)) if negated else test

    def _positive(self, depth: int) -> Test:
        if not self.tokens:
            raise _problem("something must follow at the end")
        token = self.tokens.pop(0)
        if token.kind == "bracket" and token.text == "(":
            test = self.alternatives(depth + 1)
            if not self.tokens:
                raise _problem("a bracket is not closed")
            self.tokens.pop(0)
            return test
        if token.kind in ("operator", "bracket") or token.is_word("and") or token.is_word("or"):
            raise _problem(f"something must stand before {token.text}")
        if not self.tokens or self.tokens[0].kind != "operator":
            return _contains(token.text)
        compared = self.tokens.pop(0).text
        if not self.tokens or self.tokens[0].kind in ("operator", "bracket"):
            raise _problem(f"a value must follow {token.text}{compared}")
        return _comparison(token.text, compared, self.tokens.pop(0).text)


def _contains(word: str) -> Test:
    """Whether the word stands anywhere in what a run is told apart by."""
    wanted = word.casefold()
    searched = [find_quantity(name)[1] for name in SEARCHED]
    return lambda run: any(wanted in text.casefold() for one in searched for text in _texts(one(run)))


def _texts(value: Value) -> tuple[str, ...]:
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (str(value),)


def _comparison(name: str, compared: str, wanted: str) -> Test:
    try:
        title, quantity, is_number = find_quantity(name.lower())
    except KeyError:
        names = quantity_names()
        hint = alternatives(name.lower(), names)
        raise _problem(f"runs have no {name[:60]!r} to compare; {hint}") from None
    if is_number:
        return _number_test(title, quantity, compared, wanted)
    return _text_test(title, quantity, compared, wanted)


def _number_test(title: str, quantity: Quantity, compared: str, wanted: str) -> Test:
    if compared not in ORDER:
        raise _problem(f"{title} is a number: compare it by {' '.join(ORDER)}, not {compared}")
    number, fulfils = _number(title, wanted), ORDER[compared]

    def test(run: RunSummary) -> bool:
        value = quantity(run)
        return isinstance(value, int | float) and fulfils(value, number)

    return test


def _number(title: str, text: str) -> float:
    units = UNITS.get(title, {})
    match = NUMBER.fullmatch(text.lower())
    if match is None or match[2] not in ("", *units) or not math.isfinite(value := float(match[1])):
        example = f", such as 2{[*units][-2]}" if units else ""
        raise _problem(f"{title} is a number{example}, not {text[:60]!r}")
    return value * units.get(match[2], 1)


def _text_test(title: str, quantity: Quantity, compared: str, wanted: str) -> Test:
    if compared in ("<", "<=", ">", ">="):
        if title != "created":
            raise _problem(f"{title} is text: compare it by = != ~ !~, not {compared}")
        fulfils: Callable[[str], bool] = lambda text: _ordered(text, compared, wanted)  # noqa: E731
    elif compared in ("=", "!="):
        fulfils = lambda text: text == wanted.casefold()  # noqa: E731
    else:
        fulfils = lambda text: wanted.casefold() in text  # noqa: E731
    negated = compared.startswith("!")

    def test(run: RunSummary) -> bool:
        return any(fulfils(text.casefold()) for text in _texts(quantity(run))) != negated

    return test


def _ordered(text: str, compared: str, wanted: str) -> bool:
    """Moments in the order of time: as text, of which as much counts as was typed."""
    text = text[: len(wanted)]
    return {"<": text < wanted, "<=": text <= wanted, ">": text > wanted, ">=": text >= wanted}[compared]
