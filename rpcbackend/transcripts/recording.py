"""A process that records, for as long as it serves; and why there can be no transcript."""

from collections.abc import Iterator
from contextlib import contextmanager

from rpcbackend.config import RecordSettings
from rpcbackend.door import ExitRequestedError
from rpcbackend.exits import EX_CANTCREAT
from rpcbackend.methods import build_registry
from rpcbackend.surroundings import Surroundings
from rpcbackend.transcripts.parts import check_place
from rpcbackend.transcripts.recorder import Recorder
from rpcbackend.transcripts.shelf import Shelf
from rpcbackend.transcripts.writing import Bounds


@contextmanager
def recording(settings: RecordSettings, surroundings: Surroundings) -> Iterator[None]:
    """Record what an application of these surroundings says, if a file for it is named.

    Raises:
        ExitRequestedError: No transcript can be written there.
    """
    path = settings.file
    if path is None:
        yield
        return
    if not path.parent.is_dir():
        raise ExitRequestedError(EX_CANTCREAT, f"there is no folder {path.parent} for a transcript")
    try:
        check_place(path)
    except OSError as error:
        raise ExitRequestedError(
            EX_CANTCREAT, f"no transcript can be written to {path}: {error.strerror}"
        ) from None
    bounds = Bounds(
        part_bytes=settings.part_bytes, parts=settings.parts, waiting_bytes=settings.waiting_bytes
    )
    recorder = Recorder(path, surroundings.clock, bounds, surroundings.tell)
    surroundings.tap = recorder
    surroundings.recordings = Shelf(path, build_registry, lambda: recorder.keys)
    try:
        yield
    finally:
        recorder.close()
