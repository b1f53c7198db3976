"""What is noted for the next start, and when a noted answer holds."""

from rpcbackend.store import Asked, Link, Store, state_of
from rpcbackend.store.digest import state_hash

VIEW = Asked(channel="calendar.view", params=b'{"from":"a"}', uses=7, answer=b'{"items":[]}')
LIST = Asked(channel="branches.list", params=b"{}", uses=9, answer=None)
NOW, LATER = b"now", b"later"


async def replace(store: Store, *asked: Asked, state: bytes = NOW) -> None:
    await store.write(lambda work: work.cached_answers.replace(asked, state), actor="tests")


async def noted(store: Store, state: bytes = NOW) -> list[Asked]:
    return await store.read(lambda work: work.cached_answers.list(state))


async def test_what_was_asked_comes_back_the_most_used_first(store: Store) -> None:
    await replace(store, VIEW, LIST)

    assert await noted(store) == [LIST, VIEW]


async def test_in_another_state_no_answer_holds(store: Store) -> None:
    await replace(store, VIEW)

    [asked] = await noted(store, LATER)

    assert (asked.channel, asked.uses, asked.answer) == ("calendar.view", 7, None)


async def test_the_last_note_takes_the_place_of_all_before_it(store: Store) -> None:
    await replace(store, VIEW, LIST)
    await replace(store, LIST)

    assert await noted(store) == [LIST]


async def test_a_note_changes_nothing_that_the_store_holds(store: Store) -> None:
    before = await state_hash(store), store.head_seq, store.audit_head

    await replace(store, VIEW)

    assert (await state_hash(store), store.head_seq, store.audit_head) == before


def test_every_event_every_command_and_every_program_makes_another_state() -> None:
    link = Link(3, bytes(32))
    states = {
        state_of(5, link, "build"),
        state_of(6, link, "build"),
        state_of(5, Link(4, bytes(32)), "build"),
        state_of(5, Link(3, b"1" * 32), "build"),
        state_of(5, link, "other"),
    }

    assert len(states) == 5
