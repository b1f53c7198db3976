"""Passwords hashed and verified beside the loop."""

import asyncio
import threading

import pytest

from rpcbackend import hashing as module
from rpcbackend.errors import OverloadedError
from rpcbackend.hashing import AT_ONCE, WAITING, Hashing


async def test_a_password_is_hashed_with_the_given_salt_and_verified() -> None:
    hashing = Hashing(lambda count: b"s" * count)

    phc, again = await asyncio.gather(hashing.hash("vier linke hände"), hashing.hash("x"))

    assert phc.split("$")[4] == again.split("$")[4] == "c3Nzc3Nzc3Nzc3Nzc3Nzcw"
    assert await hashing.verify(phc, "vier linke hände")
    assert not await hashing.verify(None, "x")
    assert not hashing.needs_rehash(phc)
    assert hashing.needs_rehash(phc.replace("m=47104", "m=19456"))
    hashing.close()


class Gate:
    """Stands for argon2 and lets nobody through until it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.inside = 0
        self.most = 0
        self._counting = threading.Lock()

    def verify(self, phc: str | None, text: str) -> bool:  # noqa: ARG002 (as verify_password)
        """Wait, and count how many do."""
        with self._counting:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.opened.wait(30)
        with self._counting:
            self.inside -= 1
        return True


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """A gate in the place of argon2."""
    gate = Gate()
    monkeypatch.setattr(module, "verify_password", gate.verify)
    return gate


async def test_two_run_sixteen_wait_and_the_next_is_told_to_come_back(gate: Gate) -> None:
    hashing = Hashing(bytes)
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(hashing.verify("", "")) for _ in range(AT_ONCE + WAITING)]
    await asyncio.wait(tasks, timeout=0)

    with pytest.raises(OverloadedError) as refused:
        await hashing.verify("", "")

    assert refused.value.retry_after_ms == 1_000
    gate.opened.set()
    async with asyncio.timeout(30):
        assert await asyncio.gather(*tasks) == [True] * (AT_ONCE + WAITING)
    assert gate.most <= AT_ONCE
    assert await hashing.verify("", "")
    hashing.close()


async def test_whoever_gives_up_makes_room(gate: Gate) -> None:
    hashing = Hashing(bytes)
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(hashing.verify("", "")) for _ in range(AT_ONCE + WAITING)]
    await asyncio.wait(tasks, timeout=0)

    tasks[-1].cancel()
    await asyncio.wait(tasks[-1:])
    last = loop.create_task(hashing.verify("", ""))

    gate.opened.set()
    async with asyncio.timeout(30):
        assert await last
        await asyncio.gather(*tasks[:-1])
    hashing.close()
