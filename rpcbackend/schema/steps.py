"""What the process does by itself, and what of that does not stand in its store: the facts."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, get_args

from pydantic import Field

from rpcbackend.schema.base import PERSONAL, Flag, Integer, WireModel
from rpcbackend.schema.jobs import JobId
from rpcbackend.schema.outbox import MessageId
from rpcbackend.schema.providers import ProviderId

JobStepName = Literal["begin_job", "seal_job", "end_job"]
"""`begin_job`: its turn has come. `seal_job`: nothing stops it any more. `end_job`: keep what it
came to."""

StepName = Literal["send", "carry", "link", "breakers", "fan_out", "plan", "remind"] | JobStepName
"""`send`: mark what was sent, and take what is next. `carry`: note who may have a message. `link`:
keep the link of a payment. `breakers`: tell of hosts that are left alone, or well again. `fan_out`:
hand events on to webhooks. `plan`: decide when to remind. `remind`: queue what is due of that."""


class NoFacts(WireModel):
    """All stands in the store."""


class MessageEnd(WireModel):
    """What came of a message that was on its way."""

    message_id: MessageId
    epoch: Integer
    lease: Integer
    outcome: Literal["sent", "later", "given", "unbegun", "refused"]
    provider_ref: Annotated[
        str | None, Field(description="What the receiver calls it.", json_schema_extra=PERSONAL)
    ] = None
    reason: str | None = None
    via: Annotated[str | None, Field(description="The provider that may have it.")] = None
    wait_ms: Annotated[Integer, Field(description="Until it is tried again.")] = 0


class KnownProvider(WireModel):
    """A provider, as far as it counts who is given a message."""

    id: ProviderId
    channel: str
    is_enabled: Flag


class SendFacts(WireModel):
    """What came of messages, and which others may go."""

    epoch: Integer
    held: list[MessageId]
    ends: list[MessageEnd]
    room: Annotated[dict[str, Integer], Field(description="How many of each channel may be taken.")]
    tests_of: Annotated[list[str], Field(description="Channels of which only tests may be.")]
    behind: Annotated[list[MessageId], Field(description="Go when nothing else is due.")]
    to_one: Annotated[
        dict[str, Integer], Field(description="How many of a channel may go to one recipient.")
    ]
    resting: Annotated[
        Sequence[str], Field(description="Recipients of these channels that are left alone.")
    ] = ()
    providers: Annotated[list[KnownProvider], Field(description="By priority.")]
    takes_over: Flag


class CarryFacts(WireModel):
    """Who is about to be given a message."""

    message_id: MessageId
    epoch: Integer
    lease: Integer
    provider_id: ProviderId


class LinkFacts(WireModel):
    """What a service made of a payment."""

    payment_id: str
    provider_ref: Annotated[str, Field(json_schema_extra=PERSONAL)]
    url: Annotated[str, Field(json_schema_extra=PERSONAL)]


class BreakerChange(WireModel):
    """A host that is left alone, or well again."""

    host: str
    state: Literal["closed", "half_open", "open"]
    since: str
    retry_after_ms: Integer


class BreakerFacts(WireModel):
    """All that changed since the last time."""

    changes: list[BreakerChange]


class JobFacts(WireModel):
    """Which job goes on; what it does stands in its params and in the store."""

    job_id: JobId


JOB_STEPS: frozenset[str] = frozenset(get_args(JobStepName))
"""Of these the process takes each itself, in a replay too."""

FACTS: Mapping[StepName, type[WireModel]] = {
    "send": SendFacts,
    "carry": CarryFacts,
    "link": LinkFacts,
    "breakers": BreakerFacts,
    "fan_out": NoFacts,
    "plan": NoFacts,
    "remind": NoFacts,
    "begin_job": JobFacts,
    "seal_job": JobFacts,
    "end_job": JobFacts,
}
"""What is told of each step."""
