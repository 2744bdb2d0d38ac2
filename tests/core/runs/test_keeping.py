"""What a user keeps of runs: names, notes and tags, and the log, whatever stands in the files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import ConfigError, DamagedFile, RunError
from core.runs.catalog import find_run, summarise
from core.runs.keeping.log import LONGEST_LINE, MOST_LINES, READ, LogEnd, LogTail
from core.runs.keeping.names import rename, run_named
from core.runs.keeping.notes import NO_NOTES, note_on, parse_note, parse_tags, read_notes
from core.runs.run import NOTES, NameTaken, Run

MakeRun = Callable[..., Run]


def test_a_renamed_run_is_found_by_the_name_before(make_run: MakeRun) -> None:
    run = make_run("first")
    note_on(run, ("kept",), "a note")
    renamed = rename(run, "second")
    assert (renamed.name, renamed.path.is_dir(), run.path.exists()) == ("second", True, False)
    assert read_notes(renamed).model_dump() == {"tags": ("kept",), "note": "a note", "formerly": ("first",)}
    third = rename(renamed, "third")
    assert read_notes(third).formerly == ("first", "second")
    assert run_named(third.path.parent, "first") == third
    with pytest.raises(RunError, match=r"no run named 'second' in .*; it is called third now"):
        find_run(third.path.parent, "second")
    again = make_run("first")
    assert run_named(third.path.parent, "first") == again
    with pytest.raises(RunError, match="nobody is gone, and no run says"):
        run_named(third.path.parent, "nobody")


def test_a_run_is_not_renamed_where_a_trainer_has_it_or_the_name_is_taken_or_none(make_run: MakeRun) -> None:
    run, other = make_run("one"), make_run("two")
    with run.open_metrics(), pytest.raises(RunError, match="is being trained by"):
        rename(run, "three")
    with pytest.raises(NameTaken, match="name two is taken"):
        rename(run, other.name)
    with pytest.raises(ConfigError, match="name must consist of"):
        rename(run, "../elsewhere")
    assert run.path.exists()
    assert read_notes(run) == NO_NOTES


def test_notes_are_read_with_care_and_no_run_is_damaged_by_them(make_run: MakeRun) -> None:
    run = make_run()
    assert summarise(run).notes == NO_NOTES
    for content in (b"[]", b'{"tags": "x"}', b'{"note": 7}', b"\xff", b'{"tags": ' + b"[" * 5000, b" " * 70_000):
        (run.path / NOTES).write_bytes(content)
        summary = summarise(run)
        assert summary.damage is None
        assert summary.notes == NO_NOTES
        assert "notes.json" in summary.notes_damage
        assert summary.notes_damage.isprintable()
        with pytest.raises(DamagedFile):
            note_on(run, (), "over it")
    (run.path / NOTES).unlink()
    os.mkfifo(run.path / NOTES)
    assert "is not a regular file" in summarise(run).notes_damage


def test_what_a_newer_version_notes_is_kept(make_run: MakeRun) -> None:
    run = make_run()
    (run.path / NOTES).write_text(json.dumps({"tags": ["a"], "stars": 5}))
    note_on(run, ("b",), "text")
    assert json.loads((run.path / NOTES).read_text()) == {"tags": ["b"], "note": "text", "formerly": [], "stars": 5}
    assert "stars" not in (run.path / "config.json").read_text()


def test_tags_and_notes_have_bounds() -> None:
    assert parse_tags(" good, bad  good ") == ("good", "bad")
    for text, said in (
        ("a=b", "has no brackets"),
        ("x" * 41, "at most 40"),
        (" ".join(map(str, range(21))), "20 tags"),
    ):
        with pytest.raises(ConfigError, match=said):
            parse_tags(text)
    with pytest.raises(ConfigError, match="4,000 characters, not 5,000"):
        parse_note("x" * 5000)


def test_a_log_is_followed_from_its_end_and_from_its_beginning_when_it_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    tail = LogTail(path)
    news = tail.poll()
    assert news is not None
    assert "no trainer has had this run yet" in news.missing
    assert tail.poll() is None
    path.write_text("one\ntwo\nthr")
    assert tail.poll() == LogEnd(("one", "two"), "thr")
    assert tail.poll() is None
    with path.open("a") as file:
        file.write("ee\nfour\n")
    assert tail.poll() == LogEnd(("one", "two", "three", "four"))
    path.write_text("again\n")
    assert tail.poll() == LogEnd(("again",))
    with path.open("a") as file:
        file.writelines(f"{number}\n" for number in range(2, MOST_LINES + 11))
    news = tail.poll()
    assert news is not None
    assert (news.first, news.lines[0], len(news.lines), news.left_out) == (11, "11", MOST_LINES, True)
    path.unlink()
    assert (news := tail.poll()) is not None
    assert news.missing


def test_a_log_that_is_huge_or_hostile_is_read_in_bounds_and_shown_safely(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    with path.open("wb") as file:
        file.truncate(50 << 30)  # of which nothing lies on the disk
        file.seek(0, os.SEEK_END)
        file.write(
            b"\nred \x1b[31mtext\x1b[0m\x1b]0;title\x07\t.\r\n10%\r20%\r30%\n\x1b[2J\x07\x9b\xff\n"
            + b"x" * 9000
            + b"\nopen \x1b"
        )
    news = LogTail(path).poll()
    assert news is not None
    assert news.left_out
    assert news.lines[:2] == ("red text    .", "30%")
    assert news.lines[2].isprintable()
    assert len(news.lines[3]) == LONGEST_LINE
    assert news.open == "open \N{REPLACEMENT CHARACTER}"
    grown = LogTail(path)
    grown.poll()
    with path.open("ab") as file:
        file.write(b"y\n" * READ)
    more = grown.poll()
    assert more is not None
    assert more.left_out
    assert set(more.lines) == {"y"}
    assert len(more.lines) == MOST_LINES
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert "is not a regular file" in LogTail(path).poll().missing  # type: ignore[union-attr]
