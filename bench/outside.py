"""What the world outside costs the desk: every host black-holed, with 1,000 messages waiting.

Two real processes take turns at the same work, block by block: one whose mail server, services for
text messages and payments, and receiver of a webhook that is told of every booking accept and never
say a word, and a quiet one whose messages are for another day. Then the mail server comes back, and
it is measured how long the outbox takes to be empty.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from rpcbackend.schema.providers import MailServer, Provider, ProviderChannel, WebService
from rpcbackend.store import Message, Work, open_store
from tests.e2e.backend import Backend
from tests.factories import School, make_webhook

MESSAGES, ROUNDS, BLOCK = 1_000, 40, 60
"""Messages that wait; turns of each process, and how often each kind of call is made in one."""
WARM_ROUNDS = 3
CHANNELS = ("lessons.book", "students.get", "calendar.view")
TARGET = 1.10


@asynccontextmanager
async def black_hole() -> AsyncIterator[int]:
    """Listen on a port, take whoever comes, and never answer."""

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def providers(port: int, *kinds: ProviderChannel) -> list[Provider]:
    """Return one of each kind, all of them behind the same port."""
    url = f"http://127.0.0.1:{port}/v1"
    return [
        Provider(
            id=f"prv_00000000-0000-7000-8000-{number:012}",
            channel=kind,
            name=kind,
            is_enabled=True,
            priority=1,
            mail=MailServer(host="127.0.0.1", port=port, security="none", sender="a@b.example")
            if kind is ProviderChannel.MAIL
            else None,
            web=None if kind is ProviderChannel.MAIL else WebService(url=url, sender="School"),
            has_secret=kind is not ProviderChannel.MAIL,
            version=1,
        )
        for number, kind in enumerate(kinds, 1)
    ]


PAYLOADS: dict[ProviderChannel, tuple[str, dict[str, Any]]] = {
    ProviderChannel.MAIL: (
        "a@example.org",
        {"subject": "Reminder", "text": "Tomorrow at nine", "language": "en"},
    ),
    ProviderChannel.SMS: ("+491701234567", {"text": "Tomorrow at nine", "language": "en"}),
    ProviderChannel.PAYMENT: (
        "a student",
        {
            "reference": "a payment",
            "amountMinor": 4_500,
            "currency": "EUR",
            "description": "A lesson",
            "returnUrl": None,
        },
    ),
}


async def prepare(
    directory: Path,
    port: int,
    *kinds: ProviderChannel,
    in_seconds: int = 0,
    hook_port: int | None = None,
) -> None:
    """Make a store with providers, and with messages that could go, at once or later.

    Where a port is given for it, a webhook is told there of every booking.
    """

    async def unit(work: Work) -> None:
        for provider in providers(port, *kinds):
            await work.providers.put(provider, "a key" if provider.has_secret else None)
        for number in range(MESSAGES):
            kind = kinds[number % len(kinds)]
            recipient, payload = PAYLOADS[kind]
            await work.outbox.queue(
                Message(
                    channel=kind,
                    recipient=recipient,
                    template="lesson_reminder",
                    payload=payload,
                    dedupe_key=f"reminder {number}",
                    not_before_ms=work.now_ms + 1_000 * in_seconds,
                )
            )
        if hook_port is not None:
            webhook = make_webhook(url=f"http://127.0.0.1:{hook_port}/hook")
            await work.webhooks.put(webhook, after_seq=0, secret="whsec_" + "A" * 43)

    store = await open_store(directory)
    await store.write(unit, actor="bench")
    await store.close()


class Desk:
    """One process, and how long its calls took."""

    def __init__(self, backend: Backend, school: School) -> None:
        self._backend, self._school = backend, school
        self._starts = datetime.now(UTC).replace(microsecond=0, second=0, minute=0) + timedelta(2)
        self.took: dict[str, list[float]] = {
            "lessons.book": [],
            "students.get": [],
            "calendar.view": [],
        }

    @classmethod
    async def open(cls, directory: Path) -> "Desk":
        """Start it, allowed to call services on this machine."""
        settings = directory.with_suffix(".toml")
        settings.write_text("[outside]\nallow_private = true\n", encoding="utf-8")
        backend = await Backend.start(directory, "--config", str(settings))
        await backend.line()
        return cls(backend, await School(backend).open())

    async def block(self, *, is_counted: bool) -> None:
        """Work for a while."""
        took: dict[str, list[float]] = {channel: [] for channel in CHANNELS}
        for _ in range(BLOCK):
            self._starts += timedelta(minutes=90)
            at = self._starts.isoformat().replace("+00:00", "Z")
            until = (self._starts + timedelta(days=7)).isoformat().replace("+00:00", "Z")
            calls: tuple[tuple[str, dict[str, Any]], ...] = (
                ("lessons.book", self._school.booking(startsAt=at)),
                ("students.get", {"studentId": self._school.student["id"]}),
                ("calendar.view", {"from": at, "to": until, "resourceTypes": ["instructor"]}),
            )
            for channel, params in calls:
                began = time.perf_counter()
                await self._backend.call(channel, **params)
                took[channel].append((time.perf_counter() - began) * 1_000)
        if is_counted:
            for channel, times in took.items():
                self.took[channel].append(sorted(times))

    async def outbox(self) -> dict[str, Any]:
        """Return how the outbox is."""
        found: dict[str, Any] = (await self._backend.call("system.health"))["outbox"]
        return found

    async def end(self) -> None:
        """End it."""
        await self._backend.end()


async def measure_desk(folder: Path) -> None:
    """Let both work in turns, and compare."""
    async with black_hole() as port:
        # Both stores hold the same messages; what differs is that one has something to send.
        await prepare(folder / "quiet", port, *ProviderChannel, in_seconds=24 * 3600)
        await prepare(folder / "gone", port, *ProviderChannel, hook_port=port)
        desks = {name: await Desk.open(folder / name) for name in ("quiet", "gone")}
        order = random.Random(1)  # noqa: S311 (an order, no secret)
        for number in range(WARM_ROUNDS + ROUNDS):
            for name in order.sample(list(desks), 2):
                await desks[name].block(is_counted=number >= WARM_ROUNDS)
        waiting = await desks["gone"].outbox()
        for desk in desks.values():
            await desk.end()
    told = ", ".join(f"{each['channel']} {each['reason']}" for each in waiting["delayed"])
    print(f"{waiting['queued']} messages wait: {told or 'on their way'}")
    print(f"{'':>16}{'quiet p50':>11}{'p95':>8}{'gone p50':>11}{'p95':>8}{'p95 ratio':>11}   ms")
    for channel in CHANNELS:
        # Of each block, and of these the one in the middle: a burst of others spoils one block.
        quiet, gone = (desks[name].took[channel] for name in ("quiet", "gone"))
        figures = [
            median(each(block) for block in blocks)
            for blocks in (quiet, gone)
            for each in (median, p95)
        ]
        ratio = figures[3] / figures[1]
        mark = "" if ratio <= TARGET else "  above the target"
        print(
            f"{channel:>16}{figures[0]:11.2f}{figures[1]:8.2f}{figures[2]:11.2f}{figures[3]:8.2f}"
            f"{ratio:11.2f}{mark}"
        )


async def measure_recovery(folder: Path, outage_seconds: float) -> None:
    """Let the server be gone for a while, come back, and take all that waited."""
    from aiosmtpd.smtp import SMTP  # noqa: PLC0415 (only here)

    came: list[str] = []

    class Taker:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: ARG002, N802 (aiosmtpd's)
            message = envelope.content.decode()
            came.append(message.partition("Message-ID: ")[2].partition("\r\n")[0])
            return "250 queued"

    async with black_hole() as port:
        await prepare(folder / "back", port, ProviderChannel.MAIL)
        desk = await Desk.open(folder / "back")
        await asyncio.sleep(outage_seconds)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(Taker(), hostname="localhost", loop=loop), "127.0.0.1", port
    )
    back = time.perf_counter()
    first = 0.0
    while (await desk.outbox())["queued"]:
        await asyncio.sleep(0.05)
        if came and not first:
            first = time.perf_counter()
    empty = time.perf_counter()
    await desk.end()
    server.close()
    print(
        f"gone for {outage_seconds:.0f} s: the first message {first - back:.1f} s after the server "
        f"came back, the last {empty - first:.1f} s later ({MESSAGES / (empty - first):.0f} a "
        f"second); {len(came)} arrived, {len(came) - len(set(came))} twice"
    )


def p95(ordered: list[float]) -> float:
    """Return what 95 % took no longer than."""
    return ordered[int(len(ordered) * 0.95)]


def main() -> None:
    """Measure."""
    steps: tuple[Callable[[Path], Any], ...] = (
        measure_desk,
        lambda folder: measure_recovery(folder, 5.0),
        lambda folder: measure_recovery(folder, 90.0),
    )
    for step in steps[: int(sys.argv[1]) if len(sys.argv) > 1 else None]:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(step(Path(folder)))


if __name__ == "__main__":
    main()
