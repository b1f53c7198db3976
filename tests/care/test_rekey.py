"""The key changed from the command line: what it leaves; tests/e2e/test_secrecy.py runs it live."""

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import orjson
import pytest

from rpcbackend.care import rekey
from rpcbackend.errors import DiskFullError, OutcomeUnknownError, OverloadedError
from rpcbackend.rpc_error import RpcError
from rpcbackend.schema.audit import ListAudit
from rpcbackend.store import Store, open_store

OLD, NEW = bytes(32), bytes(range(32))
KEYS = "".join(urlsafe_b64encode(key).decode() + "\n" for key in (OLD, NEW))


@pytest.fixture
def change_key(tmp_path: Path) -> Callable[[], int]:
    """Change the key of an encrypted store, as often as wanted."""
    return lambda: rekey.rekey_directory(tmp_path, StringIO(KEYS))


async def make_store(directory: Path) -> None:
    await (await open_store(directory, key=OLD)).close()


async def audit_in(directory: Path) -> list[Any]:
    store = await open_store(directory, key=NEW)
    page = await store.read(lambda work: work.audit.page(ListAudit()))
    await store.close()
    rows: list[Any] = orjson.loads(page.json)["items"]
    return [(row["actor"], row["channel"], row["sessionId"], row["changes"]) for row in rows]


ROW: tuple[str, str, None, list[Any]] = ("local", "keys.rekey", None, [])


def test_a_change_of_keys_leaves_a_row_of_the_audit_each_time_it_is_asked_for(
    tmp_path: Path, change_key: Callable[[], int]
) -> None:
    """A change that was cut short before its row is asked for again."""
    asyncio.run(make_store(tmp_path))

    assert change_key() == 0
    assert asyncio.run(audit_in(tmp_path)) == [ROW]
    assert change_key() == 0
    assert asyncio.run(audit_in(tmp_path)) == [ROW, ROW]


def test_a_key_that_was_changed_without_its_row_is_told(
    tmp_path: Path,
    change_key: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def fail(*_: Any, **__: Any) -> None:
        raise DiskFullError

    asyncio.run(make_store(tmp_path))
    with monkeypatch.context() as patched:
        patched.setattr(Store, "write", fail)
        assert change_key() == 74

    says = f"rpcbackend: the database in {tmp_path} has the new key, but the audit no row of it: "
    assert capsys.readouterr().err.startswith(says)
    assert asyncio.run(audit_in(tmp_path)) == []


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OverloadedError(), (69, "the key stays")),
        (DiskFullError(), (74, "the key stays")),
        (OutcomeUnknownError(outcome="unknown"), (74, "either key may be the one")),
    ],
    ids=["overloaded", "full", "unknown"],
)
def test_a_change_that_fails_says_which_key_is_the_one(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: RpcError,
    expected: tuple[int, str],
) -> None:
    async def fail(*_: Any) -> None:
        raise error

    asyncio.run(make_store(tmp_path))
    monkeypatch.setattr(Store, "rekey", fail)

    code = rekey.rekey_directory(tmp_path, StringIO(KEYS))

    assert (code, capsys.readouterr().err) == (
        expected[0],
        f"rpcbackend: {expected[1]}: {error.message}\n",
    )
