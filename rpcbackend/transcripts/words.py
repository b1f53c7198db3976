"""Which words that were looked for are found in which names, without a look at each pair."""

from collections import defaultdict
from collections.abc import Iterator

GRAM = 3
"""Characters: of the words that are shorter there are few."""


class Words:
    """The words of all searches so far, and the names that they may be found in.

    Both are folded, as a search compares them.
    """

    def __init__(self) -> None:
        self._marks: dict[str, str] = {}
        self._lengths: set[int] = set()
        self._names: dict[str, str] = {}
        self._grams: defaultdict[str, list[str]] = defaultdict(list)

    def mark(self, word: str) -> tuple[str, list[str]]:
        """Return what stands for a word, and the names it is found in if it is a new one."""
        if word in self._marks:
            return self._marks[word], []
        self._marks[word] = mark = f"w{len(self._marks) + 1}"
        self._lengths.add(len(word))
        return mark, [name for name in self._candidates(word) if word in self._names[name]]

    def add(self, name: str, folded: str) -> list[str]:
        """Take a name, and return what stands for the words that are found in it."""
        self._names[name] = folded
        for gram in set(_parts(folded, GRAM)):
            self._grams[gram].append(name)
        found = {
            self._marks[part]
            for length in self._lengths
            for part in _parts(folded, length)
            if part in self._marks
        }
        return sorted(found, key=lambda mark: int(mark[1:]))

    def _candidates(self, word: str) -> list[str]:
        if len(word) < GRAM:
            return list(self._names)
        return min((self._grams.get(gram, []) for gram in _parts(word, GRAM)), key=len)


def _parts(text: str, length: int) -> Iterator[str]:
    return (text[at : at + length] for at in range(len(text) - length + 1))
