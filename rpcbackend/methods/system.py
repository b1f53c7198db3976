"""How the process is, and what it logs: health, metrics, and the level of the log."""

from rpcbackend.context import Context
from rpcbackend.dispatch.metrics_feed import NOTIFICATION, MetricsFeed
from rpcbackend.dispatch.registry import method
from rpcbackend.errors import ForbiddenError, NotInitializedError, UnauthenticatedError
from rpcbackend.schema.metrics import GetMetrics, MetricsAnswer, Watch, Watching
from rpcbackend.schema.system import GetHealth, Health, LogLevelSet, SetLogLevel
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


@method("system.watch", permission=Permission.METRICS_READ, lane="control")
async def watch(ctx: Context, params: Watch) -> Watching:
    """Send `system.metrics` notifications every few seconds, without buckets, beginning at once.

    Only while the caller's session or key lasts. Whoever does not read what he is sent misses some,
    and is sent the present ones later. A connection has one such watch: a new one takes its place.
    """
    if params.interval_seconds is None:
        ctx.connection.unsubscribe(NOTIFICATION)
    else:
        feed = MetricsFeed(
            ctx.host.monitor,
            ctx.standing(),
            seconds=params.interval_seconds,
            subscriber=ctx.connection,
        )
        ctx.connection.subscribe(feed, NOTIFICATION)
    return Watching(interval_seconds=params.interval_seconds)


@method(
    "system.setLogLevel",
    permission=Permission.LOGS_WRITE,
    kind="command",
    lane="control",
    # The main process may do it while the store is locked: that may be what is looked into.
    needs_store=False,
    errors=(NotInitializedError,),
)
async def set_log_level(ctx: Context, params: SetLogLevel) -> LogLevelSet:
    """Log from another level on, until the process ends; for the main process and the owner."""
    levels, capability = ctx.host.log_levels, ctx.meta.capability
    if capability is None or not ctx.connection.is_main(capability):
        await ctx.host.open_store()
        await ctx.identify()
        ctx.check(Permission.LOGS_WRITE)
    if not ctx.meta.dry_run:
        levels.change(params.level)
    return LogLevelSet(level=params.level, configured=levels.configured)
