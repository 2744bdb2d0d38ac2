"""Where the runs of a sweep train at the same time."""

from __future__ import annotations

from tui.commands.output import print_error


def find_slots(device: str, jobs: int | None) -> list[str]:
    """The device of each run that trains at the same time. Raises ConfigError."""
    from core.training.devices import choice

    for each in choice.present() if device == "auto" else ():
        if reason := choice.complaint(each):
            print_error(f"not {each}: {reason}")
    found = [each for each in choice.available() if each.startswith("cuda")] if device in ("auto", "cuda") else []
    usable = found or [str(choice.resolve(device))]
    return [usable[slot % len(usable)] for slot in range(jobs or len(usable))]
