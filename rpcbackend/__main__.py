"""`python -m rpcbackend` is `rpcbackend`."""

import sys

from rpcbackend.cli import main

if __name__ == "__main__":
    sys.exit(main())
