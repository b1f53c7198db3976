"""The client's end of its connections: requests out, exactly one reply to each, events in order."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import orjson

from tests.simulation.backend import Backend
from tests.simulation.history import LOST, Answer, History, ViolationError
from tests.simulation.wire import Link

PATIENCE_SECONDS = 120.0
"""Whoever has no reply by then never gets one: deadlines, drains and showers are all shorter."""

Replies = dict[int, "asyncio.Future[Answer]"]


class Desk:
    """Speaks to whatever process there is, over one connection at a time.

    Args:
        name: In the trace.
        backend: Where connections come from.
        history: Learns of events.
    """

    def __init__(self, name: str, backend: Backend, history: History) -> None:
        self.name = name
        self._backend, self._history = backend, history
        self.link: Link | None = None
        self._waiting: Replies = {}
        self._next_id = 0
        self._connections = 0
        self._follows_from: int | None = None
        """The last event that was seen, by whoever wants to see all."""

    async def connect(self) -> Link:
        """Return the connection, a new one if the old one is gone."""
        while self.link is None:
            self._connections += 1
            name = f"{self.name}.{self._connections}"
            link = self.link = await self._backend.connect(name)
            link.on_line = partial(self._take, link)
            if self._follows_from is not None:
                await self._subscribe(self._follows_from)
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
        link = await self.connect()
        requests, futures = [], []
        for channel, params in calls:
            self._next_id += 1
            future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            self._waiting[self._next_id] = future
            futures.append(future)
            requests.append(
                {"jsonrpc": "2.0", "id": self._next_id, "method": channel, "params": params}
            )
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

    async def follow(self) -> None:
        """See every event from now on, across connections and processes."""
        self._follows_from = 0
        if self.link is not None:
            await self._subscribe(0)

    def has_seen(self, seq: int) -> bool:
        """Tell whether it follows no events, or has seen all up to one."""
        return self._follows_from is None or self._follows_from >= seq

    async def _subscribe(self, after_seq: int) -> None:
        answer = await self.call("events.subscribe", {"afterSeq": after_seq})
        if answer.symbol == "CURSOR_INVALID":
            raise ViolationError(f"event {after_seq} was sent, and has not happened (invariant 5)")
        if answer.kind != "result":
            # Turned away, or too late: again, on a new connection.
            self.hang_up()

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
        future = self._waiting.pop(reply["id"], None) if reply["id"] is not None else None
        if future is None:
            raise ViolationError(f"{self.name} got a reply that nothing waits for (I3): {reply}")
        if not future.done():
            future.set_result(_read(reply))

    def _follow(self, event: dict[str, Any]) -> None:
        if event["seq"] != (self._follows_from or 0) + 1:
            raise ViolationError(f"{self.name} got event {event['seq']} after {self._follows_from}")
        self._follows_from = event["seq"]
        self._history.see_event(event)

    def _lose(self, link: Link) -> None:
        if link is self.link:
            self.link = None
            waiting, self._waiting = self._waiting, {}
            for future in waiting.values():
                if not future.done():
                    future.set_result(LOST)


def _read(reply: dict[str, Any]) -> Answer:
    if "result" in reply:
        return Answer("result", reply["result"])
    error = reply["error"]["data"]
    if error["code"] == "INTERNAL_ERROR":
        raise ViolationError(f"a bug was answered: {reply}")
    return Answer(error["outcome"], symbol=error["code"], is_retryable=error["retryable"])
