"""Where this program begins, under a name that no other package has: a folder named `core` is not imported.

The installed command calls `main`; `python -P vae_tui.py core.worker ...` is `python -m core.worker ...`.
"""

import os.path
import signal
import sys

MODULES = (
    *("core.worker", "core.classifier", "core.explorer.server", "core.kernels.gpu.selftest"),
    *("core.training.devices.check", "core.training.forks.making", "core.latents.plane.embedder"),
    *("tui.browser.app", "tests.benchmarks"),
)


def main() -> None:
    """Put the folder of this program first, then start it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing is to be tidied up yet, and no traceback to be shown
    # What PYTHONPATH names comes before what is installed.
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - loaded by then
    if __name__ == "__main__" and sys.argv[1:2] and sys.argv[1].startswith(MODULES):
        import runpy

        runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
        return
    from tui.__main__ import main

    main()


if __name__ == "__main__":
    main()
