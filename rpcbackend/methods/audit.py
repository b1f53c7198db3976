"""The audit: audit.list, audit.verify."""

from functools import partial

from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.errors import CursorInvalidError, InvalidParamsError
from rpcbackend.schema.audit import AuditPage, ListAudit, VerifiedAudit, VerifyAudit
from rpcbackend.schema.base import Encoded
from rpcbackend.security.roles import Permission
from rpcbackend.store import Link, Work

CHUNK = 5_000
"""Rows that are checked in one hop, in some 15 ms: other readers come in between."""


@method("audit.list", permission=Permission.AUDIT_READ, errors=(CursorInvalidError,))
async def list_page(ctx: Context, params: ListAudit) -> Encoded[AuditPage]:
    """Return a page of the commands that took effect and fit, the newest first."""
    return await ctx.read(lambda work: work.audit.page(params))


@method("audit.verify", permission=Permission.AUDIT_READ, cost="heavy")
async def verify(ctx: Context, params: VerifyAudit) -> VerifiedAudit:
    """Check that every row is as it was written, and name the first that is not.

    Whoever rewrites a row and all behind it, or takes away the last ones, is found out only by what
    somebody remembers elsewhere: toSeq and its hash as anchor. Millions of rows take longer than a
    query has by default; check them in ranges, or with `_meta.timeoutMs`.
    """
    start = params.from_seq - 1
    if params.to_seq is not None and params.to_seq <= start:
        raise InvalidParamsError(
            details={"errors": [{"path": "toSeq", "rule": "greater_than_equal"}]}
        )

    async def begin(work: Work) -> tuple[Link, Link | None]:
        return await work.audit.head(), await work.audit.link(start)

    head, link = await ctx.read(begin)
    to_seq = params.to_seq or max(head.seq, start)
    if link is None:
        # The row that the first one builds on is missing, perhaps with others before it.
        return _judge(head, checked=0, bad=min(start, head.seq + 1))
    link = await _follow(ctx, link, to_seq)
    checked, bad = link.seq - start, None
    if link.seq < to_seq:
        bad = link.seq + 1
    elif params.anchor not in (None, link.hash.hex()):
        bad = max(to_seq, 1)
    return _judge(head, checked=checked, bad=bad)


def _judge(head: Link, *, checked: int, bad: int | None) -> VerifiedAudit:
    return VerifiedAudit(
        ok=bad is None,
        checked=checked,
        head_seq=head.seq,
        head_hash=head.hash.hex(),
        first_bad_seq=bad,
    )


async def _follow(ctx: Context, start: Link, to_seq: int) -> Link:
    """Follow the chain as far as it is right; rows never change, so each hop may see more of it."""
    link, total = start, to_seq - start.seq
    while link.seq < to_seq:
        ctx.report(link.seq - start.seq, total, "rows")
        further = await ctx.read(partial(_follow_chunk, link, to_seq))
        if further == link:
            break
        link = further
    return link


async def _follow_chunk(link: Link, to_seq: int, work: Work) -> Link:
    return await work.audit.follow(link, to_seq, CHUNK)
