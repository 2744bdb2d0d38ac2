"""Changing single values of a TOML file, whose other lines and comments stay as its user wrote them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

Value = bool | int | float | str | Sequence[str]


def flat(table: Mapping[str, object], above: str = "") -> dict[str, object]:
    """The values of a table and of those in it, by their whole names, such as `charts.training.x`."""
    found: dict[str, object] = {}
    for name, value in table.items():
        found.update(flat(value, f"{above}{name}.") if isinstance(value, dict) else {above + name: value})
    return found


def changed(written: str, values: Mapping[str, Value]) -> str:
    """The text with these values. Raises ValueError where its lines do not allow it."""
    import tomllib

    lines = written.splitlines()
    for name, value in values.items():
        _change(lines, name, f"{name.rpartition('.')[2]} = {_written(value)}")
    result = "\n".join(lines) + "\n"
    try:  # whether the lines mean what they should
        expected = flat(tomllib.loads(written)) | {name: _plain(value) for name, value in values.items()}
        if flat(tomllib.loads(result)) == expected:
            return result
    except tomllib.TOMLDecodeError:
        pass
    raise ValueError("is written in a way that cannot be changed line by line")


def _change(lines: list[str], name: str, line: str) -> None:
    table, _, key = name.rpartition(".")
    headers = [place for place, found in enumerate(lines) if re.match(r"\s*\[", found)] + [len(lines)]
    if table:
        header = re.compile(rf"\s*\[\s*{re.escape(table)}\s*\]\s*(#.*)?")
        start = next((place for place in headers[:-1] if header.fullmatch(lines[place])), None)
        if start is None:
            lines += [""] * bool(lines and lines[-1].strip()) + [f"[{table}]", line]
            return
        first, end = start + 1, next(place for place in headers if place > start)
    else:
        first, end = 0, headers[0]
    for place in range(first, end):
        if re.match(rf"\s*{re.escape(key)}\s*=", lines[place]):
            lines[place] = line
            return
    while end > first and not lines[end - 1].strip():
        end -= 1
    lines.insert(end, line)


def _written(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return f"[{', '.join(map(_written, value))}]"


def _plain(value: Value) -> object:
    return value if isinstance(value, (bool, int, float, str)) else list(value)
