"""What a transcript tells of the process that was recorded, before any of it is replayed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rpcbackend.ids import chance_in
from rpcbackend.outside_settings import OutsideSettings
from rpcbackend.schema.limits import Limits
from rpcbackend.schema.steps import JOB_STEPS
from rpcbackend.transcripts.format import Entry

_FOR_PUBLIC = frozenset({"scheme", "port", "host"})
"""Why an address is refused that may be called where `allow_private` is set."""


@dataclass(slots=True)
class Studied:
    """What was seen so far."""

    messages: int = 0
    has_steps: bool = False
    """Whether it says what the process did by itself: older ones do not."""
    has_job_steps: bool = False
    """Whether that is also told of its jobs."""
    has_refused: bool = False
    """Whether an address was refused that is not public."""
    told_limits: Limits | None = None
    events: dict[int, int] = field(default_factory=dict)
    """The numbers of those that were told, by what chance gave their ids."""
    ended: float = 0.0
    """When its last entry was written, in milliseconds since its start."""

    def see(self, entry: Entry) -> None:
        """Look at an entry."""
        self.messages += 1
        self.ended = entry.t
        if (step := entry.step) is not None:
            self.has_steps = True
            self.has_job_steps = self.has_job_steps or step["name"] in JOB_STEPS
        if entry.dir == "event" and entry.msg.get("method") == "event":
            params = entry.msg["params"]
            self.events[chance_in(params.get("id", ""))] = params["seq"]
        if entry.dir == "out":
            self.has_refused = self.has_refused or any(map(_is_refusal, _replies(entry.msg)))
            self.told_limits = self.told_limits or _limits_in(entry.msg)

    @property
    def limits(self) -> Limits:
        """Those that held."""
        return self.told_limits or Limits()

    @property
    def outside(self) -> OutsideSettings:
        """Which addresses may be saved: a replay calls none of them."""
        return OutsideSettings(allow_private=not self.has_refused)


def _replies(msg: Any) -> Iterator[Mapping[str, Any]]:
    yield from msg if isinstance(msg, list) else [msg]


def _is_refusal(reply: Mapping[str, Any]) -> bool:
    data = reply.get("error", {}).get("data", {})
    details = data.get("details") or {}
    return data.get("code") == "URL_REFUSED" and details.get("reason") in _FOR_PUBLIC


def _limits_in(msg: Any) -> Limits | None:
    result = msg.get("result") if isinstance(msg, Mapping) else None
    found = result.get("limits") if isinstance(result, dict) else None
    return Limits.model_validate(found) if isinstance(found, dict) else None
