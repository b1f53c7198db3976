"""Consents: what a student agreed to be written to about."""

from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.domain.consents import last_of, present, says_the_same, told_of
from rpcbackend.errors import ForbiddenError, NotFoundError
from rpcbackend.notices.students import follow_consent
from rpcbackend.schema.consents import Consent, Consents, ConsentSource, GetConsents, SetConsent
from rpcbackend.security.roles import Permission
from rpcbackend.store import Work


@method("consents.get", permission=Permission.CONSENTS_READ, errors=(NotFoundError,))
async def get(ctx: Context, params: GetConsents) -> Consents:
    """Return what a student agrees to be written to about, and all that he ever said."""

    async def unit(work: Work) -> Consents:
        await work.students.require(params.student_id)
        return _view(params.student_id, await work.consents.history(params.student_id))

    return await ctx.read(unit)


@method(
    "consents.set",
    permission=Permission.CONSENTS_WRITE,
    kind="command",
    idempotency="natural",
    errors=(NotFoundError, ForbiddenError),
    events=("consents.changed", "messages.queued", "messages.cancelled"),
)
async def set_one(ctx: Context, params: SetConsent) -> Consents:
    """Record that a student agrees to be written to about something, or refuses it.

    What he refuses is not sent any more, though it may wait already: it goes the other way if he
    agreed to that. What was said last, word by
    word, leaves no trace. A student says it himself in the app: the other sources are the office's.
    """

    async def unit(work: Work) -> Consents:
        student = await work.students.require(params.student_id)
        if not work.sight.is_whole and params.source is not ConsentSource.APP:
            raise ForbiddenError("A student says it in the app; ask the office for all else.")
        history = await work.consents.history(student.id)
        last = last_of(history, params.purpose, params.channel)
        if last is not None and says_the_same(last, params):
            return _view(student.id, history)
        consent = Consent(
            id=work.new_id("con"),
            **params.model_dump(by_alias=False),
            recorded_at=work.now.replace(microsecond=0),
            actor=work.actor,
            version=last.version + 1 if last else 1,
        )
        await work.consents.add(consent)
        aggregate = ("consent", consent.id, consent.version)
        await work.record("consents.changed", aggregate, told_of(consent))
        await follow_consent(work, student, consent)
        return _view(student.id, [consent, *history])

    return await ctx.write(unit)


def _view(student_id: str, history: list[Consent]) -> Consents:
    return Consents(student_id=student_id, present=present(history), history=history)
