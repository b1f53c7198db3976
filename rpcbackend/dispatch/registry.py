"""The channels: what `@method` makes of a handler, and the table of all of them."""

import inspect
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from rpcbackend.context import Context, Host
from rpcbackend.dispatch.kept import Kept
from rpcbackend.rpc_error import RpcError
from rpcbackend.running import Run
from rpcbackend.schema.base import Encoded, Params, WireModel
from rpcbackend.schema.jobs import JobStarted, Started
from rpcbackend.security.roles import Permission

Kind = Literal["query", "command", "job"]
Lane = Literal["control", "work"]
Cost = Literal["light", "heavy"]
RateClass = Literal["auth", "heavy", "command", "query"]
Idempotency = Literal["key", "once", "natural", "none"]
"""How a repeated delivery behaves (docs/adr/0017-once.md).

`key`: with an idempotency key it answers the stored reply. `once`: the same, and without a key the
call is refused. `natural`: it leaves everything as the first one left it, key or no key. `none`:
it is a call of its own, and no reply is stored.
"""
Result = WireModel | Encoded[Any]
Handler = Callable[[Context, Any], Awaitable[Result]]
Resume = Callable[[Host, Any], Run[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One channel: its name, its handler and what the contract says about it."""

    channel: str
    handler: Handler
    params: type[Params]
    result: type[WireModel]
    permission: Permission
    kind: Kind
    lane: Lane
    """Calls of the control lane overtake the queue."""
    cost: Cost
    """Heavy calls are allowed less often."""
    needs_store: bool
    idempotency: Idempotency
    errors: tuple[type[RpcError], ...]
    events: tuple[str, ...]
    main_only: bool
    """Only the main process of the desktop program may call it, by its capability."""
    step_up: bool
    """The caller must have given his password a short time ago."""
    job_result: type[WireModel] | None
    """What the job answers in the end that a call of this channel begins."""
    kept: Kept | None = None
    """What its answers are made of, where they are kept."""
    resume: Resume | None = None
    """Goes on with a job that a process left behind, where another one can."""

    rate_class: RateClass = field(init=False)
    """Which of the rates it counts against."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate_class", _rate_class_of(self))

    @property
    def may_repeat(self) -> bool:
        """Whether a repeated delivery is given the reply that was stored for the first."""
        return self.kind != "query" and self.needs_store and self.idempotency != "none"

    @property
    def summary(self) -> str:
        """The first sentence of the handler's docstring."""
        return self.description.partition("\n")[0]

    @property
    def description(self) -> str:
        """The handler's docstring."""
        return inspect.getdoc(self.handler) or ""

    async def __call__(self, ctx: Context, params: Any) -> Result:
        """Run the handler directly."""
        return await self.handler(ctx, params)


def method(  # noqa: PLR0913 (all that the contract says of a channel)
    channel: str,
    *,
    permission: Permission,
    kind: Kind = "query",
    lane: Lane = "work",
    cost: Cost = "light",
    needs_store: bool = True,
    idempotency: Idempotency | None = None,
    errors: tuple[type[RpcError], ...] = (),
    events: tuple[str, ...] = (),
    main_only: bool = False,
    step_up: bool = False,
    kept: Kept | None = None,
    resume: Resume | None = None,
) -> Callable[[Handler], Method]:
    """Make a `Method` of `async def handler(ctx, params: SomeParams) -> SomeResult`.

    The params and result models are read from the annotations: nothing is declared twice.

    Args:
        channel: The JSON-RPC method name and Electron IPC channel, written in full.
        permission: What the caller must hold; `Permission.PUBLIC` says aloud that it is open.
        kind: A query changes nothing; a command is one transaction; a job begins in one, is heavy,
            and goes on after the reply: its handler returns what `begin_job` does.
        lane: `control` for the few calls that must get through when the queue is full.
        cost: `heavy` for what takes many times longer than reading a record.
        needs_store: Whether the call waits for an open store.
        idempotency: How a repeated delivery behaves; `key` for what changes the store and `natural`
            for everything else unless it says otherwise.
        errors: The errors special to this channel.
        events: The types of event that the command may leave.
        main_only: Whether only the main process of the desktop program may call it.
        step_up: Whether the caller's password must have been given a short time ago.
        kept: What the answers are made of, if they may be kept: for queries of the store alone.
        resume: Makes of the params a job that goes on where `Running.checkpoint` says, if another
            process may; the handler lets `begin_job` keep them.
    """

    def decorate(handler: Handler) -> Method:
        hints = get_type_hints(handler)
        params, result = hints["params"], hints["return"]
        job_result = get_args(result)[0] if get_origin(result) is Started else None
        if (kind == "job") != (job_result is not None):
            raise TypeError(f"{channel}: jobs, and nothing else, answer Started")
        if kept is not None:
            _check_kept(channel, kept, params, is_query=kind == "query" and needs_store)
        return Method(
            channel=channel,
            handler=handler,
            params=params,
            result=_reply_of(result),
            permission=permission,
            kind=kind,
            lane=lane,
            cost="heavy" if kind == "job" else cost,
            needs_store=needs_store,
            idempotency=idempotency or ("key" if kind != "query" and needs_store else "natural"),
            errors=errors,
            events=events,
            main_only=main_only,
            step_up=step_up,
            job_result=job_result,
            kept=kept,
            resume=resume,
        )

    return decorate


def _check_kept(channel: str, kept: Kept, params: type[Params], *, is_query: bool) -> None:
    if not is_query or not kept.params() <= params.model_fields.keys():
        raise TypeError(f"{channel}: kept are answers to queries, by tags and params that exist")


def _reply_of(result: Any) -> type[WireModel]:
    """Return the model of the reply, which a handler may return as JSON."""
    if get_origin(result) is Started:
        return JobStarted
    model: type[WireModel] = get_args(result)[0] if get_origin(result) is Encoded else result
    return model


def _rate_class_of(method: Method) -> RateClass:
    # Looking at oneself reveals nothing to a guesser.
    if method.kind == "command" and method.channel.startswith("auth."):
        return "auth"
    return "heavy" if method.cost == "heavy" or method.kind == "job" else method.kind


class Registry:
    """All channels of the given areas, by name.

    Raises:
        ValueError: Two channels share a name, or a channel stands in the wrong area's module.
    """

    def __init__(self, *areas: ModuleType) -> None:
        self._methods: dict[str, Method] = {}
        for area in areas:
            for found in vars(area).values():
                if isinstance(found, Method):
                    self._add(found, area)

    def __iter__(self) -> Iterator[Method]:
        return iter(sorted(self._methods.values(), key=lambda found: found.channel))

    def __len__(self) -> int:
        return len(self._methods)

    def get(self, channel: object) -> Method | None:
        """Return the method of *channel*, if that is the name of one."""
        return self._methods.get(channel) if isinstance(channel, str) else None

    def _add(self, found: Method, area: ModuleType) -> None:
        module = area.__name__.rpartition(".")[2]
        # An area may be named unlike its module where that name is the standard library's.
        name = getattr(area, "AREA", module)
        prefix = found.channel.rpartition(".")[0]
        if prefix != name:
            raise ValueError(f"{found.channel} does not belong into {module}.py")
        if found.channel in self._methods:
            raise ValueError(f"{found.channel} is registered twice")
        self._methods[found.channel] = found
