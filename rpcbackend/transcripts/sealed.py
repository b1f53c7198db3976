"""Chunks of a transcript under a key of their file: AES-256-GCM in the STREAM construction.

A file's key follows from the store's and a salt of its own (HKDF-SHA256, RFC 5869). The nonce of a
chunk is its number and whether it is the last one, so that no chunk can be changed, moved, doubled
or left out, and a file that was cut says so (Hoang, Reyhanitabar, Rogaway and Vizár, "Online
authenticated-encryption and its nonce-reuse misuse-resistance", 2015). A chunk is a line in base64:
a crash in the middle of one costs that one.
"""

import base64
import binascii
import os

import orjson

from rpcbackend.transcripts.format import FORMAT, TranscriptError

CIPHER = "A256GCM"
LABEL = b"rpcbackend transcript/1"
SALT_BYTES = 32
_LAST = b"\x01"
_MORE = b"\x00"


class WrongTranscriptKeyError(TranscriptError):
    """No key that was given opens the transcript."""


def opening_line(salt: bytes) -> bytes:
    """Return the first line of a sealed file, which every chunk is bound to."""
    told = {"format": FORMAT, "sealed": CIPHER, "salt": base64.b64encode(salt).decode()}
    return orjson.dumps(told) + b"\n"


def salt_of(line: bytes) -> bytes | None:
    """Return the salt in the first line of a sealed file, or None for a plain one."""
    try:
        told = orjson.loads(line)
        if not isinstance(told, dict) or told.get("sealed") != CIPHER:
            return None
        return base64.b64decode(told["salt"], validate=True)
    except (ValueError, KeyError, TypeError):
        return None


def new_salt() -> bytes:
    """Return one that no other file has."""
    return os.urandom(SALT_BYTES)


class Seal:
    """Seals and opens the chunks of one file, one after the other.

    Args:
        key: The store's 32 bytes.
        salt: The file's own.
    """

    def __init__(self, key: bytes, salt: bytes) -> None:
        # Only an encrypted store needs these, and only while it is recorded or replayed (D9).
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

        derived = HKDF(SHA256(), 32, salt=salt, info=LABEL).derive(key)
        self._cipher, self._aad = AESGCM(derived), opening_line(salt)
        self._number = 0

    def seal(self, chunk: bytes, *, is_last: bool) -> bytes:
        """Return the line of the next chunk."""
        nonce = self._next_nonce(is_last=is_last)
        return base64.b64encode(self._cipher.encrypt(nonce, chunk, self._aad)) + b"\n"

    def open(self, line: bytes) -> tuple[bytes, bool]:
        """Return the next chunk, and whether it is the last one.

        Raises:
            TranscriptError: It is not what was written there.
        """
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 (as above)

        number = self._number
        for is_last in (False, True):
            self._number = number
            nonce = self._next_nonce(is_last=is_last)
            try:
                sealed = base64.b64decode(line.rstrip(b"\n"), validate=True)
                return self._cipher.decrypt(nonce, sealed, self._aad), is_last
            except (InvalidTag, binascii.Error, ValueError):
                continue
        if number == 0:
            raise WrongTranscriptKeyError("the key does not open the transcript")
        raise TranscriptError(f"chunk {number + 1} is not what was written")

    def _next_nonce(self, *, is_last: bool) -> bytes:
        self._number += 1
        return self._number.to_bytes(11) + (_LAST if is_last else _MORE)
