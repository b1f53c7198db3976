"""A timer that goes off again and again, and knows how late it was."""

import asyncio

import pytest

from rpcbackend.histogram import bucket_of
from rpcbackend.observability import pulse as pulse_module
from rpcbackend.observability.pulse import Pulse


async def test_it_beats_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse_module, "BEAT_SECONDS", 0.0)
    beats: asyncio.Queue[int] = asyncio.Queue()
    pulse = Pulse(lambda: beats.put_nowait(1))

    pulse.start()
    async with asyncio.timeout(30):
        for _ in range(3):
            await beats.get()
    pulse.stop()
    await asyncio.sleep(0.01)

    assert beats.qsize() <= 1
    assert pulse.lag.count == 3 + beats.qsize()


async def test_it_tells_by_how_much_it_was_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse_module, "BEAT_SECONDS", 0.0)
    beaten = asyncio.Event()
    times = iter([10.0, 10.25, 10.25, 10.25])
    pulse = Pulse(beaten.set, now=lambda: next(times))

    pulse.start()
    async with asyncio.timeout(30):
        await beaten.wait()
    pulse.stop()

    assert pulse.lag.sparse() == [(bucket_of(250_000), 1)]


def test_to_stop_what_never_began_does_no_harm() -> None:
    Pulse(lambda: None).stop()
