"""Where screens read from is loaded when a poller asks for it."""

from __future__ import annotations

import gc
from pathlib import Path

from tui.screens.sources import real_sources


def test_what_reading_the_runs_loads_is_left_out_of_the_search_for_garbage(tmp_path: Path) -> None:
    thresholds, before = gc.get_threshold(), gc.get_freeze_count()
    try:
        sources = real_sources(tmp_path, tmp_path)
        assert gc.get_freeze_count() == before
        assert sources.runs().poll() == []
        assert gc.get_freeze_count() > before
        assert sources.runs() is sources.runs()
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
