"""Cut a stream of chunks into lines, in linear time and bounded memory; does no I/O."""

BOM = b"\xef\xbb\xbf"
"""Some shells put one before what they pipe; anywhere but at the start it is not JSON."""


class Oversize:
    """Stands in the stream for a line that was over the limit and thrown away."""


OVERSIZE = Oversize()

Line = bytes | Oversize


class LineSplitter:
    """Split on byte 0x0A only: CR is white space, U+2028 and NEL are data (protocol.md section 1).

    Args:
        max_line_bytes: A longer line is discarded as it comes, and answered by `OVERSIZE`.
    """

    def __init__(self, max_line_bytes: int) -> None:
        self._max = max_line_bytes
        self._prefix = BOM
        self._parts: list[bytes] = []
        self._size = 0
        self._is_discarding = False

    def feed(self, chunk: bytes) -> list[Line]:
        """Take the next chunk and return the lines it completes, blank ones left out."""
        *heads, tail = chunk.split(b"\n")
        lines: list[Line] = []
        for head in heads:
            self._keep(head)
            line = self._finish()
            if isinstance(line, Oversize) or (line and not line.isspace()):
                lines.append(line)
        self._keep(tail)
        return lines

    def _keep(self, part: bytes) -> None:
        if self._is_discarding or not part:
            return
        self._size += len(part)
        if self._size > self._max:
            self._is_discarding = True
            self._parts.clear()
            return
        self._parts.append(part)

    def _finish(self) -> Line:
        line: Line = OVERSIZE
        if not self._is_discarding:
            line = b"".join(self._parts).removeprefix(self._prefix)
        self._parts, self._size, self._is_discarding, self._prefix = [], 0, False, b""
        return line
