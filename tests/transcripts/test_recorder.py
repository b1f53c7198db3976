"""A recording: what stands in it, what never does, and what it does when it cannot keep up."""

import asyncio
import errno
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rpcbackend.contract.shipped import contract_hash
from rpcbackend.store.migrations import latest_version
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, FrozenClock, running_app
from rpcbackend.transcripts.files import open_transcript
from rpcbackend.transcripts.recorder import Recorder
from rpcbackend.transcripts.writing import Bounds
from tests.clauses import clause
from tests.factories import KEY, School, create_student
from tests.transcripts.desks import NAME, entries_in, recorded

OTHER_KEY = bytes(32)
PEOPLE = {
    "givenName": "Xanthippe",
    "familyName": "Wolkenstein-Zrinyi",
    "email": "xanthippe.w@example.org",
    "phone": "+4998765432100",
    "bornOn": "2001-09-17",
}
LOGIN, PASS = "Xanthippe@wolkenstein.example", "Quittenweg im Regen 7"


class Told:
    """Keeps what whoever reads the log is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, message: str, figures: dict[str, Any]) -> None:
        """Take a line of the log."""
        self.lines.append((message, figures))


def texts_in(folder: Path) -> str:
    files = folder.glob(f"{NAME}*")
    return "".join(file.read_text(encoding="utf-8") for file in files)


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob(f"{NAME}*"))


@clause("transcript-format")
async def test_every_message_is_written_down_with_its_time(tmp_path: Path) -> None:
    clock = FrozenClock()
    async with recorded(tmp_path, clock) as client:
        await client.call("events.subscribe")
        clock.advance(1.25)
        branch = await client.call("branches.save", name="Mitte", zone="UTC", currency="EUR")
        await client.next_line()

    transcript = open_transcript(tmp_path / NAME)
    header, entries = transcript.header, list(transcript.entries())
    assert (header.contract_hash, header.schema_version) == (contract_hash(), latest_version())
    assert header.started_ms == FrozenClock().now_ms()
    assert [(entry.t, entry.dir, entry.conn) for entry in entries[:3]] == [
        (0.0, "in", "con_1"),
        (0.0, "out", "con_1"),
        (1250.0, "in", "con_1"),
    ]
    assert sorted(entry.dir for entry in entries[3:]) == ["event", "out"]
    (saved,) = (entry.msg for entry in entries[3:] if entry.dir == "out")
    assert saved["result"]["id"] == branch["id"]


@clause("transcript-no-secret")
async def test_no_name_password_token_or_key_stands_in_any_transcript(tmp_path: Path) -> None:
    canaries = [*PEOPLE.values(), LOGIN, PASS]
    async with recorded(tmp_path) as client:
        school = School(client)
        await school.open()
        await create_student(client, school.branch["id"], **PEOPLE)
        await client.call("students.list", text=PEOPLE["familyName"], limit=1)
        signed_in = await client.call("auth.bootstrap", login=LOGIN, password=PASS)
        canaries += [signed_in["accessToken"], signed_in["refreshToken"]]
        fresh = await client.call("auth.refresh", refreshToken=signed_in["refreshToken"])
        canaries += [fresh["accessToken"], fresh["refreshToken"]]
        key = await client.call_with_meta(
            "apikeys.create",
            {"name": "k", "scopes": ["students:read"], "_meta": {"idempotencyKey": "1"}},
        )
        canaries.append(key["secret"])
        mfa = await client.call("auth.mfaEnrol")
        canaries.append(mfa["secretUri"])
        await client.start("auth.login", {"login": LOGIN, "pasword": PASS})
        await client.start("students.get", {"studentId": PEOPLE["familyName"]})
        await client.raw(f'{{"password":"{PASS}"'.encode())
        await client.call(
            "calendar.view", **{"from": "2026-11-24T00:00:00Z", "to": "2026-11-25T00:00:00Z"}
        )
        await client.call("users.list")
        await client.call("audit.list")

    text = texts_in(tmp_path)
    assert [canary for canary in canaries if canary in text] == []
    assert text.count("<secret:") > 10


@clause("transcript-no-secret", "transcript-sealed")
async def test_the_transcript_of_an_encrypted_store_is_sealed_and_shows_no_key(
    tmp_path: Path,
) -> None:
    recorder = Recorder(tmp_path / NAME, FrozenClock())
    async with running_app(tmp_path / "data", Surroundings(tap=recorder)) as app:
        client = Client(app)
        await client.call("ping")
        await app.open_store(KEY)
        await School(client).open()
    recorder.close()

    sealed = (tmp_path / NAME).read_bytes()
    assert b"con_1" not in sealed
    assert b"branches.save" not in sealed
    entries = entries_in(tmp_path, KEY)
    assert [entry.msg["method"] for entry in entries if entry.dir == "in"][:2] == [
        "ping",
        "branches.save",
    ]


async def test_after_a_change_of_keys_it_goes_on_under_the_new_one(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / NAME, FrozenClock())
    recorder.opened(KEY)
    recorder.came("con_1", b'{"jsonrpc":"2.0","id":1,"method":"ping"}')
    recorder.opened(OTHER_KEY)
    recorder.opened(OTHER_KEY)
    recorder.came("con_1", b'{"jsonrpc":"2.0","id":2,"method":"ping"}')
    recorder.close()

    both = open_transcript(tmp_path / NAME, [OTHER_KEY, KEY])
    assert [entry.msg["id"] for entry in both.entries()] == [1, 2]
    assert len(both.paths) == 2


def test_what_was_never_opened_is_never_written(tmp_path: Path) -> None:
    told = Told()
    recorder = Recorder(tmp_path / NAME, FrozenClock(), tell=told)
    recorder.came("con_1", b"{}")
    recorder.close()

    assert list(tmp_path.iterdir()) == []
    assert told.lines == [("nothing was recorded", {"reason": "the store was never opened"})]


async def test_recording_ends_no_session_however_long_the_machine_is_up(tmp_path: Path) -> None:
    """Who judges what has expired is asked by calls, and by those who are no call."""
    clock = FrozenClock()
    clock.advance(50_000)
    async with recorded(tmp_path, clock) as client:
        await client.call("auth.bootstrap", login=LOGIN, password=PASS)
        await client.call("events.subscribe")
        for name in ("Mitte", "Ost"):
            # Each event asks whether the subscriber may still see it.
            await client.call("branches.save", name=name, zone="UTC", currency="EUR")
            await client.next_line()

        assert client.app.access.now() == clock.now_ms() // 1_000
        assert (await client.call("auth.me"))["session"] is not None


@clause("transcript-drops")
@pytest.mark.parametrize("line", [b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{}}', b"?"])
def test_what_cannot_be_written_in_time_is_dropped_and_counted(tmp_path: Path, line: bytes) -> None:
    """A short line takes memory, too."""
    recorder = Recorder(tmp_path / NAME, FrozenClock(), Bounds(waiting_bytes=300))
    for _ in range(9):
        # Nothing is written before the store is open, so all of it waits.
        recorder.came("con_1", line)
    recorder.opened(None)
    recorder.close()

    entries = entries_in(tmp_path)
    assert [entry.dropped for entry in entries] == [0, 0, 7]


@clause("transcript-drops")
async def test_a_disk_that_fails_costs_the_transcript_and_no_call(tmp_path: Path) -> None:
    told = Told()
    recorder = Recorder(tmp_path / "nowhere" / NAME, FrozenClock(), tell=told)
    async with running_app(None, Surroundings(tap=recorder)) as app:
        client = Client(app)
        await client.call("branches.list")
        for _ in range(100):
            await client.call("ping")
    recorder.close()

    assert told.lines[-1] == (
        "recording has ended",
        {"reason": os.strerror(errno.ENOENT), "messages": 202},
    )


@clause("transcript-drops")
async def test_a_disk_that_takes_it_again_gets_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rpcbackend.transcripts.recorder.RETRY_SECONDS", 0.01)
    waits = threading.Event()

    def tell(message: str, figures: Mapping[str, Any]) -> None:
        assert (message, figures) == (
            "the transcript waits for the disk",
            {"reason": os.strerror(errno.ENOENT)},
        )
        waits.set()

    recorder = Recorder(tmp_path / "folder" / NAME, FrozenClock(), tell=tell)
    recorder.came("con_1", b"{}")
    recorder.opened(None)
    assert await asyncio.to_thread(waits.wait, 60)
    (tmp_path / "folder").mkdir()
    recorder.came("con_1", b"{}")
    recorder.close()

    assert len(entries_in(tmp_path / "folder")) == 2


@clause("transcript-drops")
def test_what_is_not_written_in_time_at_the_end_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rpcbackend.transcripts.recorder.CLOSE_SECONDS", 0.0)
    told = Told()
    recorder = Recorder(tmp_path / NAME, FrozenClock(), tell=told)
    for _ in range(2_000):
        recorder.came("con_1", b'{"jsonrpc":"2.0","id":1,"method":"ping"}')
    recorder.opened(None)
    recorder.close()

    ((message, figures),) = told.lines
    assert (message, figures["reason"]) == ("recording has ended", "the time is up")
    assert 0 < figures["messages"] <= 2_000


async def test_a_long_recording_keeps_no_more_than_it_may(tmp_path: Path) -> None:
    async with recorded(tmp_path, bounds=Bounds(part_bytes=5_000, parts=3)) as client:
        await client.call("branches.list")
        for _ in range(20):
            await asyncio.gather(*(client.start("rpc.nothing", {}) for _ in range(20)))

    assert names_in(tmp_path) == [NAME, f"{NAME}.1", f"{NAME}.2"]


def test_a_bug_costs_the_transcript_and_is_told(tmp_path: Path) -> None:
    told = Told()
    recorder = Recorder(tmp_path / NAME, FrozenClock(), tell=told)
    recorder.went("con_1", b"no line of ours")
    recorder.opened(None)
    recorder.close()

    assert told.lines == [
        ("recording has ended", {"reason": "unexpected ParseError", "messages": 1})
    ]


def test_a_recording_ends_and_says_so_when_it_has_too_many_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rpcbackend.transcripts.placeholders.LIMIT", 0)
    told = Told()
    recorder = Recorder(tmp_path / NAME, FrozenClock(), tell=told)
    recorder.came("con_1", b'"Ada"')
    recorder.opened(None)
    recorder.close()

    reason = "it holds as many names and secrets as it can tell apart"
    assert told.lines == [("recording has ended", {"reason": reason, "messages": 1})]
