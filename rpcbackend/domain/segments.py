"""How many text messages a text is: what it costs; pure."""

from bisect import bisect_right
from typing import Literal, NamedTuple

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = "\f^{}\\[~]|€"
_UNITS = {**dict.fromkeys(_BASIC, 1), **dict.fromkeys(_EXTENDED, 2)}
"""3GPP TS 23.038, sections 6.2.1 and 6.2.1.1: what is in no table has to go as UCS-2."""

_FIRST_OUTSIDE_UCS2 = 0x1_0000


MOST_PARTS = 10
"""What a text may cost at most; a telephone may not even put more together."""

_CUT = "..."
"""Shows that something is missing; the sign of that name would make 16 bits of each character."""


class Segments(NamedTuple):
    """What a text becomes on its way."""

    encoding: Literal["gsm7", "ucs2"]
    parts: int
    units: int
    """Septets, or units of 16 bits."""


def count_segments(text: str) -> Segments:
    """Count the messages that a text is sent as.

    One alone holds 160 septets or 70 units; parts of a longer text 153 or 67, for each says which
    part it is (3GPP TS 23.040, section 9.2.3.24.1). No character is cut in two.
    """
    encoding: Literal["gsm7", "ucs2"]
    if all(character in _UNITS for character in text):
        encoding, alone, part = "gsm7", 160, 153
        widths = [_UNITS[character] for character in text]
    else:
        encoding, alone, part = "ucs2", 70, 67
        widths = [1 + (ord(character) >= _FIRST_OUTSIDE_UCS2) for character in text]
    units = sum(widths)
    return Segments(encoding, 1 if units <= alone else _parts(widths, part), units)


def fits(text: str) -> bool:
    """Tell whether a text can be sent."""
    return count_segments(text).parts <= MOST_PARTS


def fit(text: str) -> str:
    """Cut a text that cannot be sent, and show that it was."""
    if fits(text):
        return text
    # What begins a text takes no more parts than all of it.
    most = bisect_right(
        range(len(text)), x=False, key=lambda length: not fits(text[:length] + _CUT)
    )
    return text[: most - 1].rstrip() + _CUT


def _parts(widths: list[int], size: int) -> int:
    count, room = 1, size
    for width in widths:
        if width > room:
            count, room = count + 1, size
        room -= width
    return count
