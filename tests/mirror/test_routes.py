"""The routes of protocol.md section 9, against a real uvicorn."""

from typing import Any

import pytest

from rpcbackend import __version__
from rpcbackend.app import Application
from rpcbackend.mirror.routes import NOT_SERVED
from rpcbackend.schema.users import Role
from rpcbackend.testing import Client, FrozenClock, running_app
from tests.callers import add_caller, add_session, token_for
from tests.clauses import clause
from tests.factories import an_id, create_student, save_branch
from tests.mirror.web import Web, mirrored
from tests.people import PASSWORD, add_user, make_user

MITTE = {"name": "Mitte", "zone": "Europe/Berlin", "currency": "EUR"}
PING = {"jsonrpc": "2.0", "id": "a", "method": "ping"}
STUDENTS = {"jsonrpc": "2.0", "id": 1, "method": "students.list", "params": {}}


def refusal(response: Any) -> tuple[int, str]:
    """Return status and symbol of an answer that tells of an error."""
    answer = response.json()
    assert (answer["status"], answer["data"]) == ("error", None)
    return response.status_code, answer["error"]["code"]


def rules(response: Any) -> list[tuple[str, str]]:
    """Return which rules which params broke."""
    details = response.json()["error"]["details"]
    return [(error["path"], error["rule"]) for error in details["errors"]]


# Health


async def test_health_is_told_to_anybody(web: Web) -> None:
    response = await web.get("/api/health")

    assert (response.status_code, response.json()) == (
        200,
        {"status": "ok", "data": {"status": "ok", "version": __version__}, "error": None},
    )


async def test_a_process_that_ends_says_that_it_serves_no_more(app: Application, web: Web) -> None:
    await app.close()

    response = await web.get("/api/health")

    assert refusal(response) == (503, "SHUTTING_DOWN")
    assert response.headers["retry-after"] == "1"


# Calls


@clause("mirror-channel")
async def test_a_channel_is_called_by_its_name_and_answers_with_an_api_response(
    web: Web, token: str
) -> None:
    saved = await web.call("branches.save", token, **MITTE)

    answer = saved.json()
    assert (saved.status_code, answer["status"], answer["error"]) == (200, "ok", None)
    assert answer["data"]["name"] == "Mitte"
    assert answer["data"]["_meta"] == {"seq": 1}


async def test_an_api_key_opens_what_its_scopes_say(web: Web, key: str) -> None:
    by_key = {"X_API_Key": key}

    listed = await web.post("/api/students.list", {}, **by_key)
    saved = await web.post("/api/branches.save", MITTE, **by_key)

    assert listed.status_code == 200
    assert refusal(saved) == (403, "SCOPE_MISSING")


async def test_params_that_do_not_fit_are_named_by_their_rules(web: Web, token: str) -> None:
    response = await web.call("branches.save", token, name="", planet="Mars")

    assert refusal(response) == (422, "INVALID_PARAMS")
    assert ("planet", "extra_forbidden") in rules(response)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", (400, "PARSE_ERROR")),
        (b'{"a": NaN}', (400, "PARSE_ERROR")),
        (b"[]", (422, "INVALID_PARAMS")),
        (b'"x"', (422, "INVALID_PARAMS")),
        (b'{}, "method": "shutdown", "x": {}', (400, "PARSE_ERROR")),
        (b'{"a":' * 2_000 + b"1" + b"}" * 2_000, (400, "PARSE_ERROR")),
        (b'{"_meta": 1}', (422, "INVALID_PARAMS")),
    ],
    ids=["half", "NaN", "a list", "a text", "more than params", "deep", "meta"],
)
async def test_a_body_that_is_no_params_is_refused(
    web: Web, token: str, body: bytes, told: tuple[int, str]
) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    response = await web.http.post("/api/students.list", content=body, headers=headers)

    assert refusal(response) == told


async def test_an_empty_body_is_no_params(web: Web, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    response = await web.http.post("/api/students.list", content=b"", headers=headers)

    assert response.status_code == 200


async def test_a_dry_run_is_asked_for_in_the_body(web: Web, token: str) -> None:
    tried = await web.call("branches.save", token, **MITTE, _meta={"dryRun": True})

    assert tried.status_code == 200
    assert (await web.call("branches.list", token)).json()["data"]["items"] == []


async def test_it_never_comes_to_what_is_about_the_process_or_its_connection(
    web: Web, token: str
) -> None:
    for channel in (*NOT_SERVED, "backups.restore"):
        assert refusal(await web.call(channel, token)) == (404, "METHOD_NOT_FOUND")
        message = {"jsonrpc": "2.0", "id": 1, "method": channel}
        by_rpc = await web.post("/rpc", message, token)
        assert (by_rpc.status_code, by_rpc.json()["error"]["code"]) == (200, -32601)


async def test_what_is_not_served_is_not_found_and_the_rest_of_its_batch_is_answered(
    web: Web, token: str
) -> None:
    shutdown = {"jsonrpc": "2.0", "id": 1, "method": "shutdown"}
    silent = {"jsonrpc": "2.0", "method": "shutdown"}

    batch = await web.post("/rpc", [shutdown, PING, silent], token)

    refused, answered = batch.json()
    assert batch.status_code == 200
    assert (refused["id"], refused["error"]["code"]) == (1, -32601)
    assert answered == {"jsonrpc": "2.0", "id": "a", "result": {}}
    assert (await web.get("/api/health")).json()["data"]["status"] == "ok"


async def test_nobody_makes_himself_the_main_process(web: Web, token: str) -> None:
    """`initialize` with a capability, and `shutdown` by it, would end the process."""
    meta = {"capability": "A" * 43}

    by_rpc = await web.post("/rpc", STUDENTS | {"params": {"_meta": meta}}, token)
    call = await web.call("students.list", token, _meta=meta)

    assert rules(by_rpc) == rules(call) == [("_meta.capability", "header_only")]


@clause("mirror-header-only")
async def test_a_token_in_a_body_opens_nothing(web: Web, token: str) -> None:
    response = await web.call("students.list", _meta={"token": token})
    with_both = await web.call("students.list", token, _meta={"token": token})
    by_rpc = await web.post("/rpc", STUDENTS | {"params": {"_meta": {"token": token}}})

    assert refusal(response) == (401, "UNAUTHENTICATED")
    assert rules(with_both) == [("_meta.token", "header_only")]
    assert refusal(by_rpc) == (401, "UNAUTHENTICATED")


# Who calls


@pytest.mark.parametrize("channel", ["students.list", "ping", "rpc.discover", "system.health", "x"])
async def test_strangers_learn_nothing_not_even_which_channels_there_are(
    web: Web, channel: str
) -> None:
    response = await web.call(channel, nonsense=True)

    assert refusal(response) == (401, "UNAUTHENTICATED")
    assert response.headers["www-authenticate"] == 'Bearer realm="rpcbackend"'


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer x"},
        {"Authorization": "Bearer " + "x" * 5_000},
        {"Authorization": "Basic YWRhOmJ5cm9u"},
        {"Authorization": "Digest x"},
        {"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."},
        {"X_API_Key": "rpk_x"},
        {"X_API_Key": ""},
    ],
    ids=str,
)
async def test_what_proves_nothing_is_told_the_same(web: Web, headers: dict[str, str]) -> None:
    response = await web.post("/api/students.list", {}, **headers)

    assert refusal(response) == (401, "UNAUTHENTICATED")


async def test_two_proofs_are_one_too_many(web: Web, token: str, key: str) -> None:
    response = await web.post("/api/students.list", {}, token, X_API_Key=key)

    assert refusal(response) == (401, "UNAUTHENTICATED")


@clause("mirror-nobody")
async def test_the_desk_of_a_school_without_users_is_not_the_mirror(
    web: Web, client: Client
) -> None:
    assert (await client.call("students.list"))["items"] == []

    assert refusal(await web.call("students.list")) == (401, "UNAUTHENTICATED")
    assert refusal(await web.call("auth.bootstrap", login="a", password=PASSWORD))[0] == 401


async def test_a_token_of_the_desk_opens_nothing_here(app: Application, web: Web) -> None:
    await add_caller(app.store, 1, Role.OWNER)
    token = await token_for(app.store, await add_session(app.store, 1))

    assert refusal(await web.call("students.list", token)) == (401, "UNAUTHENTICATED")


async def test_whoever_signs_in_here_is_known_by_his_token_until_he_signs_out(
    app: Application, web: Web
) -> None:
    await add_user(app, make_user(login="ada"))

    signed_in = (await web.call("auth.login", login="ada", password=PASSWORD)).json()["data"]
    token = signed_in["accessToken"]
    refreshed = await web.call("auth.refresh", token, refreshToken=signed_in["refreshToken"])
    newest = refreshed.json()["data"]["accessToken"]

    assert (await web.call("students.list", newest)).status_code == 200
    assert (await web.call("auth.logout", newest)).status_code == 200
    assert refusal(await web.call("students.list", newest)) == (401, "SESSION_EXPIRED")
    assert refusal(await web.call("students.list", token)) == (401, "SESSION_EXPIRED")


async def test_a_wrong_password_is_told_the_same_as_an_unknown_login(
    app: Application, web: Web
) -> None:
    await add_user(app, make_user(login="ada"))

    wrong = await web.call("auth.login", login="ada", password="x" * 12)
    unknown = await web.call("auth.login", login="nobody", password="x" * 12)

    assert refusal(wrong) == refusal(unknown) == (401, "UNAUTHENTICATED")
    assert wrong.json()["error"]["message"] == unknown.json()["error"]["message"]


async def test_a_role_that_is_taken_away_opens_nothing_from_the_next_request_on(
    app: Application, web: Web, token: str
) -> None:
    assert (await web.call("users.list", token)).status_code == 200
    await add_caller(app.store, 1, Role.STUDENT)

    assert refusal(await web.call("users.list", token)) == (403, "FORBIDDEN")


async def test_while_the_store_is_locked_nobody_can_be_known(
    clock: FrozenClock, tmp_path: Any
) -> None:
    async with running_app(tmp_path) as app:
        await app.open_store(bytes(32))
    async with running_app(tmp_path) as app, mirrored(app, clock) as web:
        health = await web.get("/api/health")
        call = await web.call("students.list", "x.y.z")

    assert refusal(health) == (503, "NOT_INITIALIZED")
    assert refusal(call) == (503, "NOT_INITIALIZED")


# JSON-RPC


@clause("mirror-rpc")
async def test_json_rpc_is_spoken_single_and_in_batches(web: Web, token: str) -> None:
    single = await web.post("/rpc", PING, token)
    batch = await web.post("/rpc", [PING, STUDENTS, {"foo": "bar"}], token)

    assert single.json() == {"jsonrpc": "2.0", "id": "a", "result": {}}
    assert [each["id"] for each in batch.json()] == ["a", 1, None]
    assert batch.json()[1]["result"]["items"] == []
    assert batch.json()[2]["error"]["code"] == -32600


async def test_a_notification_has_no_answer(web: Web, token: str) -> None:
    save = {"jsonrpc": "2.0", "method": "branches.save", "params": MITTE}

    response = await web.post("/rpc", save, token)

    assert (response.status_code, response.content) == (204, b"")
    assert len((await web.call("branches.list", token)).json()["data"]["items"]) == 1


async def test_params_by_position_are_the_caller_s_too(web: Web, token: str) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "students.get", "params": [an_id("stu")]}

    response = await web.post("/rpc", message, token)

    assert response.json()["error"]["data"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b"{"])
async def test_what_is_no_message_is_answered_as_json_rpc_wants_it(
    web: Web, token: str, body: bytes
) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    response = await web.http.post("/rpc", content=body, headers=headers)

    assert response.status_code == (400 if body == b"{" else 200)
    assert response.json()["error"]["code"] in (-32600, "PARSE_ERROR")


async def test_strangers_may_sign_in_by_json_rpc_and_nothing_else(
    app: Application, web: Web
) -> None:
    await add_user(app, make_user(login="ada"))
    params = {"login": "ada", "password": PASSWORD}
    login = {"jsonrpc": "2.0", "id": 1, "method": "auth.login", "params": params}

    assert "accessToken" in (await web.post("/rpc", login)).json()["result"]
    assert refusal(await web.post("/rpc", [login, PING]))[0] == 401
    assert refusal(await web.post("/rpc", []))[0] == 401


async def test_a_cancellation_reaches_no_other_request(web: Web, token: str) -> None:
    cancel = {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 1}}

    assert (await web.post("/rpc", cancel, token)).status_code == 204


# Keys, revisions, pages


async def test_a_command_with_a_key_is_done_once(web: Web, token: str) -> None:
    first = await web.post("/api/branches.save", MITTE, token, Idempotency_Key="once")
    again = await web.post("/api/branches.save", MITTE, token, Idempotency_Key='"once"')
    other = await web.post(
        "/api/branches.save", MITTE | {"name": "Nord"}, token, Idempotency_Key="once"
    )

    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["data"]["id"] == first.json()["data"]["id"]
    assert refusal(other) == (422, "IDEMPOTENCY_KEY_REUSED")


async def test_a_key_is_given_in_one_place(web: Web, token: str) -> None:
    body = MITTE | {"_meta": {"idempotencyKey": "this"}}

    response = await web.post("/api/branches.save", body, token, Idempotency_Key="that")

    assert rules(response) == [("_meta.idempotencyKey", "header_only")]
    batch = await web.post("/rpc", [PING], token, Idempotency_Key="that")
    assert refusal(batch) == (400, "INVALID_REQUEST")


async def test_an_answer_that_the_caller_has_is_not_sent_again(web: Web, token: str) -> None:
    first = await web.call("branches.list", token)
    tag = first.headers["etag"]

    same = await web.post("/api/branches.list", {}, token, If_None_Match=tag)
    await web.call("branches.save", token, **MITTE)
    other = await web.post("/api/branches.list", {}, token, If_None_Match=tag)

    assert tag == f'W/"{first.json()["data"]["_meta"]["rev"]}"'
    assert first.headers["cache-control"] == "private, no-cache"
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert (other.status_code, other.headers["etag"] != tag) == (200, True)


async def test_a_page_names_the_next_one(web: Web, token: str, app: Application) -> None:
    desk = Client(app)
    desk.server.session_id = an_id("ses", 1)
    branch = await save_branch(desk)
    for _ in range(3):
        await create_student(desk, branch["id"])

    page = await web.call("students.list", token, limit=2)
    cursor = page.json()["data"]["nextCursor"]
    last = await web.call("students.list", token, limit=2, cursor=cursor)

    assert page.headers["link"] == (
        f'</api/students.list>; rel="next"; method="POST"; cursor="{cursor}"'
    )
    assert "link" not in last.headers


async def test_who_accepts_problem_details_is_told_by_them(web: Web, token: str) -> None:
    wanted = {"Accept": "application/problem+json, application/json"}

    response = await web.post("/api/students.get", {"studentId": an_id("stu")}, token, **wanted)

    problem = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["status"] == response.status_code == 404
    assert problem["type"] == "urn:rpcbackend:error:NOT_FOUND"
    assert problem["error"]["code"] == "NOT_FOUND"
    assert problem["detail"] == problem["error"]["message"]


@pytest.mark.parametrize(
    ("line", "headers", "status"),
    [
        ("GET /api/health", {"Host": "evil.example"}, 421),
        ("GET /api/health", {"Origin": "https://evil.example"}, 403),
        ("DELETE /api/health", {}, 405),
        ("POST /api/ping", {"Content-Type": "text/plain"}, 415),
        ("GET /nowhere", {}, 404),
        ("GET /api/events", {}, 401),
    ],
)
async def test_whatever_refuses_does_so_by_problem_details(
    web: Web, line: str, headers: dict[str, str], status: int
) -> None:
    answer = await web.ask(line, b"", Accept="application/problem+json", **headers)

    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.body["status"] == status


# Figures


async def test_figures_are_for_who_may_read_them(web: Web, token: str, key: str) -> None:
    figures = await web.get("/metrics", token)
    stranger = await web.get("/metrics")
    by_key = await web.get("/metrics", X_API_Key=key)

    assert figures.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "rpcbackend_calls_total" in figures.text
    assert refusal(stranger) == (401, "UNAUTHENTICATED")
    assert refusal(by_key) == (403, "SCOPE_MISSING")


async def test_what_is_refused_is_counted_too(web: Web, token: str) -> None:
    await web.get("/api/health", Host="evil.example")
    await web.call("students.list")

    text = (await web.get("/metrics", token)).text

    assert 'rpcbackend_errors_total{channel="",symbol="INVALID_REQUEST"' in text
    assert 'rpcbackend_errors_total{channel="students.list",symbol="UNAUTHENTICATED"' in text


# What goes wrong


async def test_what_nobody_expected_is_told_by_its_correlation_id_alone(
    app: Application, clock: FrozenClock, token: str
) -> None:
    def fail() -> bytes:
        raise RuntimeError("canary-7f3a")

    bugs: list[str] = []
    app.dispatcher._report_bug = lambda _, correlation_id: bugs.append(correlation_id)  # noqa: SLF001
    app.contract = fail  # type: ignore[method-assign]  # what cannot fail has to
    async with mirrored(app, clock) as web:
        response = await web.get("/openrpc.json", token)

    assert refusal(response) == (500, "INTERNAL_ERROR")
    assert b"canary" not in response.content
    assert bugs == [response.json()["error"]["correlationId"]]
    assert response.headers["x-content-type-options"] == "nosniff"
