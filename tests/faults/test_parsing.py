"""Whatever bytes stand in the files of a run, they are what they should be or damaged, and nothing in between."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from core.data.registry import NAMES
from core.errors import DamagedFile
from core.runs.architecture.presets import PRESETS
from core.runs.config import RunConfig
from core.runs.metrics.lines import EPOCH_COLUMNS, STEP_COLUMNS, last_lines
from core.runs.metrics.reader import MetricsReader
from core.runs.requests import ACTIONS, Request
from core.runs.run import Run
from core.runs.status import DeviceLoad, GpuFigures, State, Status

LONGEST_COMPLAINT = 500

# The folder of a test serves all its examples: each writes its file anew.
many = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

counts = st.integers(0, 2**53)
clocks = st.floats(-1e12, 1e12)
speeds = st.floats(0, allow_infinity=False)
rates = st.floats(0, 1, exclude_min=True)
texts = st.text(max_size=40)

configs = st.builds(
    RunConfig,
    preset=st.sampled_from(list(PRESETS)),
    dataset=st.sampled_from(NAMES),
    data_dir=st.none() | texts,
    epochs=st.integers(1, 1_000_000),
    batch_size=st.integers(2, 10_000),
    learning_rate=rates,
    seed=st.integers(0, 2**32 - 1),
    device=st.sampled_from(["auto", "cpu", "mps", "cuda", "cuda:0", "cuda:15"]),
    validate_every=st.integers(1, 1_000_000),
    created=texts,
    versions=st.dictionaries(texts, texts, max_size=4),
)
loads = st.builds(DeviceLoad, utilisation=st.floats(0, 100_000), memory_used=counts, memory_total=counts)
gpus = st.builds(
    GpuFigures,
    card=st.none() | counts,
    utilisation=st.none() | st.floats(0, 100),
    memory_used=st.none() | counts,
    memory_total=st.none() | counts,
    temperature=st.none() | st.floats(-300, 1000),
    power=st.none() | st.floats(0, 1e6),
)
statuses = st.builds(
    Status,
    state=st.sampled_from(State),
    pid=st.none() | st.integers(1, 2**31),
    process_started=st.none() | clocks,
    host=texts,
    heartbeat=clocks,
    uptime=clocks,
    activity=texts,
    epoch=counts,
    epochs=counts,
    step=counts,
    steps_per_epoch=counts,
    saved_step=st.none() | counts,
    images_per_second=speeds,
    learning_rate=st.none() | rates,
    device=texts,
    device_name=texts,
    device_load=st.none() | loads,
    gpu=st.none() | gpus,
    handled=st.none() | texts,
    error=st.none() | texts,
    cause=st.sampled_from([None, "diverged", "memory"]),
)
requests = st.builds(Request, action=st.sampled_from(ACTIONS), id=texts, time=clocks)


@given(written=configs | statuses | requests)
@many
def test_what_is_written_is_read_back_equal(written: BaseModel) -> None:
    assert type(written).model_validate_json(written.model_dump_json(indent=2)) == written


# The JSON files

FILES: dict[str, tuple[type[BaseModel], Callable[[Run], object]]] = {
    "config.json": (RunConfig, Run.config),
    "status.json": (Status, Run.status),
    "control.json": (Request, lambda run: run.requests.last()),
}

scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.sampled_from([10**4000, -1, 2**63, ""])
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)


def fields(model: type[BaseModel]) -> st.SearchStrategy[str]:
    return st.sampled_from(list(model.model_fields))


def read_or_damaged(run: Run, file: str, content: bytes) -> None:
    """Fails unless the content is read whole, or called damaged in one line."""
    model, read = FILES[file]
    (run.path / file).write_bytes(content)
    try:
        assert isinstance(read(run), model)
    except DamagedFile as error:
        said = str(error)
        assert said.startswith(f"{file}: ")
        assert said.isprintable(), repr(said[:LONGEST_COMPLAINT])
        assert len(said) < LONGEST_COMPLAINT, f"{len(said):,} characters: {said[:100]}"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path / "a-run")
    run.path.mkdir()
    return run


@pytest.mark.parametrize("file", FILES)
@given(content=st.binary(max_size=300) | values.map(lambda value: json.dumps(value).encode()))
@many
def test_any_bytes_and_any_json_are_read_or_damaged(run: Run, file: str, content: bytes) -> None:
    read_or_damaged(run, file, content)


@pytest.mark.parametrize("file", FILES)
@given(data=st.data())
@many
def test_any_value_in_any_field_is_read_or_damaged(run: Run, file: str, data: st.DataObject) -> None:
    content = data.draw(st.dictionaries(fields(FILES[file][0]), values, max_size=5))
    read_or_damaged(run, file, json.dumps(content).encode())


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(
    "key", ["\x1b]0;PWNED\x07", "\x1b[2J", "\x9b31m", "two\nlines", "right\u202eto left", "x" * 900_000, "{braces}"]
)
def test_an_unknown_key_is_named_in_one_short_printable_line(run: Run, file: str, key: str) -> None:
    read_or_damaged(run, file, json.dumps({key: 1}).encode())


@pytest.mark.parametrize("file", FILES)
@given(data=st.data())
@many
def test_a_file_with_bytes_changed_is_read_or_damaged(run: Run, file: str, data: st.DataObject) -> None:
    whole = data.draw({"config.json": configs, "status.json": statuses, "control.json": requests}[file])
    content = bytearray(whole.model_dump_json(indent=2).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    read_or_damaged(run, file, bytes(content))


# metrics.jsonl

COUNTS = ("epoch", "step", "time")
numbers = st.none() | st.integers(-(10**15), 10**15) | st.floats(-1e15, 1e15)
progress = dict.fromkeys(COUNTS, st.integers(0, 10**15) | st.floats(0, 1e15))
rows = st.one_of(
    *(
        st.fixed_dictionaries(
            {"kind": st.just(kind), **progress}, optional={name: numbers for name in names if name not in COUNTS}
        )
        for kind, names in (("step", STEP_COLUMNS), ("epoch", EPOCH_COLUMNS))
    )
)
whole_lines = rows.map(lambda row: json.dumps(row).encode())


def is_row(line: bytes) -> bool:
    """Whether Python's own parser calls it a row of numbers, with all that says how far training was."""
    if line[:1] != b"{" or line[-1:] != b"}":
        return False
    try:
        row = json.loads(line.decode())
        names = {"step": STEP_COLUMNS, "epoch": EPOCH_COLUMNS}[row["kind"]]
        given_values = [row[name] for name in names if row.get(name) is not None]
        return (
            {type(value) for value in given_values} <= {int, float}
            and all(abs(float(value)) <= 1e15 for value in given_values)
            and all(row[name] >= 0 for name in COUNTS)
        )
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return False


def is_damaged(line: bytes) -> bool:
    """Whether it is neither a row nor of a kind that another version writes."""
    return not is_row(line) and line not in NEWER


NEWER = [b'{"kind":"sample"}', b'{"kind": "sample", "step": "7", "grid": {"rows": [[1], {}]}}', b'{"kind": ""}']
damaged_lines = st.one_of(
    st.binary(min_size=1, max_size=60).map(lambda line: line.replace(b"\n", b"")),
    values.map(lambda value: json.dumps(value).encode()),
    st.builds(lambda line, end: line[: end % len(line)], whole_lines, st.integers(1)),
    st.sampled_from(
        [
            b'{"kind": "step", "epoch": 0, "time": 1.0}',
            b'{"kind": "step", "epoch": 0, "step": -1, "time": 1.0}',
            b'{"kind": "step", "epoch": 0, "step": 1, "time": 1.0, "loss": NaN}',
            b'{"kind": "step", "epoch": 0, "step": 1, "time": 1.0, "loss": 1e999}',
            b'{"kind": "step", "epoch": 0, "step": 1, "time": 1.0, "loss": 1e16}',
            b'{"kind": "step", "step": true}',
            b'{"kind": "step", "step": "7"}',
            b'{"kind": "step", "step": [7]}',
            b'{"kind": ["step"]}',
            b'{"kind": "step", "loss": 1' + b"0" * 400 + b"}",
            b'{"kind": "step", "loss": 1' + b"0" * 5000 + b"}",
            b"[" * 5000,
            b"]",
            b"],[",
            b"\x00" * 100,
            b'{"kind": "step", "note": "' + b"x" * 70_000 + b'"}',
        ]
    ),
).filter(lambda line: line.strip() and is_damaged(line))
files = st.lists(whole_lines | damaged_lines | st.sampled_from(NEWER), max_size=30)


def read_rows(reader: MetricsReader) -> tuple[list[list[float]], list[list[float]]]:
    return (
        [reader.steps[name].tolist() for name in STEP_COLUMNS],
        [reader.epochs[name].tolist() for name in EPOCH_COLUMNS],
    )


def expected_rows(lines: list[bytes]) -> tuple[list[list[float]], list[list[float]]]:
    found = [json.loads(line) for line in lines if is_row(line)]

    def column(kind: str, name: str) -> list[float]:
        return [math.nan if row.get(name) is None else float(row[name]) for row in found if row["kind"] == kind]

    return [column("step", name) for name in STEP_COLUMNS], [column("epoch", name) for name in EPOCH_COLUMNS]


def same(left: Any, right: Any) -> bool:
    """Equal as text, where one NaN is like another."""
    return repr(left) == repr(right)


@given(lines=files, data=st.data())
@many
def test_exactly_the_whole_lines_are_read_in_whatever_pieces_they_come(
    tmp_path: Path, lines: list[bytes], data: st.DataObject
) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"")
    content = b"".join(line + b"\n" for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=12)))
    reader = MetricsReader(path)
    for start, end in zip([0, *cuts], [*cuts, len(content)], strict=True):
        with path.open("ab") as file:
            file.write(content[start:end])
        reader.poll()
    assert same(read_rows(reader), expected_rows(lines))
    assert reader.damaged_lines == sum(is_damaged(line) for line in lines)


@given(before=files, kept=st.integers(0, 30), after=files)
@many
def test_after_a_resume_has_cut_the_file_back_the_rest_is_forgotten(
    tmp_path: Path, before: list[bytes], kept: int, after: list[bytes]
) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in before))
    reader = MetricsReader(path)
    reader.poll()
    lines = before[:kept] + after
    assume(lines != before)
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    reader.poll()
    assert same(read_rows(reader), expected_rows(lines))


@given(lines=files, half=whole_lines)
@many
def test_the_last_lines_are_those_of_a_full_read(tmp_path: Path, lines: list[bytes], half: bytes) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in lines) + half[:-1])
    assume(path.stat().st_size < 1 << 16)
    reader = MetricsReader(path)
    reader.poll()
    found = last_lines(path)
    for kind, table, names in (("step", reader.steps, STEP_COLUMNS), ("epoch", reader.epochs, EPOCH_COLUMNS)):
        assert (kind in found) == bool(len(table))
        if kind in found:
            last = [math.nan if found[kind].get(name) is None else float(found[kind][name]) for name in names]
            assert same(last, [table[name][-1].item() for name in names])


STEP = b'{"kind":"step","epoch":0,"time":1.5,"step":1}'


@pytest.mark.parametrize(
    "lines",
    [[STEP + b"," + STEP], [STEP[:-1], b'"loss":2}'], [STEP, STEP[:-1], b'"loss":2}', STEP], [b"[],[]"]],
    ids=["two rows in one line", "one row in two lines", "and whole ones around", "two lists"],
)
def test_a_line_is_a_row_by_itself_or_damaged(tmp_path: Path, lines: list[bytes]) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    reader = MetricsReader(path)
    reader.poll()
    assert len(reader.steps) == sum(is_row(line) for line in lines)
    assert reader.damaged_lines == sum(is_damaged(line) for line in lines)
    assert ("step" in last_lines(path)) == bool(len(reader.steps))


@given(content=st.binary(max_size=2000))
@example(b"\n" * 2000)
@many
def test_any_bytes_as_metrics_are_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(content)
    reader = MetricsReader(path)
    reader.poll()
    last_lines(path)
    assert len(reader.steps) + len(reader.epochs) + reader.damaged_lines <= content.count(b"\n")
