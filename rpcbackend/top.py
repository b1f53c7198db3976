"""`rpcbackend top`: a living picture of a running backend, in the terminal.

It attaches by files in the data directory (docs/adr/0029-figures.md): it touches one, and the
backend writes its figures into another.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console, Group, RenderableType
from rich.live import Live as Screen
from rich.table import Table
from rich.text import Text

from rpcbackend.config import find_data_dir
from rpcbackend.exits import EX_UNAVAILABLE
from rpcbackend.histogram import Histogram
from rpcbackend.observability.live_file import FIGURES_NAME, REQUEST_NAME
from rpcbackend.observability.report import histogram_of
from rpcbackend.schema.metrics import (
    CacheMetrics,
    ChannelMetrics,
    LaneMetrics,
    Live,
    Metrics,
    StoreMetrics,
)
from rpcbackend.schema.system import ServiceWindow

PATIENCE_SECONDS = 15
"""A backend looks every five seconds whether somebody wants to see it."""

PAUSE_SECONDS = 1.0
MAX_CHANNELS = 20
MAX_HOSTS = 5
UNKNOWN = "-"
KIB = 1_024

Pause = Callable[[float], object]


def show_top(data_dir: Path | None, *, is_once: bool) -> int:
    """Show the picture until Ctrl-C, or once, and return the exit code."""
    directory = find_data_dir(data_dir)
    console = Console()
    pictures = watch(directory, threading.Event().wait)
    try:
        if is_once or not console.is_terminal:
            return _show_once(console, pictures)
        return _show_live(console, pictures)
    except KeyboardInterrupt:
        return 0
    except TimeoutError:
        sys.stderr.write(f"rpcbackend: no backend serves {directory}, or it does not answer\n")
        return EX_UNAVAILABLE
    finally:
        (directory / REQUEST_NAME).unlink(missing_ok=True)


def watch(directory: Path, pause: Pause) -> Iterator[Live]:
    """Yield each picture that the backend of a data directory draws.

    Raises:
        TimeoutError: There has been none for a while.
    """
    # Of a backend that was killed while somebody looked, perhaps.
    (directory / FIGURES_NAME).unlink(missing_ok=True)
    waited, last = 0.0, None
    while waited < PATIENCE_SECONDS:
        _ask(directory)
        found = _read(directory / FIGURES_NAME)
        if found is not None and (last is None or found.metrics.at != last.metrics.at):
            waited, last = 0.0, found
            yield found
        else:
            waited += PAUSE_SECONDS
        pause(PAUSE_SECONDS)
    raise TimeoutError


def _ask(directory: Path) -> None:
    if directory.is_dir():
        path = directory / REQUEST_NAME
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        os.utime(path)


def _read(path: Path) -> Live | None:
    try:
        return Live.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        # Not there yet, gone again, or of another version.
        return None


def _show_once(console: Console, pictures: Iterator[Live]) -> int:
    before = next(pictures)
    console.print(draw(next(pictures), before))
    return 0


def _show_live(console: Console, pictures: Iterator[Live]) -> int:
    asking = Text("asking the backend …")
    with Screen(asking, console=console, screen=True, auto_refresh=False) as screen:
        before = None
        for picture in pictures:
            screen.update(draw(picture, before), refresh=True)
            before = picture
    return 0


# The picture


def draw(live: Live, before: Live | None) -> RenderableType:
    """Draw the figures; rates are those since the picture *before*, of the same process."""
    if before is not None and before.metrics.pid != live.metrics.pid:
        before = None
    now, then = live.metrics, before.metrics if before else None
    return Group(
        _head(now, then),
        _machine(now, then),
        Text(),
        _service(live.service),
        Text(),
        _channels(now, then),
    )


def _head(now: Metrics, then: Metrics | None) -> Text:
    work = histogram_of(now.calls.work)
    recent = work.since(histogram_of(then.calls.work)) if then else Histogram()
    return Text.assemble(
        (f"rpcbackend {now.version}", "bold"),
        f"  pid {now.pid}  up {span_in_words(now.uptime_ms / 1_000)}",
        f"  in flight {now.calls.in_flight}  queued {now.calls.queued}\n",
        (f"{_rate(recent.count, now, then)} calls/s", "bold"),
        f"  p99 {_ms(_in_ms(recent.quantile(0.99)))} now, {_ms(now.calls.work.p99_ms)} in all",
    )


def _machine(now: Metrics, then: Metrics | None) -> Text:
    process = now.process
    used = process.cpu_seconds - then.process.cpu_seconds if then else 0
    of_process = (
        f"cpu {100 * used / _seconds(now, then):.0f} %  memory {size_in_words(process.rss_bytes)}"
        f"  files {process.open_files}  threads {process.threads}  tasks {process.tasks}"
        f"  loop late by {_ms(process.loop_lag.p99_ms)}"
    )
    lines = [of_process]
    if now.store is None:
        lines.append("the store is not open")
    else:
        store, was = now.store, then.store if then else None
        lines.append(_files(store))
        lines.append(_lane("writer", store.writer, was.writer if was else None, now, then))
        if store.reader is not None:
            lines.append(_lane("readers", store.reader, was.reader if was else None, now, then))
    lines.append(_cache(now, then))
    lines.extend(_hosts(now))
    return Text("\n".join(lines))


def _cache(now: Metrics, then: Metrics | None) -> str:
    cache, was = now.cache, then.cache if then else None
    if cache is None:
        return "no answers are kept"
    return (
        f"cache: {cache.answers} answers, {size_in_words(cache.bytes)}"
        f"  hits {_share(_hit_rate(cache, was) if was else None)} now, "
        f"{_share(_hit_rate(cache, None))} in all  evicted {cache.evictions}"
    )


def _hosts(now: Metrics) -> Iterator[str]:
    """Tell of the hosts outside, if any was called; of each alone that is left alone."""
    sick = [host for host in now.hosts if host.state != "closed"]
    if now.hosts:
        calls = sum(host.calls for host in now.hosts)
        failures = sum(host.failures for host in now.hosts)
        yield (
            f"outside: {len(now.hosts)} hosts, {len(sick)} left alone"
            f"  calls {calls:,}  failed {failures:,}"
        )
    for host in sick[:MAX_HOSTS]:
        down = span_in_words((now.at - host.since).total_seconds())
        wait = host.retry_after_ms / 1_000
        again = f"in {wait:,.0f} s" if wait else "by the next call"
        yield f"  {host.host}: down for {down}  asked again {again}"


def _hit_rate(cache: CacheMetrics, was: CacheMetrics | None) -> float | None:
    """Return how many of the questions since then needed no look-up of their own."""
    hits = cache.hits + cache.shared + cache.unchanged
    misses = cache.misses
    if was is not None:
        hits -= was.hits + was.shared + was.unchanged
        misses -= was.misses
    return hits / (hits + misses) if hits + misses else None


def _files(store: StoreMetrics) -> str:
    if store.database_bytes is None:
        return "a server keeps the database"
    return (
        f"database {size_in_words(store.database_bytes)}  log {size_in_words(store.wal_bytes)}"
        f"  free on its disk {size_in_words(store.disk_free_bytes)}"
    )


def _lane(
    name: str, lane: LaneMetrics, was: LaneMetrics | None, now: Metrics, then: Metrics | None
) -> str:
    batches = lane.times.count or 1
    done = lane.done - was.done if was else 0
    return (
        f"{name}: waiting {lane.waiting}  {_rate(done, now, then)} units/s"
        f"  {lane.done / batches:.1f} units a batch, p99 {_ms(lane.times.p99_ms)}"
    )


def _service(windows: list[ServiceWindow]) -> Table:
    table = _table("last", "calls", "99 % within", "failed", "there", "as promised")
    for window in windows:
        table.add_row(
            span_in_words(window.seconds),
            f"{window.calls:,}",
            _ms(window.p99_ms),
            _share(window.failed_share),
            _share(window.up_share),
            Text("yes", "green") if window.is_met else Text("no", "bold red"),
        )
    return table


def _channels(now: Metrics, then: Metrics | None) -> Table:
    table = _table("channel", "calls", "/s", "p50", "p99", "errors", "the most frequent")
    known = {channel.channel: channel for channel in then.calls.channels} if then else {}
    rows = [(channel, _since(channel, known)) for channel in now.calls.channels]
    rows.sort(key=lambda row: (-row[1], -row[0].times.count))
    for channel, calls in rows[:MAX_CHANNELS]:
        errors = sum(error.count for error in channel.errors)
        table.add_row(
            channel.channel or "(none of ours)",
            f"{channel.times.count:,}",
            _rate(calls, now, then),
            _ms(channel.times.p50_ms),
            _ms(channel.times.p99_ms),
            Text(f"{errors:,}", "yellow" if errors else "dim"),
            channel.errors[0].symbol if channel.errors else "",
        )
    return table


def _since(channel: ChannelMetrics, known: dict[str | None, ChannelMetrics]) -> int:
    was = known.get(channel.channel)
    return channel.times.count - (was.times.count if was else 0) if known else 0


def _table(first: str, *others: str) -> Table:
    table = Table(first, box=None, pad_edge=False, header_style="dim")
    for name in others:
        table.add_column(name, justify="left" if name.startswith("the ") else "right")
    return table


def _rate(count: int, now: Metrics, then: Metrics | None) -> str:
    return f"{count / _seconds(now, then):,.1f}" if then else UNKNOWN


def _seconds(now: Metrics, then: Metrics | None) -> float:
    return max((now.uptime_ms - then.uptime_ms) / 1_000, 0.001) if then else 1.0


def _in_ms(microseconds: float | None) -> float | None:
    return None if microseconds is None else microseconds / 1_000


def _ms(milliseconds: float | None) -> str:
    if milliseconds is None:
        return UNKNOWN
    return f"{milliseconds:,.2f} ms"


def _share(share: float | None) -> str:
    return UNKNOWN if share is None else f"{100 * share:.2f} %"


def size_in_words(count: float | None) -> str:
    """Write a number of bytes, such as `7.0 MiB`."""
    if count is None:
        return UNKNOWN
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < KIB:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= KIB
    return f"{count:.1f} TiB"


def span_in_words(seconds: float) -> str:
    """Write a span of time, such as `30 days`."""
    for length, name in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * length or (seconds >= length and name != "days"):
            return f"{seconds / length:.0f} {name}"
    return f"{seconds:.0f} s"
