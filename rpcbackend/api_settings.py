"""What is set of the HTTP mirror, by the names that the design gave it (docs/mirror.md)."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    DirectoryPath,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)
from pydantic.alias_generators import to_camel

from rpcbackend.security.signing import Signing
from rpcbackend.security.tokens import LIFE_SECONDS

KIB, MIB = 1024, 1024 * 1024

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h)")
_ORIGIN = r"^https?://[^/?#@\s]+$"


def _read_duration(value: Any) -> Any:
    """Read `250ms`, `10s`, `10m` or `1h`; a bare number is of seconds."""
    if isinstance(value, str) and (written := _DURATION.fullmatch(value)):
        return float(written[1]) * _UNITS[written[2]]
    return value


Duration = Annotated[float, BeforeValidator(_read_duration), Field(gt=0)]
Origin = Annotated[str, StringConstraints(pattern=_ORIGIN)]
CorsMethod = Literal["GET", "POST"]


class _Group(BaseModel):
    """A group of settings; `expiresIn` and `expires_in` are the same one."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
    )


class AuthSettings(_Group):
    """How callers prove themselves."""

    type: Annotated[
        Literal["jwt", "basic"],
        Field(
            description="`jwt`: by the tokens of auth.login, or an API key. `basic`: by user and "
            "password in the header too, for programs that know nothing else."
        ),
    ] = "jwt"


class CorsSettings(_Group):
    """Which pages of other origins may call."""

    origins: Annotated[
        tuple[Origin, ...], Field(description="Their origins in full; none but its own by default.")
    ] = ()
    methods: Annotated[
        tuple[CorsMethod, ...], Field(min_length=1, description="What those may send.")
    ] = ("GET", "POST")


class TlsSettings(_Group):
    """The certificate, for `protocol` `https`."""

    certificate: Annotated[
        Path | None, Field(description="The certificate and those it rests on, in PEM.")
    ] = None
    key: Annotated[Path | None, Field(description="Its private key, in PEM.")] = None


class ApiSettings(_Group):
    """The HTTP mirror: the same channels by another door."""

    enabled: Annotated[
        bool, Field(description="Whether `serve` opens it too, as `--http` says as well.")
    ] = False
    host: Annotated[
        str, Field(min_length=1, description="The address that is listened on, or `localhost`.")
    ] = "127.0.0.1"
    port: Annotated[
        int, Field(ge=0, le=65_535, description="0 takes one that is free; the log tells which.")
    ] = 0
    protocol: Annotated[
        Literal["http", "https"], Field(description="`http`, or `https` with `[api.tls]`.")
    ] = "http"
    hosts: Annotated[
        tuple[str, ...],
        Field(description="Names, with their port, that it may be called by beside its address."),
    ] = ()
    trusted_proxies: Annotated[
        tuple[str, ...],
        Field(
            description="Addresses or networks of proxies that speak TLS for it: nobody else is "
            "served then, and `X-Forwarded-For` is believed."
        ),
    ] = ()
    desk: Annotated[
        DirectoryPath | None, Field(description="The desk for browsers, served under `/desk/`.")
    ] = None
    public_contract: Annotated[
        bool, Field(description="Whether `/docs` and the contract are shown to anybody.")
    ] = False
    body_bytes: Annotated[
        int, Field(ge=KIB, le=16 * MIB, description="The longest body of a request.")
    ] = MIB
    header_seconds: Annotated[
        float, Field(gt=0, le=120, description="How long the head of a request may take.")
    ] = 10.0
    body_seconds: Annotated[
        float, Field(gt=0, le=600, description="How long its body may take.")
    ] = 30.0
    keep_alive_seconds: Annotated[
        float, Field(gt=0, le=600, description="How long a connection may be idle.")
    ] = 5.0
    leave_seconds: Annotated[
        float,
        Field(
            ge=0,
            le=60,
            description="How long `rpcbackend http`, told to end, still serves while `/api/health` "
            "says that it ends: longer than a balancer takes to see it.",
        ),
    ] = 0.0
    stall_seconds: Annotated[
        float, Field(gt=0, le=600, description="How long a client may read nothing of an answer.")
    ] = 30.0
    connections: Annotated[int, Field(ge=1, le=10_000, description="How many at a time.")] = 128
    streams: Annotated[
        int, Field(ge=1, le=10_000, description="How many of those may be event streams.")
    ] = 64
    streams_of_one: Annotated[
        int, Field(ge=1, le=10_000, description="How many of those may be of one user or key.")
    ] = 16
    auth: Annotated[AuthSettings, Field(description="How callers prove themselves.")] = (
        AuthSettings()
    )
    cors: Annotated[CorsSettings, Field(description="Which pages of other origins may call.")] = (
        CorsSettings()
    )
    tls: Annotated[TlsSettings, Field(description="The certificate, for `https`.")] = TlsSettings()

    @property
    def is_loopback(self) -> bool:
        """Whether no other machine can reach it."""
        return self.host == "localhost" or _is_loopback(self.host)

    @model_validator(mode="after")
    def _is_closed_or_safe(self) -> Self:
        for proxy in self.trusted_proxies:
            ipaddress.ip_network(proxy)
        if self.desk is not None and not (self.desk / "index.html").is_file():
            raise ValueError("there is no index.html in api.desk")
        if self.protocol == "https" and not (self.tls.certificate and self.tls.key):
            raise ValueError("https needs api.tls.certificate and api.tls.key")
        if self.is_loopback:
            return self
        if self.protocol != "https" and not self.trusted_proxies:
            raise ValueError(
                "to be reached by other machines it needs https, or api.trusted_proxies that"
                " speak TLS for it"
            )
        if self.host in ("0.0.0.0", "::") and not self.hosts:  # noqa: S104 (refused, not bound)
            raise ValueError("on every address it needs api.hosts, the names it is called by")
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class JwtSettings(_Group):
    """The access tokens that are given out over HTTP."""

    secret: Annotated[
        SecretStr | None,
        Field(
            min_length=32,
            description="Needed beside the store's own key to make or accept a token: another one "
            "signs everybody out, and who steals the database alone can make none.",
        ),
    ] = None
    expires_in: Annotated[
        Duration,
        Field(ge=60, le=3_600, description="How long one is good: `1m` to `1h`."),
    ] = float(LIFE_SECONDS)

    def signing(self) -> Signing:
        """Return how tokens are signed."""
        secret = self.secret.get_secret_value().encode() if self.secret else None
        return Signing(secret=secret, life_seconds=int(self.expires_in))


class AllowedSettings(_Group):
    """What `[api.cors]` may allow at most."""

    allowed_origins: Annotated[
        tuple[Origin, ...] | None,
        Field(description="An origin in `[api.cors]` that is not here ends the start."),
    ] = None
    allowed_methods: Annotated[
        tuple[CorsMethod, ...] | None, Field(description="The same for methods.")
    ] = None


class RateLimitSettings(_Group):
    """How many requests a caller may send."""

    window: Annotated[
        Duration, Field(le=3_600, description="The time that `max` is for, such as `1s` or `1m`.")
    ] = 1.0
    max: Annotated[
        int,
        Field(
            ge=5,
            le=1_000_000,
            description="Requests of one user or key in a window; twice that at once. An address "
            "that proves nothing has a fifth.",
        ),
    ] = 50


class SecuritySettings(_Group):
    """What keeps the mirror safe."""

    jwt: Annotated[JwtSettings, Field(description="The access tokens of the mirror.")] = (
        JwtSettings()
    )
    cors: Annotated[AllowedSettings, Field(description="What `[api.cors]` may allow at most.")] = (
        AllowedSettings()
    )
    rate_limit: Annotated[
        RateLimitSettings, Field(description="How many requests a caller of the mirror may send.")
    ] = RateLimitSettings()


def check_cors(api: ApiSettings, security: SecuritySettings) -> None:
    """Check that no page may call that the second list does not name.

    Raises:
        ValueError: One may.
    """
    allowed = security.cors
    for given, most in (
        (api.cors.origins, allowed.allowed_origins),
        (api.cors.methods, allowed.allowed_methods),
    ):
        if most is not None and not set(given) <= set(most):
            raise ValueError("api.cors allows what security.cors does not")
