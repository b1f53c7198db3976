"""The second factor: enrolled in two steps, so that nobody is shut out by a code never shown."""

from collections.abc import Callable
from dataclasses import replace

from rpcbackend.accounts.sessions import end_sessions
from rpcbackend.errors import InvalidParamsError
from rpcbackend.schema.auth import MfaEnrolled
from rpcbackend.security.principal import Principal
from rpcbackend.security.recovery_codes import hash_recovery_code, new_recovery_codes
from rpcbackend.security.totp import NO_STEP, accept_code, new_secret, otpauth_uri
from rpcbackend.store import Work

ISSUER = "Driving school"
"""What the authenticator writes over the code, beside the login."""


async def begin_enrolment(
    work: Work, user_id: str, random_bytes: Callable[[int], bytes]
) -> MfaEnrolled:
    """Draw a secret that counts for nothing until its first code was shown."""
    user = await work.users.require(user_id)
    secret = new_secret(random_bytes)
    proofs = await work.credentials.get(user_id)
    await work.credentials.put(replace(proofs, mfa_pending=secret))
    uri = otpauth_uri(secret, issuer=ISSUER, account=user.login)
    return MfaEnrolled(secret_uri=uri, recovery_codes=None)


async def finish_enrolment(
    work: Work, by: Principal, code: str, random_bytes: Callable[[int], bytes]
) -> MfaEnrolled:
    """Let the second factor count from now on, and end the user's other sessions.

    Raises:
        InvalidParamsError: It was not begun, or the code does not fit.
    """
    user = await work.users.require(by.actor)
    proofs = await work.credentials.get(user.id)
    if proofs.mfa_pending is None:
        raise _refused("not_begun", "Call without a code first.")
    step = accept_code(proofs.mfa_pending, code, last_step=NO_STEP, now_ms=work.now_ms)
    if step is None:
        raise _refused("wrong_code", "It is not the code that the authenticator shows now.")
    await work.credentials.put(
        replace(proofs, mfa_secret=proofs.mfa_pending, mfa_pending=None, mfa_step=step)
    )
    codes = new_recovery_codes(random_bytes)
    hashes = [hash_recovery_code(text) for text in codes]
    await work.credentials.replace_recovery_codes(user.id, hashes)
    user = user.model_copy(update={"has_mfa": True, "version": user.version + 1})
    await work.users.put(user)
    await end_sessions(work, user, "mfa_enabled", but=by.session_id)
    await work.record("auth.mfa_enabled", ("user", user.id, user.version), {"userId": user.id})
    return MfaEnrolled(secret_uri=None, recovery_codes=codes)


def _refused(rule: str, message: str) -> InvalidParamsError:
    error = {"path": "code", "rule": rule, "message": message}
    return InvalidParamsError(details={"errors": [error]})
