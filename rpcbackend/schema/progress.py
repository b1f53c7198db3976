"""How far a long call is: the notification $/progress."""

from typing import Annotated, Literal

from pydantic import Field

from rpcbackend.schema.base import Integer, WireModel


class ProgressValue(WireModel):
    """One step; the numbers and the message come with begin and report."""

    kind: Literal["begin", "report", "end"]
    message: Annotated[str | None, Field(description="What comes now.")] = None
    percentage: Annotated[Integer | None, Field(ge=0, le=100)] = None
    done: Integer | None = None
    total: Integer | None = None


class Progress(WireModel):
    """Params of $/progress."""

    token: Annotated[str | Integer, Field(description="The call's `_meta.progressToken`.")]
    value: ProgressValue
