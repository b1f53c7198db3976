"""The other end of a replay's connections."""

import asyncio

import pytest

from rpcbackend.app import Application
from rpcbackend.testing import Client
from rpcbackend.transcripts.peer import Peer, ReplayTap
from rpcbackend.transcripts.timeline import Calls
from rpcbackend.transcripts.turns import Turns
from tests.factories import save_branch

SUBSCRIBE = b'{"jsonrpc":"2.0","id":1,"method":"events.subscribe"}'


async def test_a_request_is_answered_and_a_notification_is_waited_for(app: Application) -> None:
    peer = Peer(app)
    silent = (
        b'{"jsonrpc":"2.0","method":"branches.save",'
        b'"params":{"name":"Mitte","zone":"UTC","currency":"EUR"}}'
    )

    assert await peer.ask(silent, wants_reply=False) is None
    reply = await peer.ask(b'{"jsonrpc":"2.0","id":1,"method":"branches.list"}', wants_reply=True)

    assert [branch["name"] for branch in reply["result"]["items"]] == ["Mitte"]


async def test_events_are_kept_apart_from_replies(app: Application, client: Client) -> None:
    peer = Peer(app)
    await peer.ask(SUBSCRIBE, wants_reply=True)

    heard = asyncio.ensure_future(peer.hear())
    await asyncio.sleep(0)
    await save_branch(client)
    await heard

    assert [event["params"]["type"] for event in peer.events] == ["branches.saved"]


async def test_an_event_that_never_comes_is_not_waited_for_for_ever(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rpcbackend.transcripts.peer.EVENT_SECONDS", 0.01)

    with pytest.raises(TimeoutError):
        await Peer(app).hear()


async def test_a_notification_that_hangs_is_not_waited_for_for_ever_nor_twice(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rpcbackend.transcripts.peer.REPLY_SECONDS", 0.0)
    peer = Peer(app)
    hanging = (
        b'{"jsonrpc":"2.0","method":"auth.bootstrap",'
        b'"params":{"login":"Ada","password":"a long walk in the rain"}}'
    )

    with pytest.raises(TimeoutError):
        await peer.ask(hanging, wants_reply=False)
    await peer.ask(b'{"jsonrpc":"2.0","method":"ping"}', wants_reply=False)


async def test_the_tap_of_a_replay_gives_the_moments_of_the_recording() -> None:
    calls, again = Calls(b"seed", 1_000), Calls(b"seed", 1_000)
    tap = ReplayTap(calls, Turns(calls, is_told=True))
    for each in (calls, again):
        each.begin("con_1", 3, 7.0, 0.0)
    tap.came("con_1", b"")
    tap.went("con_1", b"")
    tap.opened(None)

    moments = tap.moment(), again.next()

    drawn = {moment.sequence.bits.getrandbits(62) for moment in moments}
    assert (len(drawn), {moment.now_ms for moment in moments}) == (1, {1_007})
