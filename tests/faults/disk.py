"""What a disk may hold when the power fails: rebuilt from the records of `record.c`.

What is modelled, and it is meant to be no kinder than ext4 or NTFS are:

- Until a file is synced, each of its writes and cuts may be on the disk or not, whatever came
  before or after it; where a later write is there and an earlier one is not, there are zeros. A
  write may be torn: of each 512 bytes either the old or the new are there. Bytes beside those that
  are written stay (SQLite's SQLITE_POWERSAFE_OVERWRITE).
- A sync of a file makes its bytes and its size durable, not its name.
- Names are made, moved and removed one after the other, each whole, and are durable when their
  folder is synced. Before that a journal (ext4, NTFS) keeps the first so many of them; we also try
  any others, as a file system without one might.

What is not: disks that lose or change what was synced, sectors that cannot be read afterwards, and
bytes of strangers in what a file grew by (ext4's data=ordered shows none).
"""

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

SECTOR = 512

_HEAD = struct.Struct("<cQqII")

Policy = Literal["nothing", "everything", "some", "torn"]
"""Which of the writes that were not synced are on the disk."""

POLICIES: tuple[Policy, ...] = ("nothing", "some", "torn", "everything", "some", "torn")
"""In turn; twice those that are seldom the same as before."""


@dataclass(frozen=True, slots=True)
class Record:
    """One call that changed something, or a line that was said."""

    what: str
    """As in `record.c`: made, written, truncated, file or directory synced, unlinked and so on."""
    file: int
    number: int
    name: str
    data: bytes


def read_records(log: Path) -> list[Record]:
    """Read what was recorded."""
    data, at, records = log.read_bytes(), 0, []
    while at < len(data):
        what, file, number, name, size = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        text, content = data[at : at + name], data[at + name : at + name + size]
        at += name + size
        records.append(Record(what.decode(), file, number, text.decode(), content))
    return records


@dataclass(eq=False, slots=True)
class _File:
    """Bytes that are on the disk, and changes that may be: a cut has no data."""

    durable: bytes = b""
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)

    def sync(self) -> None:
        self.durable = self.content("everything", random.Random(0))  # noqa: S311 (never asked)
        self.pending.clear()

    def content(self, policy: Policy, chance: random.Random) -> bytes:
        found = bytearray(self.durable)
        kept = chance.random()
        for at, data in self.pending if policy != "nothing" else ():
            if data is None:
                if policy == "everything" or chance.random() < kept:
                    found[at:] = bytes(max(0, at - len(found)))
            elif policy == "torn":
                for start, piece in _sectors(at, data):
                    if chance.random() < kept:
                        _put(found, start, piece)
            elif policy == "everything" or chance.random() < kept:
                _put(found, at, data)
        return bytes(found)


def _sectors(at: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    start = 0
    while start < len(data):
        end = start + SECTOR - (at + start) % SECTOR
        yield at + start, data[start:end]
        start = end


def _put(content: bytearray, at: int, data: bytes) -> None:
    if at > len(content):
        content.extend(bytes(at - len(content)))
    content[at : at + len(data)] = data


_FOLDER = _File()
"""Stands for every folder."""

_Names = dict[str, _File]

Image = dict[str, bytes | None]
"""What is in the data directory: files by their names, None for a folder."""


class Disk:
    """A disk that is told of one record after the other, and may lose its power after each.

    Args:
        directory: As it is before the first record: all of it durable.
    """

    def __init__(self, directory: Path) -> None:
        self._files: dict[int, _File] = {}
        self._names: _Names = {}
        self._durable: _Names = {}
        self._pending: list[Record] = []
        self._made: dict[int, _File] = {}
        for path in sorted(directory.rglob("*")) if directory.exists() else ():
            name = path.relative_to(directory).as_posix()
            if path.is_dir():
                self._durable[name] = _FOLDER
            else:
                self._durable[name] = _File(path.read_bytes())
                self._files[path.stat().st_ino] = self._durable[name]

    def tell(self, record: Record) -> None:
        """Let a call happen."""
        match record.what:
            case "w":
                self._files[record.file].pending.append((record.number, record.data))
            case "t":
                self._files[record.file].pending.append((record.number, None))
            case "f":
                self._files[record.file].sync()
            case "d":
                self._sync_folder(record.name)
            case "o":
                # A number may have been another file's before.
                self._files[record.file] = self._made[id(record)] = _File()
                self._pending.append(record)
            # The folder itself is there before.
            case "m" | "u" | "r" | "l" if record.name:
                self._pending.append(record)

    def _sync_folder(self, folder: str) -> None:
        rest = []
        for record in self._pending:
            if _folder_of(record) == folder:
                self._apply(record, self._durable)
            else:
                rest.append(record)
        self._pending = rest

    def _apply(self, record: Record, names: _Names) -> None:
        match record.what:
            case "o":
                names[record.name] = self._made[id(record)]
            case "m":
                names[record.name] = _FOLDER
            case "u":
                names.pop(record.name, None)
            case "l" if record.name in names:
                names[record.data.decode()] = names[record.name]
            case "r":
                self._move(record.name, record.data.decode(), names)

    def _move(self, old: str, new: str, names: _Names) -> None:
        for name in [name for name in names if name == old or name.startswith(f"{old}/")]:
            names[new + name[len(old) :]] = names.pop(name)

    def image(self, policy: Policy, chance: random.Random) -> Image:
        """Return what may be found when the power comes back."""
        names = dict(self._durable)
        for record in self._kept_names(policy, chance):
            self._apply(record, names)
        reachable = {
            name: file
            for name, file in names.items()
            if all(str(above) in names for above in PurePosixPath(name).parents if above.name)
        }
        return {
            name: None if file is _FOLDER else file.content(policy, chance)
            for name, file in sorted(reachable.items())
        }

    def _kept_names(self, policy: Policy, chance: random.Random) -> list[Record]:
        if policy == "nothing":
            return []
        if policy == "everything":
            return self._pending
        if chance.random() < 0.5:
            return self._pending[: chance.randint(0, len(self._pending))]
        return [record for record in self._pending if chance.random() < 0.5]


def _folder_of(record: Record) -> str:
    name = record.data.decode() if record.what in "rl" else record.name
    return name.rpartition("/")[0]


def write_image(image: Image, directory: Path) -> None:
    """Put an image where a program can open it."""
    directory.mkdir()
    for name, content in image.items():
        path = directory / name
        if content is None:
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
