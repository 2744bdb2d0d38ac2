"""The keys of the sheet that digits are drawn on."""

from __future__ import annotations

from textual.binding import Binding, BindingType

SKETCH_KEYS: list[BindingType] = [
    Binding("space", "pen", "pen down or up", tooltip="draw as the pen moves, or only move it", id="sketch.pen"),
    Binding("left,h", "move(-1, 0)", "move", key_display="← ↑", tooltip="move the pen", id="sketch.left"),
    Binding("right,l", "move(1, 0)", id="sketch.right", show=False),
    Binding("up,k", "move(0, -1)", id="sketch.up", show=False),
    Binding("down,j", "move(0, 1)", id="sketch.down", show=False),
    Binding("g,home", "edge(0)", "first", tooltip="to the upper left", id="sketch.first", show=False),
    Binding("G,end", "edge(-1)", "last", tooltip="to the lower right", id="sketch.last", show=False),
    Binding("b", "eraser", "rubber", tooltip="the pencil or the rubber", id="sketch.rubber"),
    Binding(
        "left_square_bracket",
        "width(-1)",
        "width",
        key_display="[ ]",
        tooltip="a finer or a broader stroke",
        id="sketch.finer",
    ),
    Binding("right_square_bracket", "width(1)", id="sketch.broader", show=False),
    Binding("u", "undo", "undo", tooltip="take back the last stroke", id="sketch.undo"),
    Binding("0", "clear", "clear", tooltip="an empty sheet", id="sketch.clear"),
    Binding(
        "number_sign",
        "load",
        "picture",
        key_display="#",
        tooltip="a picture file in place of what is drawn",
        id="sketch.load",
    ),
    Binding("t", "walk", "walk", tooltip="vary one latent number of what is drawn", id="sketch.walk"),
]
