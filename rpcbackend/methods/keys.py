"""Keys: change the one of the database."""

from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.errors import DiskFullError
from rpcbackend.schema.base import Empty
from rpcbackend.schema.keys import Rekey
from rpcbackend.security.roles import Permission


@method(
    "keys.rekey",
    permission=Permission.KEYS_WRITE,
    kind="command",
    cost="heavy",
    main_only=True,
    step_up=True,
    errors=(DiskFullError,),
)
async def rekey(ctx: Context, params: Rekey) -> Empty:
    """Encrypt the whole store with another key, and answer when that is durable.

    Keep the new key beside the old one, as `pendingDatabaseKey`, before you ask: should no reply
    come, either of them opens the store. Meanwhile other calls wait; once begun, a change of keys
    cannot be cancelled.
    """
    await ctx.host.rekey(params.new_database_key, ctx.report, dry_run=ctx.meta.dry_run)
    return Empty()
