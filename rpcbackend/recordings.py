"""What handlers ask of the transcript that this process writes."""

from typing import Protocol

from rpcbackend.errors import NotFoundError
from rpcbackend.schema.transcripts import TranscriptEntry


class Recordings(Protocol):
    """Knows the files of the transcript."""

    async def look(self) -> list[TranscriptEntry]:
        """Return them, the newest first."""
        ...

    async def page(self, name: str) -> str:
        """Return the page that shows what was said last in one of them.

        Raises:
            NotFoundError: There is none of that name that can be opened here.
        """
        ...


class NoRecordings:
    """Those of a process that records nothing."""

    async def look(self) -> list[TranscriptEntry]:
        """Return none."""
        return []

    async def page(self, name: str) -> str:  # noqa: ARG002 (it is not said again)
        """Find none.

        Raises:
            NotFoundError: Always.
        """
        raise NotFoundError("There is no transcript of this name.")
