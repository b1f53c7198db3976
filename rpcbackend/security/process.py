"""What the process keeps from others on the same machine: its memory, and the files it makes."""

import os
import sys
from functools import cache

_PR_SET_DUMPABLE = 4
"""From linux/prctl.h."""


def make_files_private() -> None:
    """Let nobody else read what the process creates from now on."""
    os.umask(0o077)


@cache
def harden() -> None:
    """Keep what is in memory, keys above all, from core dumps and from other programs, for good.

    On Linux even programs of the same user can neither attach to the process nor read what /proc
    shows of its memory and environment. Windows writes no memory to disk unless it is told to.
    """
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 (exists on POSIX only)

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # The limit alone does not bind a core_pattern that is a program (core(5)).
        import ctypes  # noqa: PLC0415 (2 ms of cold start)

        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
