"""A real process reads whatever comes down its pipe, answers as it must, and ends with 0."""

import asyncio
from pathlib import Path

import orjson
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from rpcbackend.schema.limits import Limits
from rpcbackend.transport.lines import LineSplitter
from tests.clauses import clause
from tests.e2e.backend import Backend
from tests.properties.fitting import CHANNELS, requests
from tests.properties.spoiling import JUNK, broken, wronged
from tests.properties.wire import NEXT_LINE, Due, settle_in, stints, substitute

# An initialize in another version of the protocol ends the process, as it must.
HARMLESS = [channel for channel in CHANNELS if channel != "initialize"]

FITTING = st.sampled_from(HARMLESS).flatmap(requests)
LINES = (
    FITTING.map(orjson.dumps)
    | st.lists(FITTING, max_size=4).map(orjson.dumps)
    | wronged(HARMLESS).map(orjson.dumps)
    | broken(HARMLESS)
    | JUNK.map(orjson.dumps)
    | st.binary(max_size=60)
)
STREAMS = st.lists(LINES, min_size=5, max_size=30).map(b"\n".join)


class Pipe:
    """A process with a school in it, and a new one after each that has ended or failed.

    Args:
        directory: Holds the data of all of them.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._started = 0
        self._backend: Backend | None = None

    async def answers(self, stream: bytes) -> None:
        """Send *stream* and a good line, and check all that comes back."""
        backend = self._backend or await self._start()
        stream = substitute(stream, self._known) + b"\n" + NEXT_LINE + b"\n"
        owed = Due()
        for line in self._splitter.feed(stream):
            owed.owe(line)
        backend.send(stream)
        # Not the process's any more, unless all goes well.
        self._backend = None
        try:
            while owed.unpaid:
                line = await backend.raw_line()
                assert line, f"the process has ended: {backend.stderr}"
                owed.settle(line)
        except BaseException:
            await backend.end()
            raise
        self._backend = backend

    async def close(self) -> None:
        """Say that nothing more comes: nothing but events does either, and it ends well."""
        backend, self._backend = self._backend, None
        assert backend is not None
        backend.close_stdin()
        while line := await backend.raw_line():
            assert Due().settle(line) == []
        assert await backend.exit_code() == 0
        assert [line for line in backend.stderr.splitlines() if _is_complaint(line)] == []

    async def _start(self) -> Backend:
        """Start a process that says nothing but errors of its own."""
        self._started += 1
        backend = await Backend.start(self._directory / str(self._started), "--log-level", "ERROR")
        assert (await backend.line())["method"] == "system.ready"
        self._known = await settle_in(backend)
        self._splitter = LineSplitter(Limits().request_bytes)
        # What is a byte order mark at the start is none behind the lines that made the school.
        self._splitter.feed(b"\n")
        self._backend = backend
        return backend


def _is_complaint(line: str) -> bool:
    # The stream may have asked for a log of every call.
    return line.split(maxsplit=2)[1] not in ("DEBUG", "INFO", "WARNING")


@clause("one-reply-per-request", "no-line-stops-the-process", "stdout-protocol-only")
@clause("eof-is-shutdown")
def test_a_real_process_answers_whatever_comes_down_its_pipe(tmp_path: Path) -> None:
    pipe = Pipe(tmp_path)
    with asyncio.Runner() as runner:
        for stint in stints(share=1):
            # A reply that is lost costs its whole timeout: to shrink on that would take all day.
            @settings(stint, phases=[Phase.generate])
            @given(STREAMS)
            def answers(stream: bytes) -> None:
                runner.run(pipe.answers(stream))

            answers()
            runner.run(pipe.close())
