"""How much of the processor control groups leave to this process: what a container or a job of a cluster is given."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

OF_THIS_PROCESS = Path("/proc/self")
ESCAPED = re.compile(r"\\(\d{3})")  # a blank in a path, as the kernel writes it


def cores(process: Path = OF_THIS_PROCESS) -> float | None:
    """How many cores may be used in all, by the narrowest of the groups that it is in; None where none limits that.

    Of both versions, cgroups(7): a group's limit holds for the groups in it.
    """
    limits = [limit for folder in _folders(process) if (limit := _limit(folder)) is not None]
    return min(limits, default=None)


def _folders(process: Path) -> Iterator[Path]:
    """The folders of the groups that bound this process's time, each with those around it that can be seen."""
    try:
        memberships = (process / "cgroup").read_text().splitlines()
        mounts = (process / "mountinfo").read_text().splitlines()
    except OSError:  # no Linux
        return
    groups = {}
    for line in memberships:
        _, controllers, path = line.split(":", 2)
        if not controllers or "cpu" in controllers.split(","):
            groups["cgroup" if controllers else "cgroup2"] = Path(path)
    for line in mounts:
        of_mount, _, of_system = line.partition(" - ")
        root, place = (ESCAPED.sub(lambda sign: chr(int(sign[1], 8)), word) for word in of_mount.split()[3:5])
        kind, _, options = of_system.split(maxsplit=2)
        if kind not in groups or (kind == "cgroup" and "cpu" not in options.split(",")):
            continue
        inside = Path()
        with suppress(ValueError):  # in a container what is mounted may be the group itself, under another name
            inside = groups[kind].relative_to(root)
        yield from (Path(place) / part for part in (inside, *inside.parents))


def _limit(folder: Path) -> float | None:
    """The cores that one group is given."""
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        try:
            given, period = " ".join((folder / name).read_text() for name in names).split()
            return None if given in ("max", "-1") else int(given) / int(period)
        except (OSError, ValueError):
            continue
    return None
