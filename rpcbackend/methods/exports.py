"""Exports: write what the school has into a file for other programs."""

from pathlib import Path

from rpcbackend.begin import begin_job
from rpcbackend.context import Context, Host
from rpcbackend.dispatch.registry import method
from rpcbackend.domain.spans import check_span
from rpcbackend.errors import (
    DiskFullError,
    DuplicateError,
    FileRefusedError,
    InvalidParamsError,
    LimitExceededError,
)
from rpcbackend.running import Conclude, Run, Running
from rpcbackend.schema.exports import Exported, ExportFormat, ExportKind, StartExport
from rpcbackend.schema.jobs import Started
from rpcbackend.security.roles import Permission
from rpcbackend.store import Work
from rpcbackend.store.exports import SPANNED, Export, export, finish

_READ = {
    ExportKind.STUDENTS: Permission.STUDENTS_READ,
    ExportKind.INSTRUCTORS: Permission.INSTRUCTORS_READ,
    ExportKind.VEHICLES: Permission.VEHICLES_READ,
    ExportKind.LESSONS: Permission.LESSONS_READ,
    ExportKind.AUDIT: Permission.AUDIT_READ,
}
"""What one must be allowed to read in order to take it away."""


def exporting(host: Host, params: StartExport) -> Run[Exported]:
    """Return the job that writes the file, or gives it its name if a process died before that."""
    path = Path(params.path)

    async def run(job: Running) -> Conclude[Exported]:
        wanted = Export(
            kind=params.kind,
            format=params.format,
            path=path,
            stage=path.with_name(f".{job.job_id}.part"),
            since=params.from_,
            until=params.to,
            has_mark=params.byte_order_mark,
        )
        exported = await _finish(wanted, job) or await export(
            host.store, wanted, job.report, lambda made: job.seal(made.model_dump(mode="json"))
        )

        async def conclude(work: Work) -> Exported:
            told = {"kind": params.kind, "format": params.format, "rows": exported.rows}
            await work.record("exports.ready", ("export", job.job_id, 1), told)
            return exported

        return conclude

    return run


async def _finish(wanted: Export, job: Running) -> Exported | None:
    """Return what was written by a process that died, if it was whole and is still there."""
    if job.checkpoint is None:
        return None
    made = Exported.model_validate(job.checkpoint)
    return made if await finish(wanted, made) else None


@method(
    "exports.start",
    permission=Permission.EXPORTS_WRITE,
    kind="job",
    main_only=True,
    step_up=True,
    errors=(DuplicateError, FileRefusedError, DiskFullError, LimitExceededError),
    events=("exports.ready",),
    resume=exporting,
)
async def start(ctx: Context, params: StartExport) -> Started[Exported]:
    """Begin to write all records of a kind into a new file, while everybody goes on working.

    The file is not encrypted and is its owner's alone. It has its name only once it is whole, and
    takes nobody's place. It holds all that was answered before.
    """
    ctx.check(_READ[params.kind])
    _check(params)
    # The file belongs on this machine, and the next process of a server's may run on another.
    resume_by = None if ctx.host.store.engine.is_shared else params
    return await begin_job(ctx, exporting(ctx.host, params), resume_by)


def _check(params: StartExport) -> None:
    """Check what the model cannot say.

    Raises:
        InvalidParamsError: The path names no file from the root, or what is asked for there is not.
        LimitExceededError: The span runs backwards.
    """
    path = Path(params.path)
    refused = {
        "path": "absolute_path" if not path.is_absolute() or not path.name else None,
        "from": "lessons_or_audit" if params.from_ and params.kind not in SPANNED else None,
        "to": "lessons_or_audit" if params.to and params.kind not in SPANNED else None,
        "byteOrderMark": "csv" if params.byte_order_mark and _is_json(params) else None,
    }
    errors = [{"path": name, "rule": rule} for name, rule in refused.items() if rule]
    if errors:
        raise InvalidParamsError(details={"errors": errors})
    if params.from_ and params.to:
        check_span(params.from_, params.to)


def _is_json(params: StartExport) -> bool:
    return params.format is ExportFormat.JSON
