"""Webhooks: tell events to other programs, and hear what services tell."""

from contextlib import suppress

from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.domain.versions import next_version
from rpcbackend.errors import (
    InvalidParamsError,
    LimitExceededError,
    NotFoundError,
    PasswordRequiredError,
    ReplayDetectedError,
    SignatureInvalidError,
    UnavailableError,
    UrlRefusedError,
    VersionConflictError,
)
from rpcbackend.outside.incoming import AGAIN_MS, EVENTS, EarlyError, read_told, take_told
from rpcbackend.outside.signing import SECRET_BYTES, make_secret, verify
from rpcbackend.protocol import codec
from rpcbackend.schema.base import Empty, Encoded
from rpcbackend.schema.providers import Provider, ProviderChannel
from rpcbackend.schema.webhooks import (
    ListWebhooks,
    ReceivedWebhook,
    ReceiveWebhook,
    RemoveWebhook,
    SavedWebhook,
    SaveWebhook,
    Webhook,
    WebhookPage,
)
from rpcbackend.security.roles import Permission
from rpcbackend.store import BoxDamagedError, Work
from rpcbackend.store.notices import Notice
from rpcbackend.store.webhooks import MOST


@method(
    "webhooks.save",
    permission=Permission.WEBHOOKS_WRITE,
    kind="command",
    step_up=True,
    errors=(
        NotFoundError,
        VersionConflictError,
        UrlRefusedError,
        LimitExceededError,
        PasswordRequiredError,
    ),
    events=("webhooks.saved",),
)
async def save(ctx: Context, params: SaveWebhook) -> SavedWebhook:
    """Let events of some types go to an address from now on, or replace the webhook with the id.

    Each is posted and signed as Standard Webhooks 1.0 says, with what `events.subscribe` tells of
    it: ids and times, no names. It arrives at least once: receivers know it by its `webhook-id`,
    and its place by its `seq`. A webhook that was not active has missed what happened meanwhile.

    The secret is in this one answer and nowhere else. For a day the one before it signs as well.
    """
    ctx.host.check_address(params.url)
    _check_types(ctx, params.types)
    secret = make_secret(ctx.host.random_bytes(SECRET_BYTES))

    async def unit(work: Work) -> SavedWebhook:
        old = await work.webhooks.require(params.webhook_id) if params.webhook_id else None
        if old is None and await work.webhooks.count() >= MOST:
            raise LimitExceededError(details={"most": MOST})
        is_renewed = old is None or params.rotate_secret
        now = work.now.replace(microsecond=0)
        webhook = Webhook(
            id=old.id if old else work.new_id("whk"),
            url=params.url,
            types=sorted(set(params.types)),
            is_active=params.is_active,
            created_at=old.created_at if old else now,
            secret_changed_at=now if old is None or is_renewed else old.secret_changed_at,
            version=next_version(old, params.expected_version),
        )
        begins = webhook.is_active and not (old and old.is_active)
        await work.webhooks.put(
            webhook,
            after_seq=await work.events.head_seq() if old is None or begins else None,
            secret=secret if is_renewed else None,
        )
        await work.record(
            "webhooks.saved",
            ("webhook", webhook.id, webhook.version),
            {"webhookId": webhook.id, "isActive": webhook.is_active},
        )
        # Without the secret: what a unit returns may be stored for a repeated delivery.
        return SavedWebhook(webhook=webhook, secret=None)

    saved = await ctx.write(unit)
    if ctx.has_written:
        # It may have another address than the one that is left alone.
        ctx.host.post.hurry()
    is_shown = params.webhook_id is None or params.rotate_secret
    if ctx.meta.dry_run or not is_shown:
        return saved
    return saved.model_copy(update={"secret": secret})


def _check_types(ctx: Context, types: list[str]) -> None:
    known = frozenset(codec.decode(ctx.host.contract())["x-events"])
    unknown = [index for index, wanted in enumerate(types) if wanted not in known]
    if unknown:
        errors = [{"path": f"types.{index}", "rule": "unknown_event"} for index in unknown]
        raise InvalidParamsError(details={"errors": errors})


@method(
    "webhooks.remove",
    permission=Permission.WEBHOOKS_WRITE,
    kind="command",
    step_up=True,
    errors=(NotFoundError, VersionConflictError, PasswordRequiredError),
    events=("webhooks.removed",),
)
async def remove(ctx: Context, params: RemoveWebhook) -> Empty:
    """Forget a webhook and its secret, and send it nothing more of what waits."""

    async def unit(work: Work) -> Empty:
        webhook = await work.webhooks.require(params.webhook_id)
        version = next_version(webhook, params.expected_version)
        await work.webhooks.remove(webhook.id)
        aggregate = ("webhook", webhook.id, version)
        await work.record("webhooks.removed", aggregate, {"webhookId": webhook.id})
        return Empty()

    return await ctx.write(unit)


@method("webhooks.list", permission=Permission.WEBHOOKS_READ)
async def list_all(ctx: Context, params: ListWebhooks) -> Encoded[WebhookPage]:
    """Return all webhooks by age, or one, with what went to each last; none shows its secret."""
    return await ctx.read(lambda work: work.webhooks.list(params))


@method(
    "webhooks.receive",
    permission=Permission.PUBLIC,
    kind="command",
    idempotency="natural",
    errors=(SignatureInvalidError, ReplayDetectedError, UnavailableError),
    events=EVENTS,
)
async def receive(ctx: Context, params: ReceiveWebhook) -> ReceivedWebhook:
    """Hear what a service tells of a payment or a message, signed with the secret shared with it.

    The signature alone says who calls: it is that of Standard Webhooks 1.0, no older than five
    minutes. Each `webhook-id` counts once. What was paid counts only if it is what was asked for.
    """
    body = params.raw_body.encode()
    provider, secret = await ctx.read(lambda work: _whose(work, params.provider))
    now_seconds = ctx.clock.now_ms() // 1_000
    event_id = verify(params.headers, body, now_seconds=now_seconds, secret=secret)
    told = read_told(params.raw_body, provider.channel)
    notice = Notice(
        provider_id=provider.id,
        event_id=event_id,
        type=told.type if told else "",
        reference=told.reference if told else "",
    )

    async def unit(work: Work) -> ReceivedWebhook:
        before = await work.notices.find(provider.id, event_id)
        if before is not None:
            return ReceivedWebhook(outcome=before.value, is_duplicate=True)
        outcome = await take_told(work, told, notice, provider.channel)
        return ReceivedWebhook(outcome=outcome.value, is_duplicate=False)

    try:
        return await ctx.write(unit)
    except EarlyError:
        raise UnavailableError(
            "The message is still on its way; tell it again shortly.", retry_after_ms=AGAIN_MS
        ) from None


async def _whose(work: Work, provider_id: str) -> tuple[Provider, str]:
    """Return a provider and its secret.

    A mail server tells nothing, and more programs than that one know its password.

    Raises:
        SignatureInvalidError: There is none: whoever guesses ids is told no more than others.
    """
    with suppress(NotFoundError, BoxDamagedError):
        provider = await work.providers.require(provider_id)
        secret = await work.providers.secret_of(provider_id)
        if secret is not None and provider.channel is not ProviderChannel.MAIL:
            return provider, secret
    raise SignatureInvalidError
