"""Both halves read the same thing: our decoder against V8's, case by case.

One process of Node reads the whole corpus; tests/data/json/parse.mjs is what it runs.
"""

import base64
import shutil
import struct
import subprocess
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest

from rpcbackend.errors import ParseError
from rpcbackend.protocol.codec import Json, decode
from tests.clauses import clause

FOLDER = Path(__file__).parent.parent / "data" / "json"
CASES: dict[str, bytes] = {
    case["name"]: base64.b64decode(case["base64"])
    for case in orjson.loads((FOLDER / "corpus.json").read_bytes())
}

TOO_DEEP = "we refuse nesting over 1,024; V8 has no bound"
SURROGATE = "we refuse half a surrogate pair, which no UTF-8 can carry; V8 keeps it"
OVERFLOW = "we refuse what no double can hold; V8 reads it as Infinity, which JSON cannot write"
EXACT = "we read 64-bit integers exactly, V8 rounds them; beyond 2^53 every param refuses them"
NO_SIGN = "we read -0 as the integer 0, V8 as the double -0; nothing of ours tells them apart"

DIFFERENCES = {
    "number-minus-zero": NO_SIGN,
    **dict.fromkeys(
        (
            "number-2^53+1",
            "number-minus-2^53-1",
            "number-2^63-1",
            "number-2^64-1",
            "number-digits-20",
            "request-id-2^53+1",
        ),
        EXACT,
    ),
    **dict.fromkeys(
        (
            "number-over",
            "number-over-by-rounding",
            "number-over-in-array",
            "number-exponent-huge-digits",
            "number-far-over",
            "number-minus-far-over",
            "number-digits-400",
            "number-zeros-400",
        ),
        OVERFLOW,
    ),
    **dict.fromkeys(
        (
            "string-surrogate-high",
            "string-surrogate-high-twice",
            "string-surrogate-high-then-letter",
            "string-surrogate-high-then-escape",
            "string-surrogate-high-then-u",
            "string-surrogate-high-then-pair",
            "string-surrogate-key",
            "string-surrogate-low",
            "string-surrogates-swapped",
        ),
        SURROGATE,
    ),
    **dict.fromkeys(
        (
            "deep-array-1025",
            "deep-array-2000",
            "deep-array-5000",
            "deep-mixed-1026",
            "deep-object-1025",
            "deep-object-2000",
            "deep-object-5000",
        ),
        TOO_DEEP,
    ),
}
"""The cases which the two read differently, and why that does no harm."""


@dataclass(frozen=True)
class Mark:
    """Stands among values for a text that is already written."""

    text: str


@clause("decoder-agrees-with-v8")
@pytest.mark.parametrize("name", [name for name in CASES if name not in DIFFERENCES])
def test_both_halves_read_the_same(name: str) -> None:
    assert read_here(CASES[name]) == read_by_node()[name]


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_known_difference_is_still_one(name: str) -> None:
    ours, theirs = read_here(CASES[name]), read_by_node()[name]

    assert ours != theirs
    # Where only one accepts it, it is V8: what we write is always read.
    assert theirs is not None
    assert (ours is None) is (DIFFERENCES[name] in (TOO_DEEP, SURROGATE, OVERFLOW))


def test_the_corpus_has_many_cases_of_both_kinds_and_none_twice() -> None:
    verdicts = Counter(read_here(line) is not None for line in CASES.values())

    assert len(set(CASES.values())) == len(CASES)
    assert min(verdicts.values()) > 100


def read_here(line: bytes) -> str | None:
    """Return what our decoder makes of *line*, written canonically, or None if it refuses."""
    try:
        return canonical(decode(line))
    except ParseError:
        return None


@cache
def read_by_node() -> dict[str, str | None]:
    """Return what V8 makes of every case; without Node this fails, for the shim needs it too."""
    node = shutil.which("node")
    assert node is not None, "Node.js must be on the path"
    ended = subprocess.run(  # noqa: S603 (our own program)
        [node, str(FOLDER / "parse.mjs"), str(FOLDER / "corpus.json")],
        capture_output=True,
        timeout=60,
        check=True,
    )
    return dict(zip(CASES, orjson.loads(ended.stdout), strict=True))


def canonical(root: Json) -> str:
    """Write a value as parse.mjs does: numbers by their bits, texts and names by UTF-16.

    Not recursive, for the deepest value that is read is deeper than Python's stack.
    """
    tokens: list[str] = []
    rest: list[Any] = [root]
    while rest:
        match rest.pop():
            case Mark(text):
                tokens.append(text)
            case list(items):
                rest += [Mark("]"), *reversed(items), Mark("[")]
            case dict(members):
                rest.append(Mark("}"))
                for key, member in sorted(
                    ((_hex(key), member) for key, member in members.items()),
                    key=lambda pair: pair[0],
                    reverse=True,
                ):
                    rest += [member, Mark(f"{key}:")]
                rest.append(Mark("{"))
            case scalar:
                tokens.append(_scalar(scalar))
    return " ".join(tokens)


def _scalar(value: Json) -> str:
    if isinstance(value, str):
        return "s" + _hex(value)
    if value is None or isinstance(value, bool):
        return orjson.dumps(value).decode()
    # Python compares exactly: an integer that a double cannot hold stays visible.
    return f"n{struct.pack('>d', value).hex()}" if float(value) == value else f"i{value}"


def _hex(text: str) -> str:
    return text.encode("utf-16-le").hex()
