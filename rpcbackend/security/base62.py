"""Letters and digits for what people copy, and a checksum that tells a mistyped one."""

import string
import zlib

DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase

CHECKSUM_CHARS = 6


def base62(number: int, length: int) -> str:
    """Write a number in so many characters."""
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(DIGITS[digit])
    return "".join(reversed(digits))


def checksum(signed: str) -> str:
    """Return what is put behind a text, so that a wrong one is refused without a look-up."""
    return base62(zlib.crc32(signed.encode()), CHECKSUM_CHARS)
