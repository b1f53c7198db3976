"""Claims: who or what is busy, when, and for what."""

from enum import StrEnum

from rpcbackend.schema.base import Instant, WireModel


class ResourceType(StrEnum):
    """What can be busy; a conflict is named after the first of these that has one."""

    INSTRUCTOR = "instructor"
    VEHICLE = "vehicle"
    STUDENT = "student"
    ROOM = "room"


class OwnerType(StrEnum):
    """What can make it busy (domain rule K2: nothing else may)."""

    LESSON = "lesson"
    CLASS = "class"
    EXAM = "exam"
    TIME_OFF = "time_off"
    WORK_ORDER = "work_order"
    BLOCK = "block"
    EXTERNAL = "external"
    WORKTIME = "worktime"


class Busy(WireModel):
    """A half-open span of one resource's time; what for is told only to whom it concerns."""

    resource_type: ResourceType
    resource_id: str
    starts_at: Instant
    ends_at: Instant
    owner_type: OwnerType | None
    owner_id: str | None


class Claim(Busy):
    """A half-open span of one resource's time: touching claims do not conflict."""

    owner_type: OwnerType
    owner_id: str
