"""What stands for values in one transcript, and what replies may depend on of what they were.

The same value has the same placeholder, so whatever was equal still is. Beside that a reply may
depend on the order of names, on which are the same but for accents and case, on the words that are
looked for in them, and on whether a value has the form that its field wants: these facts are told
with the placeholder when it first appears, and nothing else is (docs/adr/0032-placeholders.md).
"""

import hashlib
import os
import re
from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from rpcbackend.errors import UrlRefusedError
from rpcbackend.outside.guard import Guard
from rpcbackend.protocol.codec import canonical
from rpcbackend.security.redaction import Mark
from rpcbackend.store.students import fold
from rpcbackend.transcripts.format import placeholder
from rpcbackend.transcripts.words import Words

SHORT, LONG = 12, 60
"""Characters: a shorter password is refused, and what is longer may be too long for its field."""

_FORMS = {
    "email": re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+"),
    "phone": re.compile(r"\+[1-9][0-9]{6,14}"),
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
    "url": re.compile(r"https?://[\x21-\x7e]+"),
    "key": re.compile(r"[A-Za-z0-9_-]{43}=?"),
    "code": re.compile(r"[0-9]{6}"),
    "blank": re.compile(r"\s*"),
    "text": re.compile(r"[^\x00-\x08\x0b-\x1f\x7f]*"),
}
_OF_MARK = {
    "personal": ("url", "email", "phone", "date", "blank", "text"),
    "secret": ("key", "code", "blank", "text"),
}
DIGEST = re.compile(r"[0-9a-f]{64}|[0-9a-f]{32}")
"""SHA-256, or BLAKE2b of 16 bytes: the `etag` of a calendar."""


LIMIT = 1_000_000
"""Values that are told apart: each takes some hundreds of bytes of memory."""


async def _nowhere(_host: str) -> list[str]:
    """Look up nothing."""
    return []


GUARD = Guard(_nowhere)
"""Tells which addresses anybody may call."""


class TableFullError(Exception):
    """There were more values than can be told apart: what comes then cannot be written down."""


class Placeholders:
    """The table of one transcript, which is never written anywhere.

    It knows values again by a hash under a key of its own; it holds names, for they have an order,
    and no secret.
    """

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._given: dict[bytes, str] = {}
        self._counts: dict[str, int] = {}
        self._texts: list[tuple[str, str]] = []
        self._first: dict[str, str] = {}
        self._words = Words()
        self._news: dict[str, dict[str, Any]] = {}

    def replace(self, mark: Mark, value: Any) -> Any:
        """Return what stands for a value; each item of a list has its own.

        Raises:
            TableFullError: It is a new one too many.
        """
        if isinstance(value, list):
            return [self.replace(mark, item) for item in value]
        if value is None or isinstance(value, bool):
            return value
        known, is_new = self._name(mark, canonical(value))
        if is_new:
            self._tell(known, mark, value)
        return known

    def digests(self, value: Any) -> Any:
        """Return a JSON value with every digest in it replaced: one of a name tells the name."""
        if isinstance(value, dict):
            return {name: self.digests(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.digests(item) for item in value]
        if isinstance(value, str) and len(value) in (32, 64) and DIGEST.fullmatch(value):
            return self._name("digest", value.encode())[0]
        return value

    def search(self, text: str) -> str:
        """Return what stands for a text whose words are looked for in names.

        It is another one than that of a name which reads the same: that stands in an order, too.
        """
        known, is_new = self._name("personal", b"search " + text.encode())
        if is_new:
            words = fold(text).split()
            told = {"like": "search", "words": [self._mark(word) for word in words]}
            self._news[known] = told | ({"chars": len(text)} if len(text) > LONG else {})
        return known

    def _mark(self, word: str) -> str:
        """Return what stands for a word, and tell in which names it is found."""
        mark, names = self._words.mark(word)
        for name in names:
            self._has(name, [mark])
        return mark

    def tell(self, known: Any, facts: Mapping[str, Any]) -> None:
        """Tell more of a placeholder that is new."""
        if isinstance(known, str) and known in self._news:
            self._news[known].update(facts)

    def take_news(self) -> dict[str, dict[str, Any]]:
        """Return what is to be told of placeholders since the last time."""
        news, self._news = self._news, {}
        return news

    def _name(self, kind: str, value: bytes) -> tuple[str, bool]:
        digest = self._digest(kind, value)
        known = self._given.get(digest)
        if known is not None:
            return known, False
        if len(self._given) >= LIMIT:
            raise TableFullError
        self._counts[kind] = number = self._counts.get(kind, 0) + 1
        self._given[digest] = known = placeholder(kind, number)
        return known, True

    def _digest(self, kind: str, value: bytes) -> bytes:
        told = hashlib.blake2b(value, digest_size=16, key=self._key, person=kind.encode())
        return told.digest()

    def _tell(self, known: str, mark: Mark, value: Any) -> None:
        news = self._news.setdefault(known, {})
        news["like"] = like_of(mark, value)
        if not isinstance(value, str):
            return
        if news["like"] == "url" and (reason := _refusal_of(value)):
            news["refused"] = reason
        if len(value) > LONG:
            news["chars"] = len(value)
        elif mark == "secret" and len(value) < SHORT:
            news["short"] = True
        if mark == "personal":
            self._tell_order(known, value)
            if (inner := value.strip()) not in ("", value):
                news["of"] = self.replace(mark, inner)

    def _tell_order(self, known: str, value: str) -> None:
        # As SQLite compares texts: by code points, which is how UTF-8 compares too.
        place = bisect_left(self._texts, (value, ""))
        self._news[known]["after"] = self._texts[place - 1][1] if place else None
        insort(self._texts, (value, known))
        if parts := self._parts_of(value):
            self._news[known]["parts"] = parts
        folded = fold(value)
        first = self._first.setdefault(folded, known)
        if first != known:
            self._news[known]["same"] = first
        self._has(known, self._words.add(known, folded))

    def _parts_of(self, value: str) -> list[str]:
        """Return what stands for the two names that a full one is made of."""
        at = value.find(" ")
        while at >= 0:
            parts = (value[:at], value[at + 1 :])
            known = [
                self._given.get(self._digest("personal", canonical(part)), "") for part in parts
            ]
            if all(known):
                return known
            at = value.find(" ", at + 1)
        return []

    def _has(self, known: str, marks: Iterable[str]) -> None:
        if marks:
            self._news.setdefault(known, {}).setdefault("has", []).extend(marks)


def _refusal_of(url: str) -> str | None:
    """Return why an address may not be called, where none may that is not public."""
    try:
        GUARD.check(url)
    except UrlRefusedError as error:
        return str((error.details or {})["reason"])
    return None


def like_of(mark: Mark, value: Any) -> str:
    """Return the form of a value, as it is told of it."""
    if not isinstance(value, str):
        return "object" if isinstance(value, dict) else type(value).__name__
    for form in _OF_MARK[mark]:
        if _FORMS[form].fullmatch(value) and (form != "date" or _is_date(value)):
            return form
    return "odd"


def _is_date(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True
