"""The steps that a recorded process took by itself, taken again in its replay."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from rpcbackend.app import Application
from rpcbackend.jobs.reminders import PLAN, REMIND
from rpcbackend.observability import breaker_news
from rpcbackend.outside import payment_requests, sender
from rpcbackend.outside.fanout import FAN_OUT
from rpcbackend.outside.retold import Place, round_of
from rpcbackend.protocol import codec
from rpcbackend.schema.base import WireModel
from rpcbackend.schema.steps import BreakerFacts, CarryFacts, JobFacts, LinkFacts, SendFacts
from rpcbackend.steps import Step, Steps
from rpcbackend.store import Lease
from rpcbackend.transcripts.format import TranscriptError
from rpcbackend.transcripts.turns import Turns

FactsT = TypeVar("FactsT", bound=WireModel)


class Retaking:
    """Takes them one after the other; nothing goes outside.

    Args:
        app: Whose process it is now.
        steps: Takes them.
        turns: Lets jobs take theirs.
    """

    def __init__(self, app: Application, steps: Steps, turns: Turns) -> None:
        self._app, self._steps, self._turns = app, steps, turns
        self._leases: dict[Place, Lease] = {}
        """Those that were taken and are on their way: the end of a message tells which it had."""

    async def take(self, name: str, facts: Mapping[str, Any]) -> None:
        """Take one; what another version did is none of what this one can.

        Raises:
            RpcError: The store refuses it.
            TranscriptError: These are no facts of such a step.
        """
        steps: dict[str, Step[bool]] = {"fan_out": FAN_OUT, "plan": PLAN, "remind": REMIND}
        match name:
            case "send":
                await self._send(_read(SendFacts, facts))
            case "carry":
                await self._carry(_read(CarryFacts, facts))
            case "link":
                link = payment_requests.Link(**_read(LinkFacts, facts).__dict__)
                await self._take(payment_requests.step_of(link))
            case "begin_job" | "seal_job" | "end_job":
                job = _read(JobFacts, facts)
                self._turns.let(name, job)
                await self.settle(job.job_id)
            case "breakers":
                await self._take(breaker_news.step_of(_read(BreakerFacts, facts)))
            case _ if name in steps:
                await self._take(steps[name])

    async def settle(self, job_id: str) -> None:
        """Wait until a job is over, or can go no further by itself."""
        await self._turns.settle(job_id, self._app.jobs.find, self._app.jobs.ended)

    async def _take(self, step: Step[Any]) -> Any:
        return await self._steps.take(self._app.store, step)

    async def _send(self, facts: SendFacts) -> None:
        round_ = round_of(facts, self._leases, self._app.store.engine.others.leads)
        done = await self._take(sender.step_of(round_))
        for end in round_.ends:
            # What a day has sent is not all kept until its end.
            self._leases.pop(end.lease.place, None)
        self._leases |= {lease.place: lease for lease in done.leases}

    async def _carry(self, facts: CarryFacts) -> None:
        lease = self._leases.get((facts.message_id, facts.epoch, facts.lease))
        if lease is not None:
            await self._take(sender.step_of_note(lease, facts.provider_id))


def _read(model: type[FactsT], facts: Mapping[str, Any]) -> FactsT:
    try:
        return model.model_validate_json(codec.encode(facts))
    except ValidationError as error:
        members = sorted({str(each["loc"][0]) for each in error.errors() if each["loc"]})
        raise TranscriptError(f"the facts of a step do not fit: {', '.join(members)}") from None
