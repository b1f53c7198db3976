"""Who taps a connection sees every line, and gives each call its moment."""

from pathlib import Path

from rpcbackend.app import Application
from rpcbackend.dispatch.tap import Tapped
from rpcbackend.moments import Moment, NamedBits
from rpcbackend.schema.base import WireModel
from rpcbackend.schema.schedules import ScheduleName
from rpcbackend.schema.steps import StepName
from rpcbackend.steps import Begun
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, running_app


class Lines:
    """Keeps what it sees."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, bytes | None]] = []
        self.moments: list[Moment] = []
        self.keys: list[bytes | None] = []
        self.steps: list[tuple[object, object]] = []

    def came(self, connection_id: str, line: bytes | None) -> None:
        """Keep a line that came in."""
        self.seen.append(("in", connection_id, line))

    def moment(self) -> Moment:
        """Make one that tells how many there were."""
        number = len(self.moments) + 1
        self.moments.append(Moment(number, 0.0, NamedBits(b"", str(number))))
        return self.moments[-1]

    def began(self, name: str) -> Moment:
        """Keep that something began by itself."""
        self.seen.append(("own", "-", name.encode()))
        return self.moment()

    def step_began(self, name: StepName, facts: WireModel) -> Begun:
        """Keep what a step was begun with."""
        self.steps.append((name, facts))
        return Begun(len(self.steps), self.moment())

    def step_ended(self, number: int, seq: int | None) -> None:
        """Keep how it ended."""
        self.steps.append((number, seq))

    def went(self, connection_id: str, line: bytes) -> None:
        """Keep a line that goes out."""
        self.seen.append(("out", connection_id, line))

    def opened(self, key: bytes | None) -> None:
        """Keep the key."""
        self.keys.append(key)


async def test_every_line_is_seen_even_those_that_nobody_can_read() -> None:
    lines = Lines()
    async with running_app(surroundings=Surroundings(tap=lines)) as app:
        client = Client(app)
        await client.call("ping")
        await client.raw(b"?")
        client.server.receive(None)
        await client.next_line()

    assert [(way, line) for way, _, line in lines.seen if way == "in"] == [
        ("in", b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{}}'),
        ("in", b"?"),
        ("in", None),
    ]
    assert [way for way, _, _ in lines.seen] == ["in", "out"] * 3
    assert {connection for _, connection, _ in lines.seen} == {"con_1"}


async def test_each_call_of_a_batch_has_its_moment_and_every_refusal_too() -> None:
    lines = Lines()
    async with running_app(surroundings=Surroundings(tap=lines)) as app:
        client = Client(app)
        replies = await client.raw(b'[{"jsonrpc":"2.0","id":1,"method":"x"},7]')
        refused = await client.raw(b"?")

    assert [reply["error"]["data"]["timestamp"] for reply in replies] == [1, 2]
    assert refused["error"]["data"]["timestamp"] == 3
    assert all(moment.is_over for moment in lines.moments[:2])


async def test_the_tap_hears_when_the_store_is_open() -> None:
    lines = Lines()
    async with running_app(surroundings=Surroundings(tap=lines)) as app:
        assert lines.keys == []
        await Client(app).call("branches.list")

    assert lines.keys == [None]


async def test_a_tapped_sink_is_as_writable_as_what_is_behind_it(app: Application) -> None:
    client = Client(app)
    tapped = Tapped(client, Lines(), "con_7")

    await tapped.writable()

    assert (tapped.is_writable, tapped.is_backed_up) == (True, False)


async def test_the_tap_hears_of_what_was_due_and_gives_it_its_moment(tmp_path: Path) -> None:
    lines = Lines()
    async with running_app(tmp_path, Surroundings(tap=lines)) as app:
        await Client(app).call("branches.list")
        await app.scheduler.run(ScheduleName.BACKUP)

    assert ("own", "-", b"backup") in lines.seen
    assert lines.moments[-1].is_over
