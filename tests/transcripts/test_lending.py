"""On a copy of a store users sign in with passwords that were lent to them."""

from rpcbackend.app import Application
from rpcbackend.security.totp import code_at, otpauth_uri
from rpcbackend.testing import Client
from rpcbackend.transcripts.exchanges import Request
from rpcbackend.transcripts.format import Entry
from rpcbackend.transcripts.lending import (
    code_in,
    is_placeholder_in,
    lend_password,
    make_code,
    signs_in,
)
from tests.people import be_quick
from tests.transcripts.desks import ADA

LENT = "lent by the replay"


def login(user_id: str = "usr_1", *, is_refused: bool = False) -> Request:
    params = {"login": "<personal:1>", "password": "<secret:1>"}
    msg = {"jsonrpc": "2.0", "id": 1, "method": "auth.login", "params": params}
    answer = {"error": {"data": {}}} if is_refused else {"result": {"user": {"id": user_id}}}
    reply = Entry(2, "out", "con_1", {"jsonrpc": "2.0", "id": 1, **answer})
    entry = Entry(1, "in", "con_1", msg)
    return Request(entry, 1, is_command=True, job=False, position=0, reply=reply)


def test_only_who_did_sign_in_is_lent_one() -> None:
    other = login()
    other.entry.msg["method"] = "auth.me"

    assert [signs_in(each) for each in (login(), login(is_refused=True), other)] == [
        True,
        False,
        False,
    ]
    assert not is_placeholder_in(["<secret:1>"], "password")


async def test_a_user_signs_in_with_what_was_lent(app: Application, client: Client) -> None:
    be_quick(app)
    signed_in = await client.call("auth.bootstrap", **ADA)
    await client.call("auth.mfaEnrol")

    name = await lend_password(app, login(signed_in["user"]["id"]), LENT)
    again = await Client(app).call("auth.login", login="Ada", password=LENT)

    assert (name, again["user"]["id"]) == ("Ada", signed_in["user"]["id"])


async def test_nobody_is_lent_nothing(app: Application) -> None:
    be_quick(app)

    assert await lend_password(app, login(), LENT) is None


def with_code(channel: str, name: str, *, is_refused: bool = False) -> Request:
    request = login("usr_1", is_refused=is_refused)
    request.entry.msg["method"] = channel
    request.entry.msg["params"] = {name: "<secret:9>"}
    return request


def test_only_a_code_that_was_right_is_made_anew() -> None:
    assert code_in(with_code("auth.login", "mfaCode")) == "<secret:9>"
    assert code_in(with_code("auth.mfaEnrol", "code")) == "<secret:9>"
    assert code_in(with_code("auth.login", "mfaCode", is_refused=True)) is None
    assert code_in(with_code("auth.login", "code")) is None
    assert code_in(with_code("students.list", "code")) is None


async def test_the_code_of_an_enrolment_is_that_of_the_last_qr_code(app: Application) -> None:
    first, last = (otpauth_uri(secret, issuer="S", account="A") for secret in ("A" * 32, "B" * 32))
    request = with_code("auth.mfaEnrol", "code")

    code = await make_code(app, request, [first, 7, last], 60_000)

    assert code == code_at("B" * 32, 2)
    assert await make_code(app, request, [], 60_000) is None
