"""What the backend can do: one module of handlers per area."""

from rpcbackend.dispatch.registry import Registry
from rpcbackend.methods import (
    apikeys,
    audit,
    auth,
    backups,
    branches,
    calendars,
    events,
    exports,
    feeds,
    instructors,
    jobs,
    keys,
    lessons,
    lifecycle,
    outbox,
    payments,
    providers,
    rpc,
    schedules,
    sessions,
    slots,
    students,
    system,
    transcripts,
    users,
    vehicles,
    webhooks,
)

AREAS = (
    apikeys,
    audit,
    auth,
    backups,
    branches,
    calendars,
    events,
    exports,
    feeds,
    instructors,
    jobs,
    keys,
    lessons,
    lifecycle,
    outbox,
    payments,
    providers,
    rpc,
    schedules,
    sessions,
    slots,
    students,
    system,
    transcripts,
    users,
    vehicles,
    webhooks,
)


def build_registry() -> Registry:
    """Collect the channels of every area."""
    return Registry(*AREAS)
