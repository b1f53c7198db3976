"""Backups: make one, see which there are, look through one, go back to one."""

from pathlib import Path

from rpcbackend.backups import backing_up, entry_of, require_file
from rpcbackend.begin import begin_job
from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.errors import (
    BackupInvalidError,
    DiskFullError,
    ForbiddenError,
    InvalidParamsError,
    NotFoundError,
    SchemaTooNewError,
    ServerDatabaseError,
)
from rpcbackend.running import Conclude, Run, Running
from rpcbackend.schema.backups import (
    BackupPage,
    CreateBackup,
    CreatedBackup,
    Fault,
    ListBackups,
    RestoreBackup,
    RestoredBackup,
    RestoreMode,
    VerifiedBackup,
    VerifyBackup,
    WhichBackup,
)
from rpcbackend.schema.jobs import Started
from rpcbackend.security.roles import Permission
from rpcbackend.store import Backup, Command, Origin, Verdict, Work


@method(
    "backups.list",
    permission=Permission.BACKUPS_READ,
    errors=(ServerDatabaseError,),
)
async def list_all(ctx: Context, params: ListBackups) -> BackupPage:  # noqa: ARG001 (takes none)
    """Return the backups in the store's own folder, the newest first."""
    store, now_ms = ctx.host.store, ctx.clock.now_ms()
    require_file(store)
    found = await ctx.host.backups.look(store)
    return BackupPage(items=[entry_of(backup, store, now_ms) for backup in found])


@method(
    "backups.create",
    permission=Permission.BACKUPS_WRITE,
    kind="job",
    errors=(ForbiddenError, DiskFullError, BackupInvalidError, ServerDatabaseError),
    events=("backups.created",),
)
async def create(ctx: Context, params: CreateBackup) -> Started[CreatedBackup]:
    """Begin to make a backup while everybody goes on working; it counts once it was looked through.

    It holds all that was answered before. In the store's own folder, those that need not be kept
    are removed afterwards; a targetDirectory is for the main process, and nothing is removed there.
    """
    require_file(ctx.host.store)
    into = _path(ctx, params.target_directory, "targetDirectory")
    host = ctx.host
    return await begin_job(ctx, backing_up(lambda: host.store, host.backups, params.reason, into))


@method(
    "backups.verify",
    permission=Permission.BACKUPS_READ,
    kind="job",
    errors=(ForbiddenError, NotFoundError, ServerDatabaseError),
    events=("backups.verified",),
)
async def verify(ctx: Context, params: VerifyBackup) -> Started[VerifiedBackup]:
    """Begin to look through a backup, with the store's present key, without changing a byte.

    Named by its id, or by the path of its file, which is for the main process.
    """
    path = await _file_of(ctx, params)

    async def run(job: Running) -> Conclude[VerifiedBackup]:
        verdict = await ctx.host.store.verify_backup(path, job.report)
        ctx.host.backups.judge(ctx.host.store, path, is_sound=verdict.is_sound)

        async def conclude(work: Work) -> VerifiedBackup:
            told = {"restorable": verdict.is_sound}
            backup_id = params.backup_id or _id_in(verdict)
            await work.record("backups.verified", ("backup", backup_id or _UNNAMED, 1), told)
            return _verified(backup_id, verdict)

        return conclude

    return await begin_job(ctx, run)


_UNNAMED = "unnamed"
"""In the event of a file without a manifest: its own name is the user's, and nobody else's."""


def _id_in(verdict: Verdict) -> str | None:
    return verdict.backup.id if verdict.backup else None


def _verified(backup_id: str | None, verdict: Verdict) -> VerifiedBackup:
    words = {word for word, _ in verdict.faults}
    return VerifiedBackup(
        backup_id=backup_id,
        restorable=verdict.is_sound,
        integrity="ok" if words <= {"audit"} else "damaged",
        chain_ok="audit" not in words and verdict.facts is not None,
        counts=verdict.facts.rows if verdict.facts else {},
        faults=[Fault(rule=word, message=message) for word, message in verdict.faults],
    )


@method(
    "backups.restore",
    permission=Permission.BACKUPS_WRITE,
    kind="job",
    idempotency="once",
    main_only=True,
    step_up=True,
    errors=(
        NotFoundError,
        BackupInvalidError,
        SchemaTooNewError,
        DiskFullError,
        ServerDatabaseError,
    ),
    events=("backups.restored",),
)
async def restore(ctx: Context, params: RestoreBackup) -> Started[RestoredBackup]:
    """Begin to look what a backup would bring back (inspect), or to go back to it (replace).

    To replace the store wants the backup's id as confirmPhrase: the name of its file without the
    ending. The backup is looked through first; then calls wait, a safety backup of the present
    store is made, and all that waited goes on in the restored one. Everybody must sign in again,
    and API keys that were revoked and users that were disabled since the backup stay so, but for
    the last owner. Subscriptions end with the event `backups.restored`, for sequence numbers go
    back. Needs an idempotency key, which the restored store knows: a repeated delivery does not
    restore again.
    """
    path = await _file_of(ctx, params)
    if params.mode is RestoreMode.INSPECT:
        return await begin_job(ctx, _inspecting(ctx, path, params))
    if params.confirm_phrase != path.stem:
        raise InvalidParamsError(
            "To replace the store, confirm with the id of the backup.",
            details={"errors": [{"path": "confirmPhrase", "rule": "phrase"}]},
        )
    return await begin_job(ctx, _replacing(ctx, path, params))


def _inspecting(ctx: Context, path: Path, params: RestoreBackup) -> Run[RestoredBackup]:
    async def run(job: Running) -> Conclude[RestoredBackup]:
        verdict = await ctx.host.look_through(path, job.report, database_key=params.database_key)
        if verdict.is_too_new:
            raise SchemaTooNewError
        if verdict.facts is None or not verdict.is_sound:
            raise BackupInvalidError(details={"faults": [word for word, _ in verdict.faults]})
        inspected = RestoredBackup(
            backup_id=params.backup_id or _id_in(verdict),
            created_at=verdict.backup.created_at if verdict.backup else None,
            head_seq=verdict.facts.head_seq,
            counts=verdict.facts.rows,
            present_head_seq=ctx.host.store.head_seq,
        )

        async def conclude(_: Work) -> RestoredBackup:
            return inspected

        return conclude

    return run


def _replacing(ctx: Context, path: Path, params: RestoreBackup) -> Run[RestoredBackup]:
    async def run(job: Running) -> None:
        async def tell(work: Work, to_seq: int, safety: Backup | None) -> None:
            restored = RestoredBackup(
                backup_id=params.backup_id,
                head_seq=to_seq,
                present_head_seq=ctx.host.store.head_seq,
                restored_to_seq=to_seq,
                safety_backup_id=safety.id if safety else None,
            )
            await job.end_in(work, restored)

        command = Command(channel=ctx.channel, session_id=ctx.principal.session_id)
        origin = Origin(path=path, actor=ctx.actor, command=command, seal=job.seal, tell=tell)
        await ctx.host.restore(origin, job.report, database_key=params.database_key)

    return run


async def _file_of(ctx: Context, params: WhichBackup) -> Path:
    """Return the file of the backup that the params name.

    Raises:
        ServerDatabaseError: A server keeps the database.
        InvalidParamsError: They name none, or two.
        NotFoundError: There is no such backup.
        ForbiddenError: Only the main process names a path.
    """
    require_file(ctx.host.store)
    if (params.backup_id is None) == (params.path is None):
        raise InvalidParamsError(
            "Name the backup by its id or by its path.",
            details={"errors": [{"path": "backupId", "rule": "one_of"}]},
        )
    if params.backup_id is None:
        return _path(ctx, params.path, "path") or Path()
    backup = await ctx.host.backups.find(ctx.host.store, params.backup_id)
    if backup is None:
        raise NotFoundError.of("backup", params.backup_id)
    return backup.path


def _path(ctx: Context, given: str | None, name: str) -> Path | None:
    """Read a path, which a window may not name: it would reach every file of the user."""
    if given is None:
        return None
    if not ctx.connection.is_main(ctx.meta.capability):
        raise ForbiddenError("Only the main process of the desktop program names paths.")
    path = Path(given)
    if not path.is_absolute():
        raise InvalidParamsError(
            "The path must be absolute.",
            details={"errors": [{"path": name, "rule": "absolute_path"}]},
        )
    return path
