"""On a copy of a store users sign in with passwords that were lent to them."""

from rpcbackend.app import Application
from rpcbackend.testing import Client
from rpcbackend.transcripts.exchanges import Request
from rpcbackend.transcripts.format import Entry
from rpcbackend.transcripts.lending import is_placeholder_in, lend_password, signs_in
from tests.people import be_quick

ADA = {"login": "Ada", "password": "a long walk in the rain"}
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
