"""What a user writes about a run, in a file of its own: tags, and a note."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core import files
from core.errors import ConfigError, DamagedFile
from core.runs.config import problems, write_json
from core.runs.run import NOTES, Run
from core.text import printable

LARGEST = 1 << 16  # bytes
LONGEST_TAG, MOST_TAGS, LONGEST_NOTE, MOST_NAMES = 40, 20, 4000, 100
TAG = re.compile(r"[^\s,()<>=!~\"']+")
Tag = Annotated[str, Field(max_length=LONGEST_TAG)]


class Notes(BaseModel):
    """notes.json; what a newer version keeps there is kept. `formerly` are the names that the run had before."""

    model_config = ConfigDict(frozen=True, extra="allow")

    tags: Annotated[tuple[Tag, ...], Field(max_length=MOST_TAGS)] = ()
    note: Annotated[str, Field(max_length=LONGEST_NOTE)] = ""
    formerly: Annotated[tuple[Annotated[str, Field(max_length=255)], ...], Field(max_length=MOST_NAMES)] = ()


NO_NOTES = Notes()


def read_notes(run: Run) -> Notes:
    """What was written; nothing where nothing was. Raises DamagedFile or OSError."""
    try:
        content = files.read(run.path / NOTES, LARGEST)
    except FileNotFoundError:
        return NO_NOTES
    try:
        return Notes.model_validate_json(content)
    except ValidationError as error:
        found = next(iter(problems(error).values()), "is not a JSON object")
        raise DamagedFile(run.path / NOTES, found) from None


def write_notes(run: Run, notes: Notes) -> None:
    """Put it in place of what was written. Raises OSError."""
    write_json(run.path / NOTES, notes)


def parse_tags(text: str) -> tuple[str, ...]:
    """Tags as typed, between spaces or commas, each once. Raises ConfigError."""
    tags = tuple(dict.fromkeys(text.replace(",", " ").split()))
    for tag in tags:
        if not TAG.fullmatch(tag) or not tag.isprintable():
            raise ConfigError({"tags": f"a tag has no brackets, quotation marks or = < > ! ~: {printable(tag)[:60]}"})
        if len(tag) > LONGEST_TAG:
            raise ConfigError({"tags": f"a tag has at most {LONGEST_TAG} characters: {printable(tag)[:60]}..."})
    if len(tags) > MOST_TAGS:
        raise ConfigError({"tags": f"a run has at most {MOST_TAGS} tags, not {len(tags)}"})
    return tags


def parse_note(text: str) -> str:
    """A note as typed. Raises ConfigError."""
    if len(text) > LONGEST_NOTE:
        raise ConfigError({"note": f"a note has at most {LONGEST_NOTE:,} characters, not {len(text):,}"})
    return text.strip()


def note_on(run: Run, tags: tuple[str, ...], note: str) -> Notes:
    """Put these in place of the tags and the note of a run. Raises RunGone, DamagedFile or OSError."""
    run.check_there()
    notes = read_notes(run).model_copy(update={"tags": tags, "note": note})
    write_notes(run, notes)
    return notes
