"""The terminal tells of alerts where that is asked for, in safe words, whichever screen is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.runs.config import make_config
from core.runs.run import Run
from core.runs.status import State, Status
from tests.support.screens import MakeApp, until
from tui import configured
from tui.background.readers import AlertNews
from tui.configuration.settings import NOTIFY
from tui.terminal.notices import LONGEST, notice


def test_a_notice_is_what_terminals_take_and_nothing_that_a_name_smuggles_in() -> None:
    assert notice("none", "a") == ""
    assert notice("bell", "a") == "\a"
    assert notice("osc9", "a: lost") == "\x1b]9;vae-tui: a: lost\x1b\\"
    assert notice("osc777", "a: lost; resume") == "\x1b]777;notify;vae-tui;a: lost, resume\x1b\\"
    hostile = notice("osc777", "x\x1b\\\x1b]0;title\x07\n\x9c" + "y" * 1000)
    inner = hostile.removeprefix("\x1b]777;notify;vae-tui;").removesuffix("\x1b\\")
    assert inner.isprintable()
    assert (len(inner), ";" in inner) == (LONGEST, False)


def make_run(folder: Path, name: str) -> Run:
    run = Run.create(folder, name, make_config(preset="ae"))
    run.open_metrics().close()
    return run


def test_only_what_came_since_the_last_look_is_news(tmp_path: Path) -> None:
    old, new = make_run(tmp_path, "old"), make_run(tmp_path, "new")
    old.write_status(Status(state=State.FAILED, cause="diverged"))
    reader = AlertNews(tmp_path)
    assert reader.poll() is None, "what was there before"
    new.write_status(Status(state=State.FINISHED, epoch=3))
    found = [news for _ in range(8) if (news := reader.poll())]  # runs at rest are looked at by turns
    assert [(name, alert.kind) for news in found for name, alert in news] == [("new", "finished")]


async def test_the_terminal_is_told_where_that_was_asked_for(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(configured, "ALERT_SECONDS", 0.02)
    run, sent, looks = make_run(tmp_path, "a-run"), list[str](), list[object]()
    poll = AlertNews.poll

    def look(self: AlertNews) -> object:
        looks.append(self)
        return poll(self)

    monkeypatch.setattr(AlertNews, "poll", look)
    app = make_app(runs=[])
    app.shared.runs_dir = tmp_path
    app.shared.configuration.choose({NOTIFY: "osc777"})
    async with app.run_test() as pilot:
        assert app._driver is not None
        monkeypatch.setattr(app._driver, "write", sent.append)
        await until(pilot, lambda: len(looks) > 1, "a look")
        run.write_status(Status(state=State.FAILED, cause="diverged"))
        await until(
            pilot, lambda: any("\x1b]777;notify;vae-tui;a-run: training diverged" in each for each in sent), "it"
        )


async def test_nothing_is_looked_for_unless_that_was_asked_for(make_app: MakeApp) -> None:
    app = make_app(runs=[])
    async with app.run_test():
        assert app._telling is None
