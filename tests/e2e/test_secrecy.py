"""What an encrypted store keeps to itself: a real process, its files, its words and its memory."""

import asyncio
import hashlib
import math
import os
import signal
import stat
import sys
from asyncio.subprocess import PIPE
from base64 import b64encode, urlsafe_b64encode
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest

from rpcbackend import PROTOCOL_VERSION
from rpcbackend.transcripts.files import open_transcript
from tests.clauses import clause
from tests.e2e.backend import QUIET, TIMEOUT_SECONDS, Backend, run
from tests.machine import request

KEY, OTHER_KEY = (hashlib.sha256(seed).digest() for seed in (b"one key", b"another"))
NAMES = {
    "branchName": "Zwiebelfisch-Filiale",
    "givenName": "Xanthippe",
    "familyName": "Wolkenstein-Zrinyi",
    "email": "xanthippe.w@example.org",
    "phone": "+4998765432100",
    "address": "Quittenweg 7, 99999 Hinterstein",
}
"""Found nowhere by chance."""

Start = Callable[..., Awaitable[Backend]]


def text_of(key: bytes) -> str:
    return urlsafe_b64encode(key).decode().rstrip("=")


def spellings(key: bytes) -> list[bytes]:
    return [
        key,
        text_of(key).encode(),
        b64encode(key).rstrip(b"="),
        key.hex().encode(),
        key.hex().upper().encode(),
    ]


PROVIDER = {
    "channel": "mail",
    "name": "Maulbeer-Post",
    "isEnabled": False,
    "mail": {
        "host": "mail.example",
        "port": 587,
        "security": "starttls",
        "sender": "rhabarberbote@example.org",
        "username": "rhabarberbote",
    },
    "secret": "Pimpernell-7-Geheimnis",
}
"""Whose password is sealed once more, and whose name nobody else need know."""

CANARIES = [
    *(name.encode() for name in NAMES.values()),
    *(b"Maulbeer-Post", b"rhabarberbote", b"Pimpernell-7-Geheimnis"),
    *spellings(KEY),
    *spellings(OTHER_KEY),
]


def initialize(**keys: Any) -> dict[str, Any]:
    client = {"name": "test", "version": "1"}
    return {"protocolVersion": PROTOCOL_VERSION, "client": client, **keys}


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Start processes that are up, on one data directory, and end those that still run."""
    started: list[Backend] = []

    async def start_one(*arguments: str, key: bytes | None = KEY) -> Backend:
        backend = await Backend.start(tmp_path / "data", "--log-level", "TRACE", *arguments)
        started.append(backend)
        assert (await backend.line())["method"] == "system.ready"
        if key is not None:
            await backend.call("initialize", **initialize(databaseKey=text_of(key)))
        return backend

    yield start_one
    for backend in started:
        await backend.end()


async def fill(backend: Backend) -> None:
    """Store every name, the longer ones often enough to need many pages."""
    await backend.call("providers.save", **PROVIDER)
    branch = await backend.call(
        "branches.save",
        name=NAMES["branchName"],
        address=NAMES["address"],
        zone="Europe/Berlin",
        currency="EUR",
    )
    for number in range(30):
        await backend.call(
            "students.create",
            branchId=branch["id"],
            givenName=f"{NAMES['givenName']} {number}",
            familyName=NAMES["familyName"],
            email=f"{number}.{NAMES['email']}",
            phone=f"{NAMES['phone']}{number}",
            bornOn=f"2001-01-{number + 1:02}",
        )


def found(canaries: Iterable[bytes], *texts: bytes) -> list[bytes]:
    return [canary for canary in canaries if any(canary in text for text in texts)]


def files_in(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in directory.rglob("*") if file.is_file()}


# Files


@clause("no-readable-page")
async def test_no_file_shows_a_name_or_a_key_at_any_time(start: Start, tmp_path: Path) -> None:
    backend = await start()

    await fill(backend)
    written = files_in(tmp_path / "data")
    await backend.call("keys.rekey", newDatabaseKey=text_of(OTHER_KEY))
    rekeyed = files_in(tmp_path / "data")
    await fill(backend)
    written_again = files_in(tmp_path / "data")
    backend.signal(signal.SIGKILL)
    await backend.exit_code()
    left = files_in(tmp_path / "data")

    every = (written, rekeyed, written_again, left)
    # A change of keys folds the log into the database, and then leaves its row in the audit.
    sizes = [len(files["school.db-wal"]) for files in every]
    assert 0 < sizes[1] < min(sizes[0], sizes[2], sizes[3])
    assert [found(CANARIES, *files.values()) for files in every] == [[]] * 4


@clause("transcript-no-secret", "transcript-sealed")
async def test_no_transcript_shows_a_name_or_a_key_at_any_time(
    start: Start, tmp_path: Path
) -> None:
    path = tmp_path / "data" / "day.jsonl"
    (tmp_path / "data").mkdir(mode=0o700)
    backend = await start("--record", str(path))

    await fill(backend)
    await backend.call("students.list", text=NAMES["familyName"])
    await backend.call("keys.rekey", newDatabaseKey=text_of(OTHER_KEY))
    await fill(backend)
    assert await backend.end() == 0
    left = files_in(tmp_path / "data")

    transcripts = [text for name, text in left.items() if name.startswith("day.jsonl")]
    assert len(transcripts) == 2
    assert found(CANARIES, *left.values()) == []
    keys = [OTHER_KEY, KEY]
    opened = [entry.to_line() for entry in open_transcript(path, keys).entries()]
    # The school's own name and address are nobody's secret, once it is open.
    people = [name.encode() for field, name in NAMES.items() if field[0] not in "ab"]
    assert found([*people, *spellings(KEY), *spellings(OTHER_KEY)], *opened) == []
    assert len(opened) > 120


async def test_a_plain_store_shows_every_name(start: Start, tmp_path: Path) -> None:
    """Proves that the test before this one looks for what would be there."""
    backend = await start(key=None)

    await fill(backend)

    names = [name.encode() for name in NAMES.values()]
    assert found(names, *files_in(tmp_path / "data").values()) == names


@clause("no-readable-page")
async def test_what_is_written_looks_like_noise(start: Start, tmp_path: Path) -> None:
    backend = await start()
    await fill(backend)
    log = files_in(tmp_path / "data")["school.db-wal"]
    await backend.end()
    database = files_in(tmp_path / "data")["school.db"]

    assert not database.startswith(b"SQLite format 3")
    assert b"SQLite format 3" not in log
    # The log's own headers, 24 bytes a page, are all that is plain.
    assert entropy(database) > 7.99
    assert entropy(log) > 7.9


def entropy(data: bytes) -> float:
    """Return Shannon's entropy in bits a byte; 8 is noise."""
    return -sum(n / len(data) * math.log2(n / len(data)) for n in Counter(data).values())


@clause("files-private")
async def test_the_directory_and_every_file_are_the_owner_s_alone(
    start: Start, tmp_path: Path
) -> None:
    data = tmp_path / "data"

    await fill(await start())

    assert {file.name: stat.S_IMODE(file.stat().st_mode) for file in (data, *data.iterdir())} == {
        "data": 0o700,
        **dict.fromkeys(
            ["backend.lock", "school.db", "school.db-shm", "school.db-wal", "school.made"], 0o600
        ),
    }


@clause("wrong-key-touches-nothing", "initialize-wrong-key")
@pytest.mark.parametrize("is_killed", [True, False], ids=["a log is left", "ended well"])
async def test_a_wrong_key_exits_with_77_and_leaves_every_file_as_it_was(
    start: Start, tmp_path: Path, is_killed: bool
) -> None:
    """A writer that closes folds the log into the database, even with a key that opens neither."""
    first = await start()
    await fill(first)
    if is_killed:
        first.signal(signal.SIGKILL)
        await first.exit_code()
    else:
        await first.end()
    before = kept_in(tmp_path / "data")

    second = await start(key=None)
    keys = {"databaseKey": text_of(OTHER_KEY), "pendingDatabaseKey": "B" * 43}
    reply = await second.ask(request(1, "initialize", **initialize(**keys)))

    assert reply["error"]["code"] == -32012
    assert await second.exit_code() == 77
    assert kept_in(tmp_path / "data") == before
    assert ("school.db-wal" in before) is is_killed
    third = await start()
    assert len((await third.call("students.list"))["items"]) == 30


def kept_in(directory: Path) -> dict[str, str]:
    """Hash what lasts: not the index that SQLite keeps in memory, nor the owner's process id."""
    return {
        name: hashlib.sha256(content).hexdigest()
        for name, content in files_in(directory).items()
        if name not in ("school.db-shm", "backend.lock")
    }


@clause("never-empty")
@pytest.mark.parametrize("is_encrypted", [True, False], ids=["encrypted", "plain"])
@pytest.mark.parametrize("loss", ["missing", "empty"])
async def test_a_store_that_was_lost_exits_with_74_and_is_not_begun_anew(
    start: Start, tmp_path: Path, is_encrypted: bool, loss: str
) -> None:
    backend = await start(key=KEY if is_encrypted else None)
    await fill(backend)
    await backend.end()
    lose = {"missing": Path.unlink, "empty": lambda file: os.truncate(file, 0)}
    lose[loss](tmp_path / "data" / "school.db")
    before = kept_in(tmp_path / "data")

    code, out, err = await run("serve", "--data-dir", str(tmp_path / "data"))

    assert (code, out) == (74, b"")
    assert err == (
        f"rpcbackend: the database in {tmp_path / 'data'} cannot be opened:"
        f" school.db is {loss}; restore a backup\n"
    )
    assert kept_in(tmp_path / "data") == before


# Words


@clause("keys-stay-inside", "error-quotes-nothing")
async def test_no_error_and_no_log_line_tells_a_key_or_a_name(start: Start) -> None:
    backend = await start()
    await fill(backend)
    key, other = text_of(KEY), text_of(OTHER_KEY)
    wrong = [
        ("initialize", initialize(databaseKey=f"{key}{other}")),
        ("initialize", initialize(databaseKey=[key])),
        ("initialize", initialize(databaseKey={key: other})),
        ("initialize", initialize(databaseKey=other)),
        ("initialize", {**initialize(databaseKey=key), "client": key}),
        ("initialize", {**initialize(databaseKey=key), "protocolVersion": key[:20]}),
        ("keys.rekey", {}),
        ("keys.rekey", {"newDatabaseKey": f"{other} "}),
        ("keys.rekey", [other[:42]]),
        ("keys.rekey", {"newDatabaseKey": other, "_meta": {"timeoutMs": key}}),
        ("branches.save", {"name": NAMES["branchName"], "zone": NAMES["address"]}),
        ("students.get", {"studentId": NAMES["email"]}),
        ("students.list", {"cursor": NAMES["address"]}),
        (key, {}),
    ]

    backend.send(
        *(
            {"jsonrpc": "2.0", "id": number, "method": channel, "params": params}
            for number, (channel, params) in enumerate(wrong)
        ),
        f'{{"jsonrpc":"2.0","id":1,"method":"{key}'.encode() + b"\n",
    )
    replies = [await backend.line() for _ in range(len(wrong) + 1)]

    assert {"error" in reply for reply in replies} == {True}
    assert found(CANARIES, orjson.dumps(replies)) == []
    assert "refused" in backend.stderr
    # The name of a channel is no value: the last one but one gave its key away itself.
    told = [line for line in backend.stderr.splitlines() if "METHOD_NOT_FOUND" not in line]
    assert found(CANARIES, "\n".join(told).encode()) == []


@clause("keys-stay-inside")
async def test_the_arguments_and_the_environment_hold_no_key(start: Start) -> None:
    backend = await start()
    await fill(backend)
    process = Path(f"/proc/{backend.pid}")

    seen = {name: (process / name).read_bytes() for name in ("cmdline", "status", "limits")}
    try:
        seen["environ"] = (process / "environ").read_bytes()
    except PermissionError:
        # Who is not root may not even look.
        assert os.geteuid() != 0

    assert b"rpcbackend" in seen["cmdline"]
    assert found(CANARIES, *seen.values()) == []


# Memory


@clause("keys-stay-inside")
async def test_no_core_is_ever_written(start: Start) -> None:
    backend = await start()

    # A call later, for the limit is set behind the write of the first line.
    await backend.call("ping")

    assert core_limit_of(backend.pid) == ["0", "0", "bytes"]


def core_limit_of(pid: int) -> list[str]:
    limits = Path(f"/proc/{pid}/limits").read_text(encoding="utf-8").splitlines()
    (core,) = [line.split() for line in limits if line.startswith("Max core file size")]
    return core[4:]


@clause("keys-stay-inside")
async def test_nobody_may_look_into_the_memory_once_the_first_line_is_read(tmp_path: Path) -> None:
    """Asked from within, for root may look into anything (prctl(2), PR_GET_DUMPABLE)."""
    program = """
import sys
from asyncio.subprocess import PIPE
from rpcbackend.app import Application
from rpcbackend.cli import main
initialize = Application.initialize
async def tell(self, params, **how):
    import ctypes
    sys.stderr.write(f"dumpable {ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)}\\n")
    return await initialize(self, params, **how)
Application.initialize = tell
def ready(self, loaded="ctypes" in sys.modules):
    sys.stderr.write(f"ctypes {'ctypes' in sys.modules and not loaded}\\n")
    return was(self)
was, Application.ready = Application.ready, ready
sys.exit(main(["serve", "--data-dir", sys.argv[1]]))
"""
    line = orjson.dumps(request(1, "initialize", **initialize(databaseKey=text_of(KEY)))) + b"\n"

    _, err = await piped(program, str(tmp_path), given=line)

    assert err.splitlines() == ["| ctypes False", "| dumpable 0"]


async def piped(program: str, *arguments: str, given: bytes) -> tuple[bytes, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, *arguments),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env={
            name: value
            for name, value in (os.environ | QUIET).items()
            # Measuring coverage loads more.
            if not name.startswith("COVERAGE")
        },
    )
    async with asyncio.timeout(TIMEOUT_SECONDS):
        out, err = await process.communicate(given)
    return out, err.decode()


# The command


async def rekey(directory: Path, *keys: str) -> tuple[int, bytes, str]:
    given = "".join(f"{key}\n" for key in keys).encode()
    return await run("rekey", "--data-dir", str(directory), given=given)


@clause("rekey")
async def test_the_command_changes_the_key_and_says_so(start: Start, tmp_path: Path) -> None:
    data = tmp_path / "data"
    backend = await start()
    await fill(backend)
    busy = await rekey(data, text_of(KEY), text_of(OTHER_KEY))
    await backend.end()

    changed = await rekey(data, text_of(KEY), text_of(OTHER_KEY))
    again = await rekey(data, text_of(KEY), text_of(OTHER_KEY))
    wrong = await rekey(data, text_of(KEY), "B" * 43)

    says = f"rpcbackend: the database in {data} has the new key"
    assert busy[0] == 69
    assert changed == (0, b"", f"{says}; the old one opens nothing any more\n")
    assert again == (0, b"", f"{says} already\n")
    assert wrong == (77, b"", "rpcbackend: the current key does not open the database\n")
    assert len((await (await start(key=OTHER_KEY)).call("students.list"))["items"]) == 30


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ([], "two lines are wanted on stdin: the current key, the new one, in base64url"),
        ([text_of(KEY), "short"], "two lines are wanted on stdin: the current key, the new one"),
        ([text_of(KEY), text_of(OTHER_KEY)], "there is no database in "),
    ],
    ids=["nothing", "half", "no database"],
)
async def test_the_command_says_what_it_misses(
    tmp_path: Path, keys: list[str], complaint: str
) -> None:
    code, out, err = await rekey(tmp_path, *keys)

    assert (code, out) == (64, b"")
    assert err.startswith(f"rpcbackend: {complaint}")
    assert not (tmp_path / "school.db").exists()


async def test_the_command_leaves_a_plain_store_alone(start: Start, tmp_path: Path) -> None:
    backend = await start(key=None)
    await fill(backend)
    await backend.end()

    code, _, err = await rekey(tmp_path / "data", text_of(KEY), text_of(OTHER_KEY))

    assert code == 64
    assert err.endswith("is plain: it has no key\n")
