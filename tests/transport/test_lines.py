"""How a stream of bytes becomes lines, whatever the chunks."""

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcbackend.transport.lines import OVERSIZE, Line, LineSplitter
from tests.clauses import clause

BOM = b"\xef\xbb\xbf"


def split(*chunks: bytes, limit: int = 100) -> list[Line]:
    splitter = LineSplitter(limit)
    return [line for chunk in chunks for line in splitter.feed(chunk)]


@clause("line-ends-at-lf-only", "line-cr-is-white-space", "line-blank-ignored", "bad-bom")
@clause("bad-too-long")
@pytest.mark.parametrize(
    ("stream", "lines"),
    [
        (b"", []),
        (b"{}", []),
        (b"{}\n", [b"{}"]),
        (b"{}\r\n", [b"{}\r"]),
        (b"a\nb\n", [b"a", b"b"]),
        (b"\n\r\n \t\n\n", []),
        (b"\n\na\n\n\nb\n", [b"a", b"b"]),
        ('"\u2028\u2029\x85"\n'.encode(), ['"\u2028\u2029\x85"'.encode()]),
        (b"a\rb\n", [b"a\rb"]),
        (b"a\x0bb\x0cc\n", [b"a\x0bb\x0cc"]),
        (b"a\x00b\n", [b"a\x00b"]),
        (b"\xff\xfe\n", [b"\xff\xfe"]),
        (b"a\nhalf", [b"a"]),
        (b"x" * 100 + b"\n", [b"x" * 100]),
        (b"x" * 101 + b"\n", [OVERSIZE]),
        (b"x" * 1_000 + b"\nnext\n", [OVERSIZE, b"next"]),
        (b"x" * 1_000, []),
        (b" " * 101 + b"\n", [OVERSIZE]),
        (BOM + b"{}\n", [b"{}"]),
        (BOM + b"\n{}\n", [b"{}"]),
        (b"{}\n" + BOM + b"{}\n", [b"{}", BOM + b"{}"]),
        (b"\n" + BOM + b"{}\n", [BOM + b"{}"]),
        (BOM + BOM + b"{}\n", [BOM + b"{}"]),
    ],
    ids=[
        "nothing",
        "half",
        "one",
        "crlf",
        "two",
        "blank",
        "blank-between",
        "unicode-separators",
        "cr-inside",
        "vt-and-ff",
        "nul",
        "not-utf8",
        "half-at-the-end",
        "at-the-limit",
        "over-the-limit",
        "far-over",
        "endless",
        "blank-over-the-limit",
        "bom",
        "bom-alone",
        "bom-later",
        "bom-second-line",
        "bom-twice",
    ],
)
def test_a_stream_gives_the_same_lines_whole_byte_by_byte_and_with_a_line_behind(
    stream: bytes, lines: list[Line]
) -> None:
    assert split(stream) == lines
    assert split(*(stream[i : i + 1] for i in range(len(stream)))) == lines
    if stream.endswith(b"\n"):
        assert split(stream + b"behind\n") == [*lines, b"behind"]


@clause("line-whole-and-in-order")
@given(
    st.lists(st.binary(max_size=30), max_size=10).map(b"\n".join),
    st.lists(st.integers(min_value=0, max_value=300), max_size=10),
)
def test_any_chunking_gives_the_same_lines(stream: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(stream)]
    chunks = [stream[start:end] for start, end in pairwise(edges)]

    assert split(*chunks, limit=20) == split(stream, limit=20)


@clause("bad-too-long-memory")
def test_a_line_without_end_costs_no_more_memory_than_the_limit() -> None:
    splitter = LineSplitter(1_000)
    chunk = b"x" * 65_536
    tracemalloc.start()
    try:
        for _ in range(200):
            splitter.feed(chunk)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert used < 65_536
    assert splitter.feed(b"\nnext\n") == [OVERSIZE, b"next"]
