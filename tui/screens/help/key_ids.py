"""What a user's own keys are checked against: the ids of all actions, and what keys are called."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping

from textual.binding import BindingsMap
from textual.dom import DOMNode
from textual.keys import Keys, _character_to_key

from core.text import closest, printable
from tui import screens

MODIFIERS = {"ctrl", "shift", "alt", "super", "hyper", "meta"}
NAMED = {key.value for key in Keys}


def problems_of_keys(keys: Mapping[str, str]) -> Iterator[str]:
    """A line for each id that no action has, each key that no keyboard has, and each that did something before.

    Loads every screen.
    """
    for module in pkgutil.walk_packages(screens.__path__, f"{screens.__name__}."):
        importlib.import_module(module.name)
    maps = [kind._merged_bindings for kind in _subclasses(DOMNode) if kind._merged_bindings is not None]
    ids = {binding.id for found in maps for _, binding in found if binding.id}
    for name, typed in keys.items():
        shown = f"keys.{printable(name)[:60]}"
        if name not in ids:
            meant = closest(name, ids)
            yield f"{shown}: there is no such action{f'; did you mean {meant}?' if meant else ''}"
        for key in map(str.strip, typed.split(",")):
            if not is_key(key):
                yield f"{shown}: {printable(key)[:30]!r} is no key; right are such as K, ctrl+k, f5"
            else:
                key = _character_to_key(key) if len(key) == 1 else key
                yield from dict.fromkeys(line for found in maps for line in _taken(found, name, key, keys))


def _taken(found: BindingsMap, name: str, key: str, keys: Mapping[str, str]) -> Iterator[str]:
    """What the key did where the action of that name is declared, and does no more."""
    if actions := {binding.action for _, binding in found if binding.id == name}:
        for binding in found.key_to_bindings.get(key, ()):
            if binding.action not in actions and binding.id not in keys:
                yield f"{key} no longer does: {binding.tooltip or binding.id or binding.action}"


def is_key(name: str) -> bool:
    """Whether this names a key, maybe with modifiers before it."""
    *before, key = name.split("+") if name != "+" else [name]
    return set(before) <= MODIFIERS and (len(key) == 1 or key in NAMED or key in _signs())


def _signs() -> set[str]:
    """The names of keys that print a sign."""
    return {_character_to_key(chr(code)) for code in range(33, 127)}


def _subclasses(kind: type[DOMNode]) -> Iterator[type[DOMNode]]:
    for below in kind.__subclasses__():
        yield below
        yield from _subclasses(below)
