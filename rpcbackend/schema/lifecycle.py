"""How a connection begins and ends: initialize, ping, shutdown."""

from typing import Annotated

from pydantic import Field, StringConstraints

from rpcbackend.schema.base import SECRET, Integer, Name, Params, WireModel
from rpcbackend.schema.limits import Limits

KEY_PATTERN = r"^[A-Za-z0-9_-]{43}=?$"

Key = Annotated[
    str,
    StringConstraints(pattern=KEY_PATTERN),
    Field(description="32 bytes in base64url.", json_schema_extra=SECRET),
]


class Peer(WireModel):
    """A program at one end of the wire."""

    name: Name
    version: Name


class Initialize(Params):
    """Params of initialize."""

    protocol_version: Annotated[str, StringConstraints(min_length=1, max_length=20)]
    client: Peer
    parent_pid: Annotated[Integer, Field(ge=1)] | None = None
    database_key: Key | None = None
    pending_database_key: Key | None = None
    capability: Key | None = None


class Capabilities(WireModel):
    """What this server can do beyond answering calls."""

    events: bool
    cancellation: bool
    progress: bool
    dry_run: bool
    encryption: bool


class Initialized(WireModel):
    """What initialize answers."""

    protocol_version: str
    contract_hash: str
    server: Peer
    capabilities: Capabilities
    limits: Limits


class Ready(WireModel):
    """The notification system.ready: the process serves."""

    name: str
    version: str
    protocol_version: str
    contract_hash: str
    pid: Integer
    locked: bool
    boot_ms: Integer
