"""What the backend can do: one module of handlers per area."""

from rpcbackend.dispatch.registry import Registry
from rpcbackend.methods import (
    branches,
    calendars,
    events,
    instructors,
    keys,
    lessons,
    lifecycle,
    rpc,
    students,
    system,
    vehicles,
)

AREAS = (
    branches,
    calendars,
    events,
    instructors,
    keys,
    lessons,
    lifecycle,
    rpc,
    students,
    system,
    vehicles,
)


def build_registry() -> Registry:
    """Collect the channels of every area."""
    return Registry(*AREAS)
