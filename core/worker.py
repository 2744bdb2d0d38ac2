"""`python -P -m core.worker RUN_DIR` trains runs."""

import signal
import sys

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until it trains: there is nothing to save yet
    from core.jobs.process import main

    sys.exit(main())
