"""`python -m sr_arn` is `sr-arn`."""

import sys

from sr_arn.cli import main

if __name__ == "__main__":
    sys.exit(main())
