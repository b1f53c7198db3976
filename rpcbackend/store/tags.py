"""What answers are made of, by name, and when that changed last; knows neither SQL nor answers.

A tag is a kind of records, such as `students`, one record, such as `student:stu_…`, or `calendar`
for all that is busy. A unit of work touches tags; whoever keeps an answer asks for their revision.
"""

from collections.abc import Collection, Iterable

MAX_TAGS = 20_000
"""Records whose last change is remembered; beyond that all count as just changed, once."""


class Tags:
    """The revisions of one open store.

    An answer is true as long as the revision of its tags is the one from before it was read. From
    before the commit that changes them until its end has been heard of they have none: what is read
    then may be of before or after.

    Args:
        epoch: Tells this opening of the store from all others.
    """

    def __init__(self, epoch: str) -> None:
        self.epoch = epoch
        self._count = self._floor = 0
        self._changed: dict[str, int] = {}
        self._pending: dict[object, Collection[str]] = {}

    def revision(self, tags: Iterable[str]) -> int | None:
        """Return a number that grows with every change of any of the tags; None during one."""
        if self._pending:
            # In one step, for the writer's thread may add to it meanwhile.
            for touched in self._pending.copy().values():
                if any(tag in touched for tag in tags):
                    return None
        revision, changed = self._floor, self._changed
        for tag in tags:
            if changed.get(tag, 0) > revision:
                revision = changed[tag]
        return revision

    @property
    def count(self) -> int | None:
        """How many changes have ended; None while one is under way."""
        return None if self._pending else self._count

    def begin(self, commit: object, touched: Collection[str]) -> None:
        """Note on the writer's thread, before it can be seen, what a commit changes."""
        self._pending[commit] = touched

    def end(self, commit: object) -> None:
        """Note that a commit has ended, well or not, if it began at all."""
        touched = self._pending.get(commit)
        if touched is None:
            return
        if len(self._changed) + len(touched) > MAX_TAGS:
            self.change_all()
        self._count += 1
        self._changed.update(dict.fromkeys(touched, self._count))
        # Last: on the writer's thread somebody may look between the two.
        del self._pending[commit]

    def change_all(self) -> None:
        """Note that anything may be another than it was."""
        self._count += 1
        self._floor = self._count
        self._changed.clear()
