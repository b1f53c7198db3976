"""What the clients asked for and were told: the one side of the proof; knows no database."""

from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["result", "committed", "none", "unknown"]
"""What an answer says of the effect: `unknown` also stands for an answer that never came."""


class ViolationError(AssertionError):
    """The program broke a promise."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back of one delivery."""

    kind: Kind
    result: dict[str, Any] = field(default_factory=dict)
    symbol: str = ""
    """Of the error, or `LOST`."""
    is_retryable: bool = False


LOST = Answer("unknown", symbol="LOST", is_retryable=True)


@dataclass(slots=True, eq=False)
class Operation:
    """A command that somebody wants to take effect once."""

    tag: str
    """What its effect can be known by; no other operation has it."""
    channel: str
    params: dict[str, Any]
    key: str | None = None
    is_dry: bool = False
    answers: list[Answer] = field(default_factory=list)
    is_over: bool = False
    """Whether nothing of it is on its way any more, as far as the client knows."""

    @property
    def must_stand(self) -> bool:
        """Whether it was acknowledged, so that its effect is there for ever."""
        return not self.is_dry and any(one.kind in ("result", "committed") for one in self.answers)

    @property
    def may_stand(self) -> bool:
        """Whether its effect may be there."""
        is_open = not self.is_over or any(one.kind == "unknown" for one in self.answers)
        return self.must_stand or (is_open and not self.is_dry)

    @property
    def result(self) -> dict[str, Any] | None:
        """What it was answered, if it was."""
        return next((one.result for one in self.answers if one.kind == "result"), None)


class History:
    """All operations, and what of the records and events is known for sure."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.versions: dict[str, int] = {}
        """The newest version of each record that anybody was ever shown."""
        self.seq = 0
        """The newest event that an answer said to reflect."""
        self.events: dict[int, tuple[str, str]] = {}
        """Id and type of the events that subscribers got, by their number."""
        self.lessons: dict[str, dict[str, Any]] = {}
        """Acknowledged lessons, by id."""
        self.students: list[str] = []
        self.cancels: dict[str, list[Operation]] = {}
        """By the lesson."""

    def begin(self, operation: Operation) -> Operation:
        """Note an operation before its first delivery."""
        self.operations.append(operation)
        if operation.channel == "lessons.cancel":
            self.cancels.setdefault(operation.params["lessonId"], []).append(operation)
        return operation

    def note(self, operation: Operation, answer: Answer) -> None:
        """Note an answer.

        Raises:
            ViolationError: The same key was answered differently before.
        """
        before = operation.result
        operation.answers.append(answer)
        if answer.kind != "result" or operation.is_dry:
            return
        if before is not None and _bare(before) != _bare(answer.result):
            raise ViolationError(f"{operation.tag} was answered twice, and differently")
        self._learn(operation, answer.result)

    def _learn(self, operation: Operation, result: dict[str, Any]) -> None:
        match operation.channel:
            case "lessons.book":
                self.see(result["lesson"])
                self.lessons.setdefault(result["lesson"]["id"], result["lesson"])
            case "lessons.cancel":
                self.see(result["lesson"])
            case "students.create":
                self.see(result["student"])
                if result["student"]["id"] not in self.students:
                    self.students.append(result["student"]["id"])
            case _:
                self.see(result)

    def see(self, record: dict[str, Any]) -> None:
        """Note that a record was shown in a version."""
        known = self.versions.get(record["id"], 0)
        self.versions[record["id"]] = max(known, record["version"])

    def see_event(self, event: dict[str, Any]) -> None:
        """Note that an event was sent.

        Raises:
            ViolationError: Another one had its number.
        """
        told = (event["id"], event["type"])
        if self.events.setdefault(event["seq"], told) != told:
            raise ViolationError(f"event {event['seq']} was {self.events[event['seq']]}, is {told}")


def _bare(result: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name != "_meta"}
