"""Files of a run from a stranger: nothing is followed, waited for or read into memory beyond bounds."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from random import Random

import pytest

from core.errors import DamagedFile, RunError
from core.runs.catalog import find_run, find_runs, summarise
from core.runs.metrics.lines import last_lines
from core.runs.run import Run
from core.trash import discard
from tests.support.hostile import (
    FILES,
    JSON_FILES,
    LISTED_FROM,
    MEGABYTE,
    NAMES,
    READERS,
    TENSOR_FILES,
    THINGS,
    assert_listed,
    is_one_line,
    poll,
    read_apart,
    refused,
    rename,
)

# What stands in the place of a file


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize("file", FILES)
def test_what_is_no_regular_file_is_neither_followed_nor_waited_for(
    run: Run, neighbour: Run, file: str, thing: str
) -> None:
    path = run.path / file
    path.rename(run.path.parent / "aside")
    whole = (run.path.parent / "aside").read_bytes()
    THINGS[thing](path)
    if file == "train.log":
        outcome = read_apart(run.last_log_line)
        assert (outcome.raised, outcome.said, abs(outcome.megabytes) <= 20) == (None, "", True)
    else:
        assert refused(lambda: READERS[file](run)) == f"{file}: is not a regular file"
    assert_listed(run, neighbour, damaged=file in LISTED_FROM)
    assert (run.path.parent / "aside").read_bytes() == whole


@pytest.mark.parametrize("thing", ["a link to a whole file", "a link to itself", "a pipe", "a socket"])
def test_deleting_takes_links_away_and_not_what_they_lead_to(run: Run, thing: str) -> None:
    aside = run.path.parent / "aside"
    aside.write_text("mine")
    for file in FILES:
        (run.path / file).unlink()
        THINGS[thing](run.path / file)
    assert read_apart(lambda: discard(run)).raised is None
    assert not run.path.exists()
    assert aside.read_text() == "mine"


def test_a_run_is_not_deleted_under_its_trainer_when_its_status_is_damaged(run: Run) -> None:
    with run.open_metrics():
        (run.path / "status.json").write_text("{")
        with pytest.raises((RunError, DamagedFile)):
            discard(run)
        assert run.config()


def test_a_folder_that_a_stranger_named_like_a_leftover_does_not_keep_a_run(run: Run) -> None:
    (run.path / ".model.safetensors.tmp-1").mkdir()
    run.remove_temporary_files()


# What stands in a file

CONTENTS = {
    "nothing": b"",
    "a byte": b"\x00",
    "random bytes": Random(1).randbytes(5000),
    "a list": b"[1, 2]",
    "null": b"null\n",
    "text": b'"text"\n',
    "a number": b"1e999\n",
    "not a number": b"NaN",
    "4,000 digits": b"1" * 4000,
    "5,000 digits in a field": b'{"epochs": 1' + b"0" * 5000 + b"}",
    "100,000 brackets": b"[" * 100_000,
    "100,000 closed brackets": b"[" * 100_000 + b"]" * 100_000 + b"\n",
    "100,000 objects": b'{"preset":' * 100_000,
    "100,000 unknown keys": b"{" + b",".join(b'"%d":0' % number for number in range(100_000)) + b"}",
    "a pickle": pickle.dumps({"preset": "vae"}),
}


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("file", FILES)
def test_content_of_another_kind_is_damage(run: Run, neighbour: Run, file: str, content: str) -> None:
    (run.path / file).write_bytes(CONTENTS[content])
    if file == "metrics.jsonl":
        assert read_apart(lambda: READERS[file](run)).said == "(0, 0)"
    elif file == "train.log":
        said = read_apart(run.last_log_line)
        assert (said.raised, "\n" in said.said) == (None, False)
    else:
        refused(lambda: READERS[file](run), megabytes=150)
    assert_listed(run, neighbour, damaged=file in ("config.json", "status.json"))


WRONG: list[object] = [None, True, -1, 2**63, 10**4000, 0.5, 1e308, -1e308, "", "x" * 20_000, [], {}, [[]], {"a": 1}]


@pytest.mark.parametrize("file", JSON_FILES)
def test_a_wrong_value_in_any_field_is_read_or_one_line(run: Run, file: str) -> None:
    whole = json.loads((run.path / file).read_bytes())
    for field in whole:
        for value in WRONG:
            (run.path / file).write_text(json.dumps(whole | {field: value}))
            try:
                READERS[file](run)
            except DamagedFile as error:
                assert is_one_line(str(error)), (field, value)
            json.dumps(summarise(run).as_json(), allow_nan=False)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_losses_that_are_no_numbers_do_not_spoil_the_list(run: Run, number: str) -> None:
    run.metrics_path.write_text(f'{{"kind": "epoch", "epoch": 1, "train_loss": {number}, "val_loss": {number}}}\n')
    json.dumps(summarise(run).as_json(), allow_nan=False)


@pytest.mark.parametrize("file", JSON_FILES)
def test_a_json_file_cut_off_anywhere_is_damaged(run: Run, neighbour: Run, file: str) -> None:
    whole = (run.path / file).read_bytes()
    for length in range(len(whole.rstrip())):
        (run.path / file).write_bytes(whole[:length])
        with pytest.raises(DamagedFile) as caught:
            READERS[file](run)
        assert is_one_line(str(caught.value)), length
    assert_listed(run, neighbour, damaged=file in LISTED_FROM)


def test_metrics_cut_off_anywhere_are_read_as_far_as_lines_go(run: Run) -> None:
    line = run.metrics_path.read_bytes()
    for length in range(len(line), 2 * len(line) + 1):
        run.metrics_path.write_bytes((2 * line)[:length])
        assert poll(run) == (0, length // len(line))
        assert last_lines(run.metrics_path)["epoch"]["val_loss"] == 4.5


@pytest.mark.parametrize("file", TENSOR_FILES[:2])
def test_weights_cut_off_anywhere_are_damaged(run: Run, file: str) -> None:
    whole = (run.path / file).read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    lengths = [*range(0, header + 9, 50), *range(header - 3, header + 9), *range(header, len(whole), len(whole) // 20)]
    for length in [*lengths, len(whole) - 1]:
        (run.path / file).write_bytes(whole[:length])
        with pytest.raises(DamagedFile) as caught:
            READERS[file](run)
        assert is_one_line(str(caught.value)), length


# Sizes


def lengthen(path: Path, content: bytes, size: int) -> None:
    """A file that begins so and is then one line of zeros that take no space on the disk."""
    path.write_bytes(content)
    os.truncate(path, size)


@pytest.mark.parametrize("size", [1 << 30, 1 << 40], ids=["1 GB", "1 TB"])
@pytest.mark.parametrize("file", FILES)
def test_a_huge_file_is_not_read_into_memory(run: Run, neighbour: Run, file: str, size: int) -> None:
    lengthen(run.path / file, b'{"kind": "step", "preset": "', size)
    bound = 300 if file in TENSOR_FILES else 50
    if file == "train.log" or (file, size) == ("metrics.jsonl", 1 << 30):
        outcome = read_apart(lambda: READERS[file](run))
        assert (outcome.raised, outcome.megabytes < bound) == (None, True)
    else:
        assert "is larger than" in refused(lambda: READERS[file](run), bound)
    listing = read_apart(lambda: assert_listed(run, neighbour, damaged=file in ("config.json", "status.json")))
    assert (listing.raised, listing.megabytes < 50) == (None, True), listing


def test_small_lines_do_not_take_many_times_their_size(run: Run) -> None:
    run.metrics_path.write_bytes(b'{"kind":"step","epoch":0,"step":1,"time":1}\n' * (64 * MEGABYTE // 44))
    outcome = read_apart(lambda: poll(run))
    assert outcome.megabytes < 8 * 64, outcome


# Names


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_run_is_named_in_one_printable_line_whatever_its_folder_is_called(run: Run, name: str) -> None:
    hostile = rename(run, NAMES[name])
    (hostile.path / "status.json").unlink()
    assert [found.name for found in find_runs(run.path.parent)] == [NAMES[name]]
    damage = summarise(hostile).damage
    assert damage is not None
    assert is_one_line(damage), repr(damage)


@pytest.mark.parametrize("name", ["..", "../runs/vae", ".", "", "/etc", "vae/../vae", "vae/../../runs/vae"])
def test_a_name_that_leads_elsewhere_is_no_run(run: Run, name: str) -> None:
    with pytest.raises(RunError, match="no run named"):
        find_run(run.path.parent, name)
