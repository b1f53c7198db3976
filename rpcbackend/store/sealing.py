"""One secret in a box of its own: AES-256-GCM under a key that follows from the store's.

The key is HKDF-SHA256 of the store's with a label (RFC 5869). A box is bound to its place, table,
column and row, so that none can be put in the place of another; its nonce is random (NIST SP
800-38D section 8.2.2). Knows no SQL.
"""

import os

from rpcbackend.store.backups import mark_of

LABEL = b"rpcbackend field/1"
NONCE_BYTES = 12
PLAIN = "plain"


class BoxDamagedError(Exception):
    """The box is not what was put there, or was sealed under another key."""


def place_of(table: str, column: str, row_id: str) -> str:
    """Name the place of a secret."""
    return f"{table}|{column}|{row_id}"


class BoxKey:
    """Seals and opens the boxes of one store.

    Args:
        key: The store's 32 bytes. None is of a plain store, which has no place for a key: its boxes
            are open (docs/adr/0014-keys.md).
    """

    def __init__(self, key: bytes | None) -> None:
        self.mark = mark_of(key) or PLAIN
        """Tells whose boxes they are."""
        self._cipher = None
        if key is not None:
            # Only whoever has a provider or a webhook needs these (D9).
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
            from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
            from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

            self._cipher = AESGCM(HKDF(SHA256(), 32, salt=None, info=LABEL).derive(key))

    def seal(self, place: str, secret: str) -> bytes:
        """Return the box of a secret."""
        if self._cipher is None:
            return secret.encode()
        # From the system, whatever the program is seeded with: a nonce twice gives the key away.
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), place.encode())

    def open(self, place: str, box: bytes) -> str:
        """Return the secret in a box.

        Raises:
            BoxDamagedError: It is not what was put there.
        """
        if self._cipher is None:
            return box.decode()
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 (as above)

        try:
            nonce, sealed = box[:NONCE_BYTES], box[NONCE_BYTES:]
            return self._cipher.decrypt(nonce, sealed, place.encode()).decode()
        except (InvalidTag, ValueError):
            raise BoxDamagedError(place) from None
