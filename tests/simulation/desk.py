"""The client's end of its connections: requests out, exactly one reply to each, events in order."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import orjson

from tests.people import PASSWORD
from tests.simulation.backend import Backend
from tests.simulation.history import LOST, Answer, History, ViolationError
from tests.simulation.weather import Chances
from tests.simulation.wire import Link

PATIENCE_SECONDS = 3_600.0
"""Whoever has no reply by then never gets one: no deadline cuts a write short that has begun, and
one commit may take many minutes on the slowest disk, in its worst moment."""

AGAIN_SECONDS = 0.5
"""Who is turned away tries again so much later."""

Waiting = tuple["asyncio.Future[Answer]", int]
"""Who waits for a reply, and the last event that it must reflect."""


class Desk:
    """Speaks to whatever process there is, over one connection at a time.

    Args:
        name: In the trace.
        backend: Where connections come from.
        history: Learns of events.
        chances: Whether the connection is lost while events come.
    """

    def __init__(self, name: str, backend: Backend, history: History, chances: Chances) -> None:
        self.name = name
        self._backend, self._history, self._chances = backend, history, chances
        self.link: Link | None = None
        self._connecting = asyncio.Lock()
        self._again: asyncio.Task[Link] | None = None
        self._waiting: dict[int, Waiting] = {}
        self._next_id = 0
        self._connections = 0
        self.login: str | None = None
        """As whom it signs in on every connection, in a school that has users."""
        self.seen: list[int] | None = None
        """The events that were seen, by whoever follows them."""

    async def connect(self) -> Link:
        """Return the connection, a new one if the old one is gone."""
        async with self._connecting:
            while self.link is None:
                self._connections += 1
                name = f"{self.name}.{self._connections}"
                link = self.link = await self._backend.connect(name)
                link.on_line = partial(self._take, link)
                await self._sign_in(link)
                await self._subscribe(link)
            return self.link

    def hang_up(self) -> None:
        """Lose the connection."""
        if self.link is not None:
            self.link.cut()
            self._lose(self.link)

    async def call(self, channel: str, params: dict[str, Any]) -> Answer:
        """Call a channel and wait for its reply, or for the end of the connection."""
        (future,) = await self.send([(channel, params)])
        return await self.wait(future)

    async def send(
        self, calls: Sequence[tuple[str, dict[str, Any]]], *, as_batch: bool = False
    ) -> list["asyncio.Future[Answer]"]:
        """Send requests, each in its line or all in one, and return the futures of the answers."""
        return self._send_on(await self.connect(), calls, as_batch=as_batch)

    def _send_on(
        self, link: Link, calls: Sequence[tuple[str, dict[str, Any]]], *, as_batch: bool = False
    ) -> list["asyncio.Future[Answer]"]:
        requests, futures = [], []
        for channel, params in calls:
            self._next_id += 1
            future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            self._waiting[self._next_id] = future, self._history.seq
            futures.append(future)
            request = {"id": self._next_id, "method": channel, "params": params}
            requests.append({"jsonrpc": "2.0"} | request)
        for message in [requests] if as_batch else requests:
            link.write(orjson.dumps(message))
        return futures

    def cancel_last(self) -> None:
        """Ask for the end of the request that was sent last."""
        if self.link is not None:
            params = {"id": self._next_id}
            message = {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": params}
            self.link.write(orjson.dumps(message))

    async def wait(self, future: "asyncio.Future[Answer]") -> Answer:
        """Wait for an answer.

        Raises:
            ViolationError: It does not come.
        """
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await future
        except TimeoutError:
            raise ViolationError(f"{self.name} has no reply (I3)") from None

    # Signing in

    async def _sign_in(self, link: Link) -> None:
        if self.login is None:
            return
        proofs = {"login": self.login, "password": PASSWORD}
        (future,) = self._send_on(link, [("auth.login", proofs)])
        if (await self.wait(future)).kind != "result":
            await self._wait_and_hang_up()

    async def sign_out(self) -> None:
        """Sign out, and see that nobody is signed in any more."""
        if self.login is None or (await self.call("auth.logout", {})).kind != "result":
            return
        if self.link is not None:
            (future,) = self._send_on(self.link, [("students.list", {})])
            answer = await self.wait(future)
            if answer.kind == "result":
                raise ViolationError(f"{self.name} signed out and still reads (invariant 14)")
        self.hang_up()

    # Events

    async def follow(self) -> None:
        """See every event from now on, across connections and processes."""
        self.seen = []
        await self.connect()

    async def _subscribe(self, link: Link) -> None:
        if self.seen is None or link is not self.link:
            return
        params = {"afterSeq": self.seen[-1] if self.seen else 0}
        (future,) = self._send_on(link, [("events.subscribe", params)])
        answer = await self.wait(future)
        if answer.symbol == "CURSOR_INVALID":
            raise ViolationError(f"event {params} was sent, and has not happened (invariant 5)")
        if answer.kind != "result":
            await self._wait_and_hang_up()

    async def _wait_and_hang_up(self) -> None:
        """Give up on a connection that came too late or was turned away, and not in a hurry."""
        await asyncio.sleep(AGAIN_SECONDS)
        self.hang_up()

    def _follow(self, event: dict[str, Any]) -> None:
        last = self.seen[-1] if self.seen else 0
        # A person of the office is not told of sign-ins: what is missing shows in the end.
        is_next = event["seq"] > last if self.login else event["seq"] == last + 1
        if self.seen is None or not is_next:
            raise ViolationError(f"{self.name} got event {event['seq']} after {last}")
        self.seen.append(event["seq"])
        self._history.see_event(event)
        if self._chances.strikes("connection lost at an event"):
            self.hang_up()
            self._again = asyncio.get_running_loop().create_task(self.connect(), name=self.name)

    # What comes in

    def _take(self, link: Link, line: bytes | None) -> None:
        if link is not self.link:
            return
        if line is None:
            self._lose(link)
            return
        message = orjson.loads(line)
        for one in message if isinstance(message, list) else [message]:
            if one.get("method") == "event":
                self._follow(one["params"])
            else:
                self._settle(one)

    def _settle(self, reply: dict[str, Any]) -> None:
        waiting = self._waiting.pop(reply["id"], None) if reply["id"] is not None else None
        if waiting is None:
            raise ViolationError(f"{self.name} got a reply that nothing waits for (I3): {reply}")
        future, seq = waiting
        told = reply.get("result", {}).get("_meta", {}).get("seq", seq)
        if told < seq:
            raise ViolationError(f"{self.name} was told of event {told} after {seq} (I10)")
        self._history.seq = max(self._history.seq, told)
        if not future.done():
            future.set_result(_read(reply))

    def _lose(self, link: Link) -> None:
        if link is self.link:
            self.link = None
            waiting, self._waiting = self._waiting, {}
            for future, _ in waiting.values():
                if not future.done():
                    future.set_result(LOST)


def _read(reply: dict[str, Any]) -> Answer:
    if "result" in reply:
        return Answer("result", reply["result"])
    error = reply["error"]["data"]
    if error["code"] == "INTERNAL_ERROR":
        raise ViolationError(f"a bug was answered: {reply}")
    return Answer(error["outcome"], symbol=error["code"], is_retryable=error["retryable"])
