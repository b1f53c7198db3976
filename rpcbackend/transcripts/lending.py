"""Sign-ins in a replay: what somebody knew or read off a device then, nobody knows now.

On a copy of a store users get other passwords. One-time codes are made anew, where one was right.
Files go into a folder of the replay's own.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rpcbackend.app import Application
from rpcbackend.security.totp import NO_STEP, STEP_MS, code_at
from rpcbackend.store import Proofs, Work
from rpcbackend.transcripts.exchanges import Request
from rpcbackend.transcripts.format import is_placeholder

CHANNEL = "auth.login"

CODES = {CHANNEL: "mfaCode", "auth.mfaEnrol": "code"}
"""Params that are one-time codes."""

_FOLDERS = "backups.create"
PATHS = {"exports.start": "path", _FOLDERS: "targetDirectory"}
"""Params that say where a file goes; a folder is there already."""

_SECRET = re.compile(r"otpauth://totp/.*[?&]secret=([A-Z2-7]+)")


def signs_in(request: Request) -> bool:
    """Tell whether somebody signed in there, with login and password by name."""
    params = request.entry.msg.get("params") if isinstance(request.entry.msg, dict) else None
    return (
        request.channel == CHANNEL
        and request.reply is not None
        and request.error is None
        and is_placeholder_in(params, "password")
    )


async def lend_password(app: Application, request: Request, password: str) -> str | None:
    """Let a user of the copy have that password and no second factor, and return his login.

    None when there is no such user: then he cannot sign in, and the replay says so.
    """
    assert request.reply is not None  # noqa: S101 (he did sign in)
    user_id = request.reply.msg["result"]["user"]["id"]
    password_hash = await app.hashing.hash(password)

    async def unit(work: Work) -> str | None:
        user = await work.users.get(user_id)
        if user is None:
            return None
        proofs = await work.credentials.get(user_id)
        await work.credentials.put(replace(proofs, password_hash=password_hash, mfa_secret=None))
        return user.login

    return await app.store.write(unit, actor="replay")


def code_in(request: Request) -> str | None:
    """Return the placeholder of a one-time code that was right."""
    msg = request.entry.msg
    params = msg.get("params") if isinstance(msg, dict) else None
    code = params.get(CODES.get(request.channel)) if isinstance(params, dict) else None
    is_right = request.reply is not None and request.error is None
    return str(code) if is_right and is_placeholder(code) else None


async def make_code(
    app: Application, request: Request, told: Iterable[Any], now_ms: int
) -> str | None:
    """Return a code that is right now, or None if there is no second factor to make one of.

    Args:
        app: Knows the factors that are enrolled.
        request: A login, or the end of an enrolment.
        told: All that the program gave out so far; the last QR code in it is the one that counts.
        now_ms: When.
    """
    assert request.reply is not None  # noqa: S101 (the code was right)
    result = request.reply.msg["result"]
    if request.channel == CHANNEL:
        user_id = result["user"]["id"]
        proofs: Proofs = await app.store.read(lambda work: work.credentials.get(user_id))
        secret, last_step = proofs.mfa_secret, proofs.mfa_step
    else:
        found = [_SECRET.match(text) for text in told if isinstance(text, str)]
        secret = next((match[1] for match in reversed(found) if match is not None), None)
        last_step = NO_STEP
    # A code is good once, and that of the next half minute is accepted too.
    return code_at(secret, max(now_ms // STEP_MS, last_step + 1)) if secret else None


def path_in(request: Request) -> str | None:
    """Return the placeholder of a path that leads somewhere: nobody knows where."""
    params = request.entry.msg.get("params") if isinstance(request.entry.msg, dict) else None
    path = params.get(PATHS.get(request.channel)) if isinstance(params, dict) else None
    was_refused = (request.error or {}).get("code") == "INVALID_PARAMS"
    return str(path) if is_placeholder(path) and not was_refused else None


def make_path(channel: str, known: str, directory: Path) -> str:
    """Return one in the place of another, in a folder of the replay's own."""
    path = directory / known.strip("<>").replace(":", "-")
    if channel == _FOLDERS:
        path.mkdir(exist_ok=True)
    return str(path.absolute())


def is_placeholder_in(params: Any, name: str) -> bool:
    """Tell whether a placeholder stands in a param."""
    return isinstance(params, dict) and is_placeholder(params.get(name))
