"""Providers: who carries mail, text messages and payments, in which order."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.domain.versions import next_version
from rpcbackend.errors import (
    InvalidParamsError,
    NotFoundError,
    PasswordRequiredError,
    UrlRefusedError,
    VersionConflictError,
)
from rpcbackend.outside.providers import fits_header
from rpcbackend.schema.base import Empty, Encoded, NoParams
from rpcbackend.schema.providers import (
    Provider,
    ProviderChannel,
    ProviderPage,
    RemoveProvider,
    SaveProvider,
    TestedProvider,
    TestProvider,
)
from rpcbackend.security.roles import Permission
from rpcbackend.store import TEST_TEMPLATE, Message, Work


@method(
    "providers.save",
    permission=Permission.PROVIDERS_WRITE,
    kind="command",
    step_up=True,
    errors=(NotFoundError, VersionConflictError, PasswordRequiredError, UrlRefusedError),
    events=("providers.saved",),
)
async def save(ctx: Context, params: SaveProvider) -> Provider:
    """Add a provider, or replace the one with the given id; it holds for the next message.

    Of the enabled ones of a channel the first carries all, and the next steps in while it cannot
    be reached. With none enabled the channel is switched off, and what it should carry waits.
    Another host is not given the secret of the one before. The address of a service is looked at
    as it is when it is called: it has https and a public host, and any port. One that was saved
    earlier can be switched off whatever its address.
    """
    _check(params)

    async def unit(work: Work) -> Provider:
        old = await work.providers.require(params.provider_id) if params.provider_id else None
        if old is not None and old.channel != params.channel:
            raise InvalidParamsError(details={"errors": [{"path": "channel", "rule": "fixed"}]})
        is_new = old is None or old.web != params.web
        if params.web is not None and (is_new or params.is_enabled):
            ctx.host.check_address(params.web.url, is_trusted=True)
        keeps_secret = old is not None and old.has_secret and _where(old) == _where(params)
        provider = Provider(
            id=old.id if old else work.new_id("prv"),
            channel=params.channel,
            name=params.name,
            is_enabled=params.is_enabled,
            priority=params.priority,
            mail=params.mail,
            web=params.web,
            has_secret=params.secret is not None or keeps_secret,
            version=next_version(old, params.expected_version),
        )
        await work.providers.put(provider, params.secret)
        await _record(work, "providers.saved", provider)
        return provider

    return await ctx.write(unit)


@method("providers.list", permission=Permission.PROVIDERS_READ)
async def list_all(ctx: Context, params: NoParams) -> Encoded[ProviderPage]:  # noqa: ARG001 (takes none)
    """Return all providers, by channel and priority; none shows its secret."""
    return await ctx.read(lambda work: work.providers.list())


@method(
    "providers.remove",
    permission=Permission.PROVIDERS_WRITE,
    kind="command",
    step_up=True,
    errors=(NotFoundError, VersionConflictError, PasswordRequiredError),
    events=("providers.removed",),
)
async def remove(ctx: Context, params: RemoveProvider) -> Empty:
    """Forget a provider and its secret; what it should have carried goes by the next one."""

    async def unit(work: Work) -> Empty:
        provider = await work.providers.require(params.provider_id)
        next_version(provider, params.expected_version)
        await work.providers.remove(provider.id)
        await _record(work, "providers.removed", provider)
        return Empty()

    return await ctx.write(unit)


@method(
    "providers.test",
    permission=Permission.PROVIDERS_WRITE,
    kind="command",
    cost="heavy",
    step_up=True,
    errors=(NotFoundError, PasswordRequiredError),
    events=("messages.queued",),
)
async def test(ctx: Context, params: TestProvider) -> TestedProvider:
    """Send one message by this provider, enabled or not, to an address that is given.

    It is tried once: soon `messages.sent` or `messages.failed` tells of it, and outbox.list why.
    """

    async def unit(work: Work) -> TestedProvider:
        provider = await work.providers.require(params.provider_id)
        _check_recipient(provider.channel, params.recipient)
        message_id = await work.outbox.add(
            Message(
                channel=provider.channel,
                recipient=params.recipient,
                template=TEST_TEMPLATE,
                payload=_TESTS[provider.channel],
                dedupe_key=f"{TEST_TEMPLATE} {work.new_id('tst')}",
                via=provider.id,
            )
        )
        assert message_id is not None  # noqa: S101 (nobody has that key)
        told = {"messageId": message_id, "channel": provider.channel}
        await work.record("messages.queued", ("message", message_id, 1), told)
        return TestedProvider(message_id=message_id)

    return await ctx.write(unit)


_TESTS = {
    ProviderChannel.MAIL: {
        "subject": "Test",
        "text": "The driving school's mail works. / Die E-Mail der Fahrschule funktioniert.",
        "language": "en",
    },
    ProviderChannel.SMS: {"text": "Test: the driving school's text messages work."},
}
"""What a test says; a payment cannot be tried out without somebody paying."""


def _check_recipient(channel: ProviderChannel, recipient: str) -> None:
    if channel not in _TESTS:
        raise InvalidParamsError(details={"errors": [{"path": "providerId", "rule": "untestable"}]})
    if ("@" in recipient) != (channel is ProviderChannel.MAIL):
        raise InvalidParamsError(details={"errors": [{"path": "recipient", "rule": "channel"}]})


def _check(params: SaveProvider) -> None:
    """Check what the model cannot say.

    Raises:
        InvalidParamsError: The settings are another channel's, would send in the clear, or have a
            key that no request can carry or a sender who cannot write.
    """
    from rpcbackend.outside.letters import is_address  # noqa: PLC0415 (40 ms, when one is saved)

    is_mail = params.channel is ProviderChannel.MAIL
    refused = {
        "mail": "missing" if is_mail and params.mail is None else None,
        "web": "missing" if not is_mail and params.web is None else None,
    }
    if is_mail and params.web is not None:
        refused["web"] = "other_channel"
    if not is_mail and params.mail is not None:
        refused["mail"] = "other_channel"
    if params.mail and params.mail.security == "none" and not _is_here(params.mail.host):
        refused["mail.security"] = "clear_text"
    if params.mail and not is_address(params.mail.sender):
        refused["mail.sender"] = "address"
    if params.web and not _is_safe(params.web.url):
        refused["web.url"] = "clear_text"
    if params.web and params.secret and not fits_header(params.secret):
        refused |= {"secret": "header"}
    errors = [{"path": path, "rule": rule} for path, rule in refused.items() if rule]
    if errors:
        raise InvalidParamsError(details={"errors": errors})


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.scheme == "https" or _is_here(parts.hostname or ""))
    except ValueError:
        return False


def _is_here(host: str) -> bool:
    """Tell whether a host is this machine, by its name alone."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _where(provider: Provider | SaveProvider) -> tuple[object, ...]:
    """Return what decides who is given the secret."""
    if provider.mail is not None:
        mail = provider.mail
        return mail.host, mail.port, mail.security, mail.username
    parts = urlsplit(provider.web.url) if provider.web else None
    return (parts.scheme, parts.netloc) if parts else ()


async def _record(work: Work, event_type: str, provider: Provider) -> None:
    told = {"providerId": provider.id, "channel": provider.channel}
    await work.record(event_type, ("provider", provider.id, provider.version), told)
