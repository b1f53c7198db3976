"""The outbox under random commands, senders that die, leases that end, and clocks that are set."""

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from rpcbackend.resilience.backoff import Backoff
from rpcbackend.store import Lease, open_store
from rpcbackend.store.outbox import (
    FIRST_WAIT_SECONDS,
    LEASE_SECONDS,
    LONGEST_WAIT_SECONDS,
    MAX_ATTEMPTS,
)
from rpcbackend.testing import FrozenClock
from tests.clauses import clause
from tests.store.sender import Sender
from tests.store.test_outbox import HELLO, rows_in

KEYS = some.sampled_from([f"key {number}" for number in range(6)])
DAY = 24 * 3600


@dataclass(slots=True)
class Sending:
    """A lease, and whether its message was handed over."""

    lease: Lease
    ends: float
    is_sent: bool = False


class Senders(RuleBasedStateMachine):
    """One sender at a time, and the model of what it may do."""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._clock = FrozenClock()
        self._store = self._run(open_store(None, clock=self._clock))
        self._backoff = Backoff(FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, lambda: 0.5)
        self._ids: dict[str, str] = {}
        """Of each dedupe key, the only message there ever was."""
        self._withdrawn = set[str]()
        self._never = set[str]()
        """Dedupe keys that were withdrawn before anybody had them."""
        self._received = Counter[str]()
        """By id: how often it arrived."""
        self._windows = Counter[str]()
        """By id: how often a sender died, or was too late, between the send and its mark."""
        self._sending: list[Sending] = []
        self._sender = self._new_sender()

    def _run(self, work: Any) -> Any:
        return self._runner.run(work)

    def _new_sender(self) -> Sender:
        async def post(lease: Lease) -> None:
            self._received[lease.id] += 1

        return Sender(self._store, self._clock, post)

    def _write(self, unit: Any, *, keep: bool = True) -> Any:
        return self._run(self._store.write(unit, actor="tests", keep=keep))

    # Causes

    @rule(key=KEYS, delay_seconds=some.integers(0, DAY), is_kept=some.booleans())
    def cause(self, key: str, delay_seconds: int, is_kept: bool) -> None:
        """Queue a message within a command, or a command that is taken back."""
        not_before_ms = self._clock.now_ms() + 1_000 * delay_seconds
        message = replace(HELLO, dedupe_key=key, not_before_ms=not_before_ms)

        is_new = self._write(lambda work: work.outbox.queue(message), keep=is_kept)

        assert is_new == (key not in self._ids)
        if is_new and is_kept:
            [row] = [row for row in self._rows() if row["dedupe_key"] == key]
            self._ids[key] = row["id"]

    @rule(key=KEYS)
    def withdraw(self, key: str) -> None:
        """Let a message not be sent any more."""
        was_never_sent = self._write(lambda work: work.outbox.withdraw(key))

        if key in self._ids:
            self._withdrawn.add(key)
            assert was_never_sent <= (self._received[self._ids[key]] == 0)
            if was_never_sent:
                self._never.add(key)

    # The sender

    @rule(limit=some.integers(1, 4))
    def lease(self, limit: int) -> None:
        """Take messages that are due."""
        now = self._clock.monotonic()
        held = {each.lease.id for each in self._sending if now < each.ends}
        self._lose(lambda each: now >= each.ends)

        for lease in self._run(self._sender.lease(limit)):
            assert lease.id not in held
            assert lease.attempt <= MAX_ATTEMPTS
            assert lease.message.dedupe_key not in self._withdrawn
            self._sending.append(Sending(lease, now + LEASE_SECONDS))

    @precondition(lambda self: self._sending)
    @rule(which=some.integers(0, 20))
    def send(self, which: int) -> None:
        """Hand a message over, within its lease."""
        sending = self._sending[which % len(self._sending)]
        if not sending.is_sent and self._clock.monotonic() < sending.ends:
            self._received[sending.lease.id] += 1
            sending.is_sent = True

    @precondition(lambda self: self._sending)
    @rule(which=some.integers(0, 20))
    def mark(self, which: int) -> None:
        """Say what became of a message: sent, or to be tried again."""
        sending = self._sending.pop(which % len(self._sending))
        wait_ms = round(1_000 * self._backoff.wait(sending.lease.attempt))

        assert self._run(
            self._sender.mark(sending.lease, None if sending.is_sent else "451 busy", wait_ms)
        )

    @rule()
    def die(self) -> None:
        """Let another process go on."""
        self._lose(lambda _: True)
        self._sender = self._new_sender()

    def _lose(self, is_lost: Any) -> None:
        for sending in filter(is_lost, list(self._sending)):
            self._windows[sending.lease.id] += sending.is_sent
            self._sending.remove(sending)

    # Time

    @rule(seconds=some.sampled_from([1, 30, 61, 3_600, DAY]))
    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self._clock.advance(seconds)

    @rule(days=some.integers(-30, 30))
    def set_clock(self, days: int) -> None:
        """Set the wall clock: no time passes."""
        self._clock.set_wall(days * DAY)

    # What always holds

    def _rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._run(rows_in(self._store))
        return rows

    @invariant()
    def nothing_comes_twice_but_by_a_death_between_send_and_mark(self) -> None:
        """The honest window of the promise, and no other."""
        for id_, times in self._received.items():
            assert times <= 1 + self._windows[id_]

    @invariant()
    def every_key_has_its_one_message(self) -> None:
        """What a command left is there, under the id that it had from the first."""
        assert {row["dedupe_key"]: row["id"] for row in self._rows()} == self._ids

    def teardown(self) -> None:
        """Send all that is left, and see that everything wanted has arrived."""
        try:
            self._lose(lambda _: True)
            self._run(self._send_rest())
            for row in self._rows():
                times = self._received[row["id"]]
                is_over = {"sent": times >= 1, "failed": True, "cancelled": True}[row["state"]]
                assert is_over, row
                assert row["state"] != "failed" or row["attempts"] == MAX_ATTEMPTS
                assert row["state"] != "cancelled" or row["dedupe_key"] in self._withdrawn
                assert row["dedupe_key"] not in self._never or times == 0
        finally:
            self._run(self._store.close())
            self._runner.close()

    async def _send_rest(self) -> None:
        sender = self._new_sender()
        for _ in range(100):
            self._clock.advance(DAY)
            await sender.send_all()


@clause("outbox-at-least-once", "outbox-one-per-dedupe-key")
def test_no_message_is_lost_and_none_comes_twice_but_by_a_death_between_send_and_mark() -> None:
    run_state_machine_as_test(Senders, settings=settings(max_examples=40, stateful_step_count=40))
