"""Signing in: passwords, tokens, second factors."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from rpcbackend.schema.base import SECRET, Flag, Instant, Name, Params, WireModel
from rpcbackend.schema.sessions import Session
from rpcbackend.schema.users import Login, Role, User, UserId

Password = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4_096),
    Field(description="Taken as it is typed.", json_schema_extra=SECRET),
]
NewPassword = Annotated[
    str,
    StringConstraints(max_length=4_096),
    Field(
        description="12 characters or more, 1,024 bytes at most, none that others would guess.",
        # Told by a rule of its own (security/passwords), so that windows can say what to do.
        json_schema_extra=SECRET | {"minLength": 12},
    ),
]
MfaCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]
OptionalMfaCode = Annotated[
    MfaCode | None,
    Field(description="The six digits that the authenticator shows.", json_schema_extra=SECRET),
]
OptionalRecoveryCode = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=100)] | None,
    Field(description="In place of mfaCode; good once.", json_schema_extra=SECRET),
]
Client = Annotated[Name, Field(description="The program, as sessions.list shows it.")]


class Bootstrap(Params):
    """Params of auth.bootstrap."""

    login: Login
    password: NewPassword
    client: Client = "desk"


class LogIn(Params):
    """Params of auth.login."""

    login: Login
    password: Password
    mfa_code: OptionalMfaCode = None
    recovery_code: OptionalRecoveryCode = None
    client: Client = "desk"

    @model_validator(mode="after")
    def _has_one_code_at_most(self) -> Self:
        if self.mfa_code is not None and self.recovery_code is not None:
            raise ValueError("give mfaCode or recoveryCode, not both")
        return self


class Refresh(Params):
    """Params of auth.refresh."""

    refresh_token: Annotated[
        str, StringConstraints(min_length=1, max_length=200), Field(json_schema_extra=SECRET)
    ]


class SignedIn(WireModel):
    """Who signed in, and the tokens for whoever has no connection of his own."""

    access_token: Annotated[
        str, Field(description="For _meta.token; until expiresAt.", json_schema_extra=SECRET)
    ]
    refresh_token: Annotated[
        str, Field(description="For auth.refresh; good once.", json_schema_extra=SECRET)
    ]
    expires_at: Instant
    session: Session
    user: User


class LogOut(Params):
    """Params of auth.logout."""

    all_sessions: Annotated[Flag, Field(description="Everywhere, not only here.")] = False


def _without_role(reach: str) -> str:
    # By which of his roles the rows are his own is told by `roles` and `linkedPersonId`.
    return reach.partition("_")[0]


class Me(WireModel):
    """Who calls, and what he may do."""

    is_local: Annotated[
        bool, Field(description="No user exists yet: this desk may do everything, unsigned.")
    ]
    user: Annotated[User | None, Field(description="null while nobody has to sign in.")]
    session: Session | None
    roles: list[Role]
    permissions: Annotated[
        dict[str, Annotated[Literal["all", "own"], BeforeValidator(_without_role)]],
        Field(description="Each permission, and whether it reaches all rows or his own."),
    ]


class ChangePassword(Params):
    """Params of auth.changePassword."""

    user_id: Annotated[UserId | None, Field(description="Oneself, when left out.")] = None
    current_password: Annotated[
        Password | None, Field(description="Needed for one's own.", json_schema_extra=SECRET)
    ] = None
    new_password: NewPassword


class EnrolMfa(Params):
    """Params of auth.mfaEnrol: first without code, then with the first code."""

    code: OptionalMfaCode = None


class MfaEnrolled(WireModel):
    """What auth.mfaEnrol answers: first the one, then the other."""

    secret_uri: Annotated[
        str | None, Field(description="For the QR code.", json_schema_extra=SECRET)
    ]
    recovery_codes: Annotated[
        list[str] | None,
        Field(description="Ten, to be printed; shown this once.", json_schema_extra=SECRET),
    ]
