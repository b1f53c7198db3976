"""What travels beside the params of any call, in `params._meta` (protocol.md section 3)."""

from typing import Annotated

from pydantic import Field, StringConstraints

from rpcbackend.schema.base import SECRET, Flag, Instant, Integer, Params

MAX_TIMEOUT_MS = 120_000
"""Work that takes longer is a job."""


class CallMeta(Params):
    """The options of one call."""

    token: Annotated[
        Annotated[str, StringConstraints(max_length=4_096)] | None, Field(json_schema_extra=SECRET)
    ] = None
    idempotency_key: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None
    timeout_ms: Annotated[Integer, Field(ge=1, le=MAX_TIMEOUT_MS)] | None = None
    progress_token: Annotated[str, StringConstraints(max_length=128)] | Integer | None = None
    dry_run: Flag = False
    if_rev: Annotated[str, StringConstraints(max_length=128)] | None = None
    as_of: Instant | None = None
    traceparent: Annotated[str, StringConstraints(max_length=128)] | None = None
    capability: Annotated[
        Annotated[str, StringConstraints(max_length=128)] | None, Field(json_schema_extra=SECRET)
    ] = None
