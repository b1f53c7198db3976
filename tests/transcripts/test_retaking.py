"""What a recorded process did by itself is done again in its replay, and nothing goes outside."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from rpcbackend.dispatch.control import SHUTDOWN
from rpcbackend.jobs.reminders import look
from rpcbackend.outbound import real_channels
from rpcbackend.outside.fanout import FAN_OUT
from rpcbackend.outside_settings import BreakerSettings, OutsideSettings
from rpcbackend.protocol import codec
from rpcbackend.steps import Steps
from rpcbackend.testing import FrozenClock
from rpcbackend.transcripts.format import TranscriptError, step
from tests.clauses import clause
from tests.factories import School, keyed
from tests.outside.hosts import answering, running
from tests.outside.postbox import PASSWORD, listening
from tests.outside.posts import an_answer
from tests.transcripts.desks import (
    NAME,
    Recorded,
    assert_same,
    entries_in,
    recorded,
    replayed,
    spoil,
)

ADA = "ada@example.org"
KEY = "a key of a service"


class Desk:
    """A recorded desk whose messages go to hosts of this machine, and are told to it."""

    def __init__(self, client: Recorded, school: School, clock: FrozenClock) -> None:
        self.client, self.school, self.clock = client, school, clock
        self._keys = count(1)

    async def until_told(self, *types: str) -> dict[str, Any]:
        """Return the next event of one of these types."""
        while True:
            event: dict[str, Any] = (await self.client.next_line())["params"]
            if event["type"] in types:
                return event

    async def save(self, channel: str, **given: Any) -> str:
        """Save a provider, and return its id."""
        saved = await self.client.call(
            "providers.save", **{"channel": channel, "name": channel, "secret": KEY} | given
        )
        return str(saved["id"])

    async def mail_by(self, port: int, priority: int = 1) -> str:
        """Let mail go to a server of this machine."""
        server = {
            "host": "127.0.0.1",
            "port": port,
            "security": "none",
            "sender": "schule@fahrschule.example",
        }
        return await self.save("mail", mail=server, secret=PASSWORD.decode(), priority=priority)

    async def notify(self) -> None:
        """Say something to the student."""
        await self.client.call(
            "notifications.send",
            studentIds=[self.school.student["id"]],
            template="message",
            channel="mail",
            values={"subject": "News", "text": "We are closed tomorrow."},
            _meta={"idempotencyKey": f"key {next(self._keys)}"},
        )

    async def until_tried(self) -> None:
        """Wait until nothing is on its way, and all of it is marked."""
        turned, sender = asyncio.Event(), self.client.app.post.sender
        assert sender is not None
        sender.on_turn.append(turned.set)
        while await self.is_untried():
            await turned.wait()
            turned.clear()

    async def is_untried(self) -> bool:
        """Tell whether a message is on its way, or was never tried."""
        items = (await self.client.call("outbox.list"))["items"]
        return any(
            message["state"] == "sending"
            or (message["state"] == "queued" and not message["attempts"])
            for message in items
        )

    async def outbox(self) -> list[str]:
        """Return the states of all messages."""
        page = await self.client.call("outbox.list")
        return sorted(message["state"] for message in page["items"])


@asynccontextmanager
async def at_the_desk(folder: Path, **given: Any) -> AsyncIterator[Desk]:
    clock = FrozenClock()
    # A host that fails once is left alone.
    outside = OutsideSettings(allow_private=True, breaker=BreakerSettings(failures=1))
    async with (
        asyncio.timeout(30),
        recorded(folder, clock, channels=real_channels, outside=outside, **given) as client,
    ):
        school = await School(client).open()
        school.student = await client.call(
            "students.update", studentId=school.student["id"], email=ADA
        )
        await client.call("events.subscribe", afterSeq=client.app.store.head_seq)
        yield Desk(client, school, clock)


def steps_in(folder: Path) -> list[str]:
    """Return the names of the steps of a transcript, each once, in their order."""
    steps = [entry.step for entry in entries_in(folder)]
    return list(dict.fromkeys(step["name"] for step in steps if step is not None))


@clause("transcript-replays")
async def test_mail_that_was_taken_or_refused_comes_again_and_goes_nowhere(tmp_path: Path) -> None:
    async with listening() as box:
        async with at_the_desk(tmp_path) as desk:
            provider_id = await desk.mail_by(box.port)
            await desk.client.call("providers.test", providerId=provider_id, recipient=ADA)
            await desk.until_told("messages.sent")
            await desk.notify()
            assert await desk.until_told("messages.sent")
            box.says["RCPT"] = "550 5.1.1 No such user"
            await desk.notify()
            failed = await desk.until_told("messages.failed")
            assert await desk.outbox() == ["failed", "sent", "sent"]
            box.says["RCPT"] = "250 OK"
            await desk.client.call(
                "outbox.retry", ids=[failed["data"]["messageId"]], action="retry"
            )
            await desk.until_told("messages.sent")
            box.says["RCPT"] = "451 4.2.1 Try again later"
            await desk.notify()
            await desk.until_tried()
            assert await desk.outbox() == ["queued", "sent", "sent", "sent"]
        before = box.connections

        outcome = await replayed(tmp_path)

        assert_same(outcome)
        assert box.connections == before
    assert ADA not in (tmp_path / NAME).read_text(encoding="utf-8")
    assert "send" in steps_in(tmp_path)


@clause("transcript-replays")
async def test_a_breaker_that_opens_is_told_again(tmp_path: Path) -> None:
    async with at_the_desk(tmp_path) as desk:
        async with listening() as box:
            port = box.port
        await desk.mail_by(port)
        await desk.notify()
        event = await desk.until_told("system.breaker_changed")
        assert event["data"]["state"] == "open"
        await desk.client.call("system.health")
        await desk.client.call("outbox.list")

    assert_same(await replayed(tmp_path))
    assert "breakers" in steps_in(tmp_path)


@clause("transcript-replays")
async def test_links_webhooks_and_texts_come_again(tmp_path: Path) -> None:
    link = an_answer(201, {"id": "pl_1", "url": "https://pay.example/pl_1"})
    async with AsyncExitStack() as stack:
        ports = [
            (await stack.enter_async_context(running(answering(answer)))).port
            for answer in (link, an_answer(201, {"id": "sms-1"}), an_answer(204, b""))
        ]
        pay, text, hook = (f"http://127.0.0.1:{port}" for port in ports)
        box = await stack.enter_async_context(listening())
        desk = await stack.enter_async_context(at_the_desk(tmp_path))
        await desk.mail_by(box.port)
        await desk.client.call("webhooks.save", url=hook, types=["lessons.booked"])
        provider_id = await desk.save("sms", web={"url": text})
        await desk.client.call("providers.test", providerId=provider_id, recipient="+491701234567")
        await desk.until_told("messages.sent")
        await desk.save("payment", web={"url": pay})
        payment = await desk.client.call(
            "payments.createLink",
            studentId=desk.school.student["id"],
            amount={"amount": 4_500, "currency": "EUR"},
            description="Lessons",
            **keyed(),
        )
        await desk.until_told("payments.link_created")
        await desk.until_told("messages.sent")
        await desk.client.call("payments.get", paymentId=payment["id"])
        await desk.school.book()
        await desk.client.app.ways.fanout.caught_up()
        await desk.until_tried()
        listed = await desk.client.call("webhooks.list", deliveries=5)
        assert len(listed["items"][0]["deliveries"]) == 1
        # The link went to its student by mail.
        assert await desk.outbox() == ["sent"] * 4

    assert_same(await replayed(tmp_path))
    assert set(steps_in(tmp_path)) == {"send", "link", "fan_out"}


@clause("transcript-replays")
async def test_a_message_that_another_provider_carried_comes_again(tmp_path: Path) -> None:
    async with listening() as box, at_the_desk(tmp_path) as desk:
        box.says["RCPT"] = "550 5.1.1 No such user"
        await desk.mail_by(box.port)
        async with listening() as other:
            await desk.mail_by(other.port, priority=2)
            await desk.notify()
            await desk.until_told("messages.sent")
        assert await desk.outbox() == ["sent"]

    assert_same(await replayed(tmp_path))
    assert steps_in(tmp_path) == ["send", "carry"]


@clause("transcript-replays")
async def test_reminders_come_again(tmp_path: Path) -> None:
    async with listening() as box, at_the_desk(tmp_path) as desk:
        await desk.mail_by(box.port)
        steps, store = Steps(desk.client.recorder), desk.client.app.store
        lesson = await desk.school.book()
        await store.write(lambda work: work.reminders.remove(lesson["id"]), actor="tests")
        desk.clock.advance(3_600)
        await look(store, steps, is_to_plan=True)
        await desk.until_tried()
        assert await desk.outbox() == ["sent"]

    assert_same(await replayed(tmp_path))
    assert steps_in(tmp_path)[:2] == ["plan", "remind"]


@clause("transcript-replays")
async def test_a_command_of_which_nobody_hears_comes_before_the_step_behind_it(
    tmp_path: Path,
) -> None:
    params = {"name": "A branch", "zone": "UTC", "currency": "EUR"}
    silent = {"jsonrpc": "2.0", "method": "branches.save", "params": params}
    clock = FrozenClock()
    async with recorded(tmp_path, clock) as client:
        await School(client).open()
        client.server.receive(codec.encode(silent))
        while len((await client.call("branches.list"))["items"]) < 2:
            pass
        clock.advance(1)
        await Steps(client.recorder).take(client.app.store, FAN_OUT)
        await client.call("branches.list")

    assert_same(await replayed(tmp_path))
    assert steps_in(tmp_path) == ["fan_out"]


@clause("transcript-replays")
async def test_what_overlaps_with_what_is_sent_comes_again(tmp_path: Path) -> None:
    async with listening() as box, at_the_desk(tmp_path) as desk:
        await desk.mail_by(box.port)
        client = desk.client
        for _ in range(4):
            await asyncio.gather(
                *(desk.notify() for _ in range(3)),
                *(client.call("outbox.list") for _ in range(5)),
            )
        while set(await desk.outbox()) != {"sent"}:
            await asyncio.gather(*(client.call("outbox.list") for _ in range(3)))

    outcome = await replayed(tmp_path)

    assert_same(outcome)
    assert outcome.overlapped > 0


@clause("transcript-replays")
async def test_what_is_on_its_way_when_the_process_ends_is_marked_again(tmp_path: Path) -> None:
    async with listening() as box:
        async with at_the_desk(tmp_path) as desk:
            await desk.mail_by(box.port)
            await desk.notify()
            while await desk.outbox() == ["queued"]:
                pass
            await desk.client.call(SHUTDOWN)

        assert_same(await replayed(tmp_path))
        assert steps_in(tmp_path) == ["send"]


async def test_of_an_older_transcript_that_tells_no_steps_the_replay_hands_events_on_by_itself(
    tmp_path: Path,
) -> None:
    async with at_the_desk(tmp_path) as desk:
        await desk.client.call("providers.list")

    assert_same(await replayed(tmp_path))
    assert steps_in(tmp_path) == []


async def test_facts_that_fit_no_step_are_no_transcript(tmp_path: Path) -> None:
    async with recorded(tmp_path) as client:
        await School(client).open()
    begun = step(1.0, {"name": "send", "number": 1, "facts": {"epoch": 1}})
    ended = step(2.0, {"number": 1, "seq": 1})
    spoil(tmp_path, lambda text: text + (begun.to_line() + ended.to_line()).decode())

    with pytest.raises(TranscriptError, match="a step do not fit: behind, ends, held"):
        await replayed(tmp_path)
