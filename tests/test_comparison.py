"""The page that compares names tests that exist, in every row."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_each_row_of_the_comparison_names_tests_that_exist() -> None:
    page = (ROOT / "docs" / "comparison.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    rows = rows[[row.startswith("| feature |") for row in rows].index(True) + 2 :]
    named = [re.findall(r"`(test_\w+)`", row.rsplit("|", 2)[1]) for row in rows]
    assert len(rows) > 20
    assert all(named)
    files = [path.read_text() for path in (ROOT / "tests").rglob("test_*.py")]
    there = {name for text in files for name in re.findall(r"^(?:async )?def (test_\w+)", text, re.MULTILINE)}
    assert {name for names in named for name in names} - there == set()
