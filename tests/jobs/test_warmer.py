"""What a start makes ready, for whom, and what is noted for the next one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from rpcbackend.app import Application
from rpcbackend.config import CacheSettings
from rpcbackend.jobs import warmer as warmer_module
from rpcbackend.schema.users import Role
from rpcbackend.store import Asked
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, FrozenClock, running_app
from tests.callers import connect_as
from tests.factories import School, an_id, make_branch
from tests.store.gate import restore_under_way

DAY = {"from": "2026-11-24T00:00:00Z", "to": "2026-11-25T00:00:00Z"}
GONE = b'{"studentId":"%b"}' % an_id("stu").encode()
BRANCH = {"name": "Nord", "zone": "UTC", "currency": "EUR"}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warmer_module, "FIRST_SECONDS", 0)


@asynccontextmanager
async def process(directory: Path, **cache: Any) -> AsyncIterator[Application]:
    """Run one process over the directory, after it has made ready what it could."""
    surroundings, settings = Surroundings(clock=FrozenClock()), CacheSettings(**cache)
    async with running_app(directory, surroundings, cache=settings) as app:
        await app.open_store()
        if app.caching.warmer is not None:
            async with asyncio.timeout(30):
                await app.caching.warmer.ready.wait()
        yield app


async def ask(app: Application, channel: str, times: int = 2, /, **params: Any) -> Any:
    client = Client(app)
    return [await client.call(channel, **params) for _ in range(times)][-1]


async def noted(app: Application) -> list[Asked]:
    return await app.store.read(lambda work: work.cached_answers.list(b""))


def hits(app: Application) -> tuple[int, int]:
    assert app.caching.answers is not None
    figures = app.caching.answers.figures()
    return figures.hits, figures.misses


async def test_what_was_answered_before_a_restart_is_answered_from_memory_after_it(
    tmp_path: Path,
) -> None:
    async with process(tmp_path) as app:
        school = await School(Client(app)).open()
        await Client(app).call("lessons.book", **school.booking())
        before = await ask(app, "calendar.view", **DAY)

    async with process(tmp_path) as app:
        assert hits(app) == (0, 0)
        assert await ask(app, "calendar.view", 1, **DAY) == before
        assert hits(app) == (1, 0)


async def test_what_has_changed_since_is_looked_up_before_anybody_asks(tmp_path: Path) -> None:
    async with process(tmp_path) as app:
        await ask(app, "branches.list")
    async with process(tmp_path, warm=False) as app:
        await Client(app).call("branches.save", **BRANCH)

    async with process(tmp_path) as app:
        assert hits(app) == (0, 1)
        assert [item["name"] for item in (await ask(app, "branches.list", 1))["items"]] == ["Nord"]
        assert hits(app) == (1, 1)


async def test_an_answer_that_held_no_more_at_the_end_is_not_noted(tmp_path: Path) -> None:
    async with process(tmp_path) as app:
        await ask(app, "branches.list")
        await app.store.write(lambda work: work.branches.put(make_branch()), actor="tests")

    async with process(tmp_path) as app:
        assert hits(app) == (0, 1)
        assert len((await ask(app, "branches.list", 1))["items"]) == 1


async def test_nobody_sees_more_by_what_was_made_ready(tmp_path: Path) -> None:
    async with process(tmp_path) as app:
        await School(Client(app)).open()
        await ask(app, "students.list")

    async with process(tmp_path) as app:
        student = await connect_as(app, 1, Role.STUDENT, linked_person_id=an_id("stu"))
        assert (await student.call("students.list"))["items"] == []
        office = await connect_as(app, 2, Role.OFFICE)
        assert len((await office.call("students.list"))["items"]) == 1
        assert hits(app) == (1, 1)


async def test_what_somebody_sees_of_his_own_or_looked_for_by_name_is_not_noted(
    tmp_path: Path,
) -> None:
    async with process(tmp_path) as app:
        school = await School(Client(app)).open()
        await ask(app, "students.list", text="ada")
        await ask(app, "students.list", 3, limit=10)
        ines = await connect_as(app, 1, Role.INSTRUCTOR, linked_person_id=school.instructor["id"])
        for _ in range(5):
            await ines.call("vehicles.list")
            await ines.call("lessons.list")

    async with process(tmp_path, warm=False) as app:
        assert [(asked.channel, asked.params, asked.uses) for asked in await noted(app)] == [
            # Every instructor sees every vehicle.
            ("vehicles.list", b"{}", 5),
            ("students.list", b'{"limit":10}', 3),
        ]


async def test_what_is_asked_no_more_is_forgotten_after_some_starts(tmp_path: Path) -> None:
    async with process(tmp_path) as app:
        await ask(app, "branches.list", 8)

    uses = []
    for number in range(5):
        async with process(tmp_path) as app:
            # So that it has to be looked up again at each start, which counts for nothing.
            await Client(app).call("branches.save", **BRANCH | {"name": f"B{number}"})
            await ask(app, "vehicles.list", 1)
            uses.append({asked.channel: asked.uses for asked in await noted(app)})

    assert [each.get("branches.list") for each in uses] == [8, 4, 2, 1, None]


async def test_what_is_noted_of_another_program_or_by_mistake_is_left_alone(
    tmp_path: Path,
) -> None:
    strange = [
        Asked(channel="reports.gone", params=b"{}", uses=9, answer=None),
        Asked(channel="audit.list", params=b"{}", uses=9, answer=None),
        Asked(channel="students.list", params=b'{"colour":"red"}', uses=9, answer=None),
        Asked(
            channel="students.get",
            params=b'{"studentId":"%b"}' % an_id("stu").encode(),
            uses=9,
            answer=None,
        ),
        Asked(channel="branches.list", params=b"{}", uses=9, answer=None),
    ]
    async with process(tmp_path, warm=False) as app:
        await app.store.write(lambda work: work.cached_answers.replace(strange, b""), actor="tests")

    async with process(tmp_path) as app:
        assert hits(app) == (0, 2)
        await ask(app, "branches.list", 1)
        assert hits(app) == (1, 2)


async def test_a_process_that_was_asked_nothing_notes_nothing(tmp_path: Path) -> None:
    async with process(tmp_path) as app:
        await ask(app, "branches.list")
        before = await noted(app)
    async with process(tmp_path) as app:
        before = await noted(app)

    async with process(tmp_path) as app:
        assert await noted(app) == before


async def test_answers_that_take_too_much_room_are_looked_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warmer_module, "MOST_BYTES", 20)
    async with process(tmp_path) as app:
        await School(Client(app)).open()
        await ask(app, "students.list")
        await ask(app, "branches.list", 3)

    async with process(tmp_path) as app:
        assert hits(app) == (0, 2)


async def test_after_a_restore_what_is_asked_most_is_made_ready_anew(tmp_path: Path) -> None:
    async with process(tmp_path) as app:
        await ask(app, "branches.list")
        assert app.caching.warmer is not None
        await app.caching.warmer.save(app.store)
        before = hits(app)
        async with restore_under_way(app):
            await Client(app).call("branches.save", **BRANCH)

        async with asyncio.timeout(30):
            await app.caching.warmer.ready.wait()
        assert hits(app) == (before[0], before[1] + 1)
        assert (await ask(app, "branches.list", 1))["items"] == []
        assert hits(app) == (before[0] + 1, before[1] + 1)


async def test_what_was_asked_is_noted_now_and_then_for_whoever_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warmer_module, "SAVE_SECONDS", 0)
    async with process(tmp_path) as app:
        await ask(app, "branches.list")

        async with asyncio.timeout(30):
            while not await noted(app):  # noqa: ASYNC110 (nobody tells of it)
                await asyncio.sleep(0)


async def test_a_store_that_is_not_written_is_not_noted_in(tmp_path: Path) -> None:
    async with process(tmp_path) as app:
        await ask(app, "branches.list")
        app.store.engine.read_only = "disk"


async def test_a_question_that_would_come_back_as_another_one_is_not_noted(tmp_path: Path) -> None:
    """The wire writes milliseconds, and lets finer instants come in."""
    finer = {"from": DAY["from"], "to": "2026-11-24T09:00:00.000001Z"}
    coarse = {"from": DAY["from"], "to": "2026-11-24T09:00:00Z"}
    async with process(tmp_path) as app:
        school = await School(Client(app)).open()
        await Client(app).call("lessons.book", **school.booking())
        assert len((await ask(app, "lessons.list", **finer))["items"]) == 1
        await ask(app, "lessons.list", **finer | {"to": "2026-11-24T09:00:00.000002Z"})

    async with process(tmp_path) as app:
        assert await noted(app) == []
        assert (await ask(app, "lessons.list", **coarse))["items"] == []


async def test_what_was_refused_and_further_pages_are_not_noted(tmp_path: Path) -> None:
    async with process(tmp_path) as app:
        client = Client(app)
        for channel, params in (
            ("students.get", {"studentId": an_id("stu")}),
            ("lessons.list", {"cursor": "Ada-Byron"}),
        ):
            for _ in range(3):
                with pytest.raises(CallFailedError):
                    await client.call(channel, **params)

    async with process(tmp_path) as app:
        assert await noted(app) == []
