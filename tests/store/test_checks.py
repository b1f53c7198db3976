"""What must be true of a whole database, and how it is said when it is not."""

from pathlib import Path

import pytest

from rpcbackend.store import Store, Work
from tests.factories import add_all, make_lesson, store_in
from tests.store.tamper import tamper_with

CLAIM = (
    "INSERT INTO resource_claims VALUES (:school, 'instructor', '{}', {}, {}, 'lesson', 'les_none')"
)


def nobody(done: int, total: int, message: str) -> None:
    """Watch no progress."""


async def add_lesson(work: Work) -> None:
    await work.lessons.put(make_lesson())


@pytest.mark.parametrize(
    ("statements", "texts"),
    [
        (
            ("PRAGMA foreign_keys = OFF", "DELETE FROM students"),
            ["lessons: 1 rows refer to students that are missing"],
        ),
        (
            (CLAIM.format("a", 0, 7_200),),
            ["resource_claims: 1 spans of busy time belong to no lesson that holds them"],
        ),
        (
            (
                "DROP TRIGGER resource_claims_never_overlap",
                CLAIM.format("a", 0, 7_200),
                CLAIM.format("a", 3_600, 7_200),
            ),
            [
                "resource_claims: 1 spans of busy time overlap the one before",
                "resource_claims: 2 spans of busy time belong to no lesson that holds them",
            ],
        ),
        (
            (
                "DROP TRIGGER events_are_never_removed",
                "DELETE FROM events WHERE seq = 2",
            ),
            ["events: 1 are missing"],
        ),
    ],
    ids=["references", "owner", "overlap", "events"],
)
async def test_what_stands_in_the_tables_and_is_wrong_is_found(
    tmp_path: Path, statements: tuple[str, ...], texts: list[str]
) -> None:
    async with store_in(tmp_path) as store:
        await prepare(store)
        assert [each.text for each in await store.engine.look_through(nobody)] == [UNCLAIMED]

        await break_with(store, *statements)

        findings = await store.engine.look_through(nobody)
        assert [each.text for each in findings if each.text != UNCLAIMED] == texts
        assert {each.kind for each in findings} == {"contents"}


UNCLAIMED = "resource_claims: 3 times somebody is free though a lesson has him"


async def prepare(store: Store) -> None:
    """Add a lesson without its claims, and three events."""
    await add_all(store)
    await store.write(add_lesson, actor="tests")
    for _ in range(3):
        await store.write(lambda work: work.record("x.y", ("a", "b", 1), {}), actor="tests")


async def break_with(store: Store, *statements: str) -> None:
    """Run statements past all guards: no transaction of ours could."""

    def run(connection: object) -> None:
        for sql in statements:
            connection.execute(sql, {"school": 1})  # type: ignore[attr-defined]  # the driver's
        connection.execute("PRAGMA foreign_keys = ON")  # type: ignore[attr-defined]  # the driver's

    await store.sqlite._connections[0].run(run)  # noqa: SLF001 (the intruder's part)


@pytest.mark.sqlite
async def test_a_row_of_the_audit_that_was_changed_is_found(store: Store) -> None:
    await tamper_with(
        store,
        "INSERT INTO audit VALUES"
        " (:school, 1, 0, 'a', NULL, 'c', NULL, NULL, '[]', zeroblob(32), zeroblob(32))",
    )

    findings = await store.engine.look_through(nobody)

    assert [each.text for each in findings] == ["audit: row 1 is missing or not as it was written"]
