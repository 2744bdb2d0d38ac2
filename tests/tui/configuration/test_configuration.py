"""config.toml: read with a line for whatever is wrong, changed value by value, and written as its user left it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import get_args

import pytest

from core import files
from core.errors import DamagedFile
from tui.configuration.configuration import Configuration
from tui.configuration.settings import (
    CHARTS,
    COLUMNS,
    LIST,
    SCALES,
    SCREEN,
    SETTINGS,
    THEME,
    X_AXES,
)
from tui.configuration.settings import (
    COLOUR_BLIND as COLOUR_BLIND_NAME,
)
from tui.configuration.toml import changed
from tui.drawing.plots.scales import Scale
from tui.run_axis import XKind
from tui.run_columns import SORTED_BY
from tui.screens.runs.listing.arrangement import available
from tui.terminal.themes import COLOUR_BLIND

LIST_SORT, LIST_DESCENDING, LIST_COLUMNS = LIST["sort"], LIST["descending"], LIST["columns"]
PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"
WRITTEN = """\
# mine
theme = "nord"  # for the night

[keys]
"run.pause" = "P"

[list]
sort = "run"
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
    assert (configuration[THEME], configuration[LIST_SORT], configuration.keys) == ("nord", "run", {"run.pause": "P"})
    assert configuration.problems == []
    assert configuration.choose({LIST_SORT: "best"})
    assert configuration.choose({LIST_DESCENDING: True})
    assert configuration.choose({LIST["folded"]: ("name", 'état "x"')})
    assert configuration.choose({CHARTS["training"].smoothing: 0.6})
    configuration.write()
    again = Configuration(path)
    assert again.problems == []
    assert (again[LIST_SORT], again[LIST_DESCENDING]) == ("best", True)
    assert again[LIST["folded"]] == ("name", 'état "x"')
    assert again[CHARTS["training"].smoothing] == 0.6
    assert path.read_text().startswith(WRITTEN.replace('sort = "run"', 'sort = "best"'))


def test_the_first_choice_makes_the_file_for_its_user_only(path: Path) -> None:
    configuration = Configuration(path)
    assert not configuration.choose({LIST_SORT: ""})  # as it is anyway
    assert configuration.choose({LIST_SORT: "best"})
    configuration.write()
    assert path.stat().st_mode & 0o077 == path.parent.stat().st_mode & 0o077 == 0
    assert Configuration(path)[LIST_SORT] == "best"
    before = path.stat()
    configuration.choose({LIST_SORT: "best"})
    configuration.write()
    assert path.stat() == before


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("list = 7", "config.toml: there is no setting list"),
        ("[list]\nsort = 7", "config.toml: list.sort must be a column such as run, val, best, not 7"),
        ("[list]\nsrot = 7", "config.toml: there is no setting list.srot; did you mean list.sort?"),
        ("[list]\ndescending = 1", "config.toml: list.descending must be true or false, not 1"),
        ("[list]\ncolumns = [1]", "config.toml: list.columns must be a list of texts, not [1]"),
        ("[list]\nsort = 'stat'", "config.toml: list.sort must be a column (did you mean state?), not 'stat'"),
        (
            "[list]\ncolumns = ['run', 'hat']",
            "config.toml: list.columns must be a column such as run, val, best, not [",
        ),
        (
            "[list]\nfilter = 'sed=2'",
            "config.toml: list.filter must be words or a condition (runs have no 'sed' to compare; did ",
        ),
        ("theme = 'norrd'", "config.toml: theme must be a theme (did you mean nord? ctrl+p lists them), not 'norrd'"),
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
        "VAE_TUI_LIST_COLUMNS": '["run", "best"]',
        "VAE_TUI_CHARTS_TRAINING_SMOOTHING": "much",
    }
    configuration = Configuration(path, given)
    assert (configuration[THEME], configuration[LIST_SORT]) == ("gruvbox", "run")
    assert (configuration[LIST_DESCENDING], configuration[LIST_COLUMNS]) == (True, ("run", "best"))
    assert configuration.problems == ["VAE_TUI_CHARTS_TRAINING_SMOOTHING must be a number from 0 to 1, not 'much'"]


@pytest.mark.parametrize("text", ["list.sort = 'x'", "list = {sort = 'x'}", "theme = '''\na'''", "no = toml = at all"])
def test_a_file_that_cannot_be_changed_line_by_line_stays_as_it_is(path: Path, text: str) -> None:
    configuration = written(path, text)
    configuration.choose({LIST_SORT: "best"})
    configuration.choose({THEME: "nord"})
    with pytest.raises(DamagedFile, match=r"config.toml: .*what is chosen is not kept"):
        configuration.write()
    assert path.read_text() == text
    assert configuration[LIST_SORT] == "best"  # until the app is left


def test_a_slow_folder_holds_up_no_choice_and_at_most_one_write_waits(
    path: Path, monkeypatch: pytest.MonkeyPatch, wait_until: Callable[..., None]
) -> None:
    configuration, reached, gate, replace = Configuration(path), Event(), Event(), files.replace

    def slow(path: Path, content: bytes) -> None:
        reached.set()
        assert gate.wait(10)
        replace(path, content)

    monkeypatch.setattr(files, "replace", slow)
    configuration.choose({LIST_SORT: "best"})
    writes = [Thread(target=configuration.write) for _ in range(4)]
    writes[0].start()
    assert reached.wait(10)
    choice = Thread(target=configuration.choose, args=({LIST_SORT: "run"},))
    choice.start()
    choice.join(2)
    held_up = choice.is_alive()
    for write in writes[1:]:
        write.start()
    if not held_up:
        wait_until(lambda: sum(write.is_alive() for write in writes) == 2)
    gate.set()
    for thread in (*writes, choice):
        thread.join(10)
    assert not held_up
    assert Configuration(path)[LIST_SORT] == "run"


def test_what_could_not_be_written_is_tried_again_and_newer_choices_win(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = Configuration(path)

    def full(path: Path, content: bytes) -> None:
        configuration.choose({LIST_SORT: "run"})
        raise OSError("no space left")

    configuration.choose({LIST_SORT: "best", THEME: "nord"})
    with monkeypatch.context() as patched:
        patched.setattr(files, "replace", full)
        with pytest.raises(OSError, match="no space left"):
            configuration.write()
    configuration.write()
    again = Configuration(path)
    assert (again[LIST_SORT], again[THEME]) == ("run", "nord")


def test_values_are_put_where_they_belong() -> None:
    assert changed("", {"theme": "nord"}) == 'theme = "nord"\n'
    assert changed("[list]\n\n[keys]\n", {"theme": "a", "list.sort": "b"}) == (
        'theme = "a"\n[list]\nsort = "b"\n\n[keys]\n'
    )
    assert changed("[ list ] # mine\nsort='a' # b\n", {"list.sort": "c", "x.y.z": ["a", "b"]}) == (
        '[ list ] # mine\nsort = "c"\n\n[x.y]\nz = ["a", "b"]\n'
    )


def test_a_list_in_a_variable_has_commas_between_its_items(path: Path) -> None:
    given = {"VAE_TUI_LIST_COLUMNS": "run, data set", "VAE_TUI_LIST_FILTER": "7", "VAE_TUI_LIST_FOLDED": "a"}
    configuration = Configuration(path, given)
    assert configuration.problems == []
    assert configuration[LIST_COLUMNS] == ("run", "data set")
    assert (configuration[LIST["filter"]], configuration[LIST["folded"]]) == ("7", ("a",))


def test_a_variable_that_cannot_be_leaves_what_the_file_says(path: Path) -> None:
    written(path, "theme = 'nord'")
    configuration = Configuration(path, {"VAE_TUI_THEME": "bogus"})
    assert configuration[THEME] == "nord"
    assert configuration.problems == ["VAE_TUI_THEME must be a theme (ctrl+p lists them), not 'bogus'"]


def test_axes_scales_columns_and_themes_are_those_that_there_are() -> None:
    assert (get_args(XKind), get_args(Scale)) == (X_AXES, SCALES)
    assert [*available()] == [*COLUMNS]
    assert SORTED_BY.keys() == {*COLUMNS}
    assert COLOUR_BLIND.name == COLOUR_BLIND_NAME


def test_the_page_names_every_column() -> None:
    page = " ".join(PAGE.read_text().split())
    assert f"The columns are {', '.join(f'`{name}`' for name in COLUMNS)}." in page


def test_every_setting_stands_in_the_page_with_its_meaning() -> None:
    page = PAGE.read_text()
    for setting in SETTINGS:
        assert f"| `{setting.name}` | {setting.meaning} |" in page
