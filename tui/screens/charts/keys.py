"""The keys of charts, declared once for every screen that has some."""

from __future__ import annotations

from textual.binding import Binding, BindingType


def _keys(id: str, display: str, tooltip: str, **actions: str) -> list[BindingType]:  # noqa: A002
    """Keys that belong together: the first one stands for all of them where keys are listed."""
    found: list[BindingType] = []
    for number, (keys, action) in enumerate(actions.items()):
        for key in keys.split("__"):
            first = not found
            name = f"chart.{id}" if first else f"chart.{id}.{number}.{key}"
            said = tooltip if first else ""
            shown = display if first else None
            found.append(Binding(key, action, id, show=False, tooltip=said, key_display=shown, id=name))
    return found


CHART_KEYS: list[BindingType] = [
    Binding("y", "scale", "y axis", tooltip="y axis: without outliers, all, from zero, logarithmic", id="chart.scale"),
    Binding("x", "x_axis", "x axis", tooltip="x axis: epochs, steps, time trained, time of day", id="chart.x_axis"),
    Binding("m", "smoothing(1)", "smooth", tooltip="smoother curves; M less smooth ones", id="chart.smooth"),
    Binding("M", "smoothing(-1)", id="chart.rough", show=False),
    *_keys(
        "cursor",
        "←→ , .",
        "move the cursor and read the values there; g G to the ends",
        left__h="move(-1)",
        right__l="move(1)",
        pageup__comma="move(-10)",
        pagedown__full_stop="move(10)",
        home__g="edge(0)",
        end__G="edge(1)",
    ),
    *_keys("chart", "↑↓", "the chart before, the next one", up__k="turn(-1)", down__j="turn(1)"),
    *_keys("turn", "tab", "the next chart", tab="turn(1)"),
    *_keys("back", "shift+tab", "", **{"shift+tab": "turn(-1)"}),
    *_keys("choose", "c", "choose which charts are shown", c="charts"),
    *_keys("enlarge", "enter", "enlarge the chart, or show all again", enter="maximise"),
    *_keys("zoom", "+ -", "zoom along x", plus__equals_sign="zoom(1)", minus__underscore="zoom(-1)"),
    *_keys("zoom_y", "{ }", "zoom along y", left_curly_bracket="zoom_y(1)", right_curly_bracket="zoom_y(-1)"),
    *_keys(
        "pan",
        "HJKL",
        "pan, as shift with an arrow does",
        **{
            "H__shift+left": "pan(-1, 0)",
            "L__shift+right": "pan(1, 0)",
            "K__shift+up": "pan(0, 1)",
            "J__shift+down": "pan(0, -1)",
        },
    ),
    *_keys(
        "narrow", "[ ]", "less of the run, or more", left_square_bracket="narrow(1)", right_square_bracket="narrow(-1)"
    ),
    *_keys("range", "#", "type the range of an axis", number_sign="type_range"),
    *_keys("leave", "escape", "no cursor any more, then all charts again, then back", escape="leave"),
    *_keys("whole", "0", "all of the run again: no zoom, no cursor", **{"0": "whole"}),
]
