"""Opening a transcript for somebody who types: its keys come on stdin."""

from pathlib import Path
from typing import TextIO

from rpcbackend.door import ExitRequestedError
from rpcbackend.exits import EX_UNREADABLE, EX_USAGE, EX_WRONG_KEY
from rpcbackend.process_life import read_key_line
from rpcbackend.transcripts.files import Transcript, open_transcript
from rpcbackend.transcripts.format import TranscriptError
from rpcbackend.transcripts.sealed import WrongTranscriptKeyError


def open_with_keys(
    path: Path, stdin: TextIO, keys: list[bytes], *, is_whole: bool = True
) -> Transcript:
    """Open it, reading keys as long as it is sealed and none of them opens it.

    Args:
        path: See `open_transcript`.
        stdin: A key in base64url in each line.
        keys: That are tried first; those that were read are added.
        is_whole: See `open_transcript`.

    Raises:
        ExitRequestedError: It cannot be opened.
    """
    while True:
        try:
            return open_transcript(path, keys, is_whole=is_whole)
        except WrongTranscriptKeyError as error:
            if (key := read_key_line(stdin)) is None:
                raise ExitRequestedError(EX_WRONG_KEY if keys else EX_USAGE, str(error)) from None
            keys.append(key)
        except TranscriptError as error:
            raise ExitRequestedError(EX_UNREADABLE, f"{path}: {error}") from None
        except OSError as error:
            raise ExitRequestedError(EX_USAGE, f"{path}: {error.strerror}") from None
