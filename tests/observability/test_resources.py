"""What the process holds of the machine is told as the machine tells it."""

import os
import threading

from rpcbackend.observability.resources import look_at_process


def test_the_process_holds_memory_files_and_threads_and_had_time() -> None:
    before = look_at_process()
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    pipe = os.pipe()

    after = look_at_process()

    stop.set()
    thread.join()
    for fd in pipe:
        os.close(fd)
    assert (after.threads, after.open_files) == (before.threads + 1, before.open_files + 2)
    assert after.rss_bytes > 1_000_000
    assert after.cpu_seconds >= before.cpu_seconds > 0
