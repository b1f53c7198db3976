"""Signatures of webhooks, out and in (Standard Webhooks 1.0)."""

import base64
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from hmac import compare_digest

from rpcbackend.errors import ReplayDetectedError, SignatureInvalidError

PREFIX = "whsec_"
SECRET_BYTES = 32
TOLERANCE_SECONDS = 300

_ID = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,255}")
"""No full stop: it parts what is signed."""
_SECONDS = re.compile(r"[0-9]{1,11}")


def make_secret(random_bytes: bytes) -> str:
    """Write the secret of a webhook the way its receiver's library reads it."""
    return PREFIX + base64.b64encode(random_bytes).decode()


def sign(id: str, content: bytes, *, at_seconds: int, secrets: Sequence[str]) -> dict[str, str]:  # noqa: A002 (its name)
    """Return the headers that tell whom a webhook comes from.

    Args:
        id: The message's, the same on every try.
        content: The body, byte for byte.
        at_seconds: When this try is made, seconds since the epoch.
        secrets: One signature is made for each: the receiver may still know the old one alone.
    """
    at = datetime.fromtimestamp(at_seconds, UTC)
    return {
        "webhook-id": id,
        "webhook-timestamp": str(at_seconds),
        "webhook-signature": " ".join(_sign(secret, id, at, content) for secret in secrets),
    }


def verify(headers: Mapping[str, str], content: bytes, *, now_seconds: int, secret: str) -> str:
    """Check who a webhook comes from and return its id.

    The library's own check reads the wall clock, so this one asks it for the signature alone.

    Args:
        headers: By names in whatever case.
        content: The body, byte for byte.
        now_seconds: Seconds since the epoch.
        secret: What is shared with the sender.

    Raises:
        SignatureInvalidError: It is not signed by whom knows the secret.
        ReplayDetectedError: It is, more than five minutes ago or ahead.
    """
    named = {name.lower(): value for name, value in headers.items()}
    id_, at, signatures = (
        named.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")
    )
    if not (_ID.fullmatch(id_) and _SECONDS.fullmatch(at)):
        raise SignatureInvalidError
    expected = _sign(secret, id_, datetime.fromtimestamp(int(at), UTC), content).encode()
    if not any(compare_digest(expected, one.encode()) for one in signatures.split(" ")):
        raise SignatureInvalidError
    if abs(now_seconds - int(at)) > TOLERANCE_SECONDS:
        raise ReplayDetectedError
    return id_


def _sign(secret: str, id: str, at: datetime, content: bytes) -> str:  # noqa: A002 (its name)
    from standardwebhooks import Webhook  # noqa: PLC0415 (the first webhook loads it)

    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise SignatureInvalidError from error
    return Webhook(_key_of(secret)).sign(id, at, text)


def _key_of(secret: str) -> bytes:
    """Only what has the prefix is base64 for sure: any other secret is taken as it is."""
    if secret.startswith(PREFIX):
        with suppress(ValueError):
            return base64.b64decode(secret.removeprefix(PREFIX), validate=True) or secret.encode()
    return secret.encode()
