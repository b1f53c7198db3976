"""How the process and its store are."""

from typing import Annotated, Literal

from pydantic import Field

from rpcbackend.schema.base import Flag, Instant, Integer, Params, WireModel
from rpcbackend.schema.outbox import OutboxHealth

ReadOnlyReason = Literal["disk", "damage", "file_system", "setting"]
"""Why nothing is written: no room, a damaged database, a folder that cannot be written, or as the
setting wants it."""


LogLevel = Literal["TRACE", "DEBUG", "INFO", "WARNING", "ERROR"]


class GetHealth(Params):
    """Params of system.health."""

    deep: Annotated[
        Flag, Field(description="Also check the database page by page; takes a while.")
    ] = False


class LastBackup(WireModel):
    """The newest backup in the store's own folder."""

    id: str
    created_at: Instant
    age_seconds: Integer
    verdict: Annotated[
        Literal["ok", "damaged"],
        Field(
            description="Each is looked through when it is made, and by backups.verify, whose "
            "finding holds until this process ends."
        ),
    ]


class StoreHealth(WireModel):
    """The state of the database."""

    engine: str
    is_encrypted: bool
    schema_version: Integer
    head_seq: Annotated[Integer, Field(description="The last event's number.")]
    audit_head_seq: Annotated[Integer, Field(description="The last row of the audit.")]
    audit_head_hash: Annotated[str, Field(description="Its hash: an anchor for audit.verify.")]
    database_bytes: Annotated[
        Integer | None, Field(description="null: a server keeps it, and tells its own people.")
    ]
    wal_bytes: Annotated[Integer | None, Field(description="Likewise.")]
    disk_free_bytes: Annotated[Integer | None, Field(description="Likewise.")]
    last_backup: Annotated[LastBackup | None, Field(description="None before the first.")] = None
    read_only: Annotated[
        ReadOnlyReason | None, Field(description="Why commands answer READ_ONLY_MODE, if they do.")
    ] = None
    integrity: Annotated[
        Literal["ok", "damaged"] | None, Field(description="Only when asked for with deep.")
    ] = None
    problems: list[str] = Field(
        default_factory=list, description="What the deep look found, in words and figures."
    )


class HostHealth(WireModel):
    """A host outside that failed too often: it is left alone, and then asked by one call."""

    host: Annotated[str, Field(description="Its name and port.")]
    state: Annotated[
        Literal["closed", "half_open", "open"],
        Field(description="Of its circuit breaker; half_open: the next call finds out."),
    ]
    since: Annotated[Instant, Field(description="When it began to be so, or not to be closed.")]
    retry_after_ms: Annotated[Integer, Field(description="Until then nobody calls it; 0: now.")]


class ServiceWindow(WireModel):
    """How well the school was served; sign-ins and what looks after the process do not count."""

    seconds: Annotated[Integer, Field(description="How far back it goes, across restarts.")]
    calls: Integer
    p99_ms: Annotated[
        float | None, Field(description="99 % of the calls took no longer; to be below 100.")
    ]
    failed_share: Annotated[
        float | None,
        Field(description="Ended by errors of the system or the network; to be below 0.001."),
    ]
    up_share: Annotated[
        float | None,
        Field(
            description="Of the time in which the process was there, or had died and was there "
            "again within an hour; to be 0.999 at least."
        ),
    ]
    is_met: Annotated[bool, Field(description="Whether all three are as they are to be.")]


class Health(WireModel):
    """What system.health answers."""

    status: Literal["ok", "locked", "read_only", "damaged", "closing"]
    version: str
    pid: Integer
    uptime_ms: Integer
    in_flight: Integer
    queued: Integer
    service: Annotated[
        list[ServiceWindow], Field(description="Over the last hour, day and 30 days.")
    ]
    store: StoreHealth | None
    outbox: Annotated[
        OutboxHealth | None,
        Field(description="What goes outside; null if the store is closed or damaged there."),
    ]
    hosts: Annotated[
        list[HostHealth],
        Field(description="Those outside that are left alone: what goes there is delayed."),
    ]
    mirror_url: Annotated[
        str | None, Field(description="Where the HTTP mirror listens, once it does.")
    ] = None


class SetLogLevel(Params):
    """Params of system.setLogLevel."""

    level: Annotated[
        LogLevel,
        Field(description="DEBUG also logs calls that went well; TRACE what they asked for."),
    ]


class LogLevelSet(WireModel):
    """What system.setLogLevel answers."""

    level: LogLevel
    configured: Annotated[LogLevel, Field(description="What the next start returns to.")]
