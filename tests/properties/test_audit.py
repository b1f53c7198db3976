"""Rule A1 under random commands: one row each, linked, and linked by what they changed."""

from hypothesis import given, settings

from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, FrozenClock, running_app
from tests.factories import School
from tests.methods.pages import all_pages
from tests.properties.desk import STEPS, Desk, Step


@settings(max_examples=100)
@given(steps=STEPS)
async def test_every_command_that_took_effect_is_one_link_from_what_was_to_what_is(
    steps: list[Step],
) -> None:
    async with running_app(surroundings=Surroundings(clock=FrozenClock())) as app:
        client = Client(app)
        await app.open_store()
        desk = Desk(client, await School(client).open())
        for step in steps:
            await desk.run(step)

        rows, _ = await all_pages(client, "audit.list", 200)
        verified = await client.call("audit.verify", anchor=app.store.audit_head.hash.hex())

    assert [row["seq"] for row in rows] == list(range(desk.done, 0, -1))
    assert (verified["ok"], verified["checked"]) == (True, desk.done)
    stands: dict[tuple[str, str], str] = {}
    for row in reversed(rows):
        for change in row["changes"]:
            record = (change["type"], change["id"])
            assert change["before"] == stands.get(record)
            assert change["after"] not in (None, change["before"])
            stands[record] = change["after"]
