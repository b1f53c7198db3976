"""Backups: copies of the whole store that were looked through, and the way back to one."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from rpcbackend.schema.base import PERSONAL, Flag, Instant, Integer, Params, WireModel
from rpcbackend.schema.lifecycle import Key

BackupId = Annotated[
    str,
    StringConstraints(
        max_length=100,
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}-[0-9]{2}-[0-9]{2}Z-[a-z-]+(-[0-9]+)?$",
    ),
    Field(description="Such as `2026-11-28T06-00-03Z-daily`."),
]
FilePath = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4_096, pattern=r"^[^\x00]+$"),
    # Folders are named after whose they are.
    Field(description="An absolute path; for the main process alone.", json_schema_extra=PERSONAL),
]

BackupFile = Annotated[
    str,
    # A root, or a folder by its dots, has no name, and so no manifest beside it.
    StringConstraints(min_length=1, max_length=4_096, pattern=r"^[^\x00]*[^\x00/\\.][^\x00]*$"),
    Field(
        description="The absolute path of a file; for the main process alone.",
        json_schema_extra=PERSONAL,
    ),
]
FoundId = Annotated[
    BackupId | None, Field(description="null: named by its path, and no manifest tells its id.")
]


class BackupEntry(WireModel):
    """One backup, as its manifest tells."""

    id: BackupId
    reason: Annotated[str, Field(description="Why it was made; decides how long it is kept.")]
    created_at: Instant
    age_seconds: Integer
    bytes: Integer
    head_seq: Annotated[Integer, Field(description="The last event that is in it.")]
    audit_head_seq: Annotated[Integer, Field(description="The last row of the audit in it.")]
    schema_version: Integer
    is_encrypted: Flag
    opens: Annotated[Flag, Field(description="Whether the store's present key opens it.")]


class ListBackups(Params):
    """Params of backups.list."""


class BackupPage(WireModel):
    """Backups, the newest first."""

    items: list[BackupEntry]


class CreateBackup(Params):
    """Params of backups.create."""

    reason: Literal["manual", "daily"] = "manual"
    target_directory: FilePath | None = None


class CreatedBackup(WireModel):
    """What the job of backups.create answers."""

    backup_id: BackupId
    bytes: Integer
    sha256: Annotated[str, Field(description="Of the file, in hex.")]
    head_seq: Integer
    audit_head_seq: Integer
    audit_head_hash: Annotated[str, Field(description="An anchor for audit.verify.")]


class WhichBackup(Params):
    """Names one backup: by its id, or by the path of its file."""

    backup_id: BackupId | None = None
    path: BackupFile | None = None


class VerifyBackup(WhichBackup):
    """Params of backups.verify."""


class Fault(WireModel):
    """Something that is wrong with a backup."""

    rule: Annotated[str, Field(description="A word for programs, such as `checksum`.")]
    message: str


class VerifiedBackup(WireModel):
    """What the job of backups.verify answers."""

    backup_id: FoundId
    restorable: Flag
    integrity: Literal["ok", "damaged"]
    chain_ok: Flag
    counts: Annotated[dict[str, int], Field(description="Rows of each table, as far as readable.")]
    faults: list[Fault]


class RestoreMode(StrEnum):
    """What backups.restore is to do."""

    INSPECT = "inspect"
    REPLACE = "replace"


class RestoreBackup(WhichBackup):
    """Params of backups.restore."""

    mode: RestoreMode
    database_key: Annotated[
        Key | None, Field(description="What opens the backup, if the store's key does not.")
    ] = None
    confirm_phrase: Annotated[
        Annotated[str, StringConstraints(max_length=100)] | None,
        Field(description="To replace the store: the id of the backup."),
    ] = None


class RestoredBackup(WireModel):
    """What the job of backups.restore answers; with inspect nothing was changed."""

    backup_id: FoundId
    head_seq: Annotated[Integer, Field(description="The last event that is in the backup.")]
    present_head_seq: Annotated[
        Integer,
        Field(description="The store's before: what is above the backup's is not in the backup."),
    ]
    created_at: Annotated[
        Instant | None, Field(description="With inspect, if it has a manifest.")
    ] = None
    counts: Annotated[
        dict[str, int] | None, Field(description="With inspect: the rows of each table.")
    ] = None
    restored_to_seq: Annotated[Integer | None, Field(description="Once it was replaced.")] = None
    safety_backup_id: Annotated[
        BackupId | None, Field(description="Holds what was there before.")
    ] = None
