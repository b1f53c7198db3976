"""Which answers come from memory, to whom, and how a client learns that nothing changed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from rpcbackend.app import Application
from rpcbackend.config import CacheSettings
from rpcbackend.dispatch.call import Call
from rpcbackend.dispatch.registry import Result
from rpcbackend.middleware.cache import Cache
from rpcbackend.resilience.answers import Answers, Figures
from rpcbackend.schema.base import Encoded
from rpcbackend.schema.branches import ListBranches
from rpcbackend.schema.users import Role
from rpcbackend.store import Work
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, FrozenClock, running_app
from tests.callers import connect_as
from tests.factories import School, an_id, make_branch
from tests.middleware.calls import make_call
from tests.store.gate import Gate, restore_under_way

BRANCH = {"name": "Mitte", "zone": "UTC", "currency": "EUR"}


@pytest.fixture
async def filed(clock: FrozenClock, tmp_path: Path) -> AsyncIterator[Application]:
    """An application over a file: its readers look at snapshots while the writer writes."""
    async with running_app(tmp_path, Surroundings(clock=clock)) as running:
        await running.open_store()
        yield running


def figures(app: Application) -> Figures:
    assert app.caching.answers is not None
    return app.caching.answers.figures()


async def ask(client: Client, channel: str, if_rev: str | None = None, /, **params: Any) -> Any:
    meta = {"_meta": {"ifRev": if_rev}} if if_rev else {}
    return await client.call_with_meta(channel, params | meta)


async def test_the_second_answer_comes_from_memory_and_is_the_same(
    app: Application, client: Client
) -> None:
    school = await School(client).open()
    before = figures(app)

    first, second = [await ask(client, "students.list", text="ada") for _ in range(2)]

    assert first == second
    assert first["items"] == [school.student]
    assert figures(app).hits == before.hits + 1
    assert figures(app).misses == before.misses + 1


async def test_params_that_mean_the_same_are_one_question(app: Application, client: Client) -> None:
    days = {"from": "2026-11-24T00:00:00Z", "to": "2026-11-25T00:00:00Z"}
    again = {"to": "2026-11-25T00:00:00.000Z", "resourceTypes": ["instructor"], **days}

    assert await ask(client, "calendar.view", **days) == await ask(client, "calendar.view", **again)
    assert (figures(app).hits, figures(app).misses) == (1, 1)


async def test_whoever_wrote_reads_what_he_wrote(client: Client) -> None:
    assert (await ask(client, "branches.list"))["items"] == []

    saved = await client.call("branches.save", **BRANCH)

    assert (await ask(client, "branches.list"))["items"] == [saved]


async def test_what_leaves_no_event_is_seen_all_the_same(app: Application, client: Client) -> None:
    before = await ask(client, "branches.list")

    await app.store.write(lambda work: work.branches.put(make_branch()), actor="tests")

    after = await ask(client, "branches.list")
    assert [item["id"] for item in after["items"]] == [an_id("bra")]
    assert after["_meta"]["rev"] != before["_meta"]["rev"]


async def test_an_answer_that_still_holds_is_not_told_again(client: Client) -> None:
    school = await School(client).open()
    question = {"studentId": school.student["id"]}
    rev = (await ask(client, "students.get", **question))["_meta"]["rev"]

    assert await ask(client, "students.get", rev, **question) == {
        "_meta": {"notModified": True, "rev": rev, "seq": 4}
    }

    await client.call("students.update", **question, givenName="Augusta")
    after = await ask(client, "students.get", rev, **question)
    assert after["givenName"] == "Augusta"
    assert after["_meta"]["rev"] != rev
    assert "notModified" not in after["_meta"]


async def test_that_it_holds_is_known_without_looking_as_long_as_the_answer_is_kept(
    app: Application, client: Client
) -> None:
    rev = (await ask(client, "branches.list"))["_meta"]["rev"]
    forgetful = Cache(Answers(max_bytes=1, ttl_seconds=1, now=lambda: 0))
    method = app.dispatcher.registry.get("branches.list")
    assert method is not None
    looked = []

    async def look(call: Call) -> Result:
        looked.append(call)
        return Encoded(b'{"items":[]}')

    for cache, looks in ((app.caching.ring, 0), (forgetful, 1)):
        call = make_call(method, host=app, ifRev=rev)
        call.params = ListBranches()
        assert cache is not None
        assert await cache(call, look) == Encoded(b"{}")
        assert call.context.result_meta == {"notModified": True, "rev": rev, "seq": 0}
        assert len(looked) == looks


async def test_a_rev_holds_for_no_other_question(client: Client) -> None:
    school = await School(client).open()
    rev = (await ask(client, "students.list"))["_meta"]["rev"]

    for channel, params in (
        ("students.list", {"limit": 7}),
        ("students.get", {"studentId": school.student["id"]}),
        ("branches.list", {}),
    ):
        assert "notModified" not in (await ask(client, channel, rev, **params))["_meta"]


async def test_who_sees_other_rows_shares_no_answer_and_no_rev(
    app: Application, client: Client
) -> None:
    school = await School(client).open()
    office = await connect_as(app, 1, Role.OFFICE)
    accountant = await connect_as(app, 2, Role.ACCOUNTANT)
    ines = await connect_as(app, 3, Role.INSTRUCTOR, linked_person_id=school.instructor["id"])
    ada = await connect_as(app, 4, Role.STUDENT, linked_person_id=school.student["id"])
    nobody = await connect_as(app, 5, Role.STUDENT)

    answers = [await ask(each, "students.list") for each in (office, ines, ada, nobody)]

    assert [len(answer["items"]) for answer in answers] == [1, 0, 1, 0]
    assert len({answer["_meta"]["rev"] for answer in answers}) == 4
    stolen = answers[0]["_meta"]["rev"]
    assert (await ask(nobody, "students.list", stolen))["items"] == []
    before = figures(app)
    assert await ask(accountant, "students.list") == answers[0]
    assert figures(app).hits == before.hits + 1


async def test_an_instructor_sees_a_student_from_his_first_lesson_on(
    app: Application, client: Client
) -> None:
    school = await School(client).open()
    ines = await connect_as(app, 3, Role.INSTRUCTOR, linked_person_id=school.instructor["id"])
    office = await connect_as(app, 1, Role.OFFICE)
    assert (await ask(ines, "students.list"))["items"] == []

    await office.call("lessons.book", **school.booking())

    assert (await ask(ines, "students.list"))["items"] == [school.student]
    assert await ines.call("students.get", studentId=school.student["id"]) == school.student


async def test_who_may_not_ask_is_given_nothing_from_memory(
    app: Application, client: Client
) -> None:
    await School(client).open()
    office = await connect_as(app, 1, Role.OFFICE)
    vehicles = await ask(office, "vehicles.list")
    student = await connect_as(app, 2, Role.STUDENT)

    with pytest.raises(CallFailedError) as failed:
        await ask(student, "vehicles.list", vehicles["_meta"]["rev"])

    assert failed.value.symbol == "FORBIDDEN"


async def test_a_refusal_is_not_kept(app: Application, client: Client) -> None:
    question = {"studentId": an_id("stu")}
    with pytest.raises(CallFailedError):
        await ask(client, "students.get", **question)

    assert figures(app).answers == 0


async def test_an_answer_from_before_a_commit_is_never_given_after_it(
    filed: Application,
) -> None:
    client, method = Client(filed), filed.dispatcher.registry.get("branches.list")
    assert method is not None
    assert filed.caching.answers is not None
    call = make_call(method, host=filed)
    call.params = ListBranches()

    async def look_and_dawdle(call: Call) -> Result:
        answer = await method.handler(call.context, call.params)
        await client.call("branches.save", **BRANCH)
        return answer

    old = await Cache(filed.caching.answers)(call, look_and_dawdle)

    assert old == Encoded(b'{"items":[]}')
    new = await ask(client, "branches.list", call.context.result_meta["rev"])
    assert len(new["items"]) == 1


async def test_while_a_commit_is_under_way_nothing_is_given_from_memory_nor_kept(
    filed: Application,
) -> None:
    client = Client(filed)
    await ask(client, "branches.list")
    await ask(client, "vehicles.list")
    first, last = Gate(), Gate()

    # One commit for both of those that wait: the second keeps the first from being seen.
    units = [first.hold, lambda work: work.branches.put(make_branch()), last.hold]
    writing = [asyncio.ensure_future(_write(filed, unit)) for unit in units]
    await first.entered()
    await asyncio.sleep(0)
    first.open()
    await last.entered()

    before = figures(filed)
    during = await ask(client, "branches.list")
    assert during == {"items": [], "_meta": {"seq": 0}}
    assert "rev" in (await ask(client, "vehicles.list"))["_meta"]
    assert figures(filed) == before._replace(hits=before.hits + 1)

    last.open()
    await asyncio.gather(*writing)
    after = await ask(client, "branches.list")
    assert (len(after["items"]), set(after["_meta"])) == (1, {"rev", "seq"})


async def _write(app: Application, unit: Any) -> None:
    async def run(work: Work) -> None:
        await unit(work)

    await app.store.write(run, actor="tests")


async def test_equal_calls_at_the_same_time_are_one_look_up(filed: Application) -> None:
    clients = [Client(filed) for _ in range(4)]

    replies = await asyncio.gather(*(client.start("branches.list", {}) for client in clients))

    assert len({str(reply["result"]) for reply in replies}) == 1
    # Whoever came when it was known already was told from memory.
    told = figures(filed)
    assert (told.misses, told.shared + told.hits) == (1, 3)


async def test_whoever_asked_first_may_be_cancelled_without_harm_to_others(
    filed: Application,
) -> None:
    client, other = Client(filed), Client(filed)
    gate = Gate()
    held = [asyncio.ensure_future(filed.store.read(gate.hold)) for _ in range(2)]
    await gate.entered()
    first = client.start("branches.list", {})
    second = other.start("branches.list", {})
    await asyncio.sleep(0)

    client.server.receive(
        b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":%d}}' % client.last_id
    )
    assert (await first)["error"]["data"]["code"] == "REQUEST_CANCELLED"
    gate.open()

    assert (await second)["result"]["items"] == []
    await asyncio.gather(*held)


async def test_after_a_restore_nothing_from_before_it_is_given(filed: Application) -> None:
    client = Client(filed)
    await client.call("branches.save", **BRANCH)
    async with restore_under_way(filed):
        await client.call("branches.save", **BRANCH | {"name": "Nord"})
        before = await ask(client, "branches.list")
        assert len(before["items"]) == 2

    after = await ask(client, "branches.list", before["_meta"]["rev"])

    assert len(after["items"]) == 1


async def test_without_room_nothing_is_kept_and_no_rev_is_told(clock: FrozenClock) -> None:
    async with running_app(
        surroundings=Surroundings(clock=clock), cache=CacheSettings(bytes=0)
    ) as app:
        client = Client(app)

        assert app.caching.answers is None
        assert await ask(client, "branches.list") == {"items": [], "_meta": {"seq": 0}}
