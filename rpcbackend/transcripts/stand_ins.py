"""Values for a replay in the place of those that were taken out: other ones, to the same effect.

They are equal where those were equal, stand in the same order, have the same form, and hold the
words that were looked for in them (docs/adr/0032-placeholders.md).
"""

import base64
import hashlib
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

_FIRST_DAY = date(1950, 1, 1)
_DAYS = 25_000
_SHORT = frozenset({"plate"})
"""Fields that have no room for the words that are looked for in names."""


class StandIns:
    """Makes the stand-ins of one transcript, once all of its facts are known."""

    def __init__(self) -> None:
        self._facts: dict[str, dict[str, Any]] = {}
        self._next: dict[str | None, str | None] = {None: None}
        self._ranks: dict[str, int] = {}

    def learn(self, known: str, told: Mapping[str, Any]) -> None:
        """Take what an entry tells of a placeholder, in the order of the entries."""
        mine = self._facts.setdefault(known, {"has": []})
        has = [*mine["has"], *told.get("has", ())]
        mine.update(told, has=has)
        if "after" in told and told["after"] in self._next:
            self._next[known], self._next[told["after"]] = self._next[told["after"]], known
            self._ranks.clear()

    def make(self, known: str, field: str) -> Any:
        """Return the stand-in of a placeholder that comes in the field of that name."""
        facts = self._facts.get(known, {})
        if known.startswith("<digest:"):
            return hashlib.sha256(known.encode()).hexdigest()
        if "of" in facts:
            return f" {self.make(facts['of'], field)} "
        if known.startswith("<secret:"):
            return _secret(known, facts)
        return self._personal(known, facts, field)

    def _personal(self, known: str, facts: Mapping[str, Any], field: str) -> Any:
        rank = self._rank(known)
        has = facts.get("has", ()) if field not in _SHORT else ()
        match facts.get("like", "text"):
            case "email":
                host = "@example.invalid"
                return f"p{rank:06}".ljust(facts.get("chars", 0) - len(host), "x") + host
            case "url":
                return _url(rank, facts.get("refused")).ljust(facts.get("chars", 0), "x")
            case "date":
                return (_FIRST_DAY + timedelta(days=rank % _DAYS)).isoformat()
            case "search":
                return " ".join(map(_token, facts["words"])).ljust(facts.get("chars", 0))
            case "text":
                same = f"P{_number(facts.get('same', known)):06}"
                text = _marks(rank) + same + "".join([*map(_token, has), *facts.get("places", ())])
                return text.ljust(facts.get("chars", 0), "x")
            case other:
                return _other(other, rank)

    def _rank(self, known: str) -> int:
        if not self._ranks:
            each = self._next[None]
            while each is not None:
                self._ranks[each] = len(self._ranks) + 1
                each = self._next[each]
        return self._ranks.get(known, 0) or _number(known)


def _url(rank: int, refused: str | None) -> str:
    """Return an address that nobody has, and that is refused for the same reason, if it is."""
    match refused:
        case "form":
            return f"https://#p{rank:06}"
        case "scheme":
            return f"http://p{rank:06}.example.org/"
        case "port":
            return f"https://p{rank:06}.example.org:8080/"
        case "host":
            return f"https://p{rank:06}/"
    return f"https://p{rank:06}.example.org/"


def _secret(known: str, facts: Mapping[str, Any]) -> Any:
    digest = hashlib.sha256(known.encode())
    match facts.get("like", "text"):
        case "key":
            return base64.urlsafe_b64encode(digest.digest()).decode().rstrip("=")
        case "code":
            return f"{_number(known) % 1_000_000:06}"
        case "text" if facts.get("short"):
            return f"s{_number(known)}"
        case "text":
            return f"{digest.hexdigest()[:16]} of nobody".ljust(facts.get("chars", 0), "x")
        case other:
            return _other(other, _number(known))


def _other(like: str, number: int) -> Any:
    match like:
        case "phone":
            return f"+49{number:09}"
        case "int":
            return number
        case "float":
            return number + 0.5
        case "object":
            return {"unknown": number}
        case "odd":
            return f"\x07{number}"
    return ""


def _marks(rank: int) -> str:
    """Write a rank so that it counts in the order of names, and not when one is looked for.

    As combining characters: a search takes no notice of those.
    """
    return "".join(chr(0x300 + int(digit)) for digit in f"{rank:06}")


def _token(word: str) -> str:
    # No token is found within others, whatever stands before and behind it.
    return f"~{word}~"


def _number(known: str) -> int:
    return int(known.rpartition(":")[2].rstrip(">"))
