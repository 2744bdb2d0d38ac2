"""The commands as a user types them: their names, what each is for, and what to type to look at a run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from core.text import printable

if TYPE_CHECKING:
    from core.runs.run import Run

RUNS_DIR = Path("checkpoints")


class Command(NamedTuple):
    """A command: the module and the function that it is, and what it is for."""

    module: str
    function: str
    purpose: str


COMMANDS = {
    "open": Command("tui.command_line", "open_the_app", "Open the app; `vae-tui [RUN]` does the same."),
    "serve": Command("tui.browser.serve", "serve", "Show the app in a browser, on this machine only."),
    "sketch": Command(
        "tui.command_line", "sketch", "Draw a digit, and see what a run makes of it: `b` in the app does the same."
    ),
    "train": Command(
        "tui.commands.training.train", "train", "Train a new run without the app. Ctrl-C saves and stops."
    ),
    "resume": Command(
        "tui.commands.training.train", "resume", "Resume a run that was stopped, was lost, has failed or has finished."
    ),
    "fork": Command(
        "tui.commands.training.fork",
        "fork",
        "Train a new run that continues from where a run is, or was, with other settings.",
    ),
    "sweep": Command(
        "tui.commands.training.sweep",
        "sweep",
        "Train several runs with different settings, and compare them. Ctrl-C saves and stops.",
    ),
    "sweeps": Command(
        "tui.commands.training.outcome",
        "sweeps",
        "Show the results of a sweep: a table or a plot; stop it, or continue with what is left.",
    ),
    "queue": Command(
        "tui.commands.training.queue",
        "queue",
        "List the runs that wait for a core or a GPU; move them, or take them out.",
    ),
    "control": Command("tui.commands.manage", "control", "Ask the trainer of a run to pause, resume, save or stop."),
    "set": Command("tui.commands.manage", "set_rate", "Change the learning rate of a run while it trains."),
    "reconstruct": Command(
        "tui.commands.explore", "reconstruct", "Draw validation images and their reconstructions by the newest weights."
    ),
    "sample": Command("tui.commands.explore", "sample", "Draw new digits, decoded from latents that a sampler draws."),
    "complete": Command(
        "tui.commands.complete", "complete", "Complete a digit of which a half is hidden: several answers."
    ),
    "latent": Command("tui.commands.explore", "latent", "Draw the latents of images in the plane."),
    "timelapse": Command(
        "tui.commands.timelapse", "timelapse", "Make a film of a training, as a GIF: its digits, samples or latents."
    ),
    "evaluate": Command(
        "tui.commands.explore",
        "evaluate",
        "Measure how good samples, reconstructions and likelihood are, in a minute or two.",
    ),
    "runs": Command("tui.commands.manage", "runs", "List the runs, newest first."),
    "watch": Command("tui.commands.manage", "watch", "Print a line a second about a run, until its training ends."),
    "logs": Command("tui.commands.manage", "logs", "Print the log of a run's trainer."),
    "export": Command(
        "tui.commands.exchange.files", "export", "Make a folder of a run's weights that needs PyTorch only."
    ),
    "encode": Command("tui.commands.exchange.files", "encode", "Write what a run's encoder makes of your images."),
    "import": Command(
        "tui.commands.exchange.files", "import_run", "Make a run of weights that the post's own code trained."
    ),
    "pack": Command("tui.commands.exchange.files", "pack", "Write a run as one file, for another machine."),
    "unpack": Command("tui.commands.exchange.files", "unpack", "Make a run of a packed one."),
    "wheels": Command(
        "tui.commands.exchange.offline", "collect", "Collect what a machine without a network needs to install this."
    ),
    "examples": Command("tui.commands.exchange.files", "copy_examples", "Copy the bundled trained runs to your own."),
    "data": Command("tui.commands.manage", "data_sets", "List the image sets, which of them are on disk, and where."),
    "doctor": Command(
        "tui.commands.doctor",
        "doctor",
        "Say what this terminal and machine can do, what is wrong, and how to fix it.",
    ),
    "bench": Command(
        "tui.commands.manage",
        "bench",
        "Measure this machine against the budgets of docs/performance.md: ten minutes and more, on an idle machine.",
    ),
}


def command_hint(run: Run, command: str = "", *arguments: str) -> str:
    """What to type to look at a run, or to do something with it."""
    words = ["vae-tui", *filter(None, [command]), run.name, *arguments]
    if run.path.parent != RUNS_DIR.absolute():
        words += ["--runs-dir", str(run.path.parent)]
    return printable(shlex.join(words))
