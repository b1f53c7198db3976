"""Feeds: calendars that other programs read, while whoever made them may see it himself."""

import asyncio
from hashlib import sha256

from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.domain.feeds import render
from rpcbackend.errors import LimitExceededError, NotFoundError
from rpcbackend.schema.base import Encoded
from rpcbackend.schema.feeds import (
    CreateFeed,
    Feed,
    FeedAddress,
    FeedKind,
    FeedLesson,
    FeedPage,
    FeedText,
    ListFeeds,
    ReadFeed,
    RevokeFeed,
)
from rpcbackend.schema.users import UserStatus
from rpcbackend.security.feed_tokens import FeedToken, hash_of_token, make_feed_token
from rpcbackend.security.principal import LOCAL
from rpcbackend.security.roles import Permission, Reach, grants_of
from rpcbackend.store import Work

MOST_LIVE = 10
"""Feeds of one owner that are not revoked: a phone, a computer, a family, and room for mistakes."""


@method("feeds.list", permission=Permission.FEEDS_READ)
async def list_all(ctx: Context, params: ListFeeds) -> Encoded[FeedPage]:  # noqa: ARG001 (takes none)
    """Return the feeds, the newest first: one's own, or all for the office."""
    return await ctx.read(lambda work: work.feeds.list())


@method(
    "feeds.create",
    permission=Permission.FEEDS_WRITE,
    kind="command",
    errors=(NotFoundError, LimitExceededError),
    events=("feeds.created",),
)
async def create(ctx: Context, params: CreateFeed) -> FeedAddress:
    """Make a calendar that whoever has its address reads, without signing in.

    The address is in this one answer and nowhere else: a repeated delivery, and a dry run, answer
    null in its place; feeds.revoke gives the feed another one. It opens nothing any more once
    whoever made it is disabled, or may not see its lessons himself.
    """
    token = make_feed_token(ctx.host.random_bytes)

    async def unit(work: Work) -> FeedAddress:
        await _require_owner(work, params.kind, params.owner_id)
        await _require_room(work, params.owner_id)
        feed = Feed(
            id=work.new_id("fed"),
            made_by=ctx.actor,
            created_at=work.now.replace(microsecond=0),
            revoked_at=None,
            **params.model_dump(by_alias=False),
        )
        await work.feeds.add(feed, token.sha256)
        await work.record("feeds.created", ("feed", feed.id, 1), {"feedId": feed.id})
        return _address(ctx, feed)

    return _shown(ctx, await ctx.write(unit), token)


@method(
    "feeds.revoke",
    permission=Permission.FEEDS_WRITE,
    kind="command",
    errors=(NotFoundError, LimitExceededError),
    events=("feeds.revoked",),
)
async def revoke(ctx: Context, params: RevokeFeed) -> FeedAddress:
    """Let the address of a feed open nothing any more, from now on.

    With rotate it has another one, which is in this one answer, as that of feeds.create: it opens
    what whoever called for it may see, whoever made the feed.
    """
    token = make_feed_token(ctx.host.random_bytes)

    async def unit(work: Work) -> FeedAddress:
        feed = await work.feeds.get(params.feed_id)
        if feed is None:
            raise NotFoundError.of("feed", params.feed_id)
        if feed.revoked_at is None or params.rotate:
            feed = await _change(work, feed, ctx.actor, token if params.rotate else None)
        return _address(ctx, feed)

    answer = await ctx.write(unit)
    return _shown(ctx, answer, token) if params.rotate else answer


async def _change(work: Work, feed: Feed, actor: str, token: FeedToken | None) -> Feed:
    if token is None:
        changed = feed.model_copy(update={"revoked_at": work.now.replace(microsecond=0)})
        await work.feeds.put(changed)
    else:
        if feed.revoked_at is not None:
            await _require_room(work, feed.owner_id)
        changed = feed.model_copy(update={"revoked_at": None, "made_by": actor})
        await work.feeds.add(changed, token.sha256)
    told = {"feedId": feed.id, "rotated": token is not None}
    await work.record("feeds.revoked", ("feed", feed.id, 1), told)
    return changed


@method("feeds.read", permission=Permission.PUBLIC, cost="heavy", errors=(NotFoundError,))
async def read(ctx: Context, params: ReadFeed) -> FeedText:
    """Return a feed as iCalendar, to whoever has its token; any other is not found.

    The mirror serves it at `/feeds/TOKEN.ics`. A lesson keeps its UID, its SEQUENCE grows with each
    change, and one that was cancelled stays for 30 days as such.
    """
    token_sha256 = hash_of_token(params.token)
    if token_sha256 is None:
        raise _unknown()

    async def unit(work: Work) -> tuple[Feed, list[FeedLesson]]:
        feed = await work.feeds.find(token_sha256)
        if feed is None or feed.revoked_at is not None or not await _may_still(work, feed):
            # Whether it ever was one, is nobody's business.
            raise _unknown()
        return feed, await work.feeds.lessons(feed, work.now_ms // 1_000)

    feed, lessons = await ctx.host.store.read(unit)
    # Some ten milliseconds for a year; the desk goes on meanwhile.
    text, etag = await asyncio.to_thread(_written, feed, lessons)
    return FeedText(ical=None if etag == params.etag else text, etag=etag)


def _written(feed: Feed, lessons: list[FeedLesson]) -> tuple[str, str]:
    text = render(feed, lessons)
    return text, sha256(text.encode()).hexdigest()[:32]


def _unknown() -> NotFoundError:
    return NotFoundError("There is no such feed.")


async def _may_still(work: Work, feed: Feed) -> bool:
    """Tell whether whoever made the feed may still see what it tells of."""
    if feed.made_by == LOCAL.actor:
        return True
    user = await work.users.get(feed.made_by)
    if user is None or user.status is not UserStatus.ACTIVE:
        return False
    reach = grants_of(user.roles).get(Permission.FEEDS_WRITE)
    return reach is Reach.ALL or (reach is not None and user.linked_person_id == feed.owner_id)


async def _require_room(work: Work, owner_id: str) -> None:
    """Check that one more address of an owner may be open.

    Raises:
        LimitExceededError: There are too many.
    """
    if await work.feeds.live_of(owner_id) >= MOST_LIVE:
        raise LimitExceededError(
            "There are too many feeds of this calendar; revoke one that nobody reads.",
            details={"most": MOST_LIVE},
        )


async def _require_owner(work: Work, kind: FeedKind, owner_id: str) -> None:
    """Check that there is such an owner, and that whoever asks is it or may see all.

    Raises:
        NotFoundError: There is none, or none that concerns him.
    """
    if not work.sight.is_whole and owner_id != work.sight.person_id:
        raise NotFoundError.of(kind, owner_id)
    match kind:
        case FeedKind.INSTRUCTOR:
            await work.instructors.require(owner_id)
        case FeedKind.STUDENT:
            await work.students.require(owner_id)
        case FeedKind.VEHICLE:
            await work.vehicles.require(owner_id)
        case FeedKind.BRANCH:
            await work.branches.require(owner_id)


def _address(ctx: Context, feed: Feed) -> FeedAddress:
    """Answer without the token: what a unit returns may be stored for a repeated delivery."""
    is_served = ctx.host.mirror_url is not None
    return FeedAddress(feed=feed, token=None, path=None, is_served=is_served)


def _shown(ctx: Context, answer: FeedAddress, token: FeedToken) -> FeedAddress:
    if ctx.meta.dry_run:
        return answer
    shown = {"token": token.text, "path": f"/feeds/{token.text}.ics"}
    return answer.model_copy(update=shown)
