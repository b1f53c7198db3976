"""What gets past no page, name or body: reliability.md section 4.5, by raw sockets."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from rpcbackend.app import Application
from rpcbackend.testing import FrozenClock
from tests.clauses import clause
from tests.mirror.web import Answer, Web, mirrored

JSON = {"Content_Type": "application/json"}
LISTED = "https://desk.example"
HEALTH = "GET /api/health"
CALL = "POST /api/students.list"
"""Nobody may call it, so 401 says that a request got past the guard."""


@pytest.fixture
async def open_web(app: Application, clock: FrozenClock) -> AsyncIterator[Web]:
    """A mirror that pages of one other origin may call."""
    async with mirrored(app, clock, cors={"origins": [LISTED]}) as web:
        yield web


def refusal(answer: Answer) -> tuple[int, Any]:
    """Return the status, and the symbol in a body that is what every body is."""
    assert answer.body["status"] == "error"
    assert answer.body["data"] is None
    return answer.status, answer.body["error"]["code"]


# Names


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]", "LOCALHOST"])
async def test_it_is_called_by_the_names_of_this_machine(web: Web, name: str) -> None:
    answer = await web.ask(HEALTH, Host=f"{name}:{web.mirror.port}")

    assert answer.status == 200


@clause("mirror-host")
@pytest.mark.parametrize(
    "name",
    [
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost.:{port}",
        "localhost:{port}.evil.example",
        "127.0.0.1:{port}@evil.example",
        "a/?x=127.0.0.1:{port}",
        "a/?x=",
        "2130706433:{port}",
        "127.1:{port}",
        "127.0.0.1:{port}, evil.example",
        "0.0.0.0:{port}",
        "",
    ],
    ids=repr,
)
async def test_by_any_other_name_nobody_is_here(web: Web, name: str) -> None:
    """DNS rebinding: a page of evil.example whose name leads to this machine by now."""
    answer = await web.ask(HEALTH, Host=name.format(port=web.mirror.port))

    assert refusal(answer) == (421, "INVALID_REQUEST")


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_without_a_name_nobody_is_here(web: Web, version: str) -> None:
    answer = Answer.of(await web.raw(f"GET /api/health HTTP/{version}\r\n\r\n".encode()))

    # HTTP/1.1 makes a request without Host no request at all.
    assert refusal(answer)[0] == (421 if version == "1.0" else 400)


async def test_two_names_are_no_request(web: Web) -> None:
    head = f"GET /api/health HTTP/1.1\r\nHost: {web.host}\r\nHost: {web.host}\r\n\r\n"

    assert refusal(Answer.of(await web.raw(head.encode()))) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize(
    "target",
    ["http://evil.example/api/health", "http://{host}/api/health", "//evil/api/health", "*"],
)
async def test_a_target_that_names_a_host_or_nothing_is_refused(web: Web, target: str) -> None:
    method = "OPTIONS" if target == "*" else "GET"

    answer = await web.ask(f"{method} {target.format(host=web.host)}")

    assert refusal(answer) == (400, "INVALID_REQUEST")


# Pages


@clause("mirror-origin")
@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://evil.example",
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        "https://{host}",
        "http://{host}.evil.example",
        "http://{host}/",
        "file://",
        "chrome-extension://abcdefgh",
    ],
)
async def test_pages_of_other_origins_may_not_call(web: Web, origin: str) -> None:
    answer = await web.ask(CALL, body=b"{}", Origin=origin.format(host=web.host), **JSON)

    assert refusal(answer) == (403, "FORBIDDEN")
    assert "access-control-allow-origin" not in answer.headers


async def test_a_page_of_two_origins_is_none_of_ours(web: Web) -> None:
    head = (
        f"{HEALTH} HTTP/1.1\r\nHost: {web.host}\r\nConnection: close\r\n"
        f"Origin: http://{web.host}\r\nOrigin: https://evil.example\r\n\r\n"
    )

    assert refusal(Answer.of(await web.raw(head.encode()))) == (403, "FORBIDDEN")


async def test_its_own_page_may_call(web: Web) -> None:
    own = f"http://{web.host}"

    answer = await web.ask(CALL, body=b"{}", Origin=own, Sec_Fetch_Site="same-origin", **JSON)

    assert answer.status == 401
    assert "access-control-allow-origin" not in answer.headers


async def test_a_page_that_is_configured_may_call_and_read(open_web: Web) -> None:
    answer = await open_web.ask(
        CALL, body=b"{}", Origin=LISTED, Sec_Fetch_Site="cross-site", **JSON
    )

    assert answer.status == 401
    assert answer.headers["access-control-allow-origin"] == LISTED
    assert "access-control-allow-credentials" not in answer.headers
    assert "ETag" in answer.headers["access-control-expose-headers"]
    assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize(
    ("site", "status"),
    [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)],
)
async def test_what_a_browser_fetches_for_another_site_is_refused(
    web: Web, site: str, status: int
) -> None:
    """A form, an image or a script: such requests tell no origin."""
    answer = await web.ask(HEALTH, Sec_Fetch_Site=site)

    assert answer.status == status


@pytest.mark.parametrize(
    ("request_line", "mode", "dest", "status"),
    [
        ("GET /", "navigate", "document", 200),
        ("GET /docs", "navigate", "document", 303),
        ("GET /feeds/x.ics", "navigate", "document", 404),
        ("GET /feeds/x.ics", "no-cors", "image", 403),
        ("GET /", "navigate", "iframe", 403),
        ("GET /", "no-cors", "image", 403),
        ("GET /console/main.js", "no-cors", "script", 403),
        (HEALTH, "navigate", "document", 403),
        ("GET /metrics", "navigate", "document", 403),
        (CALL, "navigate", "document", 403),
    ],
)
async def test_a_link_on_another_site_leads_to_the_pages_and_nowhere_else(
    web: Web, request_line: str, mode: str, dest: str, status: int
) -> None:
    answer = await web.ask(
        request_line, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode=mode, Sec_Fetch_Dest=dest
    )

    assert answer.status == status


async def test_a_preflight_of_a_configured_page_is_told_what_it_may_send(open_web: Web) -> None:
    answer = await open_web.ask(
        "OPTIONS /api/students.list",
        Origin=LISTED,
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="authorization,content-type",
    )

    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == LISTED
    assert answer.headers["access-control-allow-methods"] == "GET, POST"
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("method", ["DELETE", "PUT"])
async def test_a_preflight_for_more_than_that_is_told_nothing(open_web: Web, method: str) -> None:
    answer = await open_web.ask(
        "OPTIONS /api/students.list", Origin=LISTED, Access_Control_Request_Method=method
    )

    assert "access-control-allow-methods" not in answer.headers


async def test_a_preflight_of_any_other_page_is_refused(open_web: Web) -> None:
    answer = await open_web.ask(
        "OPTIONS /rpc", Origin="https://evil.example", Access_Control_Request_Method="POST"
    )

    assert refusal(answer) == (403, "FORBIDDEN")


async def test_a_configured_page_may_send_no_other_method(
    app: Application, clock: FrozenClock
) -> None:
    async with mirrored(app, clock, cors={"origins": [LISTED], "methods": ["GET"]}) as web:
        assert (await web.ask(HEALTH, Origin=LISTED)).status == 200
        answer = await web.ask(CALL, body=b"{}", Origin=LISTED, **JSON)

    assert refusal(answer) == (403, "FORBIDDEN")


async def test_options_without_an_origin_tells_the_methods(web: Web) -> None:
    answer = await web.ask("OPTIONS /rpc")

    assert (answer.status, answer.headers["allow"]) == (204, "OPTIONS, POST")


@pytest.mark.parametrize("method", ["TRACE", "PUT", "DELETE", "PATCH", "BREW", "QUERY"])
async def test_no_other_method_is_served(web: Web, method: str) -> None:
    answer = await web.ask(f"{method} /api/health")

    assert refusal(answer) == (405, "INVALID_REQUEST")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_a_method_that_is_another_path_s_is_not_served_whatever_its_body(web: Web) -> None:
    posted = await web.ask("POST /api/health")
    got = await web.ask("GET /api/students.list")

    assert refusal(posted) == refusal(got) == (405, "INVALID_REQUEST")
    assert got.headers["allow"] == "OPTIONS, POST"


async def test_connect_is_not_served(web: Web) -> None:
    assert refusal(await web.ask("CONNECT evil.example:443")) == (400, "INVALID_REQUEST")


# Smuggling


@pytest.mark.parametrize(
    "fields",
    [
        {"Content_Length": "4", "Transfer_Encoding": "chunked"},
        {"Transfer_Encoding": "chunked, identity"},
        {"Transfer_Encoding": "xchunked"},
        {"Content_Length": "+2"},
        {"Content_Length": "-1"},
        {"Content_Length": "0x2"},
    ],
    ids=str,
)
async def test_a_body_whose_end_two_could_see_in_two_places_ends_the_connection(
    web: Web, fields: dict[str, str]
) -> None:
    head = web.head(CALL, **fields, Connection="keep-alive", **JSON)
    smuggled = web.head(HEALTH)

    came = await web.raw(head, b"0\r\n\r\n", smuggled)

    answer = Answer.of(came)
    assert answer.status in (400, 501)
    assert came.count(b"HTTP/1.1 ") == 1, "the second request is not read"


async def test_two_lengths_are_no_request(web: Web) -> None:
    head = (
        f"{CALL} HTTP/1.1\r\nHost: {web.host}\r\nContent-Type: application/json\r\n"
        "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"
    )

    assert refusal(Answer.of(await web.raw(head.encode()))) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /api/health HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET /api/health HTTP/1.1\r\n Host: x\r\n\r\n",
        b"GET /api/health HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n",
        b"GET /api/health\r\n\r\n",
        b"GET  /api/health HTTP/1.1\r\n\r\n",
        b"GET /api/health HTTP/1.2\r\nHost: x\r\n\r\n",
        b"GET /api/health HTTP/2.0\r\nHost: x\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"\x00" * 100,
        b"\r\n\r\n\r\n\r\nx\r\n\r\n",
    ],
    ids=repr,
)
async def test_what_is_no_request_is_told_so_and_left(web: Web, head: bytes) -> None:
    answer = Answer.of(await web.raw(head))

    assert refusal(answer) == (400, "INVALID_REQUEST")
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("size", [16_384, 200_000])
async def test_a_head_is_no_longer_than_it_may_be(web: Web, size: int) -> None:
    answer = Answer.of(await web.raw(web.head(HEALTH, X_Long="x" * size)))

    assert refusal(answer)[0] in (400, 431)


async def test_many_small_fields_are_a_long_head_too(web: Web) -> None:
    fields = {f"X_{number}": "x" for number in range(2_000)}

    assert refusal(Answer.of(await web.raw(web.head(HEALTH, **fields))))[0] in (400, 431)


# Answers


async def test_every_answer_is_closed_to_browsers_that_want_more_of_it(web: Web) -> None:
    for line in (HEALTH, CALL, "GET /nothing", "TRACE /", "OPTIONS /rpc"):
        headers = (await web.ask(line)).headers

        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["date"] == "Mon, 23 Nov 2026 08:00:00 GMT"
        assert "set-cookie" not in headers
        assert "server" not in headers


async def test_nothing_says_what_was_sent(web: Web) -> None:
    canary = "canary-7f3a"

    for answer in (
        await web.ask(f"GET /{canary}", Host=canary),
        await web.ask(f"GET /{canary}?{canary}"),
        await web.ask(CALL, body=canary.encode(), Content_Type=canary),
        await web.ask(CALL, body=orjson.dumps({canary: canary}), **JSON),
        await web.ask(CALL, Authorization=f"Bearer {canary}", body=b"{}", **JSON),
        await web.ask(HEALTH, Origin=f"https://{canary}"),
        await web.ask(f"{canary.upper()} /"),
    ):
        assert answer.status >= 400
        assert canary.encode() not in answer.raw.lower()


@clause("mirror-header-only")
async def test_a_cookie_opens_nothing(web: Web, token: str) -> None:
    answer = await web.ask(CALL, body=b"{}", Cookie=f"token={token}; Authorization={token}", **JSON)

    assert refusal(answer) == (401, "UNAUTHENTICATED")


async def test_a_token_in_the_address_opens_nothing(web: Web, token: str) -> None:
    answer = await web.ask(f"{CALL}?token={token}&access_token={token}", body=b"{}", **JSON)

    assert refusal(answer) == (401, "UNAUTHENTICATED")


async def test_a_path_leads_to_no_other(web: Web) -> None:
    answer = await web.ask("POST /api/students.list/", body=b"{}", **JSON)

    assert refusal(answer) == (404, "METHOD_NOT_FOUND")


async def test_a_path_is_no_file(web: Web) -> None:
    for path in ("/../pyproject.toml", "/%2e%2e/%2e%2e/etc/passwd", "/.git/config", "/a\\..\\b"):
        assert refusal(await web.ask(f"GET {path}")) == (404, "METHOD_NOT_FOUND")


# Proxies


async def test_with_proxies_nobody_else_is_served(app: Application, clock: FrozenClock) -> None:
    async with mirrored(app, clock, trusted_proxies=["10.0.0.0/8"]) as web:
        answer = await web.ask(HEALTH, X_Forwarded_For="10.1.1.1")

    assert refusal(answer) == (403, "FORBIDDEN")


async def test_behind_a_proxy_the_caller_is_the_last_that_it_names(
    app: Application, clock: FrozenClock
) -> None:
    async with mirrored(app, clock, trusted_proxies=["127.0.0.1"], hosts=["school.example"]) as web:
        for _ in range(20):
            first = await web.ask(HEALTH, Host="school.example", X_Forwarded_For="1.1.1.1, 2.2.2.2")
        late = await web.ask(HEALTH, Host="school.example", X_Forwarded_For="9.9.9.9, 2.2.2.2")
        other = await web.ask(HEALTH, Host="school.example", X_Forwarded_For="2.2.2.2, 3.3.3.3")
        forged = await web.ask(HEALTH, Host="school.example", X_Forwarded_For="nobody")

    assert (first.status, late.status, other.status) == (200, 429, 200)
    assert forged.status == 403
    assert first.headers["strict-transport-security"] == "max-age=31536000"


async def test_a_list_that_the_proxy_adds_as_a_line_of_its_own_is_the_last(
    app: Application, clock: FrozenClock
) -> None:
    async with mirrored(app, clock, trusted_proxies=["127.0.0.1"]) as web:
        answers = [
            Answer.of(
                await web.raw(
                    f"{HEALTH} HTTP/1.1\r\nHost: {web.host}\r\nConnection: close\r\n"
                    f"X-Forwarded-For: 1.1.1.{number}\r\nX-Forwarded-For: 2.2.2.2\r\n\r\n".encode()
                )
            )
            for number in range(21)
        ]

    assert [answer.status for answer in answers] == [200] * 20 + [429]


async def test_without_proxies_nobody_is_believed_whom_he_calls_for(web: Web) -> None:
    answers = [await web.ask(HEALTH, X_Forwarded_For=f"1.1.1.{n}") for n in range(21)]

    assert [answer.status for answer in answers] == [200] * 20 + [429]
