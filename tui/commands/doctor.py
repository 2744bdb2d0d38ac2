"""`vae-tui doctor`: what terminal, machine and folders there are, what is wrong, and how to fix it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict

import psutil
import typer
from rich.console import Console
from rich.text import Text

from core import packages
from core.data import registry
from core.diagnosis.finding import Finding
from core.text import printable
from tui.commands.options.common import DataDir, Json, RunsDir
from tui.commands.output import EXIT_FAILED, echo, print_json, print_table
from tui.commands.words import RUNS_DIR
from tui.tables import PlainTable
from tui.terminal.capabilities import ColorDepth, color_depth_of, why_ascii

FONT_TEST = "▀▄█ ⣿⠛⠤ ─│┌┐ ░▒▓"
TRUECOLOR = {
    "tmux": "tmux passes 24-bit colours on with: set -ga terminal-features ',*:RGB', and COLORTERM=truecolor",
    "screen": "GNU Screen has 256 colours with: term screen-256color, and from version 5 on 24-bit ones: truecolor on",
    "": "export COLORTERM=truecolor if the terminal draws 24-bit colours",
}
GRAPHICS = {
    "tmux": "tmux draws sixels from 3.4 on, if it was built with --enable-sixel and knows that the terminal has them: "
    "set -as terminal-features ',*:sixel'; kitty's graphics do not get through",
    "screen": "GNU Screen lets no graphics through; tmux from 3.4 on can draw sixels",
    "": "sixels: xterm -ti vt340, foot, WezTerm, Konsole, iTerm2, Windows Terminal; kitty's graphics: kitty, Ghostty",
}
COPYING = {
    "tmux": "tmux passes what Y copies on to the terminal with: set -g set-clipboard on",
    "screen": "GNU Screen does not pass on what Y copies (OSC 52)",
}
ON = "tmux passes what Y copies on to the terminal"
LOCALE = "choose a locale with UTF-8, such as: export LC_ALL=C.UTF-8"
ANSWER_SECONDS = 5.0  # that a multiplexer is waited for
TERM = "set TERM to what the terminal is, such as: export TERM=xterm-256color"


def doctor(runs_dir: RunsDir = RUNS_DIR, data_dir: DataDir = None, as_json: Json = False) -> None:
    findings = list(examine(runs_dir, data_dir or registry.default_data_dir()))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        table = PlainTable(box=None, pad_edge=False, show_header=False)
        for finding in findings:
            table.add_row(finding.topic, _cell(finding))
        print_table(table)
        echo("runs can be trained here" if not _hinders(findings) else "something hinders training here: see above")
    if _hinders(findings):
        raise typer.Exit(EXIT_FAILED)


def examine(runs_dir: RunsDir, data_dir: DataDir) -> Iterator[Finding]:
    """Everything, in the order of a start: what is drawn on, what computes, where things are kept."""
    from core.diagnosis import software, storage

    yield from terminal()
    yield from software.examine()
    if not packages.lacking():
        try:
            from core.diagnosis import machine
        except (ImportError, OSError) as error:
            yield software.unusable(error)
        else:
            yield from machine.examine()
    yield from storage.examine(runs_dir, data_dir or registry.default_data_dir())


def terminal() -> Iterator[Finding]:
    """What the app would draw on."""
    console = Console()
    depth = color_depth_of(console, sys.stdout, no_color=console.no_color)
    columns, lines = shutil.get_terminal_size()
    kind = "tmux" if "TMUX" in os.environ else "screen" if "STY" in os.environ else ""
    name = os.environ.get("TERM") or "not set"
    where = f", {columns}x{lines}" if sys.stdout.isatty() else ", no terminal: output goes elsewhere"
    yield Finding("terminal", f"TERM {name}{where}{_version(kind)}")
    few = depth in (ColorDepth.SIXTEEN, ColorDepth.EIGHT_BIT) and sys.stdout.isatty()
    colours = {ColorDepth.TRUECOLOR: "24-bit", ColorDepth.EIGHT_BIT: "256", ColorDepth.SIXTEEN: "16"}
    yield Finding("colours", colours.get(depth, "none"), TRUECOLOR[kind] if few else "")
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    if reasons := why_ascii(os.environ, encoding):
        mending = {TERM if reason.startswith("TERM") else LOCALE: None for reason in reasons}
        yield Finding("characters", f"ASCII only: {', '.join(reasons)}", "; ".join(mending))
    else:
        yield Finding("characters", f"{encoding}: {FONT_TEST} (half blocks, braille, lines, shades)")
    yield _graphics(kind)
    if kind:
        passed_on = kind == "tmux" and _said("tmux", "show", "-sv", "set-clipboard") == "on"
        yield Finding("copying", ON if passed_on else COPYING[kind])


def _graphics(kind: str) -> Finding:
    """What the terminal answers that it draws pictures with."""
    if any(package.module == "numpy" for package in packages.missing()):
        return Finding("graphics", "not looked for: they need numpy")
    from tui.terminal.detection import detect_graphics
    from tui.terminal.graphics import NoGraphics

    try:
        found = detect_graphics()
    except NoGraphics as reason:
        return Finding(
            "graphics", f"none, half-blocks instead: {reason}", GRAPHICS[kind] if sys.stdout.isatty() else ""
        )
    size = f"cells of {found.cell_width}x{found.cell_height} pixels"
    return Finding("graphics", f"{found.protocol}, {size}; vae-tui --graphics, then i, draws with them")


def _version(kind: str) -> str:
    """A multiplexer's own words for its version."""
    return f", in {_said(kind, '-V' if kind == 'tmux' else '--version') or kind}" if kind else ""


def _said(kind: str, *words: str) -> str:
    """What a multiplexer says first when it is called so; nothing where it cannot be called or does not answer."""
    program = shutil.which(kind) or _running(kind)
    if not program:
        return ""
    try:
        said = subprocess.run([program, *words], capture_output=True, check=False, timeout=ANSWER_SECONDS).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (said.decode("utf-8", "replace").splitlines() or [""])[0].strip()


def _running(kind: str) -> str:
    """The file of the multiplexer that runs here, whose process its variable names; nothing where nobody tells."""
    place = {"tmux": os.environ.get("TMUX", "").partition(",")[2], "screen": os.environ.get("STY", "")}[kind]
    number = re.match(r"\d+", place)  # SOCKET,PID,SESSION of tmux, PID.NAME of GNU Screen
    try:
        return psutil.Process(int(number[0])).exe() if number else ""
    except (psutil.Error, OSError):
        return ""


def _cell(finding: Finding) -> Text:
    text = Text(printable(finding.text))
    if finding.advice:
        mark, style = ("! ", "bold") if finding.hinders else ("", "dim")
        text.append(f"\n{mark}{printable(finding.advice)}", style)
    return text


def _hinders(findings: list[Finding]) -> bool:
    return any(finding.hinders for finding in findings)
