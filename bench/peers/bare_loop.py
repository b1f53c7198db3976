"""A bare Python loop that echoes: the floor of any Python process on a pipe; validates nothing."""

import sys

import orjson


def main() -> None:
    """Answer every line with its own params."""
    write, flush = sys.stdout.buffer.write, sys.stdout.buffer.flush
    write(b'{"jsonrpc":"2.0","method":"system.ready","params":{}}\n')
    flush()
    for line in sys.stdin.buffer:
        request = orjson.loads(line)
        reply = {"jsonrpc": "2.0", "id": request["id"], "result": request.get("params", {})}
        write(orjson.dumps(reply) + b"\n")
        flush()


if __name__ == "__main__":
    main()
