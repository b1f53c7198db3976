"""The one list of rings: what may stop or change a call, in which order."""

from rpcbackend.dispatch.call import Guard, Middleware, Rings
from rpcbackend.dispatch.dispatcher import RingsOf
from rpcbackend.dispatch.registry import Method
from rpcbackend.middleware.authenticate import authenticate
from rpcbackend.middleware.authorize import authorize
from rpcbackend.middleware.cache import Cache
from rpcbackend.middleware.deadline import Deadline
from rpcbackend.middleware.idempotency import idempotency
from rpcbackend.middleware.open_store import open_store
from rpcbackend.middleware.progress import progress
from rpcbackend.middleware.rate_limit import RateLimit
from rpcbackend.schema.limits import Limits


def build_rings(limits: Limits, rate_limit: RateLimit, cache: Cache | None = None) -> RingsOf:
    """Return what tells the rings around a method, outermost first.

    A ring that would let every such call pass is left out: a ping would pay for it too.

    Args:
        limits: What a connection may ask for.
        rate_limit: Counts the calls of each principal.
        cache: Keeps answers, if any are kept.
    """
    deadline = Deadline(limits)

    def rings_of(method: Method, *, has_meta: bool) -> Rings:
        guards: list[Guard] = [deadline]
        if method.needs_store:
            guards += [open_store, authenticate, authorize, rate_limit]
        elif method.main_only:
            guards += [authorize]
        middleware: list[Middleware] = [progress] if has_meta else []
        if cache is not None and method.kept is not None:
            middleware += [cache]
        if method.may_repeat and (has_meta or method.idempotency == "once"):
            middleware += [idempotency]
        return Rings(guards, middleware)

    return rings_of
