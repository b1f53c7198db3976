"""Chunks mean nothing: however a stream is cut, the same replies come, to the byte."""

from itertools import pairwise
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from rpcbackend.transport.lines import LineSplitter, Oversize
from tests.clauses import clause
from tests.machine import Machine, ping, say
from tests.properties.spoiling import JUNK
from tests.properties.tally import TALLY
from tests.properties.wire import share_of

MAX_LINE_BYTES = 120

SPACED = st.sampled_from(["  two  words ", "\t\u2028 \u2029\x85", "\xa0\u3000\ufeff a"])
"""Their blanks are data, wherever a chunk ends."""

MESSAGES = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0"), "method": st.sampled_from(["test.say", "test.ping", "test.none"])},
    optional={
        "id": st.integers(0, 9) | st.text(max_size=3),
        "params": st.fixed_dictionaries(
            {}, optional={"label": st.text(max_size=9) | SPACED | JUNK}
        ),
    },
)
LINES = (
    MESSAGES.map(orjson.dumps)
    | st.lists(MESSAGES, max_size=3).map(orjson.dumps)
    | JUNK.map(orjson.dumps)
    | st.binary(max_size=20)
    | st.sampled_from([b"", b" \t", b"\xef\xbb\xbf{}", b"x" * (MAX_LINE_BYTES + 1)])
)
STREAMS = st.builds(
    lambda start, end, lines: start + end.join(lines),
    st.sampled_from([b"", b"", b"\xef\xbb\xbf"]),
    st.sampled_from([b"\n", b"\n", b"\r\n"]),
    st.lists(LINES, max_size=6),
)
"""What stands behind the last line end is half a line."""


@clause("line-whole-and-in-order", "bad-bom", "bad-too-long", "line-cr-is-white-space")
def test_every_way_to_cut_a_stream_gives_the_same_replies() -> None:
    @share_of(0.3)
    @given(STREAMS, st.lists(st.integers(0, 600), max_size=9))
    def same(stream: bytes, cuts: list[int]) -> None:
        whole = replies_to(stream)
        TALLY.add(stream.count(b"\n"), whole)

        assert replies_to(*(stream[i : i + 1] for i in range(len(stream)))) == whole
        assert replies_to(*cut(stream, *cuts)) == whole
        for place in range(1, len(stream)):
            assert replies_to(stream[:place], stream[place:]) == whole

    same()


def replies_to(*chunks: bytes) -> list[Any]:
    """Return every line out of a fresh connection that reads these chunks."""
    machine, splitter = Machine(say, ping), LineSplitter(MAX_LINE_BYTES)
    for chunk in chunks:
        for line in splitter.feed(chunk):
            machine.server.receive(None if isinstance(line, Oversize) else line)
    return machine.sent


def cut(stream: bytes, *places: int) -> list[bytes]:
    """Cut a stream there; a chunk may be empty."""
    edges = [0, *sorted(min(place, len(stream)) for place in places), len(stream)]
    return [stream[start:end] for start, end in pairwise(edges)]
