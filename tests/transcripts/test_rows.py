"""The rows that a transcript is looked at in."""

from pathlib import Path

import orjson

from rpcbackend.methods import build_registry
from rpcbackend.transcripts.files import open_transcript
from rpcbackend.transcripts.format import Entry, gap, unreadable
from rpcbackend.transcripts.rows import Row, Table, read_table, without_id
from tests.transcripts.desks import NAME, recorded
from tests.transcripts.scripts import asked, failed, happened, told, write_script


def table_of(folder: Path, *entries: Entry, end: bytes = b"") -> Table:
    path = write_script(folder / "day.jsonl", entries, end=end)
    return read_table(open_transcript(path), build_registry())


def shapes_of(table: Table) -> list[tuple[object, ...]]:
    return [(row.kind, row.channel, row.t, row.ms, row.error) for row in table.rows]


def test_a_call_is_one_row_with_its_time_to_reply_its_error_and_its_messages(
    tmp_path: Path,
) -> None:
    table = table_of(
        tmp_path,
        asked(10, 1, "students.get"),
        asked(11, 2, "students.list"),
        told(12.5, 2, items=[]),
        failed(13, 1, "NOT_FOUND"),
    )

    assert shapes_of(table) == [
        ("call", "students.get", 10, 3, "NOT_FOUND"),
        ("call", "students.list", 11, 1.5, None),
    ]
    row = table.rows[0]
    assert row.asked is not None
    assert row.told is not None
    assert orjson.loads(table.messages[row.asked])["params"] == {}
    assert orjson.loads(table.messages[row.told])["error"]["data"]["code"] == "NOT_FOUND"


def test_events_stand_between_the_calls_by_their_type(tmp_path: Path) -> None:
    ready = Entry(0, "event", "con_1", {"jsonrpc": "2.0", "method": "system.ready", "params": {}})
    table = table_of(
        tmp_path,
        ready,
        asked(1, 1, "lessons.book"),
        happened(2, "lessons.booked"),
        told(3, 1),
        asked(4, 2, "ping"),
    )

    assert shapes_of(table) == [
        ("event", "system.ready", 0, None, None),
        ("call", "lessons.book", 1, 2, None),
        ("event", "lessons.booked", 2, None, None),
        ("call", "ping", 4, None, None),
    ]


def test_gaps_notifications_batches_and_unreadable_lines_have_rows(tmp_path: Path) -> None:
    cancel = {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 7}}
    parts = [asked(2, 1, "ping").msg, asked(2, 2, "students.get").msg]
    replies = [told(3, 1).msg, failed(3, 2, "NOT_FOUND").msg]
    refusal = {**failed(5, 0, "PARSE_ERROR").msg, "id": None}
    table = table_of(
        tmp_path,
        Entry(1, "in", "con_1", cancel),
        Entry(2, "in", "con_1", parts),
        Entry(3, "out", "con_1", replies),
        Entry(4, "in", "con_1", unreadable(12)),
        Entry(5, "out", "con_1", refusal),
        gap(6, 3),
        told(7, 9),
    )

    assert shapes_of(table) == [
        ("notification", "$/cancelRequest", 1, None, None),
        ("call", "ping", 2, 1, None),
        ("call", "students.get", 2, 1, "NOT_FOUND"),
        ("call", "no JSON", 4, 1, "PARSE_ERROR"),
        ("gap", "$/gap", 6, None, None),
        ("reply", "no request", 7, None, None),
    ]


def test_a_damaged_transcript_is_read_up_to_the_damage(tmp_path: Path) -> None:
    damaged = table_of(tmp_path, asked(1, 1, "ping"), told(2, 1), end=b'{"t":3}\n')

    assert shapes_of(damaged) == [("call", "ping", 1, 1, None)]
    assert damaged.damage == "a line is not an entry of a transcript"


async def test_every_message_of_a_recorded_desk_is_in_one_row(tmp_path: Path) -> None:
    async with recorded(tmp_path) as client:
        await client.call("events.subscribe")
        await client.call("branches.save", name="Mitte", zone="UTC", currency="EUR")
        await client.next_line()

    table = read_table(open_transcript(tmp_path / NAME), build_registry())
    shown = [place for row in table.rows for place in places_in(row)]
    assert sorted(shown) == list(range(len(table.messages)))
    assert len(shown) == table.count


def places_in(row: Row) -> list[int]:
    return [place for place in (row.asked, row.told) if place is not None]


def test_what_a_message_says_is_independent_of_its_number() -> None:
    assert without_id([{"id": 1, "method": "a"}, "x"]) == [{"method": "a"}, "x"]


def test_no_call_took_less_than_no_time_when_the_clock_was_put_back(tmp_path: Path) -> None:
    table = table_of(tmp_path, asked(100, 1, "students.get"), told(40, 1))

    assert shapes_of(table) == [("call", "students.get", 100, 0, None)]


def test_an_entry_that_is_none_is_damage_and_shows_what_stands_before(tmp_path: Path) -> None:
    odd = b'{"t":2,"dir":"event","conn":"con_1","msg":{"method":"event"}}\n'

    table = table_of(tmp_path, asked(1, 1, "students.get"), end=odd)

    assert (len(table.rows), table.damage) == (1, "a line is not an entry of a transcript")
