"""Events of a replay: each that was recorded, and no other one."""

from pathlib import Path

import pytest

from rpcbackend.testing import Client, FrozenClock
from rpcbackend.transcripts.peer import EVENT_SECONDS, Peer
from tests.factories import save_branch
from tests.transcripts.desks import NAME, all_of, assert_same, recorded, replayed, spoil


async def test_an_event_that_does_not_come_is_a_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rpcbackend.transcripts.peer.EVENT_SECONDS", 0.05)
    async with recorded(tmp_path) as client:
        await client.call("events.subscribe")
        await save_branch(client)
        await client.next_line()
    lines = (tmp_path / NAME).read_text(encoding="utf-8").splitlines(keepends=True)
    again = next(line for line in lines if '"method":"event"' in line)
    spoil(tmp_path, lambda text: text + again)

    outcome = await replayed(tmp_path)

    assert [(each.channel, each.got) for each in outcome.differences] == [("event", "null")]


@pytest.mark.parametrize("left_out", ["con_1", "con_2", "the last"])
async def test_an_event_that_was_not_recorded_is_a_difference(
    tmp_path: Path, left_out: str
) -> None:
    clock = FrozenClock()
    async with recorded(tmp_path, clock) as client:
        other = Client(client.app)
        for each in (client, other):
            await each.call("events.subscribe")
        for _ in range(2):
            await save_branch(client)
            for each in (client, other):
                await each.next_line()
        clock.advance(EVENT_SECONDS)
        await client.call("branches.list")
    lines = (tmp_path / NAME).read_text(encoding="utf-8").splitlines(keepends=True)
    events = [line for line in lines if '"dir":"event"' in line]
    assert len(events) == 4
    gone = events[-1:] if left_out == "the last" else [each for each in events if left_out in each]
    spoil(tmp_path, lambda _: "".join(line for line in lines if line not in gone))

    outcome = await replayed(tmp_path)

    assert [(each.channel, each.expected) for each in outcome.differences] == [
        ("event", "nothing") for _ in gone
    ]


@pytest.mark.parametrize("last", ["shutdown", "branches.list"])
async def test_events_that_a_process_at_its_end_had_no_time_to_tell_are_none(
    tmp_path: Path, last: str
) -> None:
    clock = FrozenClock()
    async with recorded(tmp_path, clock) as client:
        await client.call("events.subscribe")
        await save_branch(client)
        await client.next_line()
        clock.advance(EVENT_SECONDS - 1)
        await client.call(last)
    spoil(tmp_path, lambda text: "".join(_without(text, '"dir":"event"')))

    assert_same(await replayed(tmp_path), compared=3)


def _without(text: str, part: str) -> list[str]:
    return [line for line in text.splitlines(keepends=True) if part not in line]


@pytest.mark.parametrize("after", [{}, {"afterSeq": 0}])
async def test_what_a_subscription_still_told_that_another_took_the_place_of_is_no_difference(
    tmp_path: Path, after: dict[str, int]
) -> None:
    async with recorded(tmp_path) as client:
        await client.call("events.subscribe")
        await save_branch(client)
        await client.next_line()
        await all_of(
            client,
            ("branches.save", {"name": "A", "zone": "UTC", "currency": "EUR"}),
            ("events.subscribe", after),
        )
        await save_branch(client)
        await _until_told(client, 3)

    assert_same(await replayed(tmp_path))


async def _until_told(client: Client, seq: int) -> None:
    while (await client.next_line())["params"]["seq"] < seq:
        pass


async def test_where_one_event_did_not_come_nobody_waits_as_long_for_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("rpcbackend.transcripts.hearing.EVENT_SECONDS", 0.02)
    monkeypatch.setattr("rpcbackend.transcripts.hearing.QUIET_SECONDS", 0.01)
    hear = Peer.hear

    async def listen(peer: Peer, seconds: float) -> None:
        waited.append(seconds)
        await hear(peer, seconds)

    monkeypatch.setattr(Peer, "hear", listen)
    async with recorded(tmp_path) as client:
        await client.call("events.subscribe")
        for _ in range(3):
            await save_branch(client)
            await client.next_line()
    spoil(tmp_path, lambda text: text.replace('"method":"events.subscribe"', '"method":"ping"'))

    outcome = await replayed(tmp_path)

    assert outcome.count >= 3
    assert waited == [0.02, 0.01, 0.01]
