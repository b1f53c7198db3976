"""Access tokens: short-lived JWTs that name a user and a session, and carry no rights.

What the session may do is looked up by `sid` on every call, so a logout or a change of role acts
at once. Nothing here reads a clock or keeps a key.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

import orjson

Audience = Literal["stdio", "http"]
"""The door that a token is for; it opens no other."""

ISSUER = "rpcbackend"
KEY_BYTES = 32
LIFE_SECONDS = 600
LEEWAY_SECONDS = 5
MAX_CHARS = 4_096

_ALGORITHM = "HS256"
_TYPE = "at+jwt"
# The last character of 32 bytes in base64url has two spare bits: zero, or one token has four texts.
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")


class TokenFault(StrEnum):
    """Why a token was refused; for the log, the caller is told no more than EXPIRED."""

    TOO_LONG = "too_long"
    MALFORMED = "malformed"
    HEADER = "header"
    KEY = "key"
    SIGNATURE = "signature"
    CLAIMS = "claims"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    LIFE = "life"
    NOT_YET = "not_yet"
    EXPIRED = "expired"
    """Everything else about the token is right."""


class TokenRefusedError(Exception):
    """The token, refresh token or API key is not one that we gave out and still honour."""

    def __init__(self, fault: TokenFault) -> None:
        self.fault = fault
        super().__init__(fault.value)


@dataclass(frozen=True, slots=True)
class Access:
    """What a valid access token says."""

    sub: str
    """The user's id."""
    sid: str
    """The session's id."""
    jti: str
    """The token's own id."""
    iat: int
    """Issued at, in Unix seconds."""
    exp: int
    """Refused from here on, in Unix seconds."""


def issue_access(
    *,
    key: bytes,
    kid: str,
    audience: Audience,
    sub: str,
    sid: str,
    jti: str,
    now_ms: int,
    life_seconds: int = LIFE_SECONDS,
) -> str:
    """Return an access token that lives for ten minutes, unless told otherwise.

    Raises:
        ValueError: The key is not of 32 bytes.
    """
    import jwt

    if len(key) != KEY_BYTES:
        raise ValueError("An access token is signed with a key of 32 bytes.")
    iat = now_ms // 1_000
    claims = {
        "iss": ISSUER,
        "aud": audience,
        "sub": sub,
        "sid": sid,
        "jti": jti,
        "iat": iat,
        "exp": iat + life_seconds,
    }
    return jwt.encode(claims, key, _ALGORITHM, headers={"typ": _TYPE, "kid": kid})


def verify_access(
    token: str,
    *,
    keys: Mapping[str, bytes],
    audience: Audience,
    now_ms: int,
    life_seconds: int = LIFE_SECONDS,
) -> Access:
    """Return what *token* says, if one of *keys* (by `kid`) signed it for *audience*.

    RFC 7519 with the advice of RFC 8725 (one algorithm, explicit type, all claims) and the type of
    RFC 9068. Stricter than PyJWT: no header parameters but alg, typ and kid, times are JSON
    integers, and no life longer than we give.

    Raises:
        TokenRefusedError: It is anything else; `fault` tells what, for the log.
    """
    if len(token) > MAX_CHARS:
        raise TokenRefusedError(TokenFault.TOO_LONG)
    if not _SHAPE.fullmatch(token):
        raise TokenRefusedError(TokenFault.MALFORMED)
    claims = _signed_claims(token, _key_for(token, keys), audience)
    access = _access_of(claims)
    _check_times(
        access, nbf=claims.get("nbf", access.iat), now=now_ms // 1_000, life_seconds=life_seconds
    )
    return access


def _key_for(token: str, keys: Mapping[str, bytes]) -> bytes:
    segment = token.partition(".")[0]
    try:
        header = orjson.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except ValueError:
        raise TokenRefusedError(TokenFault.MALFORMED) from None
    match header:
        case {"alg": "HS256", "typ": "at+jwt", "kid": str(kid), **others} if not others:
            key = keys.get(kid, b"")
        case _:
            raise TokenRefusedError(TokenFault.HEADER)
    # Also keeps a public key or a JWK's text from being used as a secret.
    if len(key) != KEY_BYTES:
        raise TokenRefusedError(TokenFault.KEY)
    return key


def _signed_claims(token: str, key: bytes, audience: Audience) -> dict[str, Any]:
    import jwt

    try:
        return jwt.decode(
            token,
            key,
            algorithms=[_ALGORITHM],
            issuer=ISSUER,
            audience=audience,
            options={
                "enforce_minimum_key_length": True,
                "strict_aud": True,
                "require": ["iss", "aud", "sub", "sid", "jti", "iat", "exp"],
                # PyJWT reads its own clock and takes "1" and 1.5 for times.
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except jwt.InvalidSignatureError:
        fault = TokenFault.SIGNATURE
    except jwt.DecodeError:
        fault = TokenFault.MALFORMED
    except jwt.InvalidAudienceError:
        fault = TokenFault.AUDIENCE
    except jwt.InvalidIssuerError:
        fault = TokenFault.ISSUER
    except jwt.PyJWTError:
        fault = TokenFault.CLAIMS
    raise TokenRefusedError(fault)


def _access_of(claims: Mapping[str, Any]) -> Access:
    texts = [claims[name] for name in ("sub", "sid", "jti")]
    times = [claims[name] for name in ("iat", "exp")]
    if not all(isinstance(text, str) and text for text in texts):
        raise TokenRefusedError(TokenFault.CLAIMS)
    # bool is an int in Python: `true` would be a second of 1970.
    if not all(type(time) is int for time in times):
        raise TokenRefusedError(TokenFault.CLAIMS)
    return Access(*texts, *times)


def _check_times(access: Access, *, nbf: object, now: int, life_seconds: int) -> None:
    if type(nbf) is not int:
        raise TokenRefusedError(TokenFault.CLAIMS)
    if not 0 < access.exp - access.iat <= life_seconds:
        raise TokenRefusedError(TokenFault.LIFE)
    if max(access.iat, nbf) > now + LEEWAY_SECONDS:
        raise TokenRefusedError(TokenFault.NOT_YET)
    if access.exp <= now - LEEWAY_SECONDS:
        raise TokenRefusedError(TokenFault.EXPIRED)
