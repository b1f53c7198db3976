"""What was asked most, and its answers, as rows: they make the next start quick, and no more."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from rpcbackend.store.audit import Link
from rpcbackend.store.transaction import Transaction

_LIST = """
SELECT channel, params, uses, iif(state = :state, answer, NULL) AS answer
FROM cached_answers WHERE school_id = :school ORDER BY uses DESC, channel, params
"""

_ADD = """
INSERT INTO cached_answers (school_id, channel, params, uses, state, answer)
VALUES (:school, :channel, :params, :uses, :state, :answer)
"""


_STALE = """
SELECT 1 FROM cached_answers
WHERE school_id = :school AND answer IS NOT NULL AND state IS DISTINCT FROM :state LIMIT 1
"""

_FORGET = """
UPDATE cached_answers SET state = NULL, answer = NULL
WHERE school_id = :school AND answer IS NOT NULL AND state IS DISTINCT FROM :state
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question, how often it was asked, and what was answered."""

    channel: str
    params: bytes
    """JSON, as on the wire."""
    uses: int
    answer: bytes | None
    """JSON; None when it holds no more, or was not kept."""


def state_of(head_seq: int, audit_head: Link, build: str) -> bytes:
    """Name the state of a whole store, as far as answers tell of it.

    Whatever changes what they tell leaves an event or a row of the audit, and a restore leaves
    another chain. An answer is also as the program is that writes it.

    Args:
        head_seq: Of the last event.
        audit_head: The last row of the audit.
        build: Names the program.
    """
    text = f"{head_seq}\n{audit_head.seq}\n{audit_head.hash.hex()}\n{build}"
    return hashlib.sha256(text.encode()).digest()


class CachedAnswers:
    """The questions and answers of one school."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def list(self, state: bytes) -> list[Asked]:
        """Return what was kept, the most used first, and the answers that hold in this state."""
        return [
            Asked(
                channel=row["channel"],
                params=row["params"].encode(),
                uses=row["uses"],
                answer=row["answer"].encode() if row["answer"] is not None else None,
            )
            for row in await self._tx.all(_LIST, state=state)
        ]

    async def has_stale(self, state: bytes) -> bool:
        """Tell whether there is an answer that does not hold in this state."""
        return await self._tx.one(_STALE, state=state) is not None

    async def forget_stale(self, state: bytes) -> None:
        """Remove the answers that do not hold in this state, and keep the questions."""
        await self._tx.run(_FORGET, state=state)

    async def replace(self, all_asked: Iterable[Asked], state: bytes) -> None:
        """Keep these in the place of all others; the answers hold in this state."""
        await self._tx.run("DELETE FROM cached_answers WHERE school_id = :school")
        for asked in all_asked:
            await self._tx.run(
                _ADD,
                channel=asked.channel,
                params=asked.params.decode(),
                uses=asked.uses,
                state=state if asked.answer is not None else None,
                answer=asked.answer.decode() if asked.answer is not None else None,
            )
