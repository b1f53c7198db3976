"""A backend whose every answer is one line of 30 MB."""

import json
import os
import sys

BYTES = 30_000_000


def say(message: dict[str, object]) -> None:
    """Write one message."""
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


ready = {"name": "big", "version": "0", "protocolVersion": "1", "contractHash": ""}
say(
    {"method": "system.ready", "params": ready | {"pid": os.getpid(), "locked": False, "bootMs": 0}}
)
for line in sys.stdin:
    request = json.loads(line)
    if "id" in request:
        is_ping = request["method"] == "ping"
        say({"id": request["id"], "result": {"text": "x" * BYTES} if is_ping else {}})
    if request["method"] == "shutdown":
        break
