"""Driving a unit of work by hand."""

import asyncio
from typing import Any

import pytest

from rpcbackend.store.transaction import UnitSuspendedError, drive


async def at_once() -> str:
    return "done"


async def nested() -> str:
    return await at_once() + await at_once()


async def fails() -> None:
    raise LookupError("no")


async def suspends() -> None:
    await asyncio.sleep(0)


async def is_cancelled() -> None:
    raise asyncio.CancelledError


def test_a_unit_that_never_waits_returns_what_it_returns() -> None:
    assert drive(at_once()) == "done"
    assert drive(nested()) == "donedone"


def test_what_a_unit_raises_is_raised() -> None:
    with pytest.raises(LookupError, match="no"):
        drive(fails())


@pytest.mark.parametrize("unit", [suspends, is_cancelled])
def test_a_unit_that_waits_for_something_else_is_an_error(unit: Any) -> None:
    with pytest.raises(UnitSuspendedError):
        drive(unit())


def test_a_unit_that_suspends_is_closed_and_cleans_up() -> None:
    ends: list[str] = []

    async def cleans_up() -> None:
        try:
            await asyncio.sleep(0)
        finally:
            ends.append("cleaned up")

    with pytest.raises(UnitSuspendedError):
        drive(cleans_up())

    assert ends == ["cleaned up"]


async def test_a_unit_that_waits_for_a_future_of_the_loop_is_an_error() -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def waits() -> None:
        await future

    with pytest.raises(UnitSuspendedError):
        drive(waits())
