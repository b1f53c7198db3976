"""API keys: how other programs sign in."""

from typing import Annotated

from pydantic import Field, StringConstraints

from rpcbackend.schema.base import PERSONAL, SECRET, Instant, Integer, Name, Params, WireModel
from rpcbackend.schema.users import UserId

KeyId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z]{8}$")]
Scopes = Annotated[
    list[Annotated[str, StringConstraints(pattern=r"^(?:[a-z]+:(?:read|write)|lessons:book)$")]],
    Field(min_length=1, max_length=20),
]
KeyName = Annotated[Name, Field(json_schema_extra=PERSONAL)]

MAX_DAYS = 365

SCOPE_NAMES = (
    *("audit:read", "lessons:book", "lessons:read"),
    *("messages:read", "messages:write", "metrics:read"),
    *("students:read", "students:write"),
)
"""What a key may be made for; what each opens stands in `security.roles.SCOPES`."""


class ApiKey(WireModel):
    """One API key, without its secret."""

    id: KeyId
    name: KeyName
    scopes: Scopes
    user_id: Annotated[UserId, Field(description="Who made it; it never may more than he.")]
    created_at: Instant
    expires_at: Instant
    revoked_at: Instant | None
    last_used_at: Instant | None


class CreateApiKey(Params):
    """Params of apikeys.create."""

    name: KeyName
    scopes: Annotated[
        Scopes,
        Field(
            json_schema_extra={"items": {"type": "string", "enum": list(SCOPE_NAMES)}},
        ),
    ]
    days: Annotated[Integer, Field(ge=1, le=MAX_DAYS, description="How long it is good.")] = 90


class CreatedApiKey(WireModel):
    """What apikeys.create answers."""

    key: ApiKey
    secret: Annotated[
        str | None,
        Field(
            description="Shown this once; null in a repeated reply, and after a dry run.",
            json_schema_extra=SECRET,
        ),
    ]


class ApiKeyPage(WireModel):
    """API keys, the newest first."""

    items: list[ApiKey]


class RevokeApiKey(Params):
    """Params of apikeys.revoke."""

    key_id: KeyId
