"""The audit: who changed what, when, in a chain that nobody can mend unseen."""

from typing import Annotated

from pydantic import Field, StringConstraints

from rpcbackend.schema.base import (
    Cursor,
    Flag,
    Instant,
    Integer,
    Limit,
    Params,
    WireModel,
)

Digest = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{64}$"), Field(description="SHA-256, hexadecimal.")
]
Seq = Annotated[Integer, Field(ge=1)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class AuditChange(WireModel):
    """A record that a command changed, by the digests of its JSON."""

    type: str
    id: str
    before: Annotated[Digest | None, Field(description="null: it is new.")]
    after: Annotated[Digest | None, Field(description="null: it is gone.")]


class AuditRow(WireModel):
    """One command that took effect."""

    seq: Annotated[Seq, Field(description="1, 2, 3, … without a gap.")]
    at: Instant
    actor: str
    session_id: str | None
    channel: str
    changes: Annotated[
        list[AuditChange] | None, Field(description="null: they were damaged; see audit.verify.")
    ]
    hash: Digest


class ListAudit(Params):
    """Params of audit.list: the filters narrow each other."""

    actor: Word | None = None
    entity_id: Annotated[
        Word | None, Field(description="The record that a command changed, or changed first.")
    ] = None
    channel: Word | None = None
    from_: Annotated[Instant | None, Field(alias="from", description="Rows from then on.")] = None
    to: Annotated[Instant | None, Field(description="Rows before then.")] = None
    limit: Limit = 50
    cursor: Cursor | None = None


class AuditPage(WireModel):
    """Rows of the audit, the newest first."""

    items: list[AuditRow]
    next_cursor: Cursor | None


class VerifyAudit(Params):
    """Params of audit.verify: every row from the one to the other must be as it was written."""

    from_seq: Annotated[Seq, Field(description="Those before are taken for granted.")] = 1
    to_seq: Annotated[Seq | None, Field(description="The last row when left out.")] = None
    anchor: Annotated[
        Digest | None, Field(description="The hash that you remember of the row toSeq.")
    ] = None


class VerifiedAudit(WireModel):
    """What audit.verify answers."""

    ok: Flag
    checked: Annotated[Integer, Field(ge=0, description="Rows that are as they were written.")]
    head_seq: Annotated[Integer, Field(ge=0, description="0 before the first row.")]
    head_hash: Annotated[str, Field(description="Remember it elsewhere: it is an anchor.")]
    first_bad_seq: Annotated[
        Seq | None, Field(description="The first row that is changed, missing or out of place.")
    ] = None
