"""What was recorded comes again, byte for byte, and what does not is told."""

import asyncio
import shutil
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from rpcbackend import PROTOCOL_VERSION
from rpcbackend.dispatch.server import MAX_UNREADABLE_IN_ROW, OutOfStepError
from rpcbackend.schema.schedules import ScheduleName
from rpcbackend.testing import FrozenClock
from rpcbackend.transcripts.files import open_transcript
from rpcbackend.transcripts.outcome import Wish
from rpcbackend.transcripts.replay import Replay
from rpcbackend.transcripts.rules import ALWAYS
from rpcbackend.transcripts.writing import Bounds
from tests.clauses import clause
from tests.factories import School, create_student, save_branch
from tests.transcripts.desks import (
    ADA,
    DAY,
    NAME,
    all_of,
    assert_same,
    entries_in,
    recorded,
    refused,
    replayed,
    spoil,
)


@clause("transcript-replays")
async def test_a_day_at_the_desk_comes_again(tmp_path: Path) -> None:
    async with recorded(tmp_path, FrozenClock()) as client:
        school = School(client)
        await school.open()
        branch_id = school.branch["id"]
        await client.call("events.subscribe")
        for name in ("Ärmel", "Zorn", "Adam", "Ada", "ada", "Ößel"):
            await create_student(client, branch_id, givenName=name, email=f"{name}@example.org")
        for text in ("ad", "AERMEL", "ß byron", ""):
            page = await client.call("students.list", text=text, limit=2)
            while page["nextCursor"]:
                page = await client.call(
                    "students.list", text=text, cursor=page["nextCursor"], limit=2
                )
        lesson = (await client.call("lessons.book", **school.booking()))["lesson"]
        assert await refused(client, "lessons.book", **school.booking()) == "CONFLICT_INSTRUCTOR"
        await client.call("calendar.view", **DAY, resourceTypes=["instructor", "student"])
        await client.call("lessons.cancel", lessonId=lesson["id"], by="school", reasonCode="other")
        await client.call("audit.list")
        await client.call("system.health")
        for _ in range(8):
            await client.next_line()

    outcome = await replayed(tmp_path)

    assert_same(outcome)
    events = sum(1 for entry in entries_in(tmp_path) if entry.dir == "event")
    replies = sum(1 for entry in entries_in(tmp_path) if entry.dir == "out")
    assert (outcome.compared, events) == (replies + events, 8)


@clause("transcript-replays")
async def test_an_anchor_of_the_audit_is_remembered_again(tmp_path: Path) -> None:
    async with recorded(tmp_path) as client:
        await save_branch(client)
        head = await client.call("audit.verify")
        await save_branch(client)
        await client.call("audit.verify", toSeq=head["headSeq"], anchor=head["headHash"])
        assert not (await client.call("audit.verify", toSeq=1, anchor="0" * 64))["ok"]

    assert_same(await replayed(tmp_path))
    assert head["headHash"] not in (tmp_path / NAME).read_text(encoding="utf-8")


@clause("transcript-replays")
@clause("transcript-no-secret")
async def test_two_calls_with_one_id_tell_no_name_and_come_again(tmp_path: Path) -> None:
    async with recorded(tmp_path) as client:
        school = School(client)
        await school.open()
        params = {"studentId": school.student["id"]}
        await client.raw(
            orjson.dumps(
                [
                    {"jsonrpc": "2.0", "id": 1, "method": "students.get", "params": params},
                    {"jsonrpc": "2.0", "id": 1, "method": "rpc.discover"},
                ]
            )
        )

    assert school.student["familyName"] not in (tmp_path / NAME).read_text(encoding="utf-8")
    assert_same(await replayed(tmp_path))


async def test_a_reply_that_did_not_say_what_came_of_it_is_counted(tmp_path: Path) -> None:
    async with recorded(tmp_path) as client:
        await save_branch(client)
        await client.start("nobody.knows", {})
    spoil(tmp_path, lambda text: text.replace('"outcome":"none"', '"outcome":"unknown"'))

    outcome = await replayed(tmp_path)

    assert_same(outcome, compared=1)
    assert outcome.cut_short == 1


@clause("transcript-replays")
async def test_bad_lines_come_again(tmp_path: Path) -> None:
    async with recorded(tmp_path) as client:
        await save_branch(client)
        await client.raw(b"{")
        await client.raw(b"[]")
        await client.raw(b'{"jsonrpc":"2.0","id":1,"method":7}')
        await client.raw(b'[{"jsonrpc":"2.0","id":1,"method":"ping"},3,{"x":"y"}]')
        await client.raw(b'"just a text"')
        client.server.receive(None)
        await client.next_line()
        await client.start("students.create", {"givenName": 7, "familyName": ["a"], "pasword": "x"})
        await client.start("nobody.knows", {"a": "b"})
        await client.start(
            "branches.save", {"name": "Mitte", "zone": "Moon/Base", "currency": "EUR"}
        )

    assert_same(await replayed(tmp_path))


@clause("transcript-replays")
async def test_the_last_bad_line_of_a_stream_that_is_given_up_comes_again(tmp_path: Path) -> None:
    async with recorded(tmp_path) as client:
        await save_branch(client)
        for _ in range(MAX_UNREADABLE_IN_ROW - 1):
            await client.raw(b"?")
        with pytest.raises(OutOfStepError):
            client.server.receive(b"?")
        await client.next_line()

    assert_same(await replayed(tmp_path), compared=1 + MAX_UNREADABLE_IN_ROW)


@clause("transcript-replays")
async def test_jobs_and_what_was_due_come_again(tmp_path: Path) -> None:
    async with recorded(tmp_path) as client:
        app = client.app
        await client.call("events.subscribe")
        await save_branch(client)
        started = await client.call_with_meta(
            "backups.create", {"_meta": {"progressToken": 1, "idempotencyKey": "1"}}
        )
        await client.call("jobs.get", jobId=started["jobId"])
        await app.jobs.ended(started["jobId"])
        ended = await client.call("jobs.get", jobId=started["jobId"])
        await app.scheduler.run(ScheduleName.BACKUP)
        await app.scheduler.run(ScheduleName.UPKEEP)
        await save_branch(client, currency="CHF")
        verified = await client.call("backups.verify", backupId=ended["result"]["backupId"])
        await app.jobs.ended(verified["jobId"])
        await client.call("jobs.list")
        await client.call("backups.list")
        await client.call("audit.list")

    outcome = await replayed(tmp_path)

    assert_same(outcome)
    assert outcome.allowed["jobs"] > 0


async def test_the_limits_of_the_recording_hold_again(tmp_path: Path) -> None:
    async with recorded(tmp_path) as client:
        await save_branch(client)
        told = await client.call(
            "initialize", protocolVersion=PROTOCOL_VERSION, client={"name": "t", "version": "1"}
        )

    spoil(tmp_path, lambda text: text.replace('"arrayItems":10000', '"arrayItems":9'))

    assert told["limits"]
    assert_same(await replayed(tmp_path))


async def test_what_was_not_turned_away_is_not_when_it_comes_again(tmp_path: Path) -> None:
    async with recorded(tmp_path, FrozenClock()) as client:
        await client.call(
            "initialize", protocolVersion=PROTOCOL_VERSION, client={"name": "t", "version": "1"}
        )
        await client.call("auth.bootstrap", **ADA)
        for _ in range(5):
            await save_branch(client)
    # As calls that were under way together come nearer to each other than they did.
    spoil(tmp_path, lambda text: text.replace('"commandPerSecond":200', '"commandPerSecond":1'))

    assert_same(await replayed(tmp_path), compared=7)


@pytest.mark.parametrize("symbol", ["REQUEST_CANCELLED", "RATE_LIMITED", "OVERLOADED"])
async def test_what_came_of_the_instant_and_had_no_effect_is_not_sent(
    tmp_path: Path, symbol: str
) -> None:
    async with recorded(tmp_path) as client:
        await save_branch(client)
        await client.start("nobody.knows", {})
        await client.call("branches.list")
    spoil(tmp_path, lambda text: text.replace('"METHOD_NOT_FOUND"', f'"{symbol}"'))

    outcome = await replayed(tmp_path)

    assert_same(outcome, compared=2)
    assert outcome.taken == 1


async def test_a_call_that_nobody_answered_any_more_is_not_sent(tmp_path: Path) -> None:
    async with recorded(tmp_path) as client:
        await save_branch(client)
        await save_branch(client)
    spoil(tmp_path, lambda text: "".join(text.splitlines(keepends=True)[:-1]))

    outcome = await replayed(tmp_path)

    assert_same(outcome, compared=1)
    assert outcome.unanswered == 1


@clause("transcript-torn")
async def test_a_torn_transcript_is_replayed_as_far_as_it_goes(tmp_path: Path) -> None:
    async with recorded(tmp_path) as client:
        for _ in range(3):
            await save_branch(client)
    spoil(tmp_path, lambda text: text[:-20])

    outcome = await replayed(tmp_path)

    assert_same(outcome, compared=2)
    assert (outcome.is_torn, outcome.unanswered) == (True, 1)


@clause("transcript-drops")
async def test_a_replay_ends_where_messages_are_missing(tmp_path: Path) -> None:
    async with recorded(tmp_path) as client:
        await save_branch(client)
        await save_branch(client)
    gap = '{"t":1,"dir":"event","conn":"-","msg":{"method":"$/gap","params":{"dropped":4}}}\n'
    lines = (tmp_path / NAME).read_text(encoding="utf-8").splitlines(keepends=True)
    spoil(tmp_path, lambda _: "".join([*lines[:3], gap, *lines[3:]]))

    outcome = await replayed(tmp_path)

    assert_same(outcome, compared=1)
    assert outcome.dropped == 4


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (('"isActive":true', '"isActive":false'), "result.isActive"),
        (('"seq":2', '"seq":3'), "result._meta.seq"),
        (('"currency":"CHF","language"', '"currency":"SEK","language"'), "result.currency"),
        (('"branches.saved"', '"branches.spoilt"'), "params.type"),
    ],
    ids=str,
)
async def test_the_first_difference_is_told(
    tmp_path: Path, change: tuple[str, str], path: str
) -> None:
    async with recorded(tmp_path) as client:
        await client.call("events.subscribe")
        await save_branch(client)
        await save_branch(client, currency="CHF")
        await client.next_line()
        await client.next_line()
    spoil(tmp_path, lambda text: text.replace(*change))

    outcome = await replayed(tmp_path)

    assert outcome.count >= 1
    assert path in {difference.path for difference in outcome.differences}


async def test_as_recorded_every_request_waits_for_its_time(tmp_path: Path) -> None:
    clock = FrozenClock()
    async with recorded(tmp_path, clock) as client:
        await save_branch(client)
        clock.advance(timedelta(milliseconds=300).total_seconds())
        await save_branch(client)
    transcript = open_transcript(tmp_path / NAME)
    loop = asyncio.get_running_loop()

    started = loop.time()
    wish = Wish(rules=ALWAYS, is_as_recorded=True)
    outcome = await Replay(transcript, tmp_path / "again", wish).run()

    assert_same(outcome, compared=2)
    assert loop.time() - started >= 0.3


async def test_it_is_told_how_far_it_is(tmp_path: Path) -> None:
    async with recorded(tmp_path, bounds=Bounds(part_bytes=4_096)) as client:
        for _ in range(30):
            await save_branch(client)
    told: list[tuple[int, int]] = []

    def look(done: int, total: int) -> None:
        told.append((done, total))

    replay = Replay(open_transcript(tmp_path / NAME), tmp_path / "again", Wish(), look)
    assert_same(await replay.run(), compared=30)

    assert told == sorted(told)
    assert told[-1] == (60, 60)


async def test_a_copy_of_a_store_is_replayed_against_with_its_own_names(tmp_path: Path) -> None:
    async with recorded(tmp_path) as client:
        school = School(client)
        await school.open()
        await client.call("auth.bootstrap", **ADA)
    shutil.copytree(tmp_path / "data", tmp_path / "copy")
    (tmp_path / NAME).unlink()
    async with recorded(tmp_path) as client:
        assert await refused(client, "students.list") == "UNAUTHENTICATED"
        await client.call("auth.login", **ADA | {"login": "ADA"})
        await client.call("students.list", text="byr")
        page = await client.call("students.list")
        await client.call("students.update", studentId=page["items"][0]["id"], givenName="Eva")
        await client.call("calendar.view", **DAY, resourceTypes=["student"])
        await client.call("auth.me")

    transcript = open_transcript(tmp_path / NAME)
    outcome = await Replay(transcript, tmp_path / "copy", Wish(is_copy=True)).run()

    assert_same(outcome, compared=6)
    assert outcome.unknown == 1


async def test_templates_are_refused_for_their_places_again(tmp_path: Path) -> None:
    use = {"kind": "lesson_reminder", "channel": "sms", "language": "de"}
    texts = ("Hallo {name}", "Hallo { Ada }", "Hallo {", "Hallo }", "Um {time}!")
    async with recorded(tmp_path) as client:
        replies = await all_of(
            client, *(("templates.save", use | {"text": text}) for text in texts)
        )
    assert ["error" in reply for reply in replies] == [True, True, True, True, False]
    assert "Ada" not in (tmp_path / NAME).read_text(encoding="utf-8")

    assert_same(await replayed(tmp_path))


async def test_a_calendar_that_names_people_has_the_etag_of_its_text(tmp_path: Path) -> None:
    async with recorded(tmp_path, FrozenClock()) as client:
        school = await School(client).open()
        await school.book()
        feed = await client.call(
            "feeds.create", kind="student", ownerId=school.student["id"], detail="full"
        )
        text = await client.call("feeds.read", token=feed["token"])
        await client.call("feeds.read", token=feed["token"], etag=text["etag"])

    assert text["etag"] not in (tmp_path / NAME).read_text(encoding="utf-8")
    assert_same(await replayed(tmp_path))


async def test_backups_go_into_a_folder_of_the_replays_own(tmp_path: Path) -> None:
    folder = tmp_path / "stick"
    folder.mkdir()
    async with recorded(tmp_path) as client:
        await School(client).open()
        started = await client.call_with_meta(
            "backups.create",
            {"targetDirectory": str(folder), "_meta": {"idempotencyKey": "1"}},
        )
        await client.app.jobs.ended(started["jobId"])
        await client.call("jobs.get", jobId=started["jobId"])
        assert await refused(client, "backups.create", targetDirectory="stick") == "INVALID_PARAMS"
    before = sorted(folder.iterdir())

    assert_same(await replayed(tmp_path))
    assert sorted(folder.iterdir()) == before
