"""config.toml: read with a line for whatever is wrong, changed value by value, and written as its user left it."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from core.errors import DamagedFile
from tui.configuration.configuration import Configuration
from tui.configuration.settings import (
    CHARTS,
    LIST,
    SCALES,
    SCREEN,
    SETTINGS,
    THEME,
    X_AXES,
)
from tui.configuration.toml import changed
from tui.drawing.plots.scales import Scale
from tui.run_axis import XKind

LIST_SORT, LIST_DESCENDING, LIST_COLUMNS = LIST["sort"], LIST["descending"], LIST["columns"]
PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"
WRITTEN = """\
# mine
theme = "nord"  # for the night

[keys]
"run.pause" = "P"

[list]
sort = "name"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "config.toml"


def written(path: Path, text: str) -> Configuration:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return Configuration(path)


def test_what_is_chosen_is_there_the_next_time_and_the_rest_stays_as_it_was(path: Path) -> None:
    configuration = written(path, WRITTEN)
    assert (configuration[THEME], configuration[LIST_SORT], configuration.keys) == ("nord", "name", {"run.pause": "P"})
    assert configuration.problems == []
    assert configuration.choose({LIST_SORT: "loss"})
    assert configuration.choose({LIST_DESCENDING: True})
    assert configuration.choose({LIST_COLUMNS: ("name", 'état "x"')})
    assert configuration.choose({CHARTS["training"].smoothing: 0.6})
    configuration.write()
    again = Configuration(path)
    assert again.problems == []
    assert (again[LIST_SORT], again[LIST_DESCENDING]) == ("loss", True)
    assert again[LIST_COLUMNS] == ("name", 'état "x"')
    assert again[CHARTS["training"].smoothing] == 0.6
    assert path.read_text().startswith(WRITTEN.replace('sort = "name"', 'sort = "loss"'))


def test_the_first_choice_makes_the_file_for_its_user_only(path: Path) -> None:
    configuration = Configuration(path)
    assert not configuration.choose({LIST_SORT: ""})  # as it is anyway
    assert configuration.choose({LIST_SORT: "loss"})
    configuration.write()
    assert path.stat().st_mode & 0o077 == path.parent.stat().st_mode & 0o077 == 0
    assert Configuration(path)[LIST_SORT] == "loss"
    before = path.stat()
    configuration.choose({LIST_SORT: "loss"})
    configuration.write()
    assert path.stat() == before


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("list = 7", "config.toml: there is no setting list"),
        ("[list]\nsort = 7", "config.toml: list.sort must be a text, not 7"),
        ("[list]\nsrot = 7", "config.toml: there is no setting list.srot; did you mean list.sort?"),
        ("[list]\ndescending = 1", "config.toml: list.descending must be true or false, not 1"),
        ("[list]\ncolumns = [1]", "config.toml: list.columns must be a list of texts, not [1]"),
        (
            "screen = 'runs'",
            "config.toml: screen must be one of training, reconstruct, sample, latent, compare, ",
        ),
        ("[charts.training]\nsmoothing = true", "config.toml: charts.training.smoothing must be a number from 0 to 1"),
        ("[keys]\n'run.pause' = 7", 'config.toml: keys.run.pause must be a key such as "ctrl+k"'),
        ("theme = ", "config.toml is left out: Invalid value (at end of document)"),
        ("theme = '\x1b[31m'", "config.toml is left out: "),
    ],
)
def test_a_bad_setting_is_one_line_and_the_usual_one_holds(path: Path, text: str, problem: str) -> None:
    configuration = written(path, text)
    (said,) = configuration.problems
    assert said.startswith(problem)
    assert said.isprintable()
    assert configuration[LIST_SORT] == ""
    assert configuration[SCREEN] == "training"


def test_a_file_that_is_none_is_one_line(path: Path) -> None:
    path.mkdir(parents=True)
    (said,) = Configuration(path).problems
    assert "config.toml" in said


def test_variables_come_before_the_file(path: Path) -> None:
    written(path, WRITTEN)
    given = {
        "VAE_TUI_THEME": "gruvbox",
        "VAE_TUI_LIST_DESCENDING": "true",
        "VAE_TUI_LIST_COLUMNS": '["name"]',
        "VAE_TUI_CHARTS_TRAINING_SMOOTHING": "much",
    }
    configuration = Configuration(path, given)
    assert (configuration[THEME], configuration[LIST_SORT]) == ("gruvbox", "name")
    assert (configuration[LIST_DESCENDING], configuration[LIST_COLUMNS]) == (True, ("name",))
    assert configuration.problems == ["VAE_TUI_CHARTS_TRAINING_SMOOTHING must be a number from 0 to 1, not 'much'"]


@pytest.mark.parametrize("text", ["list.sort = 'x'", "list = {sort = 'x'}", "theme = '''\na'''", "no = toml = at all"])
def test_a_file_that_cannot_be_changed_line_by_line_stays_as_it_is(path: Path, text: str) -> None:
    configuration = written(path, text)
    configuration.choose({LIST_SORT: "loss"})
    configuration.choose({THEME: "nord"})
    with pytest.raises(DamagedFile, match=r"config.toml: .*what is chosen is not kept"):
        configuration.write()
    assert path.read_text() == text
    assert configuration[LIST_SORT] == "loss"  # until the app is left


def test_values_are_put_where_they_belong() -> None:
    assert changed("", {"theme": "nord"}) == 'theme = "nord"\n'
    assert changed("[list]\n\n[keys]\n", {"theme": "a", "list.sort": "b"}) == (
        'theme = "a"\n[list]\nsort = "b"\n\n[keys]\n'
    )
    assert changed("[ list ] # mine\nsort='a' # b\n", {"list.sort": "c", "x.y.z": ["a", "b"]}) == (
        '[ list ] # mine\nsort = "c"\n\n[x.y]\nz = ["a", "b"]\n'
    )


def test_axes_and_scales_are_those_of_the_charts() -> None:
    assert (get_args(XKind), get_args(Scale)) == (X_AXES, SCALES)


def test_every_setting_stands_in_the_page_with_its_meaning() -> None:
    page = PAGE.read_text()
    for setting in SETTINGS:
        assert f"| `{setting.name}` | {setting.meaning} |" in page
