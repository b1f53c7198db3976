"""The picture that `rpcbackend top` draws, and how it gets at the figures."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from rpcbackend import top
from rpcbackend.cli import main
from rpcbackend.observability.live_file import FIGURES_NAME, REQUEST_NAME
from rpcbackend.schema.metrics import (
    BatchSize,
    Bucket,
    CacheMetrics,
    CallsMetrics,
    ChannelMetrics,
    ErrorCount,
    HostMetrics,
    LaneMetrics,
    Live,
    Metrics,
    ProcessMetrics,
    StoreMetrics,
    Times,
)
from rpcbackend.schema.system import ServiceWindow

MIB = 1024 * 1024


def times(count: int, ms: float) -> Times:
    """Make times that all were so long."""
    return Times(
        count=count,
        p50_ms=ms,
        p95_ms=ms,
        p99_ms=ms,
        buckets=[Bucket(below_ms=ms, count=count)] if count else [],
    )


def channel(name: str | None, count: int, ms: float, *errors: ErrorCount) -> ChannelMetrics:
    return ChannelMetrics(
        channel=name, times=times(count, ms), total_ms=count * ms, errors=list(errors), callers=[]
    )


def lane(done: int, batches: int, waiting: int = 0) -> LaneMetrics:
    return LaneMetrics(
        waiting=waiting, done=done, sizes=[BatchSize(units=1, count=1)], times=times(batches, 0.512)
    )


def live(seconds: int, calls: int, *, is_open: bool = True, pid: int = 4711) -> Live:
    """Make the figures of a process that is there for so long and had so many calls."""
    store = StoreMetrics(
        writer=lane(2 * calls, calls, 3),
        reader=lane(calls, calls),
        database_bytes=7 * MIB,
        wal_bytes=300_000,
        disk_free_bytes=77 * 1024 * MIB,
    )
    busy = ErrorCount(symbol="CONFLICT_INSTRUCTOR", type="business", count=2)
    return Live(
        metrics=Metrics(
            at=datetime.fromtimestamp(1_795_420_800 + seconds, UTC),
            pid=pid,
            version="0.1.0",
            uptime_ms=seconds * 1_000,
            calls=CallsMetrics(
                in_flight=1,
                queued=2,
                work=times(calls, 1.024),
                failed=0,
                channels=[
                    channel("lessons.book", calls, 8.192, busy),
                    channel("ping", 5, 0.03),
                    channel(None, 1, 0.01),
                ],
            ),
            store=store if is_open else None,
            cache=CacheMetrics(
                hits=calls // 2,
                misses=calls // 4,
                shared=calls // 4,
                unchanged=calls // 10,
                evictions=1,
                answers=9,
                bytes=2 * MIB,
            )
            if is_open
            else None,
            hosts=hosts(seconds) if is_open else [],
            process=ProcessMetrics(
                cpu_seconds=seconds / 10,
                rss_bytes=60 * MIB,
                open_files=23,
                threads=8,
                tasks=4,
                loop_lag=times(1, 0.25),
            ),
        ),
        service=[
            ServiceWindow(
                seconds=3_600, calls=calls, p99_ms=1.0, failed_share=0, up_share=1, is_met=True
            ),
            ServiceWindow(
                seconds=86_400, calls=0, p99_ms=None, failed_share=None, up_share=None, is_met=True
            ),
            ServiceWindow(
                seconds=2_592_000,
                calls=9_999,
                p99_ms=120,
                failed_share=0.01,
                up_share=0.98,
                is_met=False,
            ),
        ],
    )


def hosts(seconds: int) -> list[HostMetrics]:
    """Return one that is well, one that is left alone, and one that the next call asks."""
    since = datetime.fromtimestamp(1_795_420_800 + seconds - 300, UTC)
    return [
        HostMetrics(
            host=host,
            state=state,
            since=since,
            retry_after_ms=retry_after_ms,
            calls=1_000,
            failures=failures,
            retries=2,
        )
        for host, state, retry_after_ms, failures in (
            ("api.example:443", "closed", 0, 1),
            ("hook.example:8443", "half_open", 0, 6),
            ("smtp.example:587", "open", 92_000, 9),
        )
    ]


def shown(now: Live, before: Live | None) -> list[str]:
    console = Console(width=110, record=True, file=io.StringIO())
    console.print(top.draw(now, before))
    return [line.rstrip() for line in console.export_text().splitlines()]


PICTURE = """\
rpcbackend 0.1.0  pid 4711  up 2 h  in flight 1  queued 2
50.0 calls/s  p99 1.01 ms now, 1.02 ms in all
cpu 10 %  memory 60.0 MiB  files 23  threads 8  tasks 4  loop late by 0.25 ms
database 7.0 MiB  log 293.0 KiB  free on its disk 77.0 GiB
writer: waiting 3  100.0 units/s  2.0 units a batch, p99 0.51 ms
readers: waiting 0  50.0 units/s  1.0 units a batch, p99 0.51 ms
cache: 9 answers, 2.0 MiB  hits 77.27 % now, 77.27 % in all  evicted 1
outside: 3 hosts, 2 left alone  calls 3,000  failed 16
  hook.example:8443: down for 5 min  asked again by the next call
  smtp.example:587: down for 5 min  asked again in 92 s

last     calls  99 % within  failed     there  as promised
1 h        200      1.00 ms  0.00 %  100.00 %          yes
24 h         0            -       -         -          yes
30 days  9,999    120.00 ms  1.00 %   98.00 %           no

channel         calls    /s      p50      p99  errors  the most frequent
lessons.book      200  50.0  8.19 ms  8.19 ms       2  CONFLICT_INSTRUCTOR
ping                5   0.0  0.03 ms  0.03 ms       0
(none of ours)      1   0.0  0.01 ms  0.01 ms       0
"""


def test_the_picture_tells_what_happens_now_and_what_happened() -> None:
    assert shown(live(7_202, 200), live(7_200, 100)) == PICTURE.splitlines()


@pytest.mark.parametrize("before", [None, live(7_200, 100, pid=1)], ids=["first", "restarted"])
def test_without_a_picture_before_there_are_no_rates(before: Live | None) -> None:
    head, calls, *_, booked, _ping, _other = shown(live(7_202, 200), before)

    assert head == "rpcbackend 0.1.0  pid 4711  up 2 h  in flight 1  queued 2"
    assert calls == "- calls/s  p99 - now, 1.02 ms in all"
    assert booked.split()[:3] == ["lessons.book", "200", "-"]


def test_a_store_that_is_not_open_and_that_no_answers_are_kept_is_said_so() -> None:
    picture = shown(live(30, 0, is_open=False), None)

    assert "the store is not open" in picture
    assert "no answers are kept" in picture


def test_nothing_is_said_of_the_files_of_a_server() -> None:
    now = live(30, 0)
    assert now.metrics.store is not None
    none = {"database_bytes": None, "wal_bytes": None, "disk_free_bytes": None}
    store = now.metrics.store.model_copy(update=none)

    picture = shown(
        now.model_copy(update={"metrics": now.metrics.model_copy(update={"store": store})}), None
    )

    assert "a server keeps the database" in picture
    assert not [line for line in picture if "free on its disk" in line]


def test_a_size_that_nobody_can_tell_is_said_so() -> None:
    assert top.size_in_words(None) == "-"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (5, "5 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3_599, "60 min"),
        (86_400, "24 h"),
        (172_800, "2 days"),
    ],
)
def test_spans_are_told_in_words(seconds: float, text: str) -> None:
    assert top.span_in_words(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1_023, "1023 B"), (1_024, "1.0 KiB"), (5 * 1024**4, "5.0 TiB")]
)
def test_sizes_are_told_in_words(count: int, text: str) -> None:
    assert top.size_in_words(count) == text


# Attaching


class Backend:
    """Writes a new picture whenever somebody pauses, as often as it is told."""

    def __init__(self, directory: Path, pictures: list[bytes]) -> None:
        self._directory, self._pictures = directory, iter(pictures)

    def pause(self, _seconds: float) -> None:
        """Let a second pass."""
        assert (self._directory / REQUEST_NAME).exists()
        content = next(self._pictures, None)
        if content is not None:
            (self._directory / FIGURES_NAME).write_bytes(content)


def encoded(picture: Live) -> bytes:
    return picture.model_dump_json().encode()


def test_each_picture_is_shown_once(tmp_path: Path) -> None:
    first, second = live(1, 1), live(2, 2)
    pictures = [b"", encoded(first), b"{", encoded(first), encoded(second)]
    backend = Backend(tmp_path, pictures)

    seen: Iterator[Live] = top.watch(tmp_path, backend.pause)

    assert [next(seen), next(seen)] == [first, second]
    with pytest.raises(TimeoutError):
        next(seen)


def test_what_a_killed_backend_left_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / FIGURES_NAME).write_bytes(encoded(live(1, 1)))

    with pytest.raises(TimeoutError):
        next(top.watch(tmp_path, Backend(tmp_path, []).pause))


def test_where_nobody_serves_it_says_so_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(top, "PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(top, "PATIENCE_SECONDS", 0.003)

    for directory in (tmp_path, tmp_path / "missing"):
        assert main(["top", "--data-dir", str(directory)]) == 69
        assert f"no backend serves {directory}" in capsys.readouterr().err

    assert list(tmp_path.iterdir()) == []
