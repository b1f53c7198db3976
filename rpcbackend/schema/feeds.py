"""Feeds: calendars that other programs read, by an address that is a secret."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from rpcbackend.schema.base import (
    PERSONAL,
    SECRET,
    Flag,
    Instant,
    Integer,
    NoParams,
    Params,
    WireModel,
    id_pattern,
)
from rpcbackend.schema.lessons import LessonState, LessonType

FeedId = Annotated[str, id_pattern("fed")]
Days = Annotated[Integer, Field(ge=0, le=366)]

# Its checksum is looked at before anything is looked up.
FeedToken = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100),
    Field(json_schema_extra=SECRET),
]


class FeedKind(StrEnum):
    """Whose calendar it is."""

    INSTRUCTOR = "instructor"
    STUDENT = "student"
    VEHICLE = "vehicle"
    BRANCH = "branch"


class FeedDetail(StrEnum):
    """What it tells."""

    FULL = "full"
    """Names and places, for whoever may see them anyway."""
    BUSY_ONLY = "busy_only"
    """When, and nothing else."""


class Feed(WireModel):
    """One feed; its address was shown when it was made."""

    id: FeedId
    kind: FeedKind
    owner_id: Annotated[str, Field(description="Of the instructor, student, vehicle or branch.")]
    detail: FeedDetail
    past_days: Days
    future_days: Days
    language: Annotated[Literal["en", "de"], Field(description="Of its few words.")]
    made_by: Annotated[
        str, Field(description="Who made its address; it tells nothing he may not see.")
    ]
    created_at: Instant
    revoked_at: Instant | None


class CreateFeed(Params):
    """Params of feeds.create."""

    kind: FeedKind
    owner_id: Annotated[str, StringConstraints(pattern=r"^(ins|stu|veh|bra)_[0-9a-f-]{36}$")]
    detail: FeedDetail = FeedDetail.BUSY_ONLY
    past_days: Days = 30
    future_days: Days = 366
    language: Literal["en", "de"] = "en"


class FeedAddress(WireModel):
    """A feed and where it is read: the one answer that shows its token."""

    feed: Feed
    token: Annotated[
        str | None,
        Field(
            description="Null in a dry run and in the answer to a repeated delivery.",
            json_schema_extra=SECRET,
        ),
    ]
    path: Annotated[
        str | None,
        Field(description="Of the address, behind the mirror's.", json_schema_extra=SECRET),
    ]
    is_served: Annotated[
        Flag,
        Field(description="Whether this process serves addresses; else feeds.read tells the text."),
    ]


class ListFeeds(NoParams):
    """Params of feeds.list."""


class FeedPage(WireModel):
    """Feeds, the newest first."""

    items: list[Feed]


class RevokeFeed(Params):
    """Params of feeds.revoke."""

    feed_id: FeedId
    rotate: Annotated[
        Flag, Field(description="Give it another address in the place of the one it has.")
    ] = False


class ReadFeed(Params):
    """Params of feeds.read."""

    token: FeedToken
    etag: Annotated[
        str | None,
        StringConstraints(max_length=100),
        Field(description="Of what the caller has; it is not told again."),
    ] = None


class FeedText(WireModel):
    """What feeds.read answers."""

    ical: Annotated[
        str | None,
        Field(
            description="RFC 5545, as text/calendar; null when it is what the caller has.",
            json_schema_extra=PERSONAL,
        ),
    ]
    etag: Annotated[str, Field(description="Is another one whenever the text is.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedLesson:
    """A lesson as a feed may tell it; names are missing where it tells none."""

    id: str
    version: int
    state: LessonState
    type: LessonType
    starts_at: datetime
    ends_at: datetime
    zone: str
    pickup: str | None = None
    dropoff: str | None = None
    student: str | None = None
    instructor: str | None = None
    plate: str | None = None
