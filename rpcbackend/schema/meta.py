"""What travels beside params and results of any call, in `_meta` (protocol.md section 3)."""

from typing import Annotated

from pydantic import Field, StringConstraints

from rpcbackend.schema.base import SECRET, Flag, Instant, Integer, Params, WireModel
from rpcbackend.schema.outbox import DelayWarning

MAX_TIMEOUT_MS = 120_000
"""Work that takes longer is a job."""


class CallMeta(Params):
    """The options of one call."""

    token: Annotated[
        Annotated[str, StringConstraints(max_length=4_096)] | None, Field(json_schema_extra=SECRET)
    ] = None
    idempotency_key: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=128)] | None,
        Field(
            description="Names a command, so that a repeated delivery is known: a new one for each "
            "wish, the same one whenever that is sent again. It belongs to caller and channel."
        ),
    ] = None
    timeout_ms: Annotated[Integer, Field(ge=1, le=MAX_TIMEOUT_MS)] | None = None
    progress_token: Annotated[str, StringConstraints(max_length=128)] | Integer | None = None
    dry_run: Annotated[
        Flag,
        Field(
            description="Check everything, answer as the call would, and keep nothing, neither the "
            "effect nor the reply; with the key of a command that was done it answers that reply."
        ),
    ] = False
    if_rev: Annotated[
        Annotated[str, StringConstraints(max_length=128)] | None,
        Field(
            description="The `rev` of the answer that the caller has: if it would be the same now, "
            "the result is empty, with `_meta.notModified`."
        ),
    ] = None
    as_of: Instant | None = None
    traceparent: Annotated[str, StringConstraints(max_length=128)] | None = None
    capability: Annotated[
        Annotated[str, StringConstraints(max_length=128)] | None, Field(json_schema_extra=SECRET)
    ] = None


class ResultMeta(WireModel):
    """What is told beside the result of a call."""

    seq: Annotated[
        Integer | None, Field(description="The last event that the result reflects.")
    ] = None
    rev: Annotated[str | None, Field(description="Names the state of the result.")] = None
    replayed: Annotated[
        Flag, Field(description="Whether the command was done before, by its idempotency key.")
    ] = False
    not_modified: Annotated[
        Flag, Field(description="Whether the caller has the result, by the `rev` that he named.")
    ] = False
    warnings: Annotated[
        list[DelayWarning],
        Field(default_factory=list, description="What to tell people, though all went well."),
    ]
