"""A request as a connection of its own: what is recorded of it, and that it comes again."""

from pathlib import Path

from rpcbackend.app import Application
from rpcbackend.errors import ForbiddenError
from rpcbackend.mirror.wire import Wire
from rpcbackend.protocol import codec
from rpcbackend.testing import FrozenClock
from tests.clauses import clause
from tests.mirror.test_events import listening
from tests.mirror.test_routes import MITTE
from tests.mirror.web import mirrored
from tests.transcripts.desks import assert_same, entries_in, recorded, replayed

ADA = {"login": "ada", "password": "a long walk in the rain"}


@clause("mirror-recorded")
async def test_what_went_over_http_is_recorded_without_a_token_and_comes_again(
    tmp_path: Path,
) -> None:
    clock = FrozenClock()
    async with recorded(tmp_path, clock) as desk:
        await desk.call("auth.bootstrap", **ADA)
        async with mirrored(desk.app, clock) as web:
            token = (await web.call("auth.login", **ADA)).json()["data"]["accessToken"]
            async with listening(web, token) as stream:
                await web.call("branches.save", token, **MITTE)
                assert await stream.event() is not None
            wrong = await web.call("students.get", token, studentId="x")
            ping = {"jsonrpc": "2.0", "id": "p", "method": "ping"}
            batch = await web.post("/rpc", [ping, ping | {"id": "q"}], token)
            stranger = await web.call("students.list")

    entries = entries_in(tmp_path)
    connections = {entry.conn for entry in entries}
    text = (tmp_path / "transcript.jsonl").read_text(encoding="utf-8")
    assert (wrong.status_code, batch.status_code, stranger.status_code) == (422, 200, 401)
    assert {conn.partition("_")[0] for conn in connections} == {"con", "web"}
    assert token not in text
    assert ADA["password"] not in text
    assert_same(await replayed(tmp_path))


async def test_a_line_is_answered_by_its_reply_and_a_notification_by_none(
    app: Application,
) -> None:
    wire = Wire(app)

    reply = await wire.call("ping", {}, "127.0.0.1")
    silence = await wire.send(codec.encode({"jsonrpc": "2.0", "method": "ping"}), "127.0.0.1")

    assert reply == b'{"jsonrpc":"2.0","id":1,"result":{}}\n'
    assert silence is None


async def test_nothing_is_left_of_a_request_that_was_answered(app: Application) -> None:
    wire = Wire(app)

    for _ in range(3):
        await wire.call("students.list", {}, "127.0.0.1")

    assert (app.connections.in_flight, app.connections.queued) == (0, 0)
    assert len(app.connections) == 0


async def test_progress_has_nowhere_to_go_and_harms_nothing(app: Application) -> None:
    reply = await Wire(app).call("system.health", {"_meta": {"progressToken": "p"}}, "127.0.0.1")

    assert codec.decode(reply)["result"]["status"] == "ok"


async def test_a_refusal_is_a_reply_that_observers_see(app: Application) -> None:
    line = Wire(app).refuse(ForbiddenError("No."), "students.list")

    assert codec.decode(line)["error"]["data"]["code"] == "FORBIDDEN"
