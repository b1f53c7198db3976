"""One-time codes of an authenticator app: RFC 6238 with SHA-1, six digits and 30 seconds.

Every app knows these parameters, and few know others.
"""

import base64
import hmac
import re
from collections.abc import Callable
from urllib.parse import quote

SECRET_BYTES = 20
"""As long as the hash (RFC 4226 section 4, requirement 6)."""
STEP_MS = 30_000
NO_STEP = -1
"""The last accepted step of somebody who has not used a code yet."""

_DIGITS = 6
_CODE = re.compile(r"[0-9]{6}")


def new_secret(random_bytes: Callable[[int], bytes]) -> str:
    """Return a secret of 20 bytes as 32 characters of base32."""
    return base64.b32encode(random_bytes(SECRET_BYTES)).decode()


def otpauth_uri(secret: str, *, issuer: str, account: str) -> str:
    """Return what the QR code shows (Google Authenticator's "Key URI Format").

    Args:
        secret: As `new_secret` makes it.
        issuer: The school's name.
        account: The user's login.
    """
    issuer, account = _label_part(issuer), _label_part(account)
    return (
        f"otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}"
        f"&algorithm=SHA1&digits={_DIGITS}&period={STEP_MS // 1_000}"
    )


def _label_part(text: str) -> str:
    # The format allows no colon in either part, not even an escaped one.
    return quote(text.replace(":", " "), safe="")


def code_at(secret: str, step: int) -> str:
    """Return the code of a step: HOTP of RFC 4226 section 5.3."""
    mac = hmac.digest(base64.b32decode(secret), step.to_bytes(8), "sha1")
    offset = mac[-1] & 0xF
    number = int.from_bytes(mac[offset : offset + 4]) & 0x7FFF_FFFF
    return f"{number % 10**_DIGITS:0{_DIGITS}}"


def accept_code(secret: str, code: str, *, last_step: int, now_ms: int) -> int | None:
    """Return the step whose code this is, or None if it is wrong or was used.

    The step before and the one after now count too (RFC 6238 section 5.2); steps up to *last_step*
    do not, so the caller stores what it gets and no code is accepted twice.

    Args:
        secret: As `new_secret` makes it.
        code: Six digits, as typed.
        last_step: What was returned last, or NO_STEP.
        now_ms: Wall clock.
    """
    if not _CODE.fullmatch(code):
        return None
    now_step = now_ms // STEP_MS
    steps = [step for step in range(now_step - 1, now_step + 2) if step >= 0]
    # All are computed whatever fits, and the latest wins: it retires the most.
    matching = [step for step in steps if hmac.compare_digest(code_at(secret, step), code)]
    return max((step for step in matching if step > last_step), default=None)
