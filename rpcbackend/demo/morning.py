"""`rpcbackend demo`: a morning at the desk of the demo school, played with a real backend."""

import asyncio
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from rpcbackend.clock import SystemClock
from rpcbackend.demo.desk import DeskError, running_backend
from rpcbackend.demo.scenes import Morning
from rpcbackend.demo.seed import Plan, fill
from rpcbackend.demo.stage import Stage
from rpcbackend.door import ExitRequestedError
from rpcbackend.exits import EX_BUG


def show_morning(data_dir: Path | None, *, students: int) -> int:
    """Play the morning, print it, and return the exit code.

    Args:
        data_dir: Keeps the demo school, or has it already; None for one that is gone afterwards.
        students: How many a new demo school has.
    """
    with ExitStack() as stack:
        directory = data_dir or Path(stack.enter_context(TemporaryDirectory(prefix="rpcbackend-")))
        try:
            fill(directory, Plan(students=students), may_exist=True)
            asyncio.run(_play(directory, is_kept=data_dir is not None))
        except ExitRequestedError as end:
            sys.stderr.write(f"rpcbackend: {end}\n")
            return end.code
        except (DeskError, OSError) as error:
            # TimeoutError is an OSError.
            reason = str(error) or "no answer in time"
            sys.stderr.write(f"rpcbackend: the demo had to stop: {reason}\n")
            return EX_BUG
    return 0


async def _play(directory: Path, *, is_kept: bool) -> None:
    async with running_backend(directory) as backend:
        await Morning(backend, Stage(), SystemClock()).play(directory if is_kept else None)
