"""Keys: change the one of the database."""

from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.errors import BackupInvalidError, DiskFullError, ServerDatabaseError
from rpcbackend.rpc_error import RpcError
from rpcbackend.schema.base import Empty
from rpcbackend.schema.keys import Rekey
from rpcbackend.security.roles import Permission
from rpcbackend.store import Command, Work


@method(
    "keys.rekey",
    permission=Permission.KEYS_WRITE,
    kind="command",
    idempotency="natural",
    cost="heavy",
    main_only=True,
    step_up=True,
    errors=(DiskFullError, BackupInvalidError, ServerDatabaseError),
)
async def rekey(ctx: Context, params: Rekey) -> Empty:
    """Encrypt the whole store with another key, and answer when that is durable.

    Keep the new key beside the old one, as `pendingDatabaseKey`, before you ask: should no reply
    come, either of them opens the store. Meanwhile other calls wait; once begun, a change of keys
    cannot be cancelled. A backup is made before; afterwards those in the store's own folder are
    encrypted anew as well, and an error whose outcome is `committed` says that some are not.
    """
    if ctx.host.store.engine.is_shared:
        raise ServerDatabaseError(
            "A server keeps the database, which has no key of ours: encrypt the server's disk, and"
            " the way to it by TLS."
        )
    trouble = None
    try:
        await ctx.host.rekey(params.new_database_key, ctx.report, dry_run=ctx.meta.dry_run)
    except RpcError as error:
        if error.outcome != "committed":
            raise
        trouble = error
    if not ctx.meta.dry_run:
        # From here on the new key is the only one, even if no row of the audit can be written.
        ctx.has_written = True
        command = Command(channel=ctx.channel, session_id=ctx.principal.session_id)
        # Not by ctx.write: it would store a hash of the params, and so of the key, for a call that
        # is done already when it is sent again.
        await ctx.host.store.write(
            lambda work: work.audited(_change_nothing, command), actor=ctx.actor
        )
    if trouble is not None:
        raise trouble
    return Empty()


async def _change_nothing(work: Work) -> None:
    """Stand for the change of keys, which is no change of a record."""
