"""What a command changes, noted while it runs; knows neither SQL nor hashes."""

from collections.abc import Iterator

Record = tuple[str, str]
"""What errors and events call it, such as `lesson`, and its id."""


class Changes:
    """The records that one unit of work has seen and written, as the JSON that SQLite writes."""

    def __init__(self) -> None:
        self._seen: dict[Record, str | None] = {}
        self._written: dict[Record, str | None] = {}

    def see(self, record: Record, json: str | None) -> None:
        """Note how a record stands, None if there is none; only the first look counts."""
        self._seen.setdefault(record, json)

    def has_seen(self, record: Record) -> bool:
        """Tell whether it is known how the record stood before."""
        return record in self._seen

    def write(self, record: Record, json: str | None) -> None:
        """Note how a record that was seen stands now; only the last time counts."""
        self._written[record] = json

    def __iter__(self) -> Iterator[tuple[Record, str | None, str | None]]:
        """Go through those that are now another than before: which, before, after."""
        for record, after in self._written.items():
            before = self._seen[record]
            if after != before:
                yield record, before, after
