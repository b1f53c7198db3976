"""A round of the sender as facts, and as a round again: for transcripts and their replays."""

from collections.abc import Awaitable, Callable, Mapping

from rpcbackend.outside.channels import Known
from rpcbackend.outside.delivery import Given, Later, Outcome, Refused, Sent, Unbegun
from rpcbackend.outside.ends import End
from rpcbackend.outside.rounds import Round
from rpcbackend.schema.steps import KnownProvider, MessageEnd, SendFacts
from rpcbackend.store import Lease
from rpcbackend.store.transaction import Transaction

Place = tuple[str, int, int]
"""Of a lease: message, epoch, number."""


def facts_of(round_: Round) -> SendFacts:
    """Return what a round depends on beside the store."""
    return SendFacts(
        epoch=round_.epoch,
        held=sorted(round_.held),
        ends=[_end_of(end) for end in round_.ends],
        room=round_.room,
        tests_of=list(round_.tests_of),
        behind=sorted(round_.behind),
        to_one=dict(round_.to_one),
        resting=sorted(round_.resting),
        providers=[KnownProvider(**one._asdict()) for one in round_.providers],
        takes_over=round_.takes_over,
    )


def _end_of(end: End) -> MessageEnd:
    message_id, epoch, number = end.lease.place
    told = MessageEnd(
        message_id=message_id, epoch=epoch, lease=number, outcome="sent", wait_ms=end.wait_ms
    )
    match end.outcome:
        case Sent(provider_ref):
            return told.model_copy(update={"provider_ref": provider_ref})
        case Later(reason, _, via):
            return told.model_copy(update={"outcome": "later", "reason": reason, "via": via})
        case Given(reason):
            return told.model_copy(update={"outcome": "given", "reason": reason})
        case Unbegun():
            return told.model_copy(update={"outcome": "unbegun"})
        case Refused(reason):
            return told.model_copy(update={"outcome": "refused", "reason": reason})


def round_of(
    facts: SendFacts,
    leases: Mapping[Place, Lease],
    leads: Callable[[Transaction], Awaitable[bool]],
) -> Round:
    """Return the round that these are the facts of.

    Args:
        facts: Of the round.
        leases: All that rounds before it took.
        leads: See `Round`.
    """
    return Round(
        epoch=facts.epoch,
        leads=leads,
        held=set(facts.held),
        ends=[
            End(leases[place], _outcome(told), told.wait_ms)
            for told in facts.ends
            if (place := (told.message_id, told.epoch, told.lease)) in leases
        ],
        room=facts.room,
        tests_of=facts.tests_of,
        behind=facts.behind,
        to_one=facts.to_one,
        resting=facts.resting,
        channels=(),
        providers=[Known(one.id, one.channel, one.is_enabled) for one in facts.providers],
        takes_over=facts.takes_over,
    )


def _outcome(told: MessageEnd) -> Outcome:
    reason = told.reason or ""
    match told.outcome:
        case "sent":
            return Sent(told.provider_ref)
        case "later":
            return Later(reason, via=told.via)
        case "given":
            return Given(reason)
        case "unbegun":
            return Unbegun()
        case "refused":
            return Refused(reason)
