"""The branches as rows."""

from rpcbackend.schema.base import Encoded
from rpcbackend.schema.branches import Branch, BranchPage
from rpcbackend.store.table import Table, page_of
from rpcbackend.store.transaction import Transaction

MOST = 1_000
"""A list without pages: the largest school of the design has 20."""

_TABLE = Table(Branch, "branches", noun="branch")


class Branches:
    """The branches of one school."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def require(self, branch_id: str) -> Branch:
        """Return the branch; see `Table.require`."""
        return await _TABLE.require(self._tx, branch_id)

    async def put(self, branch: Branch) -> None:
        """Add the branch, or replace the one with its id."""
        await _TABLE.put(self._tx, branch)

    async def first_zone(self) -> str | None:
        """Return the time zone of the branch that was made first, or None before there is one."""
        row = await self._tx.one(
            "SELECT zone FROM branches WHERE school_id = :school ORDER BY id LIMIT 1"
        )
        return str(row["zone"]) if row else None

    async def list(self) -> Encoded[BranchPage]:
        """Return all branches by name."""
        rows = await _TABLE.list_encoded(self._tx, where="true", order="name, id", limit=MOST)
        return Encoded(page_of(rows, has_cursor=False))
