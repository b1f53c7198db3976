"""Keys half-way between two others, as far as that is easily found."""

from typing import Any

WIDTH = 64
"""Characters of a text or bytes of a blob that tell where it lies: ids have 40."""

Key = tuple[Any, ...]


def between(low: Key, high: Key) -> Key | None:
    """Return a key about half-way between two, or None if there is none that is easily found."""
    for place, (one, other) in enumerate(zip(low, high, strict=True)):
        if one != other:
            middle = _middle(one, other)
            rest = [_least(value) for value in low[place + 1 :]]
            return None if middle is None else (*low[:place], middle, *rest)
    return None


def _middle(low: Any, high: Any) -> Any:
    if isinstance(low, int):
        return (low + high) // 2 if high - low > 1 else None
    base, first = (95, 32) if isinstance(low, str) else (256, 0)
    one, other = _number(low, base, first), _number(high, base, first)
    if other - one < 2:  # noqa: PLR2004 (nothing lies between neighbours)
        return None
    digits = _digits((one + other) // 2, base)
    middle: Any = bytes(digits)
    if isinstance(low, str):
        middle = "".join(chr(first + digit) for digit in digits)
    return middle if low < middle < high else None


def _number(value: str | bytes, base: int, first: int) -> int:
    """Read the beginning of a text or blob as a fraction of the base, in whole steps."""
    codes = [ord(each) for each in value] if isinstance(value, str) else list(value)
    codes = [min(max(code - first, 0), base - 1) for code in codes]
    number = 0
    for code in [*codes, *[0] * WIDTH][:WIDTH]:
        number = number * base + code
    return number


def _digits(number: int, base: int) -> list[int]:
    digits = []
    for _ in range(WIDTH):
        number, digit = divmod(number, base)
        digits.append(digit)
    return digits[::-1]


def _least(value: Any) -> Any:
    return {int: -1, str: "", bytes: b""}[type(value)]
