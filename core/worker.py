"""`python -P -m core.worker RUN_DIR` trains runs."""

import sys

from core.jobs.process import main

if __name__ == "__main__":
    sys.exit(main())
