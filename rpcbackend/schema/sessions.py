"""Sessions: who is signed in, from where, since when."""

from typing import Annotated

from pydantic import Field

from rpcbackend.schema.base import Instant, Params, WireModel, id_pattern
from rpcbackend.schema.users import UserId

SessionId = Annotated[str, id_pattern("ses")]


class Session(WireModel):
    """One session."""

    id: SessionId
    user_id: UserId
    client: Annotated[str, Field(description="The program that signed in.")]
    audience: Annotated[str, Field(description="stdio or http.")]
    created_at: Instant
    last_seen_at: Instant


class ListSessions(Params):
    """Params of sessions.list."""

    user_id: Annotated[UserId | None, Field(description="Oneself, when left out.")] = None


class SessionPage(WireModel):
    """Sessions, the last used first."""

    items: list[Session]


class RevokeSession(Params):
    """Params of sessions.revoke."""

    session_id: SessionId
