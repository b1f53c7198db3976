"""What one connection may ask for: announced by initialize, and settings of the process."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from rpcbackend.schema.base import WireModel

KIB, MIB = 1024, 1024 * 1024


class Limits(WireModel):
    """The bounds of one connection; the defaults are those of protocol.md section 7."""

    request_bytes: Annotated[
        int, Field(ge=KIB, le=64 * MIB, description="Longest request line.")
    ] = 4 * MIB
    response_bytes: Annotated[
        int, Field(ge=KIB, le=256 * MIB, description="Longest reply line.")
    ] = 16 * MIB
    nesting: Annotated[int, Field(ge=8, le=200, description="Depth of params.")] = 64
    string_length: Annotated[
        int, Field(ge=KIB, le=64 * MIB, description="Characters of one text.")
    ] = MIB
    array_length: Annotated[
        int, Field(ge=100, le=1_000_000, description="Elements of one array.")
    ] = 10_000
    batch_elements: Annotated[int, Field(ge=1, le=10_000, description="Elements of one batch.")] = (
        100
    )
    batch_at_once: Annotated[
        int, Field(ge=1, le=1_000, description="Elements of a batch that run at a time.")
    ] = 16
    in_flight: Annotated[int, Field(ge=1, le=10_000, description="Calls that run at once.")] = 256
    control_in_flight: Annotated[
        int, Field(ge=1, le=1_000, description="Calls that overtake the queue at once.")
    ] = 64
    queued: Annotated[int, Field(ge=1, le=100_000, description="Calls that wait.")] = 1_024
    queued_bytes: Annotated[
        int, Field(ge=KIB, le=1_024 * MIB, description="Bytes of those that wait.")
    ] = 32 * MIB
    unread_bytes: Annotated[
        int, Field(ge=KIB, le=1_024 * MIB, description="Unread output that pauses reading.")
    ] = 64 * MIB
    unread_resume_bytes: Annotated[
        int, Field(ge=1, le=1_024 * MIB, description="Unread output at which it goes on.")
    ] = 32 * MIB
    query_ms: Annotated[int, Field(ge=1, le=120_000, description="Deadline of a query.")] = 5_000
    command_ms: Annotated[int, Field(ge=1, le=120_000, description="Deadline of a command.")] = (
        10_000
    )
    query_per_second: Annotated[
        int, Field(ge=1, le=1_000_000, description="Queries of one principal; twice that at once.")
    ] = 1_000
    command_per_second: Annotated[
        int, Field(ge=1, le=1_000_000, description="Commands of one principal; twice that at once.")
    ] = 200
    heavy_per_second: Annotated[
        int, Field(ge=1, le=1_000, description="Costly calls of one principal; twice that at once.")
    ] = 5
    auth_per_minute: Annotated[
        int, Field(ge=1, le=1_000, description="Commands of auth.* from one caller.")
    ] = 5

    @model_validator(mode="after")
    def _resumes_below_where_it_pauses(self) -> Self:
        if self.unread_resume_bytes > self.unread_bytes:
            raise ValueError("reading goes on at or below where it pauses")
        return self
