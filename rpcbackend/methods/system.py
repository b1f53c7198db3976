"""How the process is: system.health, system.metrics."""

from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.errors import ForbiddenError, UnauthenticatedError
from rpcbackend.schema.metrics import GetMetrics, MetricsAnswer
from rpcbackend.schema.system import GetHealth, Health
from rpcbackend.security.roles import Permission


@method(
    "system.health",
    permission=Permission.PUBLIC,
    lane="control",
    needs_store=False,
    errors=(UnauthenticatedError, ForbiddenError),
)
async def health(ctx: Context, params: GetHealth) -> Health:
    """Say how the process and its store are; answers while the store is locked too.

    With `deep` it reads the whole database, and reports its progress; that is for the owner, and
    as heavy as a job.
    """
    if params.deep and ctx.host.has_store:
        await ctx.identify()
        ctx.check(Permission.STORE_CHECK)
        ctx.host.take_heavy(ctx)
    return await ctx.host.health(deep=params.deep, report=ctx.report)


@method("system.metrics", permission=Permission.METRICS_READ, lane="control")
async def metrics(ctx: Context, params: GetMetrics) -> MetricsAnswer:
    """Return the figures of this process since it started; nothing in them is about anybody."""
    if params.format == "prometheus":
        return MetricsAnswer(text=await ctx.host.monitor.prometheus())
    return MetricsAnswer(metrics=await ctx.host.monitor.metrics(has_buckets=params.buckets))
