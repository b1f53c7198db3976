"""A commit that fails on a real disk: what is told, how the process ends, what the keys settle."""

import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.clauses import clause
from tests.e2e.backend import Backend
from tests.factories import keyed
from tests.machine import request

COMMANDS = 250
"""As many as nearly four commits hold: some of them wait while one fails."""

CALL = 60
"""In the midst of them."""

UNDONE = ("OUTCOME_UNKNOWN none", "SHUTTING_DOWN none")

PAGE, FRAME_HEADER = 4_096, 24


@pytest.fixture(scope="module")
def fault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build what is preloaded into the process whose disk fails."""
    library = tmp_path_factory.mktemp("fault") / "fault.so"
    source = Path(__file__).with_name("fault.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)  # noqa: S603, S607 (the system's compiler)
    return library


@asynccontextmanager
async def backend(directory: Path, **environment: str) -> AsyncIterator[Backend]:
    """Start the real process, and let it end."""
    started = await Backend.start(directory, **environment)
    try:
        assert (await started.line())["method"] == "system.ready"
        yield started
    finally:
        await started.end()


@asynccontextmanager
async def on_bad_disk(directory: Path, fault: Path) -> AsyncIterator[Backend]:
    """Start it on a disk that fails once the test says so."""
    environment = {"LD_PRELOAD": str(fault), "FAULT_FOLDER": str(directory)}
    async with backend(directory, **environment) as started:
        yield started


def let_fail(directory: Path, call: int) -> None:
    """Let the write or sync of that number fail, counted from now on."""
    directory.with_name(f"{directory.name}.arm").write_text(f"eio {call}", encoding="ascii")


def save(number: int) -> dict[str, Any]:
    """Make the command of that number."""
    params = {"name": f"Branch {number:04}", "zone": "UTC", "currency": "EUR"}
    return request(number, "branches.save", **params, **keyed(f"key {number}"))


def log_bytes(directory: Path) -> int:
    return (directory / "school.db-wal").stat().st_size


def told(reply: Any) -> str:
    """Name the answer: done, replayed, or the error with its outcome."""
    if "error" in reply:
        return f"{reply['error']['data']['code']} {reply['error']['data']['outcome']}"
    return "replayed" if reply["result"]["_meta"].get("replayed") else "done"


def record(reply: Any) -> Any:
    return {name: value for name, value in reply["result"].items() if name != "_meta"}


async def calls_of_a_commit(running: Backend, directory: Path) -> int:
    """Save two branches, and return how many calls to the disk the second one cost."""
    await running.ask(save(1))
    before = log_bytes(directory)
    await running.ask(save(2))
    frames = (log_bytes(directory) - before) // (PAGE + FRAME_HEADER)
    # A frame is written by two calls, and the sync comes last.
    return 2 * frames + 1


@clause("poison-told", "poison-exits", "poison-settled")
@pytest.mark.parametrize("failing", ["write", "sync"])
async def test_a_commit_that_fails_is_told_as_unknown_and_its_key_settles_it_in_the_next_process(
    tmp_path: Path, fault: Path, failing: str
) -> None:
    directory = tmp_path / "data"
    async with on_bad_disk(directory, fault) as first:
        calls = await calls_of_a_commit(first, directory)
        let_fail(directory, 1 if failing == "write" else calls)

        reply = await first.ask(save(3))

        assert (reply["error"]["code"], told(reply)) == (-32034, "OUTCOME_UNKNOWN unknown")
        assert reply["error"]["data"]["retryable"] is True
        assert await first.exit_code() == 74
        assert "the storage failed {'reason': 'disk I/O error'}" in first.stderr

    async with backend(directory) as second:
        settled = await second.ask(save(3))
        again = await second.ask(save(3))
        listed = (await second.call("branches.list"))["items"]
    # When the sync alone failed the commit may stand in the file, or not: its key tells.
    assert told(settled) in ({"done"} if failing == "write" else {"done", "replayed"})
    assert (told(again), record(again)) == ("replayed", record(settled))
    assert [branch["name"] for branch in listed] == [f"Branch {n:04}" for n in (1, 2, 3)]


async def test_the_call_after_a_commit_s_last_is_none_of_its_own(
    tmp_path: Path, fault: Path
) -> None:
    """Else the test above would let something else fail than the sync."""
    directory = tmp_path / "data"
    async with on_bad_disk(directory, fault) as running:
        let_fail(directory, 1 + await calls_of_a_commit(running, directory))

        assert told(await running.ask(save(3))) == "done"


@clause("poison-told", "poison-exits", "poison-settled", "event-after-commit")
async def test_what_waits_behind_a_commit_that_fails_is_refused_and_all_keys_settle_it(
    tmp_path: Path, fault: Path
) -> None:
    directory = tmp_path / "data"
    async with on_bad_disk(directory, fault) as first:
        await first.call("events.subscribe", afterSeq=0)
        let_fail(directory, CALL)
        first.send(*(save(number) for number in range(COMMANDS)))

        lines = await first.rest()

        assert await first.exit_code() == 74
    replies = {line["id"]: line for line in lines if "id" in line}
    events = [line["params"] for line in lines if line.get("method") == "event"]
    ends = Counter(map(told, replies.values()))
    assert sorted(replies) == list(range(COMMANDS))
    assert ends.keys() <= {"done", *UNDONE, "OUTCOME_UNKNOWN unknown"}
    assert ends["OUTCOME_UNKNOWN unknown"] > 0
    assert sum(ends[refusal] for refusal in UNDONE) > 0
    # Nothing was told of what is not durable, for all that anybody knew.
    done = {record(reply)["id"] for reply in replies.values() if told(reply) == "done"}
    assert {event["aggregate"]["id"] for event in events} <= done
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))

    async with backend(directory) as second:
        second.send(*(save(number) for number in range(COMMANDS)))
        settled = [await second.line() for _ in range(COMMANDS)]
        second.send(request("events", "events.subscribe", afterSeq=len(events)))
        later = [await second.line() for _ in range(1 + COMMANDS - len(events))]
        listed = (await second.call("branches.list"))["items"]
    # One commit, kept or lost as a whole.
    assert len({told(line) for line in settled if "unknown" in told(replies[line["id"]])}) == 1
    for reply in settled:
        before = replies[reply["id"]]
        if told(before) == "done":
            assert (told(reply), record(reply)) == ("replayed", record(before))
        elif told(before) in UNDONE:
            assert told(reply) == "done"
    assert [branch["name"] for branch in listed] == [f"Branch {n:04}" for n in range(COMMANDS)]
    seqs = [line["params"]["seq"] for line in later if line.get("method") == "event"]
    assert seqs == list(range(len(events) + 1, COMMANDS + 1))


@clause("poison-exits")
async def test_a_file_that_a_read_finds_damaged_ends_the_process_too(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    async with backend(directory) as first:
        first.send(*(save(number) for number in range(COMMANDS)))
        for _ in range(COMMANDS):
            await first.line()
    async with backend(directory) as running:
        damage(directory / "school.db")

        reply = await running.ask(request("read", "branches.list"))

        assert told(reply) == "OUTCOME_UNKNOWN none"
        assert await running.exit_code() == 74
        assert "the storage failed {'reason': 'database disk image is malformed'}" in running.stderr


def damage(file: Path) -> None:
    """Turn the bits of every page over but the first, which was read already."""
    raw = bytearray(file.read_bytes())
    raw[PAGE:] = bytes(byte ^ 0xFF for byte in raw[PAGE:])
    file.write_bytes(raw)
