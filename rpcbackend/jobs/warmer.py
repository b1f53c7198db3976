"""Makes ready after a start what was asked most before it, and notes for the next start what was.

Only questions of those who see everything, and that hold nothing personal: a restart must not let
anybody see more, and what somebody looked for stands in no table.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import orjson
from loguru import logger
from pydantic import ValidationError

from rpcbackend.context import Context, Feed, Host
from rpcbackend.dispatch.call import Call, Middleware
from rpcbackend.dispatch.flight import Flight
from rpcbackend.dispatch.kept import Key, key_of, rev_of
from rpcbackend.dispatch.peer import Peer
from rpcbackend.dispatch.registry import Method, Registry, Result
from rpcbackend.ids import Ids
from rpcbackend.jobs.stale_answers import forget_stale
from rpcbackend.resilience.answers import Answer, Answers
from rpcbackend.resilience.usage import Usage
from rpcbackend.rpc_error import RpcError
from rpcbackend.schema.base import Params
from rpcbackend.schema.meta import CallMeta
from rpcbackend.security.principal import LOCAL
from rpcbackend.security.redaction import redact
from rpcbackend.standing import sight_by
from rpcbackend.store import Asked, Store, Work, state_of

FIRST_SECONDS = 0.5
"""After a start the window asks for what it shows; that goes first."""

BUSY_SECONDS = 0.05
"""How long a question waits for an idle moment before it looks again."""

SAVE_SECONDS = 900.0
"""What was asked is noted this often: whoever is killed forgets no more."""

MOST = 32
"""Questions that are noted: more than a desk has on its screens."""

MOST_BYTES = 4 * 1024 * 1024
"""Answers that are noted with them, in all."""


class Warmer:
    """Looks after one store at a time.

    Args:
        host: The process, as handlers see it.
        ids: Makes ids.
        registry: The channels.
        ring: Asks and remembers.
        answers: Where answers are kept.
        usage: Which questions were asked.
        is_idle: Tells whether nobody is waiting for anything.
        build: Names the program, by what its answers look like.
    """

    def __init__(
        self,
        host: Host,
        ids: Ids,
        registry: Registry,
        *,
        ring: Middleware,
        answers: Answers,
        usage: Usage[Key, Params],
        is_idle: Callable[[], bool],
        build: str,
    ) -> None:
        self._host, self._ids, self._registry = host, ids, registry
        self._ring, self._answers, self._usage = ring, answers, usage
        self._is_idle, self._build = is_idle, build
        self._saved = 0
        self._task: asyncio.Task[None] | None = None
        self.ready = asyncio.Event()
        """Set when what was asked most is ready, as far as it could be made so."""

    def welcome(self, store: Store) -> None:
        """Look after a store that was opened, in the place of the one before."""
        self._stop()
        self.ready.clear()
        self._task = asyncio.get_running_loop().create_task(self._look_after(store))

    async def close(self) -> None:
        """Note what was asked, before the store closes."""
        if self._task is not None:
            self._stop()
            await self._save_quietly(self._host.store)

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _look_after(self, store: Store) -> None:
        await asyncio.sleep(FIRST_SECONDS)
        try:
            for method, params in await self.load(store):
                while not self._is_idle():  # noqa: ASYNC110 (nobody tells of the end of all calls)
                    await asyncio.sleep(BUSY_SECONDS)
                await self._ask(method, params)
        except Exception as error:  # noqa: BLE001 (nobody waits for it, and a restore may begin)
            logger.bind(error=str(error)).info("what is asked most could not be made ready")
        self.ready.set()
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            await self._save_quietly(store)

    async def load(self, store: Store) -> list[tuple[Method, Params]]:
        """Take over what was noted, and return the questions whose answers hold no more."""
        tags = store.tags
        # What was changed before the snapshot is taken is in it, unless it is just being changed.
        count = tags.count
        saved, state = await store.read(self._read)
        await forget_stale(store, state)
        unanswered = []
        for asked in saved:
            method = self._registry.get(asked.channel)
            if method is None or method.kept is None:
                continue
            try:
                params = method.params.model_validate_json(asked.params)
            except ValidationError:
                # Of another version of this program.
                continue
            key = _key_of(method, params)
            self._usage.learn(key, params, asked.uses)
            revision = tags.revision(method.kept.tags(params, sees_all=True))
            if asked.answer is None or count is None or revision is None or revision > count:
                unanswered.append((method, params))
            else:
                rev = rev_of(tags.epoch, key, revision)
                self._answers.keep(key, Answer(revision, rev, asked.answer))
        return unanswered

    async def _read(self, work: Work) -> tuple[list[Asked], bytes]:
        state = await self._state(work)
        return await work.cached_answers.list(state), state

    async def _state(self, work: Work) -> bytes:
        head_seq, audit_head = await work.events.head_seq(), await work.audit.head()
        build = f"{self._build} {self._host.store.engine.schema_version}"
        return state_of(head_seq, audit_head, build)

    async def _ask(self, method: Method, params: Params) -> None:
        """Make one answer ready, as for somebody who sees everything."""
        context = Context(
            host=self._host,
            connection=_Nobody("stdio"),
            clock=self._host.store.clock,
            ids=self._ids,
            meta=CallMeta(),
            channel=method.channel,
            permission=method.permission,
            principal=LOCAL,
        )
        flight = Flight(message=None, deliver=lambda _: None)
        call = Call(method=method, params=params, context=context, flight=flight)
        with suppress(RpcError):
            # What it names may be gone.
            await self._ring(call, _run)

    async def _save_quietly(self, store: Store) -> None:
        if self._usage.noted == self._saved or store.engine.read_only is not None:
            return
        try:
            await self.save(store)
        except Exception as error:  # noqa: BLE001 (the next start is slower, and that is all)
            logger.bind(error=str(error)).info("what was asked most could not be noted")

    async def save(self, store: Store) -> None:
        """Note what was asked most, and the answers that hold."""
        noted, held = self._usage.noted, list(self._held())

        async def unit(work: Work) -> None:
            asked = []
            for question, tags, answer in held:
                # Here, on the writer's thread: nobody changes anything between this and the state.
                holds = answer is not None and store.tags.revision(tags) == answer.revision
                asked.append(question if holds else replace(question, answer=None))
            await work.cached_answers.replace(asked, await self._state(work))

        await store.write(unit, actor="cache")
        self._saved = noted

    def _held(self) -> Iterator[tuple[Asked, tuple[str, ...], Answer | None]]:
        room = MOST_BYTES
        for key, use in self._usage.top(MOST):
            channel, _, _ = key
            method, params = self._registry.get(channel), use.question
            written = params.model_dump_json(exclude_unset=True).encode()
            if method is None or method.kept is None or _is_personal(type(params), written):
                continue
            if _key_of(method, method.params.model_validate_json(written)) != key:
                # The wire writes milliseconds: a finer instant would come back as another question.
                continue
            answer = self._answers.held(key)
            if answer is not None and len(answer.json) > room:
                answer = None
            room -= len(answer.json) if answer else 0
            asked = Asked(
                channel=channel,
                params=written,
                uses=use.count,
                answer=answer.json if answer else None,
            )
            yield asked, method.kept.tags(params, sees_all=True), answer


def _key_of(method: Method, params: Params) -> Key:
    return key_of(method.channel, sight_by(LOCAL, method.permission), params)


def _run(call: Call) -> Awaitable[Result]:
    return call.method.handler(call.context, call.params)


def _is_personal(model: type[Params], written: bytes) -> bool:
    given = orjson.loads(written)
    return bool(redact(model, given, lambda mark, value: None) != given)  # noqa: ARG005 (the form)


class _Nobody(Peer):
    """A connection that nobody is at the other end of."""

    id = "warmer"
    is_writable = False

    def notify(self, method: str, params: Mapping[str, Any] | bytes) -> None:
        """Tell nobody."""

    async def writable(self) -> None:
        """Wait for nobody."""

    def subscribe(self, feed: Feed, what: str = "") -> None:  # noqa: ARG002 (the form)
        """Let nobody be told."""
        feed.stop()

    def unsubscribe(self, what: str) -> None:
        """Go on telling nobody."""
