"""Decides from what was sent and answered whether anything was lost, doubled, or told twice."""

from collections import Counter
from typing import Any

from tests.faults.deeds import Deed
from tests.faults.judging import Found


class Checker:
    """What one desk has asked for in all lives of its backend, and what it was told.

    Args:
        faults: Symbols of the errors that it may be told besides those of its commands.
    """

    def __init__(self, *faults: str) -> None:
        self._faults = faults
        self._failed: list[Deed] = []
        self.errors: Counter[str] = Counter()
        """By symbol and outcome."""
        self.acknowledged: dict[str, Any] = {}
        """By key: the result."""
        self.heard = 0
        """Replies, whatever they say."""
        self.replayed = 0
        """Replies to commands that had been acknowledged before."""
        self.settled = 0
        """Commands that were done in a life in which nobody heard of it."""
        self._refused: set[str] = set()
        self._sent: dict[int, Deed] = {}
        self._next_id = 0

    @property
    def unanswered(self) -> int:
        """How many requests wait for their reply."""
        return len(self._sent)

    def send(self, deed: Deed) -> dict[str, Any]:
        """Return the request for a command, under an id that no other ever has."""
        self._next_id += 1
        self._sent[self._next_id] = deed
        return {
            "jsonrpc": "2.0",
            "id": self._next_id,
            "method": deed.channel,
            "params": deed.params,
        }

    def hear(self, reply: Any) -> None:
        """Take a reply in: there is one to each request, and always the same to a command."""
        self.heard += 1
        deed = self._sent.pop(reply["id"], None)
        assert deed is not None, f"a second reply, or one to nobody: {reply}"
        if "error" in reply:
            self._hear_error(deed, reply["error"]["data"])
            return
        result = reply["result"]
        was_done_before = result.pop("_meta", {}).get("replayed", False)
        if deed.key in self.acknowledged:
            assert was_done_before, f"done twice: {reply}"
            assert result == self.acknowledged[deed.key], f"another reply than the first: {reply}"
            self.replayed += 1
            return
        self.settled += was_done_before
        self.acknowledged[deed.key] = result

    def _hear_error(self, deed: Deed, told: Any) -> None:
        symbol = told["code"]
        self.errors[f"{symbol} {told['outcome']}"] += 1
        if symbol in self._faults:
            assert told["retryable"], told
            self._failed.append(deed)
            return
        assert symbol.startswith("CONFLICT_"), told
        assert deed.key not in self.acknowledged, f"first a yes, then a no: {told}"
        self._refused.add(deed.key)

    def bury(self) -> list[Deed]:
        """Return the commands that failed, or were not answered and now never will be."""
        rest = [*self._failed, *self._sent.values()]
        self._failed.clear()
        self._sent.clear()
        return rest

    def judge(self, found: Found) -> None:
        """Compare what a desk was told, and nothing of it waits, with what there is."""
        results = found.results
        lost = self.acknowledged.keys() - results.keys()
        assert not lost, f"{len(lost)} of {len(self.acknowledged)} acknowledged commands are lost"
        doubled = results.keys() - self.acknowledged.keys()
        assert not doubled, f"done, and never acknowledged: {sorted(doubled)[:5]}"
        assert not self._refused & results.keys(), "refused, and done"
        assert self.acknowledged == results, "kept replies differ from those that were heard"
