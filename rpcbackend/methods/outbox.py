"""The outbox: what goes to the world outside, and what can be done about what does not."""

from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.errors import CursorInvalidError, InvalidTransitionError, NotFoundError
from rpcbackend.outside.payment_requests import follow_request
from rpcbackend.schema.base import Encoded
from rpcbackend.schema.outbox import (
    ListOutbox,
    MessageState,
    OutboxPage,
    RetriedOutbox,
    RetryOutbox,
)
from rpcbackend.security.roles import Permission
from rpcbackend.store import Work, told_of_message


@method("outbox.list", permission=Permission.MESSAGES_READ, errors=(CursorInvalidError,))
async def list_page(ctx: Context, params: ListOutbox) -> Encoded[OutboxPage]:
    """Return a page of the messages that fit, the newest first, without what they say."""
    sees_people = ctx.principal.reach(Permission.STUDENTS_READ) is not None
    return await ctx.read(lambda work: work.outgoing.page(params, sees_people=sees_people))


@method(
    "outbox.retry",
    permission=Permission.MESSAGES_WRITE,
    kind="command",
    idempotency="natural",
    errors=(NotFoundError, InvalidTransitionError),
    events=("messages.queued", "messages.cancelled", "payments.requested", "payments.failed"),
)
async def retry(ctx: Context, params: RetryOutbox) -> RetriedOutbox:
    """Try messages at once that failed or wait for their next try, or send them no more.

    A message that failed begins again. It goes by whichever provider can carry it, and so does one
    that waits for its next try: if the provider before had it after all, it arrives twice. One that
    waits for its hour goes then. One that is on its way is not tried again once it is cancelled,
    but may arrive. What was sent can be neither, and what failed is not tried again once it was
    withdrawn (its lesson was moved, its student refuses it) or its time is over (`reason` is
    `withdrawn` or `late`): then nothing is changed at all. A payment follows the message that asks
    for its link.
    """
    is_retry = params.action == "retry"
    state = MessageState.QUEUED if is_retry else MessageState.CANCELLED

    async def unit(work: Work) -> RetriedOutbox:
        changed = 0
        for message_id in dict.fromkeys(params.ids):
            decide = work.outgoing.retry if is_retry else work.outgoing.cancel
            found = await decide(message_id)
            if found is not None:
                changed += 1
                await work.record(
                    f"messages.{state}", ("message", found.id, 1), told_of_message(found)
                )
                await follow_request(work, found, state)
        return RetriedOutbox(changed=changed)

    changed = await ctx.write(unit)
    if is_retry and ctx.has_written:
        ctx.host.post.hurry()
    return changed
