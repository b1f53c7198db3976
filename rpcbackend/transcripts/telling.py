"""What services tell, signed: a transcript keeps what was told, and a replay signs it again.

The body and the headers of `webhooks.receive` are taken out whole, and the secret that they were
signed with is another one in a replay. Of the body the members that count are told as facts: ids,
amounts, currencies. Whether the signature was right stands in the reply.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from rpcbackend.app import Application
from rpcbackend.errors import NotFoundError
from rpcbackend.outside.signing import TOLERANCE_SECONDS, sign
from rpcbackend.protocol import codec
from rpcbackend.rpc_error import RpcError
from rpcbackend.schema.webhooks import ToldOfMessage, ToldOfPayment
from rpcbackend.store import BoxDamagedError, Work
from rpcbackend.transcripts.exchanges import Request
from rpcbackend.transcripts.format import is_placeholder

CHANNEL = "webhooks.receive"

SAYS, EVENT = "says", "event"
"""Facts: of a body what it says, of headers what stands for the id of what is told."""

TAKEN_OUT = ("rawBody", "headers")
"""The params that are facts alone."""

Facts = Mapping[str, Any]

_TYPES = frozenset(
    name
    for model in (ToldOfPayment, ToldOfMessage)
    for name in get_args(model.model_fields["type"].annotation)
)
_ID = re.compile(r"(pay|msg)_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_MOST = 2**53
_NO_SECRET = "no secret of anybody"  # noqa: S105 (it opens nothing)


def says_in(body: Any, replace: Callable[[Any], Any]) -> dict[str, Any]:
    """Return what a body says that counts, whoever has sent it.

    Args:
        body: As it came.
        replace: Returns what stands for a text of which nobody knows what it is.
    """
    try:
        told = codec.decode(body.encode()) if isinstance(body, str) else None
    except RpcError:
        return {}
    if not isinstance(told, dict) or told.get("type") not in _TYPES:
        return {}
    says = {"type": told["type"]}
    reference, amount, currency = (
        told.get(name) for name in ("reference", "amountMinor", "currency")
    )
    if isinstance(reference, str):
        says["reference"] = reference if _ID.fullmatch(reference) else replace(reference)
    if type(amount) is int and abs(amount) < _MOST:
        says["amountMinor"] = amount
    if isinstance(currency, str) and _CURRENCY.fullmatch(currency):
        says["currency"] = currency
    return says


def is_told(params: Any) -> bool:
    """Tell whether the params of a request, as they were kept, are what a replay can sign."""
    return isinstance(params, dict) and all(is_placeholder(params.get(name)) for name in TAKEN_OUT)


def event_in(headers: Any) -> str | None:
    """Return the id of what is told, if the headers have one."""
    if not isinstance(headers, dict):
        return None
    named = (value for name, value in headers.items() if str(name).lower() == "webhook-id")
    return next((value for value in named if isinstance(value, str)), None)


async def tell_again(
    app: Application, request: Request, facts: Sequence[Facts], now_ms: int
) -> tuple[str, dict[str, str]] | None:
    """Return body and headers to the same effect, or None if they were no good to begin with.

    Args:
        app: Its store has the secret.
        request: One to `webhooks.receive`, which was answered.
        facts: Of the body that was recorded, filled in, and of the headers.
        now_ms: When it comes.
    """
    error = request.error or {}
    rule = _rule_of(error)
    if error.get("code") == "INVALID_PARAMS" and rule is None:
        return None
    says, named = facts[0].get(SAYS, {}), str(facts[1].get(EVENT, "<0>"))
    provider_id = request.entry.msg["params"]["provider"]
    channel, secret = await app.store.read(lambda work: _whose(work, provider_id))
    if secret is None or error.get("code") == "SIGNATURE_INVALID":
        secret = _NO_SECRET
    is_old = error.get("code") == "REPLAY_DETECTED"
    at_seconds = now_ms // 1_000 - (TOLERANCE_SECONDS + 1 if is_old else 0)
    body = _body(rule, says, channel)
    # What stands for it has signs that no id may have.
    event_id = "evt_" + re.sub(r"[^0-9a-z]", "", named)
    return body, sign(event_id, body.encode(), at_seconds=at_seconds, secrets=[secret])


def _rule_of(error: Facts) -> str | None:
    details = error.get("details") or {}
    rules = [each["rule"] for each in details.get("errors", ()) if each["path"] == "rawBody"]
    return rules[0] if rules else None


def _body(rule: str | None, says: Facts, channel: str) -> str:
    match rule:
        case "json":
            return "no JSON"
        case "type":
            return "{}"
        case "form":
            kind = "payment.paid" if channel == "payment" else "message.delivered"
            return codec.encode({"type": kind}).decode()
    return codec.encode(says or {"type": "of another kind"}).decode()


async def _whose(work: Work, provider_id: Any) -> tuple[str, str | None]:
    try:
        provider = await work.providers.require(str(provider_id))
        return provider.channel, await work.providers.secret_of(provider.id)
    except (NotFoundError, BoxDamagedError):
        return "", None
