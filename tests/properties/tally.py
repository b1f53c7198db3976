"""What all properties of the wire have sent in one run, and what came back."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from rpcbackend.errors import (
    InvalidParamsError,
    InvalidRequestError,
    MethodNotFoundError,
    ParseError,
    RequestTooLargeError,
)
from rpcbackend.rpc_error import RpcError

BAD_INPUT = {
    error.code
    for error in (
        *(ParseError, InvalidRequestError, MethodNotFoundError),
        *(InvalidParamsError, RequestTooLargeError),
    )
}
"""Who gets one of these has sent what is no valid request; every other reply is to a valid one."""


class Tally:
    """Counts lines and the replies to them; an element of a batch has a reply of its own."""

    title = "what was sent over the wire"

    def __init__(self) -> None:
        self._lines = 0
        self._replies: Counter[int | None] = Counter()

    def add(self, lines: int, replies: Iterable[Any]) -> None:
        """Count lines that were sent, and the messages that answered them, batches among them."""
        self._lines += lines
        for reply in replies:
            if isinstance(reply, list):
                self.add(0, reply)
            else:
                self._replies[reply["error"]["code"] if "error" in reply else None] += 1

    def dump(self) -> Any:
        """Return the counts."""
        return self._lines, list(self._replies.items())

    def take(self, dumped: Any) -> None:
        """Add the counts of another process."""
        lines, replies = dumped
        self._lines += lines
        self._replies.update(dict(replies))

    def report(self) -> Iterator[str]:
        """Say it in lines, the replies by their kind, commonest first."""
        if not self._lines:
            return
        bad = sum(times for code, times in self._replies.items() if code in BAD_INPUT)
        valid = self._replies.total() - bad
        yield f"{self._lines:,} lines sent: {valid:,} valid requests, {bad:,} bad inputs"
        for code, times in self._replies.most_common():
            kind = "result" if code is None else f"{code} {RpcError.by_code[code].symbol}"
            yield f"{times:11,}  {kind}"


TALLY = Tally()
"""Fed by all tests of a run, told at its end."""
