"""`python -P -m core.worker RUN_DIR` trains a run."""

import sys

from core.jobs.worker import main

if __name__ == "__main__":
    sys.exit(main())
