"""Send a transcript's requests again and see whether the same comes back.

Requests that did not overlap are sent one after the other. Of those that did, the commands are sent
in the order in which they took effect, and a query's reply is right if it is what the program says
at some instant between its request and its reply: they are linearizable (Herlihy and Wing,
"Linearizability: a correctness condition for concurrent objects", 1990).
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rpcbackend.app import Application
from rpcbackend.dispatch.connections import audience_of
from rpcbackend.dispatch.control import SHUTDOWN
from rpcbackend.dispatch.server import OutOfStepError
from rpcbackend.moments import NamedBits
from rpcbackend.schema.limits import Limits
from rpcbackend.schema.schedules import ScheduleName
from rpcbackend.steps import Steps
from rpcbackend.surroundings import Surroundings
from rpcbackend.transcripts import telling
from rpcbackend.transcripts.differences import Comparison, Found
from rpcbackend.transcripts.exchanges import (
    SUBSCRIBE,
    TIMING,
    Group,
    Request,
    groups_of,
    in_order,
    span_of,
)
from rpcbackend.transcripts.files import Transcript
from rpcbackend.transcripts.filling import Filling
from rpcbackend.transcripts.format import PROCESS, Entry
from rpcbackend.transcripts.hearing import Hearing
from rpcbackend.transcripts.known import Known
from rpcbackend.transcripts.lending import (
    code_in,
    is_placeholder_in,
    lend_password,
    make_code,
    make_path,
    path_in,
    signs_in,
)
from rpcbackend.transcripts.outcome import Outcome, Wish
from rpcbackend.transcripts.peer import EVENT_SECONDS, REPLY_SECONDS, Peer, ReplayTap
from rpcbackend.transcripts.redaction import SEARCHED
from rpcbackend.transcripts.report import Report
from rpcbackend.transcripts.retaking import Retaking
from rpcbackend.transcripts.studying import Studied
from rpcbackend.transcripts.timeline import STEPS, Calls, ReplayClock
from rpcbackend.transcripts.turns import Turns

ANY_RATE = Limits(
    query_per_second=1_000_000,
    command_per_second=1_000_000,
    heavy_per_second=1_000,
    auth_per_minute=1_000,
)
"""What passed then passes now, whatever was turned away beside it: that is not sent."""

Look = Callable[[int, int], None]
"""Told how many messages of how many are done."""


class Replay:
    """One replay of a transcript.

    Args:
        transcript: What to send.
        directory: The data directory, empty or a copy of one.
        wish: How to do it.
        look: Told how far it is.
    """

    def __init__(
        self,
        transcript: Transcript,
        directory: Path,
        wish: Wish,
        look: Look = lambda done, total: None,  # noqa: ARG005
    ) -> None:
        header, self._outcome = transcript.header, Outcome()
        self._transcript, self._wish, self._look = transcript, wish, look
        self._files = ""
        self._known = Known(is_copy=wish.is_copy)
        self._filling = Filling(self._known, wish.database_key)
        self._clock = ReplayClock(header.started_ms)
        self._calls = Calls(bytes.fromhex(header.seed), header.started_ms)
        self._started, self._begun = 0.0, 0
        self._is_overlapped = self._has_jobs = False
        self._peers: dict[str, Peer] = {}
        self._subscribed: set[str] = set()
        studied, drawn = self._study(), NamedBits(bytes.fromhex(header.seed), "secrets")
        self._turns = Turns(self._calls, is_told=studied.has_job_steps)
        tap = ReplayTap(self._calls, self._turns)
        steps = Steps(tap, is_led=studied.has_steps, turn=self._turns.wait)
        self._app = Application(
            directory,
            Surroundings(
                clock=self._clock,
                # Not those that were drawn then: nobody knows them. But the same ones every time.
                random_bytes=lambda size: bytes(drawn.getrandbits(8) for _ in range(size)),
                tap=tap,
                rates=ANY_RATE,
                steps=steps,
            ),
            limits=studied.limits,
            outside=studied.outside,
        )
        self._retaking = Retaking(self._app, steps, self._turns)
        self._ended, self._events = studied.ended, studied.events
        jobs = {method.channel for method in self._app.dispatcher.registry if method.kind == "job"}
        self._comparison = Comparison(self._known, wish.rules, frozenset(jobs))
        self._report = Report(self._outcome, self._comparison, self._known)
        self._hearing = Hearing(self._peer, self._report)

    async def run(self) -> Outcome:
        """Send everything.

        Raises:
            TranscriptError: The transcript was changed; what stands before that was replayed.
            ExitRequestedError: The store cannot be opened.
        """
        self._started = asyncio.get_running_loop().time()
        await self._app.boot()
        try:
            # Not in the data directory, where no file is exported to.
            with TemporaryDirectory(prefix="rpcbackend-replay-") as self._files:
                await self._run_groups()
        finally:
            self._outcome.is_torn = self._transcript.is_torn
            self._turns.close()
            await self._app.close()
        return self._outcome

    def _study(self) -> Studied:
        """Read everything once: what stands for names, and how the process was set up."""
        studied = Studied()
        for entry in self._transcript.entries():
            studied.see(entry)
            for known, told in (entry.facts or {}).items():
                self._filling.learn(known, told)
        self._outcome.messages = studied.messages
        return studied

    async def _run_groups(self) -> None:
        done, told_seq = 0, 0
        for group in groups_of(self._transcript.entries(), self._app.dispatcher.registry):
            if group.events and group.events[0].dropped:
                self._outcome.dropped = group.events[0].dropped
                return
            for event in group.events:
                self._hearing.expect(event)
            await self._run_group(group)
            await self._hearing.catch_up()
            if self._app.has_store and group.ended <= self._ended - EVENT_SECONDS * 1_000:
                told_seq = self._app.store.head_seq
            done += 2 * len(group.requests) + len(group.events) + len(group.steps)
            self._look(min(done, self._outcome.messages), self._outcome.messages)
        if not self._transcript.is_torn:
            await self._hearing.finish(self._peers, self._ended, told_seq)

    async def _run_group(self, group: Group) -> None:
        requests = {request for request in group.requests if self._is_to_be_sent(request)}
        self._is_overlapped = len(requests) + len(group.steps) > 1
        if len(requests) > 1:
            self._outcome.overlapped += len(requests)
        for request in requests:
            # A wrong password, too, leaves an event.
            if request.is_command and request.seq is None:
                request.told_seq = self._seq_of(request)
        commands = in_order([one for one in group.commands if one.is_step or one in requests])
        queries = [one for one in group.requests if one in requests and not one.is_command]
        for done in range(len(commands) + 1):
            for query in tuple(queries):
                first, last = span_of(query, commands)
                if first <= done <= last and await self._try(query, is_last=done == last):
                    queries.remove(query)
            if done < len(commands):
                await self._do(commands[done])

    def _seq_of(self, request: Request) -> int | None:
        """Return the last event that a command left of whose end nobody was told."""
        conn, first = request.entry.conn, request.first_call
        chances = self._calls.chances(conn, request.number, first)
        return max((self._events[each] for each in chances if each in self._events), default=None)

    def _is_to_be_sent(self, request: Request) -> bool:
        if request.is_cancellation:
            return False
        if request.wants_reply and request.reply is None:
            self._outcome.unanswered += 1
            return False
        if self._wish.is_copy and self._is_search(request):
            self._outcome.unknown += 1
            return False
        error = request.error
        if error is not None and error["code"] in TIMING and error["outcome"] == "none":
            self._outcome.taken += 1
            return False
        return True

    async def _try(self, request: Request, *, is_last: bool) -> bool:
        """Send a request; tell whether that is all that can be done about it."""
        try:
            actual = await self._send(request)
        except TimeoutError:
            actual = None
            if not request.wants_reply:
                self._report.differ(request.channel, request.entry, ("its end", True, False))
        if request.reply is None or request.is_cut_short:
            self._outcome.cut_short += request.is_cut_short
            return True
        found = self._comparison.compare(request.channel, request.reply.msg, actual)
        if found is not None and self._may_claim(request, found):
            actual["result"]["_meta"]["seq"] = found[1]
            found = self._comparison.compare(request.channel, request.reply.msg, actual)
            self._outcome.claims += found is None
        elif found is None and request.seq is not None:
            self._has_jobs = request.job
        if found is not None and not is_last:
            return False
        self._outcome.compared += 1
        if found is not None:
            self._report.differ(request.channel, request.entry, found)
        return True

    def _may_claim(self, request: Request, found: Found) -> bool:
        """Tell whether a reply may have claimed another last event than it does now.

        A query notes it before it looks, so it may hold more than it claims. Of commands that
        overlapped, one may have been answered only when others behind it were done, too. A job goes
        on beside all that come until one of them has seen what it left.
        """
        path, recorded, actual = found
        if path != "result._meta.seq" or not (type(recorded) is type(actual) is int):
            return False
        if request.is_command:
            return self._is_overlapped and recorded > actual
        return (self._is_overlapped or self._has_jobs) and recorded < actual

    async def _do(self, command: Request) -> None:
        entry, step = command.entry, command.entry.step
        if entry.begun is not None:
            await self._begin_by_itself(entry)
            return
        if step is None:
            await self._try(command, is_last=True)
            return
        self._come_to(entry, STEPS, step["number"])
        await self._retaking.take(step["name"], self._filling.filled(step["facts"], ""))

    def _is_search(self, request: Request) -> bool:
        msg = request.entry.msg
        params = msg.get("params") if isinstance(msg, dict) else None
        return is_placeholder_in(params, SEARCHED.get(request.channel, ""))

    async def _lend(self, request: Request) -> None:
        """Let somebody sign in who did so then, on a store whose passwords nobody knows."""
        params = request.entry.msg["params"]
        password = self._filling.filled(params.get("password"), "password")
        login = await lend_password(self._app, request, password)
        if login is not None:
            self._known.learn(params.get("login"), login)

    async def _help_in(self, request: Request) -> None:
        """Give whoever signed in then what he needs to do so now."""
        if self._wish.is_copy and signs_in(request):
            await self._lend(request)
        if (known := code_in(request)) is not None:
            told = self._known.values.values()
            code = await make_code(self._app, request, told, self._clock.now_ms())
            if code is not None:
                self._known.learn(known, code)
        if (known := path_in(request)) is not None and known not in self._known.values:
            self._known.learn(known, make_path(request.channel, known, Path(self._files)))
        if request.channel == telling.CHANNEL and request.reply is not None:
            await self._tell(request)

    async def _tell(self, request: Request) -> None:
        """Let a service tell again what it told, signed with the secret that it has now."""
        params = request.entry.msg.get("params")
        if not telling.is_told(params):
            return
        recorded = [params[name] for name in telling.TAKEN_OUT]
        facts = [self._filling.filled(self._known.facts.get(each, {}), "") for each in recorded]
        made = await telling.tell_again(self._app, request, facts, self._clock.now_ms())
        for known, value in zip(recorded, made or (), strict=bool(made)):
            self._known.learn(known, value)

    async def _send(self, request: Request) -> Any:
        entry = request.entry
        if self._wish.is_as_recorded:
            passed = asyncio.get_running_loop().time() - self._started
            await asyncio.sleep(max(0.0, entry.t / 1_000 - passed))
        self._come_to(entry, entry.conn, request.number)
        self._calls.skip(request.first_call - 1)
        await self._help_in(request)
        if request.channel == SHUTDOWN:
            await self._hearing.catch_up()
        if request.channel == SUBSCRIBE:
            if entry.conn in self._subscribed:
                self._hearing.subscribed_again(entry.conn)
            self._subscribed.add(entry.conn)
        try:
            reply = await self._peer(entry.conn).ask(
                self._filling.line(entry.msg), wants_reply=request.wants_reply
            )
        except OutOfStepError:
            # Its reply went before it.
            return await self._peer(entry.conn).ask(b"", wants_reply=True)
        if request.job and self._turns.is_told:
            await self._retaking.settle(_job_in(reply))
        elif request.job:
            self._has_jobs = True
            await self._app.jobs.settle(REPLY_SECONDS)
        return reply

    def _come_to(self, entry: Entry, connection_id: str, number: int) -> None:
        self._clock.set(entry.t, entry.latest)
        # When it came, though others that came behind it may have had their turn before.
        monotonic = (entry.t if entry.latest is None else entry.latest) / 1_000
        self._calls.begin(connection_id, number, entry.t, monotonic, entry.latest)

    def _peer(self, connection_id: str) -> Peer:
        if connection_id not in self._peers:
            audience = audience_of(connection_id)
            self._peers[connection_id] = peer = Peer(self._app, audience)
            if audience == "stdio":
                peer.server.notify("system.ready", self._app.ready().model_dump(mode="json"))
        return self._peers[connection_id]

    async def _begin_by_itself(self, entry: Entry) -> None:
        # What another version began is none of what this one can.
        if entry.begun in set(ScheduleName):
            self._begun += 1
            self._come_to(entry, PROCESS, self._begun)
            job_id = await self._app.scheduler.begin(ScheduleName(entry.begun))
            if self._turns.is_told:
                await self._retaking.settle(job_id)
            else:
                await self._app.jobs.ended(job_id)


def _job_in(reply: Any) -> str:
    """Return the job that a call has begun, or nothing of that form."""
    result = reply.get("result") if isinstance(reply, dict) else None
    return str(result.get("jobId")) if isinstance(result, dict) else ""
