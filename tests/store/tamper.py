"""Writing into the audit what nobody may write."""

from typing import Any

from rpcbackend.store import Store, Work

TRIGGERS = ("audit_is_dense", "audit_is_never_changed", "audit_is_never_removed")


async def tamper(work: Work, *statements: str, **params: Any) -> None:
    """Run statements on the audit with all of its guards down: a unit of work."""
    for trigger in TRIGGERS:
        await work.tx.run(f"DROP TRIGGER IF EXISTS {trigger}")
    await work.tx.run("PRAGMA ignore_check_constraints = ON")
    for sql in statements:
        await work.tx.run(sql, **params)
    await work.tx.run("PRAGMA ignore_check_constraints = OFF")


async def tamper_with(store: Store, *statements: str, **params: Any) -> None:
    """Do so as a transaction of its own."""
    await store.write(lambda work: tamper(work, *statements, **params), actor="intruder")


async def audit_in(store: Store) -> list[dict[str, Any]]:
    """Return the rows of the audit as they are stored."""

    async def unit(work: Work) -> list[dict[str, Any]]:
        rows = await work.tx.all("SELECT * FROM audit WHERE school_id = :school ORDER BY seq")
        return [{name: row[name] for name in row.keys()} for row in rows]  # noqa: SIM118 (a row iterates over its values)

    return await store.read(unit)


SWAP = (
    "UPDATE audit SET seq = -1 WHERE seq = 2",
    "UPDATE audit SET seq = 2 WHERE seq = 3",
    "UPDATE audit SET seq = 3 WHERE seq = -1",
)
"""Two rows in each other's place."""
