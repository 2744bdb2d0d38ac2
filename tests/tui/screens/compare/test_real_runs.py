"""Two real runs side by side: the errors of both are the same measure."""

from __future__ import annotations

import re
from pathlib import Path

from core.explorer.opened import OpenRuns
from core.runs.run import Run
from tests.conftest import make_trained_run
from tests.support.readers import HandFed
from tests.support.screens import MakeApp, press, screen_text, until
from tests.support.snapshots import make_snapshot, make_summary
from tui.messages import Snapshot


async def test_a_run_compared_with_itself_shows_the_same_errors(make_app: MakeApp, tmp_path: Path) -> None:
    run, twin = (make_trained_run(tmp_path / folder, "vae-post") for folder in ("one", "two"))

    def snapshots(run: Run) -> HandFed[Snapshot]:
        return HandFed(make_snapshot(make_summary(run.name)))

    app = make_app(runs=[], explorer=OpenRuns(tmp_path).of, snapshots=snapshots, other_runs=lambda run: [twin])
    async with app.run_test(size=(120, 40)) as pilot:
        app.selected_run = run
        await press(pilot, "6", "v")
        pairs: list[tuple[str, str]] = []

        def drawn() -> bool:
            pairs[:] = re.findall(r"(\d+\.\d)  (\d+\.\d)", screen_text(app))
            return len(pairs) >= 4  # at first there is no room for more than one

        await until(pilot, drawn, "the errors", 60)
        assert len(pairs) >= 4
        assert all(left == right for left, right in pairs)
