"""Sign-ins on a copy of a store: nobody knows the recorded passwords, so users get others there."""

from dataclasses import replace
from typing import Any

from rpcbackend.app import Application
from rpcbackend.store import Work
from rpcbackend.transcripts.exchanges import Request
from rpcbackend.transcripts.format import is_placeholder

CHANNEL = "auth.login"


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


def is_placeholder_in(params: Any, name: str) -> bool:
    """Tell whether a placeholder stands in a param."""
    return isinstance(params, dict) and is_placeholder(params.get(name))
