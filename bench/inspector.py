"""How long the page of a long transcript takes: to be written, and to open in Chromium.

`python bench/inspector.py [MESSAGES]` prints seconds and megabytes; 100,000 messages unless told.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from rpcbackend.cli import main as rpcbackend
from tests.e2e.browser import browser, empty_page, show
from tests.transcripts.scripts import busy_day, write_script

ROUNDS = 5


async def main() -> None:
    """Write a day and its page, and open that some times."""
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        path = write_script(Path(folder) / "day.jsonl", busy_day(messages))
        page_path = path.with_name("day.jsonl.html")
        since = time.perf_counter()
        rpcbackend(["inspect", str(path)])
        print(f"written in {time.perf_counter() - since:.1f} s")
        sizes = [each.stat().st_size / 1e6 for each in (path, page_path)]
        print(f"transcript {sizes[0]:.1f} MB, page {sizes[1]:.1f} MB")
        times = []
        async with browser() as started:
            for _ in range(ROUNDS):
                async with empty_page(started) as page:
                    await show(page, page_path)
                    ready = "performance.getEntriesByName('ready')[0].startTime"
                    times.append(await page.evaluate(ready))
        print(f"open in {min(times) / 1e3:.2f} to {max(times) / 1e3:.2f} s, {ROUNDS} times")


asyncio.run(main())
