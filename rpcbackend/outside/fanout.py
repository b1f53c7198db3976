"""From the event stream into the outbox: each webhook is given what it wants, once.

Each webhook has its place in the stream. A unit of work queues what lies behind it and moves the
place on, so both are durable or neither (docs/adr/0042-webhooks-follow-the-stream.md).
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

import orjson

from rpcbackend.ids import Ids
from rpcbackend.rpc_error import RpcError
from rpcbackend.steps import Step, Steps
from rpcbackend.store import Message, Store, Work
from rpcbackend.store.webhooks import TAG, Awaiting

AT_A_TIME = 50
"""Events for one webhook in one unit: the desk's commands wait behind it for some 5 ms."""

SOON_SECONDS = 0.1
"""After a commit: its answer goes first, and what others leave meanwhile costs no look more."""

AGAIN_SECONDS = 60.0
"""When to look again on behalf of a webhook for which enough is due: what is tried and fails has
its wait from then on, and leaves room without an event."""

ACTOR = "fanout"


class Fanout:
    """Follows the stream of an open store on behalf of its webhooks.

    Where there is none, a commit costs a look at a number in memory; on a server that several
    processes share, where another one may have made one, a look at the webhooks.

    Args:
        report_bug: Told what should not have happened; the next commit tries again.
        ids: Give it a name in the log.
        steps: Takes what it does to the store.
    """

    def __init__(
        self,
        report_bug: Callable[[Exception, str], None],
        ids: Ids,
        steps: Steps | None = None,
    ) -> None:
        self._steps = steps or Steps()
        self._report_bug, self._ids = report_bug, ids
        self._store: Store | None = None
        self._seen: int | None = None
        """The revision of the webhooks that `_has_any` is about."""
        self._has_any = True
        self._wanted = False
        self._running: asyncio.Task[None] | None = None
        self._again: asyncio.TimerHandle | None = None
        self._is_closed = False

    def welcome(self, store: Store) -> None:
        """Follow the stream of a store that was opened, from where it was left."""
        self._leave()
        self._store, self._seen, self._has_any = store, None, True
        store.on_commit.append(self._notice)
        self._notice()

    async def close(self) -> None:
        """Follow no more; what is left is looked at by the next process."""
        self._is_closed = True
        self._leave()
        await self.caught_up()

    async def caught_up(self) -> None:
        """Wait until what was committed is handed on."""
        if self._running is not None:
            await asyncio.wait([self._running])

    def _leave(self) -> None:
        if self._again is not None:
            self._again.cancel()
        if self._store is not None:
            self._store.on_commit.remove(self._notice)
            self._store = None

    def _notice(self) -> None:
        """On the loop, after a commit that left events."""
        store = self._store
        if store is None or self._is_closed:
            return
        revision = store.tags.revision((TAG,))
        is_known = revision is not None and revision == self._seen and not store.engine.is_shared
        if is_known and not self._has_any:
            return
        self._wanted = True
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            while self._wanted:
                await asyncio.sleep(SOON_SECONDS)
                self._wanted = False
                if (store := self._store) is not None:
                    await self._follow(store)
        finally:
            self._running = None

    async def _follow(self, store: Store) -> None:
        """Hand on what a store has, unless another one takes its place meanwhile."""
        try:
            # From before it is looked: whatever changes meanwhile is looked at again.
            revision = store.tags.revision((TAG,))
            found = await store.read(_look)
            if store is self._store:
                self._has_any, self._seen = found.has_any, revision
                self._look_again(found)
            has_more = found.has_room
            while has_more and store is self._store:
                has_more = await self._steps.take(store, FAN_OUT)
        except RpcError:
            # Nothing can be written for now; the place in the stream is kept.
            self._seen = None
        except Exception as error:  # noqa: BLE001 (told, and the stream is still there)
            self._report_bug(error, self._ids.correlation())

    def _look_again(self, found: "_Found") -> None:
        if self._again is not None:
            self._again.cancel()
        self._again = None
        if found.is_behind:
            loop = asyncio.get_running_loop()
            self._again = loop.call_later(AGAIN_SECONDS, self._notice)


class _Found(NamedTuple):
    """What one look found."""

    has_any: bool
    """Whether there is an active webhook."""
    is_behind: bool
    """Whether one is behind the stream."""
    has_room: bool
    """Whether one of these may be given something."""


async def _look(work: Work) -> _Found:
    awaiting = await work.webhooks.awaiting()
    head = await work.events.head_seq() if awaiting else 0
    behind = [webhook for webhook in awaiting if webhook.seq < head]
    return _Found(bool(awaiting), bool(behind), bool(await _with_room(work, behind)))


async def fan_out(work: Work) -> bool:
    """Give each webhook the next of what it wants, and tell whether there may be more for one."""
    head = await work.events.head_seq()
    behind = [webhook for webhook in await work.webhooks.awaiting() if webhook.seq < head]
    has_more = [await _give(work, each, head) for each in await _with_room(work, behind)]
    return any(has_more)


async def _with_room(work: Work, behind: Sequence[Awaiting]) -> list[Awaiting]:
    """Return those of which not enough is due already: the rest is as safe in the stream."""
    if not behind:
        return []
    crowded = await work.webhooks.crowded()
    return [webhook for webhook in behind if webhook.id not in crowded]


FAN_OUT: Step[bool] = Step(name="fan_out", actor=ACTOR, run=fan_out)


async def _give(work: Work, webhook: Awaiting, head: int) -> bool:
    seq, page = await work.events.page_after(webhook.seq, webhook.types, AT_A_TIME)
    for event in page:
        told = orjson.loads(event.json)
        if _is_about_a_webhook(told):
            continue
        await work.outbox.queue(
            Message(
                channel="webhook",
                recipient=webhook.id,
                template=told["type"],
                payload=told,
                dedupe_key=f"{webhook.id}:{told['seq']}",
            )
        )
    await work.webhooks.advance(webhook.id, seq)
    return seq < head


def _is_about_a_webhook(event: dict[str, object]) -> bool:
    """Tell whether an event is about a webhook's message: each would lead to the next."""
    data = event["data"]
    return (
        str(event["type"]).startswith("messages.")
        and isinstance(data, dict)
        and data.get("channel") == "webhook"
    )
