"""Texts with places to fill in, such as `{givenName}`; knows neither people nor languages.

Nothing of a text is ever run or looked up: a place is a name out of a list, or the text is refused.
"""

import re
from collections.abc import Collection, Mapping

_PLACE = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z][A-Za-z_]{0,39}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def places_in(text: str) -> set[str]:
    """Return the names of the places in a text."""
    return set(_PLACE.findall(text))


def unknown_in(text: str, known: Collection[str]) -> list[str]:
    """Return what stands in braces and is no place, and braces that stand alone."""
    alone = set(re.findall(r"[{}]", _PLACE.sub("", text)))
    return sorted(alone | {name_of(found) for found in places_in(text) - set(known)})


def marks_in(text: str) -> list[str]:
    """Return the places of a text as they stand in it, as far as they may be told, and braces."""
    alone = re.findall(r"[{}]", _PLACE.sub("", text))
    return [*sorted(f"{{{name_of(found).strip('{}')}}}" for found in places_in(text)), *alone]


def name_of(found: str) -> str:
    """Return what may be told of a name that is not known: itself only if it looks like one.

    Anything else is a text of somebody, which no error, log or transcript repeats.
    """
    return found if _NAME.fullmatch(found) else "{…}"


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put the values in their places, once: what looks like a place in a value stays as it is."""
    return _PLACE.sub(lambda found: values.get(found[1], found[0]), text)


def fill_line(text: str, values: Mapping[str, str], most: int) -> str:
    """Fill a text that is one line of *most* characters, whatever stands in the values."""
    return shorten(" ".join(_CONTROL.sub(" ", fill(text, values)).split()), most)


def fill_text(text: str, values: Mapping[str, str], most: int) -> str:
    """Fill a text of *most* characters and of lines that end as they do here."""
    lines = fill(text, values).replace("\r\n", "\n").replace("\r", "\n")
    return shorten(_CONTROL.sub("", lines).strip(), most)


def shorten(text: str, most: int) -> str:
    """Cut a text that is too long, and show that it was."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
