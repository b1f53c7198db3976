"""Recovery codes: ten printed ways in for somebody whose authenticator is gone, each good once."""

import base64
import hmac
import re
from collections.abc import Callable, Iterable
from hashlib import sha256

COUNT = 10

# 120 bits: from 112 on a plain fast hash may store them (OWASP ASVS 5.0, 6.5.2).
_BYTES = 15
_GROUP = 4
# What people read for letters; base32 (RFC 4648 section 6) has no 0, 1 and 8.
_READ_AS = str.maketrans({"0": "o", "1": "l", "8": "b"})


def new_recovery_codes(random_bytes: Callable[[int], bytes]) -> list[str]:
    """Return ten codes such as `k3pe-77ha-…`: six groups of four, 120 bits."""
    return [_grouped(random_bytes(_BYTES)) for _ in range(COUNT)]


def _grouped(content: bytes) -> str:
    text = base64.b32encode(content).decode().lower()
    return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def hash_recovery_code(text: str) -> bytes:
    """Return the 32 bytes to store; case, spaces, dashes and 0, 1, 8 for o, l, b do not matter."""
    plain = re.sub(r"[\s-]", "", text).lower().translate(_READ_AS)
    return sha256(plain.encode("utf-8", "surrogatepass")).digest()


def find_recovery_code(text: str, hashes: Iterable[bytes]) -> bytes | None:
    """Return the stored hash that *text* fits, which the caller then deletes, or None."""
    presented = hash_recovery_code(text)
    # All are compared, so the time does not tell which one fits.
    fitting = [stored for stored in hashes if hmac.compare_digest(stored, presented)]
    return fitting[0] if fitting else None
