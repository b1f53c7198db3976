"""The audit: a row for every command, and no byte of it changes unseen (rule A1)."""

import hashlib
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlcipher3
from hypothesis import given, settings
from hypothesis import strategies as some

from rpcbackend.schema.audit import AuditPage, ListAudit
from rpcbackend.schema.branches import Branch
from rpcbackend.store import Command, Link, Store, Work
from rpcbackend.store.audit import ROOT, Audit
from rpcbackend.store.driver import IntegrityError, is_poison
from rpcbackend.store.statements import SqliteTransaction
from rpcbackend.store.transaction import drive
from rpcbackend.testing import FrozenClock
from tests.factories import an_id, at, make_branch, store_in
from tests.store.tamper import SWAP, audit_in, tamper, tamper_with

BY_DESK = Command(channel="branches.save", session_id="ses_1")
COPY = """
{} audit SELECT school_id, {}, at, actor, session_id, channel, entity_type, entity_id, changes,
prev_hash, hash FROM audit WHERE school_id = :school AND seq = 1
"""


async def put(work: Work, *branches: Branch) -> None:
    for branch in branches:
        await work.branches.put(branch)


async def save(
    store: Store, *branches: Branch, command: Command = BY_DESK, actor: str = "ada"
) -> None:
    """Put branches as one command."""
    await store.write(
        lambda work: work.audited(lambda work: put(work, *branches), command), actor=actor
    )


async def save_some(store: Store, count: int) -> None:
    for number in range(1, count + 1):
        await save(store, make_branch(id=an_id("bra", number)))


def digest(branch: Branch) -> str:
    return hashlib.sha256(branch.model_dump_json().encode()).hexdigest()


async def followed(audit: Audit, to_seq: int, limit: int = 5_000) -> int:
    """Follow the chain from its root and return the last row that is right."""
    link = ROOT
    while (further := await audit.follow(link, to_seq, limit)) != link:
        link = further
    return link.seq


# What a row holds


async def test_a_command_leaves_who_did_what_when_and_what_it_changed(store: Store) -> None:
    one, two = make_branch(), make_branch(id=an_id("bra", 2), name="Nord")

    await save(store, one, two)

    changes = [
        {"type": "branch", "id": branch.id, "before": None, "after": digest(branch)}
        for branch in (one, two)
    ]
    assert await audit_in(store) == [
        {
            "school_id": store.engine.school,
            "seq": 1,
            "at": 1_795_420_800_000,
            "actor": "ada",
            "session_id": "ses_1",
            "channel": "branches.save",
            "entity_type": "branch",
            "entity_id": one.id,
            "changes": orjson.dumps(changes).decode(),
            "prev_hash": bytes(32),
            "hash": store.audit_head.hash,
        }
    ]


@pytest.mark.parametrize("is_read_first", [True, False])
async def test_what_a_command_left_is_what_the_next_one_found(
    store: Store, is_read_first: bool
) -> None:
    old, new = make_branch(), make_branch(name="Nord", version=2)

    async def replace(work: Work) -> None:
        if is_read_first:
            assert await work.branches.require(old.id) == old
        await work.branches.put(new)
        # A later look does not count as how it was before.
        assert await work.branches.require(old.id) == new

    await save(store, old)
    await store.write(lambda work: work.audited(replace, BY_DESK), actor="ada")

    first, second = [orjson.loads(row["changes"])[0] for row in await audit_in(store)]
    assert (first["before"], first["after"]) == (None, digest(old))
    assert (second["before"], second["after"]) == (digest(old), digest(new))


async def test_a_command_that_changes_nothing_leaves_a_row_too(store: Store) -> None:
    await save(store, make_branch())

    await save(store, make_branch())

    row = (await audit_in(store))[1]
    assert (row["changes"], row["entity_type"], row["entity_id"]) == ("[]", None, None)


async def test_what_fails_or_is_only_tried_or_is_no_command_leaves_no_row(store: Store) -> None:
    async def fail(work: Work) -> None:
        await put(work, make_branch())
        raise LookupError

    with pytest.raises(LookupError):
        await store.write(lambda work: work.audited(fail, BY_DESK), actor="ada")
    await store.write(
        lambda work: work.audited(lambda work: put(work, make_branch()), BY_DESK),
        actor="ada",
        keep=False,
    )
    await store.write(lambda work: put(work, make_branch()), actor="seed")

    assert await audit_in(store) == []
    assert store.audit_head == ROOT


# The chain


@settings(max_examples=50)
@given(
    actors=some.lists(
        some.text(some.characters(exclude_categories=["Cs"]), max_size=20)
        | some.sampled_from(["\"\\/'", "\0\x1f\x7f\n", "ä\u2028👩‍🚀"]),
        min_size=1,
        max_size=4,
    )
)
async def test_another_program_can_check_the_chain_from_the_columns(actors: list[str]) -> None:
    async with store_in(None) as store:
        for actor in actors:
            await save(store, make_branch(), actor=actor)
        rows = await audit_in(store)
        last = await store.read(lambda work: followed(work.audit, len(actors)))

    assert last == len(actors)
    known = bytes(32)
    for row in rows:
        assert row.pop("prev_hash") == known
        stored = row.pop("hash")
        canonical = json.dumps(list(row.values()), ensure_ascii=False, separators=(",", ":"))
        known = hashlib.sha256(known + canonical.encode()).digest()
        assert known == stored


async def test_the_head_is_known_from_the_start_and_after_every_command(tmp_path: Path) -> None:
    async with store_in(tmp_path) as store:
        assert store.audit_head == ROOT
        await save_some(store, 2)
        head = store.audit_head
        assert head == Link(2, (await audit_in(store))[1]["hash"])

    async with store_in(tmp_path) as store:
        assert store.audit_head == head
        await save_some(store, 1)
        assert store.audit_head.seq == 3


async def test_every_school_has_its_own_chain(tmp_path: Path) -> None:
    for school in (1, 2):
        async with store_in(tmp_path, school=school) as store:
            await save_some(store, 2)
            assert store.audit_head.seq == 2
            assert await store.read(lambda work: followed(work.audit, 2)) == 2


async def test_a_link_is_found_by_its_number(store: Store) -> None:
    await save_some(store, 2)

    async def unit(work: Work) -> list[Link | None]:
        return [await work.audit.link(seq) for seq in range(4)]

    first, second = await audit_in(store)
    assert await store.read(unit) == [ROOT, Link(1, first["hash"]), Link(2, second["hash"]), None]


@pytest.mark.sqlite
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
async def test_the_chain_can_be_followed_in_steps(store: Store, limit: int) -> None:
    await save_some(store, 7)

    assert await store.read(lambda work: followed(work.audit, 7, limit)) == 7
    assert await store.read(lambda work: followed(work.audit, 4, limit)) == 4
    await tamper_with(store, "UPDATE audit SET actor = 'eve' WHERE seq = 5")
    assert await store.read(lambda work: followed(work.audit, 7, limit)) == 4


# Tampering


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("UPDATE audit SET actor = 'x' WHERE seq = 1", "audit_is_never_changed"),
        ("DELETE FROM audit WHERE seq = 2", "audit_is_never_removed"),
        ("DELETE FROM audit", "audit_is_never_removed"),
        (COPY.format("INSERT INTO", 4), "audit_is_dense"),
        (COPY.format("INSERT INTO", 0), "audit_is_dense"),
    ],
    ids=["change", "remove", "remove all", "leave a gap", "insert before"],
)
async def test_the_database_itself_keeps_the_audit_as_it_was_written(
    store: Store, sql: str, rule: str
) -> None:
    await keeps_the_audit(store, sql, rule)


@pytest.mark.sqlite
async def test_no_row_of_the_audit_is_replaced(store: Store) -> None:
    await keeps_the_audit(store, COPY.format("INSERT OR REPLACE INTO", 2), "audit_is_dense")


async def keeps_the_audit(store: Store, sql: str, rule: str) -> None:
    await save_some(store, 2)
    before = await audit_in(store)

    with pytest.raises(IntegrityError, match=rule):
        await store.write(lambda work: work.tx.run(sql), actor="intruder")

    assert await audit_in(store) == before


@pytest.mark.sqlite
async def test_whatever_bit_of_a_row_flips_that_row_is_named(store: Store) -> None:
    await save_some(store, 3)
    row = (await audit_in(store))[1]

    async def flip(work: Work, column: str, value: Any) -> int:
        stored = f"CAST(:value AS {'TEXT' if isinstance(row[column], str) else 'BLOB'})"
        new = ":value" if isinstance(value, int) else stored
        await tamper(
            work,
            f"UPDATE audit SET {column} = {new} WHERE seq = 2",  # noqa: S608 (our own columns)
            value=value,
        )
        return await followed(work.audit, 3)

    flips = [(column, value) for column in row for value in flipped(row[column])]
    for column, value in flips:
        last = await store.write(
            lambda work, c=column, v=value: flip(work, c, v),  # type: ignore[misc]  # mypy cannot see that the default binds
            actor="intruder",
            keep=False,
        )
        assert last == 1, (column, value)
    assert len(flips) > 2_400
    assert await store.read(lambda work: followed(work.audit, 3)) == 3


def flipped(value: Any) -> list[Any]:
    """Return a column's value with each of its bits flipped; a number has those of 48."""
    if isinstance(value, int):
        # Number 3 stands behind and cannot be there twice.
        return [value ^ 1 << bit for bit in range(48) if value ^ 1 << bit != 3]
    raw = value.encode() if isinstance(value, str) else value
    whole = int.from_bytes(raw, "big")
    return [(whole ^ 1 << bit).to_bytes(len(raw), "big") for bit in range(8 * len(raw))]


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("statements", "last"),
    [
        (["DELETE FROM audit WHERE seq = 1"], 0),
        (["DELETE FROM audit WHERE seq = 3"], 2),
        (["DELETE FROM audit WHERE seq = 5"], 4),
        (["DELETE FROM audit"], 0),
        (SWAP, 1),
        (["UPDATE audit SET seq = seq - 1"], 0),
        (["UPDATE audit SET session_id = NULL WHERE seq = 2"], 1),
        (["UPDATE audit SET changes = 'no JSON' WHERE seq = 4"], 3),
        (["UPDATE audit SET changes = CAST(x'ff00fe' AS TEXT) WHERE seq = 4"], 3),
        (["UPDATE audit SET hash = x'' WHERE seq = 4"], 3),
        (["UPDATE audit SET prev_hash = zeroblob(32) WHERE seq = 2"], 1),
        (["UPDATE audit SET school_id = 2 WHERE seq = 2"], 1),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_the_first_row_that_is_not_as_it_was_written_is_named(
    store: Store, statements: list[str], last: int
) -> None:
    await save_some(store, 5)

    await tamper_with(store, *statements)

    assert await store.read(lambda work: followed(work.audit, 5)) == last


@pytest.mark.sqlite
async def test_a_rewritten_end_is_a_right_chain_with_another_head(store: Store) -> None:
    await save_some(store, 3)
    before = store.audit_head

    await tamper_with(store, "DELETE FROM audit WHERE seq = 3")
    await save(store, make_branch(name="other"))

    assert await store.read(lambda work: followed(work.audit, 3)) == 3
    head = await store.read(lambda work: work.audit.head())
    assert (head.seq, head.hash == before.hash) == (3, False)


@pytest.mark.sqlite
async def test_a_gap_is_named_even_if_all_behind_it_was_linked_anew(store: Store) -> None:
    await save_some(store, 3)
    rows = await audit_in(store)
    last = rows[2] | {"prev_hash": rows[0]["hash"]}
    columns = list(last.values())[:9]
    last["hash"] = hashlib.sha256(rows[0]["hash"] + orjson.dumps(columns)).digest()

    await tamper_with(
        store,
        "DELETE FROM audit WHERE seq = 2",
        "UPDATE audit SET prev_hash = :prev_hash, hash = :hash WHERE seq = 3",
        prev_hash=last["prev_hash"],
        hash=last["hash"],
    )

    assert await store.read(lambda work: followed(work.audit, 3)) == 1


async def test_a_bit_that_flips_in_the_file_is_named_or_noticed_by_the_database(
    tmp_path: Path,
) -> None:
    """Lengths and types stand in the row's head, which no UPDATE reaches."""
    async with store_in(tmp_path) as store:
        await save_some(store, 5)
        hashes = [row["hash"] for row in await audit_in(store)]
    whole = bytearray((tmp_path / "school.db").read_bytes())
    # Rows fill a page from its end; each ends with its hash, which stands in the next one too.
    ends = [whole.rindex(stored) + 32 for stored in hashes]
    assert ends == sorted(ends, reverse=True)

    named = 0
    flips = [
        (position, bit) for position in range(ends[3], ends[2]) for bit in {1, 1 << position % 8}
    ]
    for position, bit in flips:
        whole[position] ^= bit
        (tmp_path / "flipped.db").write_bytes(whole)
        whole[position] ^= bit
        last = last_right_row_of(tmp_path / "flipped.db")
        # A key that is another one now misleads the search, and rows before it seem missing too.
        assert last is None or last <= 2, position - ends[3]
        named += last == 2

    assert named > len(flips) * 0.95


def last_right_row_of(path: Path) -> int | None:
    """Follow the chain; None if the database notices that the file is damaged."""
    connection = sqlcipher3.connect(str(path), isolation_level=None)
    connection.row_factory = sqlcipher3.Row
    try:
        return drive(followed(Audit(SqliteTransaction(connection, 1)), 5))
    except sqlcipher3.DatabaseError as error:
        if is_poison(error):
            return None
        raise
    finally:
        connection.close()


@pytest.mark.sqlite
async def test_only_what_a_row_holds_makes_it_bad_and_no_other_failure(store: Store) -> None:
    await save_some(store, 1)

    await tamper_with(store, "ALTER TABLE audit RENAME TO lost")

    with pytest.raises(sqlcipher3.Error, match="no such table"):
        await store.read(lambda work: work.audit.head())


# Pages


async def test_an_instant_of_the_list_is_exact_to_the_millisecond(clock: FrozenClock) -> None:
    async with store_in(None, clock=clock) as store:
        for _ in range(3):
            await save(store, make_branch())
            clock.advance(0.001)

        async def seqs(**given: str) -> list[int]:
            wanted = ListAudit.model_validate(given)
            page = await store.read(lambda work: work.audit.page(wanted))
            return [row.seq for row in AuditPage.model_validate_json(page.json).items]

        assert await seqs() == [3, 2, 1]
        assert await seqs(**{"from": "2026-11-23T08:00:00.001Z"}) == [3, 2]
        assert await seqs(**{"from": "2026-11-23T08:00:00.000001Z"}) == [3, 2]
        assert await seqs(to="2026-11-23T08:00:00.001Z") == [1]
        assert await seqs(to="2026-11-23T08:00:00.001001Z") == [2, 1]
        page = await store.read(lambda work: work.audit.page(ListAudit(limit=1)))
        newest = AuditPage.model_validate_json(page.json).items[0]
        assert newest.at == at("2026-11-23T08:00:00.002Z")


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("given", "index"),
    [
        ({}, "PRIMARY KEY"),
        ({"entityId": an_id("bra"), "actor": "ada", "channel": "a.b"}, "audit_by_entity"),
        ({"actor": "ada", "to": "2026-11-23T08:00:00Z"}, "audit_by_actor"),
    ],
    ids=str,
)
async def test_a_page_is_found_by_an_index_and_needs_no_sorting(
    store: Store, given: dict[str, str], index: str
) -> None:
    class Explaining:
        """Runs the plan of a statement in its place."""

        def __init__(self, work: Work) -> None:
            self._tx, self.plan = work.tx, ""

        async def all(self, sql: str, /, **params: Any) -> list[Any]:
            rows = await self._tx.all("EXPLAIN QUERY PLAN " + sql, **params)
            self.plan = " ".join(row["detail"] for row in rows)
            return []

    async def unit(work: Work) -> str:
        explaining = Explaining(work)
        await Audit(explaining).page(ListAudit.model_validate(given))  # type: ignore[arg-type]  # all that a page needs of it
        return explaining.plan

    plan = await store.read(unit)
    assert index in plan
    assert "B-TREE" not in plan
