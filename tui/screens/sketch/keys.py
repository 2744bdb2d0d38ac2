"""The keys of the sheet that digits are drawn on, and of the answers to what is hidden of it."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from core.sketch.sheet import Tool

HINTS: dict[Tool, str] = {
    "pencil": "the mouse draws; space puts the pen down, arrows move it",
    "rubber": "the mouse rubs out; space puts the rubber down, arrows move it",
    "cover": "the mouse hides pixels; space puts the cover down, arrows move it",
}

SKETCH_KEYS: list[BindingType] = [
    Binding("space", "pen", "pen", tooltip="draw as the pen moves, or only move it", id="sketch.pen"),
    Binding("c", "half", "hide", tooltip="hide the lower, right, upper or left half, or nothing", id="sketch.hide"),
    Binding(
        "enter",
        "complete",
        "complete",
        key_display="enter",
        tooltip="have the model complete what is hidden",
        id="sketch.complete",
    ),
    Binding(
        "number_sign",
        "load",
        "picture",
        key_display="#",
        tooltip="a picture file in place of what is drawn",
        id="sketch.load",
    ),
    Binding("left,h", "move(-1, 0)", "move", key_display="← ↑", tooltip="move the pen", id="sketch.left"),
    Binding("right,l", "move(1, 0)", id="sketch.right", show=False),
    Binding("up,k", "move(0, -1)", id="sketch.up", show=False),
    Binding("down,j", "move(0, 1)", id="sketch.down", show=False),
    Binding("g,home", "edge(0)", "first", tooltip="to the upper left", id="sketch.first", show=False),
    Binding("G,end", "edge(-1)", "last", tooltip="to the lower right", id="sketch.last", show=False),
    Binding("b", "tool", "tool", tooltip="the pencil, the rubber, or the cover that hides pixels", id="sketch.rubber"),
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
    Binding("t", "walk", "walk", tooltip="vary one latent number of what is drawn", id="sketch.walk"),
]

COMPLETION_KEYS: list[BindingType] = [
    Binding(
        "left,h", "move(-1)", "choose", key_display="←→↑↓", tooltip="choose an answer", id="complete.left", show=False
    ),
    Binding("right,l", "move(1)", id="complete.right", show=False),
    Binding("up,k", "move_row(-1)", id="complete.up", show=False),
    Binding("down,j", "move_row(1)", id="complete.down", show=False),
    Binding("g,home", "edge(0)", "first", tooltip="the first answer", id="complete.first", show=False),
    Binding("G,end", "edge(-1)", "last", tooltip="the last answer", id="complete.last", show=False),
    Binding(
        "greater_than_sign",
        "seed(1)",
        "seed",
        key_display="> <",
        tooltip="other answers: the next seed, the one before",
        id="complete.seed",
    ),
    Binding("less_than_sign", "seed(-1)", id="complete.seed_before", show=False),
    Binding("number_sign", "type_seed", "type", key_display="#", tooltip="type a seed", id="complete.type", show=False),
    Binding("c", "classes", "digit", tooltip="ask the learned prior for a digit, or for any", id="complete.classes"),
    Binding(
        "right_curly_bracket",
        "guidance(1)",
        "guide",
        key_display="{ }",
        tooltip="how much the digit that was asked for matters",
        id="complete.guidance",
    ),
    Binding("left_curly_bracket", "guidance(-1)", id="complete.guidance_less", show=False),
    Binding(
        "t,enter",
        "walk",
        "walk",
        key_display="t",
        tooltip="vary one latent number of the chosen answer",
        id="complete.walk",
    ),
]
