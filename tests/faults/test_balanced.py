"""HAProxy before four workers, two desks beside them, and everything ends again and again."""

import asyncio
import random
import signal
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import takewhile
from pathlib import Path

import httpx2
import pytest
import trustme

from rpcbackend.schema.providers import Provider, ProviderChannel, WebService
from rpcbackend.schema.users import Role
from rpcbackend.store import Place, Store, Work, open_server_store
from tests.callers import add_caller, add_session, token_for
from tests.faults.balanced import HOST, NAMES, Balancer, Desk, Life, Worker, balancer
from tests.faults.budget import FIGURES, IS_FULL
from tests.faults.checker import Checker
from tests.faults.deeds import Deed, make_people
from tests.faults.judging import check_times, look_over
from tests.faults.rush import PROVIDER, SECRET, Service, rush, serve_web, signed_in
from tests.faults.test_server import end_connections
from tests.postgres import Cluster

SEED = 1
CALLERS = 6
CHAOS_SECONDS = 420.0 if IS_FULL else 8.0
"""A token is good for ten minutes."""

RETRYABLE = (
    "UNAVAILABLE",
    "OUTCOME_UNKNOWN",
    "SHUTTING_DOWN",
    "OVERLOADED",
    "DEADLINE_EXCEEDED",
    "REQUEST_CANCELLED",
)
"""What may be told of a command that is to be sent again."""


class Rush:
    """All that is at work, and what it was told."""

    def __init__(self, cluster: Cluster, url: str, folder: Path) -> None:
        self.cluster, self.url, self._folder = cluster, url, folder
        environment = {"RPCBACKEND_DATABASE__URL": url}
        self.webs = {f"web{number}": Checker(*RETRYABLE) for number in range(CALLERS)}
        self.desks = {f"desk{number}": Checker(*RETRYABLE) for number in range(2)}
        self.workers = [Worker(name, folder, environment) for name in NAMES]
        self.at_desks = [
            Desk(name, folder, environment, checker) for name, checker in self.desks.items()
        ]
        self.is_over = False

    @property
    def checkers(self) -> dict[str, Checker]:
        """By the name of the desk."""
        return self.webs | self.desks

    @property
    def web_errors(self) -> Counter[str]:
        """What callers over HTTP were told, but for what is wrong with their wishes."""
        told = sum((checker.errors for checker in self.webs.values()), Counter[str]())
        return Counter({text: n for text, n in told.items() if not text.startswith("CONFLICT_")})

    def wishes(self, desk: str) -> Iterator[Deed]:
        """Yield what a desk wants until all is over."""
        number = list(self.checkers).index(desk)
        return takewhile(lambda _: not self.is_over, rush(desk, number))

    @asynccontextmanager
    async def going_on(self, tokens: dict[str, str]) -> AsyncIterator[tuple[Balancer, Service]]:
        """Let all work, and at the end of the block let them finish what they have begun."""
        trust, encryption = trustme.CA(), ssl.create_default_context()
        trust.configure_trust(encryption)
        async with asyncio.TaskGroup() as lives:
            workers = [lives.create_task(worker.live()) for worker in self.workers]
            async with balancer(self._folder, self.workers, trust) as haproxy:
                await haproxy.until(*NAMES)
                async with httpx2.AsyncClient(
                    base_url=haproxy.url,
                    verify=encryption,
                    headers={"Host": HOST, "Authorization": f"Bearer {tokens['http']}"},
                    timeout=60,
                ) as http:
                    service = Service(http, list(self.checkers.values()))
                    async with asyncio.TaskGroup() as work:
                        for name, checker in self.webs.items():
                            wishes = self.wishes(name)
                            work.create_task(serve_web(http, checker, wishes))
                        for desk in self.at_desks:
                            wishes = signed_in(self.wishes(desk.name), tokens["stdio"])
                            work.create_task(desk.live(wishes))
                        telling = work.create_task(self._tell(service))
                        yield haproxy, service
                        self.is_over = True
                        await telling
                    await service.tell()
            for worker in workers:
                worker.cancel()

    async def _tell(self, service: Service) -> None:
        while not self.is_over:
            await service.tell()
            # Until there may be something new.
            await asyncio.sleep(0.05)


async def prepare(url: str) -> dict[str, str]:
    """Make a school with an owner, and return his token for each door."""
    store = await open_server_store(Place(url=url))
    now_ms = store.clock.now_ms()
    provider = Provider(
        id=PROVIDER,
        channel=ProviderChannel.PAYMENT,
        name="Pay",
        is_enabled=False,
        priority=1,
        mail=None,
        web=WebService(url="https://pay.example"),
        has_secret=True,
        version=1,
    )

    async def unit(work: Work) -> None:
        await work.providers.put(provider, SECRET)

    try:
        await make_people(store)
        await store.write(unit, actor="tests")
        await add_caller(store, 1, Role.OWNER)
        return {
            audience: await _sign_in(store, number, audience, now_ms)
            for number, audience in enumerate(("stdio", "http"), 1)
        }
    finally:
        await store.close()


async def _sign_in(store: Store, number: int, audience: str, now_ms: int) -> str:
    now = now_ms // 1_000
    times = {"created_at": now, "last_seen_at": now, "password_at": now, "rotated_at_ms": now_ms}
    session = await add_session(
        store,
        number,
        user_id="usr_00000000-0000-7000-8000-000000000001",
        audience=audience,
        **times,
    )
    return await token_for(store, session, now_ms=now_ms, audience=audience)


async def upgrade(rush: Rush, haproxy: Balancer) -> None:
    """End the workers as one does for another version, half of them at a time, and start them."""
    for half in (rush.workers[:2], rush.workers[2:]):
        for worker in half:
            worker.signal(signal.SIGTERM)
        for worker in half:
            await worker.wait(ends=1)
        await haproxy.until(*NAMES)
    assert [worker.ends for worker in rush.workers] == [[0]] * len(NAMES)


async def rage(rush: Rush, chance: random.Random) -> Counter[str]:
    """End everything that there is, in any order, and return how often what was done."""

    async def send(lives: Sequence[Life], number: signal.Signals) -> None:
        chance.choice(lives).signal(number)

    async def restart(by: signal.Signals) -> None:
        await asyncio.to_thread(rush.cluster.restart, by)

    deeds: dict[str, Callable[[], Awaitable[None]]] = {
        "workers killed": lambda: send(rush.workers, signal.SIGKILL),
        "workers told to end": lambda: send(rush.workers, signal.SIGTERM),
        "desks killed": lambda: send(rush.at_desks, signal.SIGKILL),
        "connections ended": lambda: end_connections(rush.url),
        "database restarted, fast": lambda: restart(signal.SIGINT),
        "database restarted, immediate": lambda: restart(signal.SIGQUIT),
    }
    done: Counter[str] = Counter()
    end = time.monotonic() + CHAOS_SECONDS
    while time.monotonic() < end or len(done) < len(deeds):
        rest = [name for name in deeds if done[name] == min(done[name] for name in deeds)]
        name = chance.choice(rest)
        await deeds[name]()
        done[name] += 1
        await asyncio.sleep(chance.uniform(0.2, 1.0))
    return done


@pytest.fixture
def safe() -> Iterator[Cluster]:
    """A server that keeps what it has acknowledged."""
    cluster = Cluster(fsync="on", synchronous_commit="on", full_page_writes="on")
    yield cluster
    cluster.stop()


async def test_behind_a_balancer_nothing_is_lost_or_done_twice_whatever_ends_and_no_drain_is_felt(
    safe: Cluster, tmp_path: Path
) -> None:
    url = safe.create()
    tokens = await prepare(url)
    rush = Rush(safe, url, tmp_path)

    async with rush.going_on(tokens) as (haproxy, service):
        await upgrade(rush, haproxy)
        assert not rush.web_errors + service.errors
        done = await rage(rush, random.Random(SEED))  # noqa: S311 (a replayable choice)

    store = await open_server_store(Place(url=url))
    try:
        found = await store.read(look_over)
        assert await store.engine.look_through(lambda *_: None) == []
    finally:
        await store.close()
    for name, checker in rush.checkers.items():
        checker.judge(found.of(name))
    acknowledged = [each for one in rush.checkers.values() for each in one.acknowledged.values()]
    assert len(acknowledged) == len(found.texts)
    check_times(acknowledged)
    asked = {each["id"]: each["amount"]["amount"] for each in acknowledged if "amount" in each}
    assert found.paid == asked == service.heard
    tell(rush, service, done)


def tell(rush: Rush, service: Service, done: Counter[str]) -> None:
    """Say what was tried."""
    checkers = list(rush.checkers.values())
    replies = sum((checker.errors for checker in checkers), service.errors.copy())
    FIGURES.tell(
        "balanced",
        acknowledged=sum(len(checker.acknowledged) for checker in checkers),
        paid_cents=sum(service.heard.values()),
        told_twice=service.doubled,
        replayed=sum(checker.settled for checker in checkers),
        lost=0,
        doubled=0,
        # Else it would not have come so far.
        unanswered_over_http=0,
        **done,
        **replies,
    )
