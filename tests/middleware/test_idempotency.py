"""Which commands are done only once, however often they arrive."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from rpcbackend.app import Application
from rpcbackend.dispatch.call import Call
from rpcbackend.dispatch.registry import Kind, Result
from rpcbackend.errors import InvalidParamsError
from rpcbackend.methods import build_registry
from rpcbackend.middleware.idempotency import KEY_REQUIRED, idempotency
from rpcbackend.schema.users import Role
from rpcbackend.store.branches import Branches
from rpcbackend.store.digest import state_hash
from rpcbackend.testing import CallFailedError, Client, FrozenClock
from tests.clauses import clause
from tests.factories import School, keyed
from tests.machine import Said, cancel, say
from tests.methods.commands import EXAMPLES, open_stage
from tests.middleware.calls import make_call, proceed
from tests.people import add_role, sign_in
from tests.store.gate import Gate

command = replace(say, kind="command", needs_store=True, idempotency="key")
ONCE = [found.channel for found in build_registry() if found.idempotency == "once"]
BRANCH = {"name": "Mitte", "zone": "UTC", "currency": "EUR"} | keyed()


async def test_a_keyed_command_is_marked_with_caller_channel_and_params() -> None:
    first = make_call(command, label="a", idempotencyKey="k")
    again = make_call(command, label="a", idempotencyKey="k", timeoutMs=5)
    other = make_call(command, label="b", idempotencyKey="k")

    for call in (first, again, other):
        assert isinstance(await idempotency(call, proceed), Said)

    keyed = first.context.keyed
    assert keyed is not None
    assert (keyed.actor, keyed.channel, keyed.key) == ("local", "test.say", "k")
    assert again.context.keyed == keyed
    assert other.context.keyed == replace(
        keyed, params_sha256=other.context.keyed.params_sha256 if other.context.keyed else b""
    )
    assert other.context.keyed != keyed


@pytest.mark.parametrize(
    ("kind", "needs_store", "meta"),
    [
        ("query", True, {"idempotencyKey": "k"}),
        ("command", False, {"idempotencyKey": "k"}),
        ("command", True, {}),
    ],
    ids=["query", "without-store", "without-key"],
)
async def test_other_calls_are_not_marked(
    kind: Kind, needs_store: bool, meta: dict[str, Any]
) -> None:
    call = make_call(replace(say, kind=kind, needs_store=needs_store), label="a", **meta)

    assert await idempotency(call, proceed) == Said(text="a")

    assert call.context.keyed is None


async def test_what_is_a_call_of_its_own_each_time_is_neither_stored_nor_given_twice() -> None:
    call = make_call(replace(command, idempotency="none"), label="a", idempotencyKey="k")

    assert await idempotency(call, proceed) == Said(text="a")

    assert call.context.keyed is None


def test_no_answer_of_auth_is_stored() -> None:
    """They are secrets; a logout has none, and is the same however often it comes."""
    commands = [
        found
        for found in build_registry()
        if found.channel.startswith("auth.") and found.kind == "command"
    ]

    assert {found.channel: found.idempotency for found in commands} == dict.fromkeys(
        [found.channel for found in commands], "none"
    ) | {"auth.logout": "natural"}


# Without a key


@pytest.mark.parametrize("meta", [{}, {"dryRun": True}], ids=["plain", "dry run"])
async def test_a_once_command_without_a_key_is_refused_before_anything_runs(
    meta: dict[str, Any],
) -> None:
    call = make_call(replace(command, idempotency="once"), label="a", **meta)

    async def never(call: Call) -> Result:
        raise AssertionError(call)

    with pytest.raises(InvalidParamsError) as refused:
        await idempotency(call, never)

    assert refused.value.details == {
        "errors": [
            {
                "path": "_meta.idempotencyKey",
                "rule": "missing",
                "message": "Field required: this command is never done twice",
            }
        ]
    }


@clause("idempotency-required")
@pytest.mark.parametrize("channel", ONCE)
async def test_every_once_channel_is_refused_without_a_key_and_does_nothing(
    tmp_path: Path, clock: FrozenClock, channel: str
) -> None:
    async with open_stage(tmp_path, clock) as stage:
        params = await EXAMPLES[channel](stage)
        del params["_meta"]
        left = await state_hash(stage.app.store)

        with pytest.raises(CallFailedError) as refused:
            await stage.client.call(channel, **params)

        assert await state_hash(stage.app.store) == left
    assert (refused.value.code, refused.value.data["outcome"]) == (-32602, "none")
    assert refused.value.details == {"errors": [KEY_REQUIRED]}


# Delivered again


@clause("idempotency-once")
async def test_a_command_that_arrives_twice_is_done_once_and_answered_the_same(
    client: Client,
) -> None:
    school = await School(client).open()
    booking = school.booking(_meta={"idempotencyKey": "k"})

    first, second = await asyncio.gather(
        client.call_with_meta("lessons.book", booking),
        client.call_with_meta("lessons.book", booking),
    )

    assert first.pop("_meta").get("replayed") is None
    assert second.pop("_meta")["replayed"] is True
    assert first == second
    listed = await client.call("lessons.list")
    assert [lesson["id"] for lesson in listed["items"]] == [first["lesson"]["id"]]


@clause("idempotency-other-params")
async def test_a_key_with_other_params_is_refused(client: Client) -> None:
    school = await School(client).open()
    await client.call("lessons.book", **school.booking(_meta={"idempotencyKey": "k"}))

    with pytest.raises(CallFailedError) as failed:
        await client.call(
            "lessons.book", **school.booking(durationMinutes=45, _meta={"idempotencyKey": "k"})
        )

    assert (failed.value.code, failed.value.symbol) == (1104, "IDEMPOTENCY_KEY_REUSED")


@clause("idempotency-after-refusal")
async def test_a_refused_command_may_use_its_key_again(client: Client) -> None:
    school = await School(client).open()
    early = school.booking(startsAt="2020-01-01T09:00:00Z", _meta={"idempotencyKey": "k"})
    with pytest.raises(CallFailedError):
        await client.call("lessons.book", **early)

    booked = await client.call("lessons.book", **school.booking(_meta={"idempotencyKey": "k"}))

    assert booked["lesson"]["state"] == "booked"


# While the first one runs


class Held:
    """Branches are put only when the gate is opened: who saves one stands in his transaction."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gate, self.puts = Gate(), 0
        put = Branches.put

        async def held(branches: Branches, branch: Any) -> None:
            self.puts += 1
            await self.gate.hold(branches)  # type: ignore[arg-type]  # it looks at nothing
            await put(branches, branch)

        monkeypatch.setattr(Branches, "put", held)


async def both_in_flight(
    clients: list[Client], gate: Gate
) -> list["asyncio.Future[dict[str, Any]]"]:
    """Begin a command, and deliver it again on another connection while it runs."""
    first, second = clients
    calls = [first.start("branches.save", BRANCH)]
    await gate.entered()
    calls.append(second.start("branches.save", BRANCH))
    for _ in range(20):
        await asyncio.sleep(0)
    assert [client.server.in_flight for client in clients] == [1, 1]
    assert [call.done() for call in calls] == [False, False]
    return calls


async def ended(calls: list["asyncio.Future[dict[str, Any]]"]) -> list[Any]:
    """Return the results, or errors, without what belongs to the delivery alone."""
    async with asyncio.timeout(30):
        replies = [await call for call in calls]
    return [reply.get("result", reply.get("error")) for reply in replies]


@clause("idempotency-joined")
@pytest.mark.parametrize("has_users", [False, True], ids=["local", "one user"])
async def test_one_that_comes_while_the_first_runs_gets_its_answer_on_another_connection_too(
    app: Application, monkeypatch: pytest.MonkeyPatch, has_users: bool
) -> None:
    if has_users:
        await add_role(app, Role.OWNER)
    clients = [await sign_in(app) if has_users else Client(app) for _ in range(2)]
    held = Held(monkeypatch)
    calls = await both_in_flight(clients, held.gate)

    held.gate.open()

    first, second = await ended(calls)
    assert "replayed" not in first.pop("_meta")
    assert second.pop("_meta")["replayed"] is True
    assert (first, held.puts) == (second, 1)
    assert (await clients[0].call("branches.list"))["items"] == [first]


@clause("idempotency-joined")
async def test_one_that_comes_while_the_first_runs_gets_its_answer_though_that_is_cancelled(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients, held = [Client(app), Client(app)], Held(monkeypatch)
    calls = await both_in_flight(clients, held.gate)

    clients[0].server.receive(orjson.dumps(cancel(clients[0].last_id)))
    held.gate.open()

    first, second = await ended(calls)
    assert (first.pop("_meta").get("replayed"), second.pop("_meta")["replayed"]) == (None, True)
    assert (first, held.puts) == (second, 1)


@clause("idempotency-joined")
async def test_one_that_comes_while_the_first_runs_and_fails_runs_itself(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients, held = [Client(app), Client(app)], Held(monkeypatch)
    hold = held.gate.hold

    async def refuse_once(work: Any) -> None:
        await hold(work)
        if held.puts == 1:
            raise InvalidParamsError

    monkeypatch.setattr(held.gate, "hold", refuse_once)
    calls = await both_in_flight(clients, held.gate)

    held.gate.open()

    first, second = await ended(calls)
    assert first["data"]["code"] == "INVALID_PARAMS"
    assert "replayed" not in second.pop("_meta")
    assert (await clients[0].call("branches.list"))["items"] == [second]


async def test_one_behind_a_first_that_was_cancelled_before_it_began_runs_itself(
    app: Application,
) -> None:
    first, second, gate = Client(app), Client(app), Gate()
    other = asyncio.ensure_future(app.store.write(gate.hold, actor="tests"))
    await gate.entered()
    calls = [first.start("branches.save", BRANCH), second.start("branches.save", BRANCH)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert [first.server.in_flight, second.server.in_flight] == [1, 1]

    first.server.receive(orjson.dumps(cancel(first.last_id)))
    gate.open()

    withdrawn, done = await ended(calls)
    await other
    assert (withdrawn["code"], withdrawn["data"]["outcome"]) == (-32800, "none")
    assert "replayed" not in done["_meta"]
