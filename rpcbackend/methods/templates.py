"""Templates: the words of what the school sends, read and put in its own."""

from itertools import product

from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.domain.segments import MOST_PARTS, count_segments
from rpcbackend.domain.templates import BUILT_IN, PLACES, Use, Wording, check
from rpcbackend.domain.values import sample
from rpcbackend.domain.versions import next_version
from rpcbackend.errors import InvalidParamsError, TemplateError, VersionConflictError
from rpcbackend.schema.base import Language
from rpcbackend.schema.consents import MessageChannel
from rpcbackend.schema.templates import (
    MAX_SMS,
    ListTemplates,
    SavedTemplate,
    SaveTemplate,
    StoredTemplate,
    Template,
    TemplateKind,
    TemplateList,
)
from rpcbackend.security.roles import Permission
from rpcbackend.store import Work


@method("templates.list", permission=Permission.TEMPLATES_READ)
async def list_all(ctx: Context, params: ListTemplates) -> TemplateList:  # noqa: ARG001 (takes none)
    """Return the words for every occasion, channel and language: the school's own or ours."""

    async def unit(work: Work) -> TemplateList:
        own = {_use_of(stored): stored for stored in await work.templates.all()}
        uses = product(TemplateKind, MessageChannel, Language)
        return TemplateList(items=[_view(use, own.get(use)) for use in uses])

    return await ctx.read(unit)


@method(
    "templates.save",
    permission=Permission.TEMPLATES_WRITE,
    kind="command",
    errors=(TemplateError, VersionConflictError),
    events=("templates.saved",),
)
async def save(ctx: Context, params: SaveTemplate) -> SavedTemplate:
    """Put the school's own words in the place of those before, and show how they read.

    What waits to be sent keeps the words that it was composed of. With `_meta.dryRun` they are only
    shown.
    """
    _check(params)

    async def unit(work: Work) -> SavedTemplate:
        use = _use_of(params)
        old = next((one for one in await work.templates.all() if _use_of(one) == use), None)
        stored = StoredTemplate(
            id=old.id if old else work.new_id("tpl"),
            **params.model_dump(by_alias=False, exclude={"expected_version"}),
            version=next_version(old, params.expected_version),
        )
        await work.templates.put(stored)
        data = params.model_dump(mode="json", include={"kind", "channel", "language"})
        await work.record("templates.saved", ("template", stored.id, stored.version), data)
        return _saved(use, stored)

    return await ctx.write(unit)


def _check(params: SaveTemplate) -> None:
    """Check what the model cannot say.

    Raises:
        InvalidParamsError: A mail without a subject, or something else with one; too long an SMS.
        TemplateError: It has places that there are not, or would be too many parts of an SMS.
    """
    is_mail = params.channel is MessageChannel.MAIL and params.text is not None
    refused = {
        "subject": "of_mail_alone" if is_mail != (params.subject is not None) else None,
        "text": "too_long" if not is_mail and len(params.text or "") > MAX_SMS else None,
    }
    errors = [{"path": path, "rule": rule} for path, rule in refused.items() if rule]
    if errors:
        raise InvalidParamsError(details={"errors": errors})
    words = Wording(params.subject, params.text or "")
    check(params.kind, words)
    if params.channel is MessageChannel.SMS:
        _check_length(words.fill(sample(params.language), params.channel).text)


def _check_length(text: str) -> None:
    parts = count_segments(text).parts
    if parts > MOST_PARTS:
        raise TemplateError(
            f"An SMS has {MOST_PARTS} parts at most; this one would have {parts}.",
            details={"segments": parts, "most": MOST_PARTS},
        )


def _use_of(template: SaveTemplate | StoredTemplate) -> Use:
    return template.kind, template.channel, template.language


def _view(use: Use, own: StoredTemplate | None) -> Template:
    kind, channel, language = use
    words = BUILT_IN[use] if own is None or own.text is None else Wording(own.subject, own.text)
    return Template(
        kind=kind,
        channel=channel,
        language=language,
        subject=words.subject,
        text=words.text,
        places=list(PLACES[kind]),
        is_own=own is not None and own.text is not None,
        version=own.version if own else None,
    )


def _saved(use: Use, own: StoredTemplate) -> SavedTemplate:
    template = _view(use, own)
    words = Wording(template.subject, template.text)
    shown = words.fill(sample(template.language), template.channel)
    return SavedTemplate(template=template, sample=shown)
