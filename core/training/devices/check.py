"""Whether this machine has a device, asked of a process of its own: `python -m core.training.devices.check NAME N`.

So that whoever asks need not load PyTorch. It prints what is wrong as a JSON object of messages by setting.
"""

from __future__ import annotations

import json
import sys

from core.errors import ConfigError
from core.training.devices import choice


def main(name: str, processes: str) -> int:
    """Print what is wrong with a device for so many processes; the exit status."""
    try:
        choice.resolve(choice.of_process(name, int(processes), rank=0))
    except ConfigError as error:
        print(json.dumps(error.problems))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
