"""The app: its modes and its keys."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.filter import LineFilter
from textual.screen import Screen
from textual.widget import AwaitMount

from core.errors import describe
from tui.background.garbage import LOOK_SECONDS, Garbage
from tui.configuration.settings import SCREEN
from tui.configured import ConfiguredApp
from tui.messages import FilesWritten, NewRunWanted, RunDeleted, RunOpened, RunRenamed, RunRestored
from tui.screens.base import SCREENS, BaseScreen, seconds_kept
from tui.screens.help.app_keys import APP_KEYS
from tui.screens.help.welcome import images_note
from tui.screens.runs.list import RunsScreen
from tui.screens.runs.starting import Starter
from tui.screens.selection import Shared, Timing
from tui.screens.sources import Sources, real_sources
from tui.terminal.capabilities import ColorDepth, color_depth
from tui.terminal.filters import ASCII_FILTERS, FILTERS

if TYPE_CHECKING:
    from textual.command import Provider
    from textual.dom import DOMNode

    from core.runs.config import RunConfig
    from core.runs.run import Run
    from tui.terminal.graphics import Graphics

MODE_CHANGE_SECONDS = 0.005
UNUSED_SECONDS = 10.0  # between two looks at what is not used any more
QUEUE_SECONDS = 3.0  # between two looks at what waits for a core or a GPU
NEWS_SECONDS = 0.5  # that a key waits for news of what it may act on


def _key_commands() -> type[Provider]:
    from tui.screens.help.palette import KeyCommands

    return KeyCommands


def _run_commands() -> type[Provider]:
    from tui.screens.help.palette import RunCommands

    return RunCommands


def _theme_commands() -> type[Provider]:
    from tui.screens.help.palette import ThemeCommands

    return ThemeCommands


def find_runs(runs_dir: Path) -> list[Run]:
    """All runs of a folder."""
    from core.runs import catalog

    return catalog.find_runs(runs_dir)


class VaeTui(ConfiguredApp):
    """Lists runs, starts them, and shows one of them."""

    TITLE = "vae-tui"
    BINDINGS: ClassVar[list[BindingType]] = APP_KEYS
    COMMANDS = App.COMMANDS | {_key_commands, _run_commands, _theme_commands}

    def __init__(
        self,
        runs_dir: Path,
        data_dir: Path,
        run: Run | None = None,
        sources: Sources | None = None,
        graphics: Graphics | None = None,
        timing: Timing = Timing(),  # noqa: B008 - frozen
    ) -> None:
        super().__init__()
        self.runs_dir, self.data_dir, self.graphics = runs_dir, data_dir, graphics
        self.shared = Shared(self, run, timing, data_dir.absolute(), runs_dir)
        self.shared.find_runs = lambda: find_runs(runs_dir)
        self.exported: list[Path] = []
        self.begins_with_pencil = False
        self._held_back = True
        say = partial(self.notify, severity="warning", markup=False)
        self._starter = Starter(runs_dir, say, partial(self.call_from_thread, self.shared.pause_queue))
        self._sources = sources or real_sources(runs_dir, data_dir)
        for name in SCREENS:
            self.add_mode(name, partial(self._make_screen, name))

    def _make_screen(self, name: str) -> BaseScreen[Any]:
        """A screen by its name. All but the list are imported when first shown: the list is seen sooner."""
        shared, sources = self.shared, self._sources
        if name == "runs":
            note = images_note(self.data_dir)
            return RunsScreen(shared, sources.runs, note, sources.unreadable, sources.pictures)
        sources.prepare()
        from tui.screens.explore_base import ExploreSources

        explored = ExploreSources(sources.updates, sources.explorer, sources.moments)
        match name:
            case "training":
                from tui.screens.runs.training import TrainingScreen

                return TrainingScreen(shared, sources.snapshots, sources.pictures)
            case "reconstruct":
                from tui.screens.inspect.reconstruct import ReconstructScreen

                return ReconstructScreen(shared, explored)
            case "sample":
                from tui.screens.inspect.sample import SampleScreen

                return SampleScreen(shared, explored)
            case "latent":
                from tui.screens.inspect.latent import LatentScreen

                return LatentScreen(shared, explored)
            case "compare":
                from tui.screens.compare.screen import CompareScreen

                return CompareScreen(shared, explored, sources.snapshots, sources.other_runs)
            case _:
                from tui.screens.inspect.evaluate import EvaluateScreen

                return EvaluateScreen(shared, explored)

    @property
    def selected_run(self) -> Run | None:
        """The run that screens show."""
        return self.shared.selection.run

    @selected_run.setter
    def selected_run(self, run: Run | None) -> None:
        self.shared.select(run)

    @property
    def graphics_shown(self) -> Graphics | None:
        """What draws pictures in place of half-blocks, if anything does."""
        return self.shared.selection.graphics

    def get_line_filters(self) -> Sequence[LineFilter]:
        own = ASCII_FILTERS if color_depth(self) is ColorDepth.ASCII else FILTERS
        return [*super().get_line_filters(), *own]

    def switch_mode(self, mode: str) -> AwaitMount:
        """Show another screen. One that shows the selected run already is drawn as it was left, at once."""
        self._held_back = not self._shows_selection(mode)
        try:
            return super().switch_mode(mode)
        finally:
            self._held_back = True  # others hold the screen back too

    def _shows_selection(self, mode: str) -> bool:
        try:
            first = self.get_screen_stack(mode)[0]
        except (KeyError, IndexError):
            return False
        return isinstance(first, BaseScreen) and first.is_mounted and first.selected_run == self.selected_run

    def delay_update(self, delay: float = 0.05) -> None:
        """Hold the screen back while modes change, for a tenth of what Textual does: a key is to be seen at once."""
        if self._held_back:
            super().delay_update(min(delay, MODE_CHANGE_SECONDS))

    def on_mount(self) -> None:
        # A plain handler would not wake a loop that waits for a key.
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self.exit)
        if self.begins_with_pencil:
            self.switch_mode("reconstruct")
            self.call_after_refresh(self.run_action, "screen.sketch")
        else:
            self.switch_mode(self.shared.configuration[SCREEN] if self.selected_run else "runs")
        garbage = Garbage()
        self.set_interval(LOOK_SECONDS, lambda: garbage.tidy(self.rested))
        self.set_interval(QUEUE_SECONDS, lambda: self.run_worker(self._starter, thread=True, group="queue"))
        self.set_interval(UNUSED_SECONDS, lambda: self._sources.end_unused(seconds_kept(self.screen_stack)))
        # The terminal is empty after the shell had it.
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))

    def on_unmount(self) -> None:
        self._sources.close()

    async def run_action(
        self, action: Any, default_namespace: DOMNode | None = None, *arguments: Any, **options: Any
    ) -> bool:
        """Do what a key asks for; what fails or cannot be done now is a message, never the end of the app."""
        try:
            if await super().run_action(action, default_namespace, *arguments, **options):
                return True
            return isinstance(default_namespace, BaseScreen) and default_namespace.say_why_not(action)
        except Exception as error:  # noqa: BLE001
            self.notify(describe(error), severity="error", markup=False)
            return True

    def on_run_opened(self, message: RunOpened) -> None:
        self.selected_run = message.run
        self.switch_mode("training")

    def on_run_deleted(self, message: RunDeleted) -> None:
        self.shared.deleted.append(message.in_trash)
        if self.selected_run == message.run:
            self.selected_run = None
            self.switch_mode("runs")

    def on_run_restored(self, message: RunRestored) -> None:
        if not isinstance(self.screen, RunsScreen):
            self.selected_run = message.run
            self.switch_mode("runs")

    def on_run_renamed(self, message: RunRenamed) -> None:
        self.shared.rename(message.run, message.renamed)

    def on_files_written(self, message: FilesWritten) -> None:
        self.exported += message.files

    async def wait_until_ready(self) -> None:
        deadline = time.monotonic() + NEWS_SECONDS
        while isinstance(self.screen, BaseScreen) and self.screen.is_waiting and time.monotonic() < deadline:
            await asyncio.sleep(0.01)

    def action_show(self, mode: str) -> None:
        if mode != "runs" and isinstance(self.screen, RunsScreen) and (chosen := self.screen.chosen()):
            self.selected_run = chosen.run
        if mode == "compare":
            self.shared.select_marked()
        if mode != "runs":
            self.shared.configuration.choose({SCREEN: mode})
        self.switch_mode(mode)

    def action_choose_screen(self) -> None:
        from tui.screens.help.menu import ScreenMenu

        self.push_screen(ScreenMenu(str(self.current_mode)), lambda name: self.action_show(name) if name else None)

    def action_graphics(self) -> None:
        if self.graphics is None:
            self.notify("pictures are half-blocks; for sixel or kitty graphics start with: vae-tui --graphics")
        else:
            self.shared.draw_with(None if self.graphics_shown else self.graphics)

    def on_resize(self) -> None:
        if self.graphics is not None:
            self.graphics = self.graphics.resized()
            self.shared.draw_with(self.graphics_shown and self.graphics)

    def on_new_run_wanted(self, message: NewRunWanted) -> None:
        self._fill_in(message.like)

    def action_new_run(self) -> None:
        self._fill_in(None)

    def _fill_in(self, like: RunConfig | None) -> None:
        def started(run: Run | None) -> None:
            if run is not None:
                self.post_message(RunOpened(run))
                if unguarded := run.last_status().unguarded:
                    self.notify(f"{run.name}: {unguarded}", severity="warning", markup=False)

        from tui.screens.runs.new_run import NewRun

        self.push_screen(NewRun(self.runs_dir, self.data_dir, like, self.shared.folder), started)

    def action_help_quit(self) -> None:
        """Ctrl+C: say what ends the app."""
        self.notify("q leaves the app; training goes on", timeout=3)

    def action_keys(self) -> None:
        from tui.screens.help.keys import Keys

        self.push_screen(Keys(self.screen))

    def action_explain(self) -> None:
        if isinstance(screen := self.screen, BaseScreen):
            from tui.screens.help.explain import Explain

            self.push_screen(Explain(screen.topic, lambda: screen.sees_topic))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Of Textual's own commands the one for which there is no key; for its list of keys there is one here."""
        return (command for command in super().get_system_commands(screen) if command.title == "Screenshot")

    def deliver_screenshot(
        self, filename: str | None = None, path: str | None = None, time_format: str | None = None
    ) -> str | None:
        """Save the screen as a picture where exports go; Textual looks for a folder in the user's home."""
        return super().deliver_screenshot(filename, path or str(self.shared.export_folder()), time_format)
