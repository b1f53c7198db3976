"""Which rows of two transcripts belong together, and where they differ."""

from pathlib import Path

from rpcbackend.methods import build_registry
from rpcbackend.transcripts.differences import Comparison
from rpcbackend.transcripts.files import open_transcript
from rpcbackend.transcripts.format import Entry
from rpcbackend.transcripts.known import Known
from rpcbackend.transcripts.pairing import Pair, changes_of, pair_up
from rpcbackend.transcripts.rows import Table, read_table
from rpcbackend.transcripts.rules import ALWAYS
from tests.transcripts.scripts import asked, happened, told, write_script


def table_of(path: Path, *entries: Entry) -> Table:
    return read_table(open_transcript(write_script(path, entries)), build_registry())


def compare(
    folder: Path, first: list[Entry], second: list[Entry]
) -> tuple[list[Pair], list[tuple[list[str], list[str]]]]:
    one, two = table_of(folder / "a", *first), table_of(folder / "b", *second)
    pairs = pair_up(one.rows, two.rows)
    changes = changes_of(pairs, one, two, Comparison(Known(), ALWAYS))
    return pairs, [(each.asked, each.told) for each in changes]


def times_of(pairs: list[Pair]) -> list[tuple[float | None, float | None]]:
    return [
        (
            None if pair.first is None else pair.first.t,
            None if pair.second is None else pair.second.t,
        )
        for pair in pairs
    ]


def test_equal_requests_belong_together_whatever_came_in_between(tmp_path: Path) -> None:
    pairs, changes = compare(
        tmp_path,
        [asked(1, 1, "students.get", id="a"), told(2, 1), asked(3, 2, "students.get", id="b")],
        [
            asked(1, 1, "ping"),
            asked(5, 2, "students.get", id="b"),
            asked(6, 3, "students.get", id="a"),
            told(7, 3),
        ],
    )

    assert times_of(pairs) == [(1, 6), (None, 1), (3, 5)]
    assert changes == [([], []), ([""], []), ([], [])]


def test_requests_with_other_params_belong_together_in_their_order(tmp_path: Path) -> None:
    pairs, changes = compare(
        tmp_path,
        [asked(1, 1, "students.get", key="a"), asked(3, 2, "students.get", key="b")],
        [asked(2, 1, "students.get", key="c"), asked(4, 2, "students.get", key="b")],
    )

    assert times_of(pairs) == [(1, 2), (3, 4)]
    assert changes == [(["params.key"], []), ([], [])]


def test_every_path_that_differs_is_named_and_missing_replies_too(tmp_path: Path) -> None:
    _, changes = compare(
        tmp_path,
        [
            asked(1, 1, "lessons.get"),
            told(2, 1, state="booked", price={"amount": 5}, notes=["a", "b"]),
            asked(3, 2, "ping"),
            told(4, 2),
        ],
        [
            asked(1, 7, "lessons.get"),
            told(2, 7, state="cancelled", price={"amount": 6}, notes=["a"]),
            asked(3, 8, "ping"),
        ],
    )

    paths = ["result.state", "result.price.amount", "result.notes (length)"]
    assert changes == [([], paths), ([], [""])]


def test_names_are_others_and_the_same_one_is_the_same_in_both(tmp_path: Path) -> None:
    def day(names: list[str]) -> list[Entry]:
        return [
            entry
            for at, name in enumerate(names)
            for entry in (asked(at, at, "ping"), told(at + 0.5, at, name=f"<personal:{name}>"))
        ]

    _, changes = compare(tmp_path, day(["1", "2", "1"]), day(["5", "4", "4"]))

    assert changes == [([], []), ([], []), ([], ["result.name"])]


def test_the_process_of_an_event_may_be_another(tmp_path: Path) -> None:
    def ready(pid: int) -> Entry:
        msg = {"jsonrpc": "2.0", "method": "system.ready", "params": {"pid": pid}}
        return Entry(0, "event", "con_1", msg)

    first, second = [ready(1), happened(2, "a.b", x=1)], [ready(2), happened(2, "a.b", x=2)]
    _, changes = compare(tmp_path, first, second)

    assert changes == [([], []), (["params.data.x"], [])]
