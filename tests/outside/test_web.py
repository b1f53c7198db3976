"""Posting to real hosts: what is sent, what comes back, and where nothing goes."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from rpcbackend.outside import web as web_module
from rpcbackend.outside.adapter import RefusedError, TryAgainError
from rpcbackend.outside.gate import BrokenOffError, Gate
from rpcbackend.outside.guard import Guard
from rpcbackend.outside.hosts import HostState
from rpcbackend.outside.names import Names
from rpcbackend.outside.policy import Policy
from rpcbackend.outside.web import MAX_BODY_BYTES, Answer, Web
from rpcbackend.testing import FrozenClock
from tests.outside.hosts import HOSTS, OK, Caller, answering, running, trusted

Open = Callable[..., AbstractAsyncContextManager[Web]]


@pytest.fixture
def open_web(clock: FrozenClock) -> Open:
    """Open the web for one block."""

    @asynccontextmanager
    async def opened(
        guard: Guard | None = None,
        *,
        policy: Policy | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> AsyncIterator[Web]:
        gate = Gate(clock=clock, random=lambda: 0.0, policy=policy or Policy(retry_attempts=0))
        web = Web(gate, guard or Guard(Names().look_up, allows_private=True), tls=tls)
        try:
            async with asyncio.timeout(30):
                yield web
        finally:
            await web.close()

    return opened


async def post(web: Web, url: str, content: bytes = b"hi") -> Answer:
    return await web.post(url, headers={"Content-Type": "text/plain"}, content=content)


def body_of(size: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + b"x" * size


# What is sent and what comes back


async def test_what_is_posted_arrives_and_is_answered(open_web: Open) -> None:
    async with running(answering(OK)) as host, open_web() as web:
        answer = await post(web, f"http://127.0.0.1:{host.port}/hook?id=1")

    assert (answer.status, answer.headers["x-id"], answer.body) == (200, "7", b"ok")
    assert not answer.is_cut
    (request,) = host.requests
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /hook?id=1 HTTP/1.1"
    assert f"host: 127.0.0.1:{host.port}".encode() in [line.lower() for line in lines]
    assert {b"content-type: text/plain", b"accept-encoding: identity"} <= set(lines)
    assert body == b"hi"


async def test_what_is_loaded_at_first_takes_none_of_the_host_s_time(
    clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(clock=clock, random=lambda: 0.0)
    load = web_module._trust_as_the_system_does  # noqa: SLF001 (what is loaded)
    called: list[list[HostState]] = []

    def look() -> ssl.SSLContext:
        called.append(gate.states())
        return load()

    monkeypatch.setattr(web_module, "_trust_as_the_system_does", look)
    web = Web(gate, Guard(Names().look_up, allows_private=True))
    async with running(answering(OK)) as host:
        await post(web, f"http://127.0.0.1:{host.port}/")
    await web.close()

    assert called == [[]]


async def test_the_connection_is_used_again(open_web: Open) -> None:
    async with running(answering(OK)) as host, open_web() as web:
        for _ in range(5):
            await post(web, f"http://127.0.0.1:{host.port}/")

    assert (host.connections, len(host.requests)) == (1, 5)


async def test_no_more_connections_are_open_than_the_policy_says(open_web: Open) -> None:
    policy, answer, are_both_there = Policy(max_connections=2), answering(OK), asyncio.Event()

    async def serve(caller: Caller) -> None:
        if HOSTS[caller.writer].at_once == 2:
            are_both_there.set()
        await are_both_there.wait()
        await answer(caller)

    async with running(serve) as host, open_web(policy=policy) as web:
        url = f"http://127.0.0.1:{host.port}/"
        await asyncio.gather(*(post(web, url) for _ in range(20)))

    assert (host.most_at_once, len(host.requests)) == (2, 20)


@pytest.mark.parametrize("status", [204, 301, 302, 307, 400, 404, 410, 429, 500, 503])
async def test_any_status_is_an_answer(open_web: Open, status: int) -> None:
    reply = b"HTTP/1.1 %d x\r\ncontent-length: 0\r\nretry-after: 7\r\n\r\n" % status
    async with running(answering(reply)) as host, open_web() as web:
        answer = await post(web, f"http://127.0.0.1:{host.port}/")

    assert (answer.status, answer.headers["retry-after"]) == (status, "7")


async def test_a_body_is_read_up_to_64_kib(open_web: Open) -> None:
    async with (
        running(answering(body_of(MAX_BODY_BYTES), body_of(MAX_BODY_BYTES + 1))) as host,
        open_web() as web,
    ):
        url = f"http://127.0.0.1:{host.port}/"
        whole, cut = await post(web, url), await post(web, url)

    assert (len(whole.body), whole.is_cut) == (MAX_BODY_BYTES, False)
    assert (len(cut.body), cut.is_cut) == (MAX_BODY_BYTES, True)


async def test_a_body_without_an_end_is_left(open_web: Open) -> None:
    async def flood(caller: Caller) -> None:
        await caller.read_request()
        caller.writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            caller.writer.write(b"x" * 65_536)
            await caller.writer.drain()

    async with running(flood) as host, open_web() as web:
        answer = await post(web, f"http://127.0.0.1:{host.port}/")

    assert (len(answer.body), answer.is_cut) == (MAX_BODY_BYTES, True)


@pytest.mark.parametrize(
    "headers", [{"x-key": "a\r\nhost: b"}, {"x-key": "ü"}, {"x key": "a"}], ids=["lf", "ü", "name"]
)
async def test_a_header_that_is_none_is_never_sent(open_web: Open, headers: dict[str, str]) -> None:
    async with running(answering(OK)) as host, open_web() as web:
        with pytest.raises(RefusedError):
            await web.post(f"http://127.0.0.1:{host.port}/", headers=headers, content=b"")

    assert host.requests == []


# TLS


async def test_a_certificate_is_held_against_the_name(open_web: Open) -> None:
    shown, trust = trusted("localhost")
    seen: list[str | None] = []
    shown.sni_callback = lambda _, name, __: seen.append(name)
    async with running(answering(OK), tls=shown) as host, open_web(tls=trust) as web:
        answer = await post(web, f"https://localhost:{host.port}/")

    assert answer.status == 200
    assert seen == ["localhost"]
    assert f"host: localhost:{host.port}".encode() in host.requests[0].lower()


@pytest.mark.parametrize("name", ["another.example", None], ids=["another name", "unknown"])
async def test_a_host_that_cannot_show_who_it_is_gets_nothing(
    open_web: Open, name: str | None
) -> None:
    shown, trust = trusted(name or "localhost")
    async with (
        running(answering(OK), tls=shown) as host,
        open_web(tls=trust if name else None) as web,
    ):
        with pytest.raises(TryAgainError, match="certificate") as failed:
            await post(web, f"https://localhost:{host.port}/")

    assert failed.value.is_unreached
    assert host.requests == []


async def test_a_host_without_tls_gets_nothing(open_web: Open) -> None:
    policy = Policy(timeout_seconds=4, retry_attempts=0)
    async with running(answering(OK)) as host, open_web(policy=policy) as web:
        with pytest.raises(TryAgainError) as failed:
            await post(web, f"https://localhost:{host.port}/")

    assert failed.value.is_unreached
    assert host.requests == []


# Hosts that fail


async def test_a_host_that_refuses_was_not_reached(open_web: Open) -> None:
    async with running(answering(OK)) as host:
        pass
    async with open_web() as web:
        with pytest.raises(TryAgainError) as failed:
            await post(web, f"http://127.0.0.1:{host.port}/")

    assert failed.value.is_unreached


async def test_a_host_that_takes_nothing_up_was_not_reached(open_web: Open) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as silent:
        port = silent.getsockname()[1]
        # Its queue is full: from now on nobody is answered.
        waiting = [socket.socket() for _ in range(2)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        async with open_web(policy=Policy(timeout_seconds=4, retry_attempts=0)) as web:
            with pytest.raises(TryAgainError) as failed:
                await post(web, f"http://127.0.0.1:{port}/")
        for each in waiting:
            each.close()

    assert failed.value.is_unreached


async def cut_off(caller: Caller) -> None:
    HOSTS[caller.writer].requests.append(await caller.read_request())
    await caller.reset()


async def cut_off_within(caller: Caller) -> None:
    HOSTS[caller.writer].requests.append(await caller.read_request())
    caller.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhal")


async def talk_nonsense(caller: Caller) -> None:
    HOSTS[caller.writer].requests.append(await caller.read_request())
    caller.writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


async def say_nothing(caller: Caller) -> None:
    HOSTS[caller.writer].requests.append(await caller.read_request())
    await asyncio.Event().wait()


async def drip(caller: Caller) -> None:
    HOSTS[caller.writer].requests.append(await caller.read_request())
    caller.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n")
    await asyncio.Event().wait()


async def flood_headers(caller: Caller) -> None:
    HOSTS[caller.writer].requests.append(await caller.read_request())
    caller.writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        caller.writer.write(b"x-more: %s\r\n" % (b"x" * 1_000))
        await caller.writer.drain()


@pytest.mark.parametrize(
    "serve", [cut_off, cut_off_within, talk_nonsense, say_nothing, drip, flood_headers]
)
async def test_a_host_that_gives_no_whole_answer_may_have_got_it(
    open_web: Open, serve: Callable[[Caller], object]
) -> None:
    policy = Policy(timeout_seconds=4, retry_attempts=2)
    async with running(serve) as host, open_web(policy=policy) as web:  # type: ignore[arg-type]
        with pytest.raises(BrokenOffError) as failed:
            await post(web, f"http://127.0.0.1:{host.port}/")

    assert not failed.value.is_unreached
    # Never a second time by itself: that is for the outbox, under the same id.
    assert len(host.requests) == 1


async def test_five_answers_of_a_sick_host_are_enough(open_web: Open) -> None:
    sick = b"HTTP/1.1 503 x\r\ncontent-length: 0\r\n\r\n"
    async with running(answering(sick)) as host, open_web() as web:
        url = f"http://127.0.0.1:{host.port}/"
        for _ in range(5):
            await post(web, url)
        with pytest.raises(TryAgainError, match="left alone") as failed:
            await post(web, url)

    assert failed.value.retry_after_seconds == 30
    assert len(host.requests) == 5


# Where nothing goes


async def test_no_redirect_is_followed(open_web: Open) -> None:
    async with running(answering(OK)) as inside:
        away = b"HTTP/1.1 307 x\r\nlocation: http://127.0.0.1:%d/\r\ncontent-length: 0\r\n\r\n"
        async with running(answering(away % inside.port)) as host, open_web() as web:
            answer = await post(web, f"http://127.0.0.1:{host.port}/")

    assert answer.status == 307
    assert inside.connections == 0


async def test_a_redirect_to_the_cloud_s_own_address_connects_to_nothing(open_web: Open) -> None:
    away = b"HTTP/1.1 302 x\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n"
    async with running(answering(away)) as host, open_web() as web:
        answer = await post(web, f"http://127.0.0.1:{host.port}/")

    assert (answer.status, host.connections) == (302, 1)


@pytest.mark.parametrize("host_name", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]"])
async def test_this_machine_is_not_called_unless_the_settings_say_so(
    open_web: Open, host_name: str
) -> None:
    shown, trust = trusted("localhost")
    async with (
        running(answering(OK), tls=shown) as host,
        open_web(Guard(Names().look_up), tls=trust) as web,
    ):
        url = f"https://{host_name}:{host.port}/"
        with pytest.raises(RefusedError):
            await web.post(url, headers={}, content=b"")
        with pytest.raises(TryAgainError) as of_provider:
            await web.post(url, headers={}, content=b"", is_trusted=True)

    assert of_provider.value.is_unreached
    assert host.connections == 0


class Rebinding:
    """A name that leads to the world when it is first looked up, and then into the house."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def look_up(self, host: str) -> list[str]:  # noqa: ARG002 (the only one)
        """Answer with the next."""
        self.asked += 1
        return self.answers.pop(0)


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["93.184.216.34", "127.0.0.1"]], ids=["house", "both"]
)
async def test_a_name_that_leads_into_the_house_connects_to_nothing(
    open_web: Open, addresses: list[str]
) -> None:
    shown, trust = trusted("rebinding.example")
    name = Rebinding(addresses)
    async with (
        running(answering(OK), tls=shown) as host,
        open_web(Guard(name.look_up), tls=trust) as web,
    ):
        with pytest.raises(TryAgainError, match="not public"):
            await web.post(
                f"https://rebinding.example:{host.port}/",
                headers={},
                content=b"",
                is_trusted=True,
            )

    assert (host.connections, name.asked) == (0, 1)


async def test_what_was_looked_at_is_what_is_connected_to(open_web: Open) -> None:
    """A second look-up would lead elsewhere: there is none."""
    shown, trust = trusted("rebinding.example")
    name = Rebinding(["127.0.0.1"], ["192.0.2.1"])
    guard = Guard(name.look_up, allows_private=True)
    async with running(answering(OK), tls=shown) as host, open_web(guard, tls=trust) as web:
        url = f"https://rebinding.example:{host.port}/"
        answers = [await post(web, url), await post(web, url)]

    assert [answer.status for answer in answers] == [200, 200]
    assert (host.connections, name.asked) == (1, 1)


async def test_a_name_that_nobody_tells_of_was_not_reached(open_web: Open) -> None:
    async def say_nothing(name: str) -> list[str]:
        await asyncio.Event().wait()
        return [name]

    policy = Policy(timeout_seconds=4, retry_attempts=0)
    async with open_web(Guard(say_nothing), policy=policy) as web:
        with pytest.raises(TryAgainError) as failed:
            await post(web, "https://silent.example/")

    assert failed.value.is_unreached


async def test_when_one_address_is_dead_the_next_is_tried(open_web: Open) -> None:
    guard = Guard(Rebinding(["127.0.0.2", "127.0.0.1"]).look_up, allows_private=True)
    async with running(answering(OK)) as host, open_web(guard) as web:
        answer = await post(web, f"http://two.example:{host.port}/")

    assert answer.status == 200


async def test_a_proxy_of_the_environment_is_not_asked(
    open_web: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(answering(OK)) as proxy, running(answering(OK)) as host:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with open_web() as web:
            await post(web, f"http://127.0.0.1:{host.port}/")

    assert (proxy.connections, host.connections) == (0, 1)
