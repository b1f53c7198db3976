"""The event stream: events.subscribe."""

from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.dispatch.subscription import Subscription
from rpcbackend.errors import CursorInvalidError
from rpcbackend.schema.events import Subscribed, SubscribeEvents
from rpcbackend.security.roles import Permission


@method("events.subscribe", permission=Permission.EVENTS_READ, errors=(CursorInvalidError,))
async def subscribe(ctx: Context, params: SubscribeEvents) -> Subscribed:
    """Send `event` notifications from now on, or from after a known one, in order.

    Only events of areas that the caller may read, of those the ones he may see, and only while his
    session or key lasts. Each comes at least once; whoever notes the last `seq` resumes there by
    `afterSeq`. A connection has one subscription: a new one takes the place of the old.
    """
    store = ctx.host.store
    head_seq = store.head_seq
    after_seq = head_seq if params.after_seq is None else params.after_seq
    if after_seq > head_seq:
        # Events are sent from the database, which may be ahead of what was heard of its commits.
        head_seq = await ctx.read(lambda work: work.events.head_seq())
    if after_seq > head_seq:
        raise CursorInvalidError(
            "That event has not happened yet.", details={"field": "afterSeq", "headSeq": head_seq}
        )
    ctx.connection.subscribe(
        Subscription(
            store,
            ctx.standing(),
            types=params.types,
            after_seq=after_seq,
            subscriber=ctx.connection,
        )
    )
    return Subscribed(subscription_id=ctx.ids.new("sub"), head_seq=head_seq)
