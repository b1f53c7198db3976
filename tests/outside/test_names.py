"""How names are looked up: beside the loop, once for all who ask."""

import asyncio
import socket
import threading
from typing import Any

import pytest

from rpcbackend.outside.adapter import TryAgainError
from rpcbackend.outside.names import MOST, Names


class Resolver:
    """The machine's resolver, which answers once it is let."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.may_answer = threading.Event()

    def getaddrinfo(self, host: str, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
        """Stand for the machine's."""
        self.asked.append(host)
        assert self.may_answer.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", 0))] * 2


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    resolver = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", resolver.getaddrinfo)
    return resolver


async def test_this_machine_is_found() -> None:
    assert "127.0.0.1" in await Names().look_up("localhost")


async def test_an_unknown_name_may_be_known_later() -> None:
    with pytest.raises(TryAgainError) as failed:
        await Names().look_up("nowhere.invalid")

    assert failed.value.is_unreached


async def test_all_who_ask_for_a_name_wait_for_one_look_up(resolver: Resolver) -> None:
    looked = Names()
    asking = [asyncio.create_task(looked.look_up("a.example")) for _ in range(3)]
    await asyncio.sleep(0)
    resolver.may_answer.set()

    async with asyncio.timeout(30):
        assert await asyncio.gather(*asking) == [["192.0.2.7"]] * 3
    assert resolver.asked == ["a.example"]


async def test_who_is_cancelled_leaves_the_look_up_to_the_others(resolver: Resolver) -> None:
    looked = Names()
    first, second = (asyncio.create_task(looked.look_up("a.example")) for _ in range(2))
    await asyncio.sleep(0)

    first.cancel()
    resolver.may_answer.set()

    async with asyncio.timeout(30):
        assert await second == ["192.0.2.7"]
        with pytest.raises(asyncio.CancelledError):
            await first


async def test_a_resolver_that_is_silent_holds_no_more_than_so_many_threads(
    resolver: Resolver,
) -> None:
    looked = Names()
    asking = [asyncio.create_task(looked.look_up(f"{n}.example")) for n in range(MOST)]
    await asyncio.sleep(0)

    with pytest.raises(TryAgainError, match="too many"):
        await looked.look_up("another.example")

    resolver.may_answer.set()
    async with asyncio.timeout(30):
        await asyncio.gather(*asking)


def test_a_loop_that_ended_waits_for_no_look_up(resolver: Resolver) -> None:
    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await Names().look_up("a.example")

    asyncio.run(give_up())
    looking = [t for t in threading.enumerate() if t.name == "rpcbackend-names"]
    resolver.may_answer.set()

    for thread in looking:
        thread.join(30)
    assert not any(thread.is_alive() for thread in looking)
