"""The lines of a screen: on top the screens and the run that is shown, at the bottom the keys, and words between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Static

SHORT_NAMES = {"training": "train", "reconstruct": "recon", "compare": "comp", "evaluate": "eval"}
SHORTEST_NAME = 8  # cells of the name of a run, before the names of screens give way


class Lines(Static):
    """As many lines as its style gives it, laid out once: what is said there moves nothing else."""

    DEFAULT_CSS = "Lines { width: 100%; height: 1; text-wrap: nowrap; }"
    MOVES_OTHERS: ClassVar = False
    _text = Text()

    def show(self, text: Text) -> None:
        """Say this."""
        if text != self._text:
            self._text = text
            self.update(text, layout=self.MOVES_OTHERS)


class Heading(Lines):
    """What is seen; a hint only where there is room for all of it, and with less room a shorter form of the rest."""

    _forms: Sequence[Text] = (Text(),)

    def say(self, bold: str, rest: str, hint: str, short: str, brief: str) -> None:
        """Say this; `short` stands for `bold`, and then `brief` for `rest`, where they do not fit, if there are any."""
        forms = ((bold, rest), (short or bold, rest), (short or bold, brief or rest))
        said = [Text.assemble((name, "bold"), f"  {facts}") for name, facts in forms]
        self._forms = (Text.assemble(said[0], (hint and f"   {hint}", "dim")), *said)
        self._draw()

    @property
    def longest(self) -> int:
        """The cells of all that there is to say."""
        return self._forms[0].cell_len

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        self.show(next((form for form in self._forms if form.cell_len <= self.size.width), self._forms[-1]))


class Note(Lines):
    """One line as wide as its words: what stands beside it makes room."""

    DEFAULT_CSS = "Note { width: auto; }"
    MOVES_OTHERS = True


class TopBar(Lines):
    """The screens by their keys and names, and on the right the run that is shown; a click on a screen goes there.

    Where there is little room, names of screens are shortened, then that of the run; then a menu has the screens.
    """

    DEFAULT_CSS = "TopBar { dock: top; background: $panel; }"

    def __init__(self, screens: Sequence[str], shown: str) -> None:
        super().__init__()
        self._screens, self._shown = screens, shown
        self._run_name, self._state = "", Text()

    def show_run(self, name: str, state: Text) -> None:
        """Show a run on the right."""
        self._run_name, self._state = name, state
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        width, menu = self.size.width, self._menu()
        least = min(cell_len(self._run_name), SHORTEST_NAME)
        bar = next(
            (
                tabs
                for cells in (cell_len(self._run_name), least)
                for tabs in self._tabs()
                if tabs.cell_len + cells + self._beside_name <= width
            ),
            menu,
        )
        name = Text(self._run_name, "bold")
        name.truncate(max(width - bar.cell_len - self._beside_name, 0), overflow="ellipsis")
        run = Text.assemble(name, "  ", self._state) if self._run_name else Text()
        bar.append(" " * max(1, width - bar.cell_len - run.cell_len - 1))
        self.show(bar + run)

    @property
    def _beside_name(self) -> int:
        """Cells besides the name: the state, and blanks."""
        return self._state.cell_len + 4 if self._run_name else 0

    def _tabs(self) -> Iterator[Text]:
        """The names of the screens, with less and less room."""
        short = [SHORT_NAMES.get(name, name) for name in self._screens]
        yield Text.assemble((" vae-tui ", "bold"), *self._named(self._screens, " {} {} "))
        yield Text.assemble(" ", *self._named(self._screens, " {} {} "))
        yield Text.assemble(*self._named(short, " {} {}"), " ")

    def _named(self, names: Sequence[str], form: str) -> Iterator[Text]:
        for number, (screen, name) in enumerate(zip(self._screens, names, strict=True), 1):
            click = Style(reverse=screen == self._shown or None, meta={"@click": f"app.show({screen!r})"})
            yield Text(form.format(number, name), click)

    def _menu(self) -> Text:
        here = f" ≡ {self._screens.index(self._shown) + 1} {self._shown} "
        return Text.assemble((here, Style(reverse=True, meta={"@click": "app.choose_screen"})))


# These always have room: who knows them finds the rest.
ALWAYS = ("keys", "quit")


class KeyLine(Lines):
    """The keys of the screen, as many as fit; a click presses one.

    Textual's Footer makes a widget for each key whenever one changes, and never frees them.
    """

    DEFAULT_CSS = """
    KeyLine {
        dock: bottom;
        color: $footer-description-foreground;
        background: $footer-background;
    }
    KeyLine > .key-line--key { color: $footer-key-foreground; text-style: bold; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"key-line--key"}

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def on_resize(self) -> None:
        self._draw()

    def _changed(self, screen: Screen[object]) -> None:
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        if not self.is_attached:
            return
        shown: dict[str, tuple[Binding, bool]] = {}
        # Those of the screen first: what is in focus on it has more of its own.
        active = sorted(self.screen.active_bindings.values(), key=lambda each: each.node is not self.screen)
        for _, binding, enabled, _ in active:
            # Where two keys do the same, the first one stands for both.
            if binding.show and binding.description not in {other.description for other, _ in shown.values()}:
                shown.setdefault(binding.action, (binding, enabled))
        keys = [(binding, self._key(binding, enabled)) for binding, enabled in shown.values()]
        room = self.size.width - sum(key.cell_len for binding, key in keys if binding.action in ALWAYS)
        line = Text()
        for binding, key in keys:
            if binding.action in ALWAYS or key.cell_len <= room:
                line.append_text(key)
                room -= key.cell_len * (binding.action not in ALWAYS)
        self.show(line)

    def _key(self, binding: Binding, enabled: bool) -> Text:
        style = self.get_component_rich_style("key-line--key", partial=True)
        key = Text.assemble((f" {self.app.get_key_display(binding)} ", style), f"{binding.description} ")
        if enabled:
            key.stylize(Style(meta={"@click": f"app.simulate_key({binding.key!r})"}))
        else:
            key.stylize("dim")
        return key
