"""The lines of a transcript, as protocol.md section 10 has them."""

from dataclasses import replace

import orjson
import pytest

from rpcbackend.transcripts.format import (
    Entry,
    Header,
    TranscriptError,
    gap,
    is_placeholder,
    placeholder,
    read_entry,
    read_header,
    scheduled,
    step,
    unreadable,
    unreadable_length,
)
from tests.clauses import clause

HEADER = Header(
    version="1.2.3",
    contract_hash="ab" * 32,
    seed="cd" * 16,
    started_ms=1_795_420_800_123,
    schema_version=6,
)
CALL = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


@clause("transcript-format")
def test_a_header_says_what_a_replay_needs() -> None:
    assert orjson.loads(HEADER.to_line()) == {
        "format": "rpcbackend-transcript/1",
        "version": "1.2.3",
        "contractHash": "ab" * 32,
        "seed": "cd" * 16,
        "startedAt": "2026-11-23T08:00:00.123Z",
        "schemaVersion": 6,
        "part": 1,
    }
    assert read_header(HEADER.to_line()) == HEADER
    assert read_header(replace(HEADER, part=3).to_line()).part == 3


@clause("transcript-format")
def test_an_entry_says_when_which_way_and_what() -> None:
    entry = Entry(12.5, "in", "con_1", CALL)

    assert entry.to_line() == (
        b'{"t":12.5,"dir":"in","conn":"con_1","msg":{"jsonrpc":"2.0","id":1,"method":"ping"}}\n'
    )
    assert read_entry(entry.to_line()) == entry
    with_facts = entry._replace(facts={"<personal:1>": {"like": "text"}})
    assert read_entry(with_facts.to_line()) == with_facts
    put_back = entry._replace(latest=60_012.5)
    assert read_entry(put_back.to_line()) == put_back


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}\n",
        b"[]\n",
        b'"text"\n',
        b'{"format":"rpcbackend-transcript/2"}\n',
        HEADER.to_line().replace(b'"cdcd', b'"xxcd'),
        HEADER.to_line().replace(b"2026-11-23T", b"soon"),
    ],
)
def test_what_is_no_header_is_refused(line: bytes) -> None:
    with pytest.raises(TranscriptError):
        read_header(line)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"7",
        b'{"t":"x","dir":"in","conn":"c","msg":1}',
        b'{"t":1,"dir":"up","conn":"c","msg":1}',
    ],
)
def test_what_is_no_entry_is_refused(line: bytes) -> None:
    with pytest.raises(TranscriptError):
        read_entry(line)


def test_a_gap_counts_what_is_missing_and_nothing_else_does() -> None:
    assert read_entry(gap(5.0, 12).to_line()).dropped == 12
    assert Entry(1.0, "in", "con_1", CALL).dropped == 0
    assert Entry(1.0, "event", "con_1", {"method": "event"}).dropped == 0


def test_what_was_due_is_an_entry_of_the_process() -> None:
    entry = read_entry(scheduled(7.0, "upkeep").to_line())

    msg = {"jsonrpc": "2.0", "method": "$/scheduled", "params": {"name": "upkeep"}}
    assert (entry, entry.begun) == (Entry(7.0, "event", "-", msg), "upkeep")


def test_a_step_of_the_process_has_a_beginning_and_an_end() -> None:
    facts = {"<personal:1>": {"like": "url"}}
    begun = {"name": "link", "number": 7, "facts": {"url": "<personal:1>"}}
    first = read_entry(step(7.0, begun, facts).to_line())
    last = read_entry(step(8.0, {"number": 7, "seq": 12}).to_line())

    assert (first.step, first.stepped, first.facts) == (begun, None, facts)
    assert (last.step, last.stepped) == (None, {"number": 7, "seq": 12})
    assert Entry(7.0, "event", "con_1", {"method": "$/step", "params": begun}).step is None


def test_older_transcripts_tell_of_the_days_backup_alone() -> None:
    assert Entry(7.0, "event", "-", {"jsonrpc": "2.0", "method": "$/daily"}).begun == "backup"
    assert Entry(7.0, "event", "con_1", {"method": "event"}).begun is None
    assert Entry(7.0, "in", "con_1", "<unreadable:7>").begun is None


def test_placeholders_are_told_from_texts() -> None:
    assert is_placeholder(placeholder("personal", 7))
    assert not any(map(is_placeholder, ["<personal:7> ", "<else:7>", "<personal:>", 7, None]))
    assert unreadable_length(unreadable(37)) == 37
    assert unreadable_length("37") is unreadable_length({}) is None


@pytest.mark.parametrize(
    ("direction", "msg"),
    [
        ("event", {"method": "event"}),
        ("event", {"method": "event", "params": {"type": 7}}),
        ("event", {"method": "$/gap", "params": {"dropped": "many"}}),
        ("event", {"method": "$/scheduled", "params": {}}),
        ("event", {"method": "$/step", "params": {"name": "plan", "number": 1}}),
        ("event", {"method": "$/step", "params": {"name": "plan", "facts": {}}}),
        ("event", {"method": "$/stepped", "params": {"number": 1}}),
        ("event", {"method": "$/stepped", "params": {"number": 1, "seq": "7"}}),
        ("event", {"method": 7}),
        ("event", ["event"]),
        ("out", {}),
        ("out", "a reply"),
        ("out", {"error": {"code": 1}}),
        ("out", [{"result": 1}, {"error": {"data": {"code": "X"}}}]),
        ("sideways", {"method": "ping"}),
    ],
    ids=str,
)
def test_an_entry_that_nobody_could_have_written_is_none(direction: str, msg: object) -> None:
    line = orjson.dumps({"t": 1, "dir": direction, "conn": "con_1", "msg": msg})

    with pytest.raises(TranscriptError, match="not an entry"):
        read_entry(line)
