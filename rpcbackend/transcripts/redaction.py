"""A line of the wire as a transcript keeps it: without secrets, names, or what nobody knows."""

from typing import Any

from rpcbackend.dispatch.control import CANCEL
from rpcbackend.dispatch.registry import Method, Registry
from rpcbackend.domain.templates import GIVEN
from rpcbackend.domain.wording import marks_in
from rpcbackend.errors import ParseError
from rpcbackend.protocol import codec
from rpcbackend.protocol.envelope import is_request_id
from rpcbackend.schema.base import WireModel
from rpcbackend.schema.events import Event
from rpcbackend.schema.lifecycle import Ready
from rpcbackend.schema.progress import Progress
from rpcbackend.schema.rpc import OpenRpcDocument
from rpcbackend.schema.steps import FACTS
from rpcbackend.security.redaction import redact, redact_params, redact_result
from rpcbackend.transcripts import telling
from rpcbackend.transcripts.fitting import FIELDS
from rpcbackend.transcripts.format import unreadable
from rpcbackend.transcripts.placeholders import Placeholders
from rpcbackend.transcripts.waiting import Waiting

SEARCHED = {"students.list": "text"}
"""Params whose words are looked for in names."""

FILLED = {"notifications.send": "values"}
"""Params that hold what stands in the places of a template."""

TEMPLATES = {"templates.save": ("subject", "text")}
"""Params that have places to fill: which ones, decides whether they are taken."""

_PLACES = frozenset(name for names in GIVEN.values() for name in names)

_NOTIFICATIONS: dict[str, type[WireModel]] = {
    "event": Event,
    "system.ready": Ready,
    "$/progress": Progress,
}
_PUBLIC = "contractHash"
"""The member whose hash is of this program and of nobody's records."""


class Redaction:
    """Redacts the messages of one process, in the order in which they were seen.

    Args:
        registry: Tells what is marked in the params and result of a channel.
        placeholders: Stand for what is taken out.
    """

    def __init__(self, registry: Registry, placeholders: Placeholders) -> None:
        self._registry, self._placeholders = registry, placeholders
        self._waiting = Waiting()

    def came(self, connection_id: str, line: bytes | None) -> Any:
        """Return what is kept of a line that came in; None stands for one that was too long."""
        if line is None:
            return unreadable(0)
        try:
            message = codec.decode(line)
        except ParseError:
            return unreadable(len(line))
        if isinstance(message, list):
            return [self._request(connection_id, each) for each in message]
        return self._request(connection_id, message)

    def went(self, connection_id: str, line: bytes) -> Any:
        """Return what is kept of a line that went out."""
        message = codec.decode(line)
        if isinstance(message, list):
            return [self._reply(connection_id, each) for each in message]
        if "method" in message:
            model = _NOTIFICATIONS.get(message["method"])
            params = message.get("params")
            if model is Progress and isinstance(params["token"], str):
                # It is the caller's word.
                params = {**params, "token": self._unknown(params["token"])}
            kept = self._digests(redact(model, params, self._replace)) if model else None
            return {**message, "params": kept}
        return self._reply(connection_id, message)

    def step(self, line: bytes) -> Any:
        """Return what is kept of a step that the process takes by itself, or of its end."""
        params = codec.decode(line)
        if "name" not in params:
            return params
        model = FACTS[params["name"]]
        return {**params, "facts": redact(model, params["facts"], self._replace)}

    def forget(self) -> None:
        """Wait for no reply any more: some were dropped."""
        self._waiting.forget()

    def _request(self, connection_id: str, message: Any) -> Any:
        if not isinstance(message, dict):
            return self._replace("secret", message)
        method = self._registry.get(message.get("method"))
        kept = {
            member: value
            if _is_harmless(member, value, method)
            else self._member(member, value, message, method)
            for member, value in message.items()
        }
        if "id" in message:
            self._waiting.asked(connection_id, message["id"], method)
        return kept

    def _member(self, member: str, value: Any, message: Any, method: Method | None) -> Any:
        if member == "params" and method is not None:
            return self._placeholders.digests(self._params(method, value))
        if member == "params" and message.get("method") == CANCEL and isinstance(value, dict):
            return {
                name: each if _is_harmless(name, each, None) else self._unknown(each)
                for name, each in value.items()
            }
        return self._unknown(value)

    def _params(self, method: Method, params: Any) -> Any:
        if method.channel == telling.CHANNEL and isinstance(params, dict):
            return self._told(method, params)
        params = FIELDS.fitted_params(method.params, params, self._unknown)
        if not isinstance(params, dict):
            return redact_params(method.params, params, self._replace)
        apart = self._apart(method, params)
        kept = redact_params(method.params, {**params, **dict.fromkeys(apart)}, self._replace)
        for name in TEMPLATES.get(method.channel, ()):
            if isinstance(text := params.get(name), str) and (marks := marks_in(text)):
                self._placeholders.tell(kept[name], {"places": marks})
        return {**kept, **apart}

    def _apart(self, method: Method, params: dict[str, Any]) -> dict[str, Any]:
        """Return what is kept of params of which more is to be known than that they are equal."""
        searched, filled = SEARCHED.get(method.channel, ""), FILLED.get(method.channel, "")
        text, values = params.get(searched), params.get(filled)
        kept: dict[str, Any] = {}
        if isinstance(text, str):
            kept[searched] = self._placeholders.search(text)
        # Any other name is the caller's word.
        if isinstance(values, dict) and values.keys() <= _PLACES:
            kept[filled] = {name: self._name(value) for name, value in values.items()}
        return kept

    def _told(self, method: Method, params: dict[str, Any]) -> Any:
        """Return what a service tells, of which no more than facts are kept."""
        kept = redact_params(
            method.params, FIELDS.fitted_params(method.params, params, self._unknown), self._replace
        )
        says = telling.says_in(params.get("rawBody"), self._name)
        event = telling.event_in(params.get("headers"))
        self._placeholders.tell(kept.get("rawBody"), {telling.SAYS: says} if says else {})
        named = {telling.EVENT: self._unknown(event)} if event is not None else {}
        self._placeholders.tell(kept.get("headers"), named)
        return kept

    def _name(self, text: Any) -> Any:
        return self._replace("personal", text)

    def _reply(self, connection_id: str, message: dict[str, Any]) -> dict[str, Any]:
        method = self._waiting.answered(connection_id, message["id"])
        if "result" not in message:
            return {**message, "error": self._placeholders.digests(message["error"])}
        return {**message, "result": self._result(method, message["result"])}

    def _result(self, method: Method | None, result: Any) -> Any:
        if method is None:
            # Nobody knows what was asked, and so what this holds.
            return self._unknown(result)
        if method.result is OpenRpcDocument:
            return {
                name: value
                if name == "_meta" or FIELDS.is_contract(name, value)
                # Its models would let anything pass, and it may be another call's.
                else self._unknown(value)
                for name, value in result.items()
            }
        return self._digests(redact_result(method.result, self._job(result), self._replace))

    def _digests(self, members: Any) -> Any:
        return {
            name: value if name == _PUBLIC else self._placeholders.digests(value)
            for name, value in members.items()
        }

    def _job(self, value: Any) -> Any:
        """Redact what a job has answered: of `Job.result` the schema of jobs says nothing."""
        if not isinstance(value, dict):
            return value
        if isinstance(value.get("items"), list):
            return {**value, "items": [self._job(item) for item in value["items"]]}
        method = self._registry.get(value.get("channel"))
        if method is None or method.job_result is None or not value.get("result"):
            return value
        return {**value, "result": redact(method.job_result, value["result"], self._replace)}

    def _replace(self, mark: Any, value: Any) -> Any:
        return self._placeholders.replace(mark, value)

    def _unknown(self, value: Any) -> Any:
        return self._placeholders.replace("secret", value)


def _is_harmless(member: str, value: Any, method: Method | None) -> bool:
    """Tell whether a member of a request holds nothing but what makes it one."""
    match member:
        case "jsonrpc":
            return bool(value == "2.0")
        case "id":
            return is_request_id(value)
        case "method":
            return method is not None or value == CANCEL
    return False
