"""The documents name commands that are understood, and files and headings that are there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from core.runs.settings import SETTINGS
from tui.command_line import UsageProblem, command_line, with_command

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), ROOT / "checkpoints" / "README.md"]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(vae-tui [^`\n]+)`")
APART = re.compile(r" (?:&&|\|\||\||;) (?=(?:[^']*'[^']*')*[^']*$)")  # outside of quotes
UNFINISHED = ("MissingParameter", "BadOptionUsage")  # a sentence may name a command or an option alone
PLACEHOLDER = re.compile(r"\[|…|\.\.\.|\b(?:COMMAND|SCREEN)\b")
LINK = re.compile(r"\]\(([^)\s]+)\)")
FILE = re.compile(r"`((?:core|tui|tests|docs|checkpoints)/[\w/.-]*\.(?:py|md|cpp|png))`")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def shown(text: str) -> list[str]:
    """The lines that a page shows for a shell."""
    return [line for block in BLOCK.findall(text) for line in block.replace("\\\n", " ").splitlines()]


def commands(lines: list[str]) -> Iterator[list[str]]:
    """The words of each command of ours in lines, up to a pipe or the next command."""
    for line in lines:
        for part in APART.split(line):
            words = shlex.split(part, comments=True)
            while words and ("=" in words[0] or words[0] in ("ssh", "-t", "box", "nohup", "watch", "timeout")):
                del words[0]
            if words and words[0] == "vae-tui" and not PLACEHOLDER.search(" ".join(words)):
                yield words[1:]


def anchors(text: str) -> set[str]:
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in HEADING.findall(text)}


@pytest.fixture(scope="module")
def known() -> typer.core.TyperGroup:
    group = typer.main.get_command(command_line())
    assert isinstance(group, typer.core.TyperGroup)
    return group


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_in_the_documents_is_understood(page: Path, known: typer.core.TyperGroup) -> None:
    text = page.read_text()
    for is_whole, lines in ((True, shown(text)), (False, INLINE.findall(text))):
        for words in commands(lines):
            if "--help" in words or words[:1] in (["--version"], ["--install-completion"]):
                continue
            name, *rest = with_command([word for word in words if not word.startswith(("<", ">"))])
            try:
                known.commands[name].make_context(name, rest[: rest.index("&")] if "&" in rest else rest)
            except UsageProblem as error:
                if is_whole or type(error).__name__ not in UNFINISHED:
                    pytest.fail(f"vae-tui {shlex.join(words)}: {error}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_in_the_documents_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text()), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_file_that_the_documents_name_is_there(page: Path) -> None:
    assert [name for name in FILE.findall(page.read_text()) if not (ROOT / name).exists()] == []


def test_what_is_looked_for_is_found() -> None:
    lines = ["vae-tui train --preset ae | cat  # words", "watch vae-tui --once && true", "ssh -t box vae-tui a", "ls"]
    text = "`vae-tui runs`\n```sh\n" + "\n".join(lines) + "\n```\n"
    assert list(commands(shown(text))) == [["train", "--preset", "ae"], ["--once"], ["a"]]
    assert list(commands(INLINE.findall(text))) == [["runs"]]


def test_the_settings_that_can_be_swept_are_those_that_are_named() -> None:
    (said,) = re.findall(
        r"\*\*What can be swept\.\*\* (.*?)\. Other", (ROOT / "docs" / "sweeps.md").read_text(), re.DOTALL
    )
    named = re.findall(r"`--([a-z-]+)`", said)
    assert named == [name.replace("_", "-") for name, setting in SETTINGS.items() if setting.sweep]
