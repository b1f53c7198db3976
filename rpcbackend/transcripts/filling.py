"""Requests of a transcript with values again in the place of what was taken out."""

from collections.abc import Mapping
from typing import Any

from rpcbackend.protocol import codec
from rpcbackend.schema.meta import MAX_TIMEOUT_MS
from rpcbackend.transcripts.format import is_placeholder, unreadable_length
from rpcbackend.transcripts.known import Known
from rpcbackend.transcripts.stand_ins import StandIns


class Filling:
    """Fills in what is known, and makes stand-ins for the rest.

    Args:
        known: What is known so far; learns what is made.
        database_key: Takes the place of the recorded one, which nobody knows.
    """

    def __init__(self, known: Known, database_key: str | None = None) -> None:
        self._known, self._database_key = known, database_key
        self._stand_ins = StandIns()

    def learn(self, placeholder: str, told: Mapping[str, Any]) -> None:
        """Take what an entry tells of a placeholder, in the order of the entries."""
        self._stand_ins.learn(placeholder, told)
        # Of one that is known already only new words come, that are found in it.
        self._known.facts.setdefault(placeholder, told)

    def line(self, msg: Any) -> bytes | None:
        """Return the line of a request; None for one that was too long."""
        length = unreadable_length(msg)
        if length is not None:
            return b"?" * length or None
        return codec.encode(_patient(self.filled(msg, "")))

    def filled(self, value: Any, name: str) -> Any:
        """Return a value that stands in the member of that name, filled in."""
        if isinstance(value, dict):
            return {key: self.filled(each, key) for key, each in value.items()}
        if isinstance(value, list):
            return [self.filled(each, name) for each in value]
        if not isinstance(value, str):
            return value
        if is_placeholder(value) and value not in self._known.values:
            is_key = name == "databaseKey" and self._database_key is not None
            made = self._database_key if is_key else self._stand_ins.make(value, name)
            self._known.learn(value, made)
        return self._known.values.get(value, value)


def _patient(msg: Any) -> Any:
    """Let a request wait as long as any may: a replay is slower here, and faster there."""
    if isinstance(msg, list):
        return [_patient(each) for each in msg]
    params = msg.get("params") if isinstance(msg, dict) else None
    params = params if isinstance(params, dict) else None
    meta = params.get("_meta") if params is not None else None
    meta = meta if isinstance(meta, dict) else None
    if params is None or meta is None or not _is_timeout(meta.get("timeoutMs")):
        return msg
    return {**msg, "params": {**params, "_meta": {**meta, "timeoutMs": MAX_TIMEOUT_MS}}}


def _is_timeout(value: Any) -> bool:
    return type(value) is int and 0 < value < MAX_TIMEOUT_MS
