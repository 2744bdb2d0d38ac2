"""The command palette: every key of the screen below it, by what the key does."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from textual.binding import Binding
from textual.command import DiscoveryHit, Hit, Hits, Provider


class KeyCommands(Provider):
    """Finds a key by what it does, and presses it."""

    def _bindings(self) -> Iterator[Binding]:
        found: dict[str, Binding] = {}  # keys that do the same have the same id
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if active.enabled and binding.tooltip and not binding.system:
                found.setdefault(binding.id or binding.action, binding)
        yield from found.values()

    def _name(self, binding: Binding) -> str:
        return f"{binding.tooltip}  ({self.app.get_key_display(binding)})"

    async def discover(self) -> Hits:
        for binding in self._bindings():
            yield DiscoveryHit(self._name(binding), partial(self.app.simulate_key, binding.key))

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for binding in self._bindings():
            name = self._name(binding)
            if (score := matcher.match(name)) > 0:
                yield Hit(score, matcher.highlight(name), partial(self.app.simulate_key, binding.key))
