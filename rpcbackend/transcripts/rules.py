"""What may differ between a recording and its replay, and where that is."""

import re
from collections.abc import Iterator
from typing import Literal, get_args

Rule = Literal[
    "process", "versions", "timing", "keys", "jobs", "ids", "times", "numbers", "members"
]
"""What may differ.

`process`: process ids, sizes and uptimes. `versions`: of the program and its contract. `timing`:
what depended on the instant, such as a limit that was reached. `keys`: the ids of API keys, which
are drawn with them. `jobs`: how far a job is, and the times of what goes on after its call was
answered. These five always may. `ids`, `times`, `numbers` (of events and
audit rows) and `members` (new ones, and their order) may when that is asked for.
"""

ALWAYS: frozenset[Rule] = frozenset({"process", "versions", "timing", "keys", "jobs"})
ON_REQUEST: tuple[Rule, ...] = tuple(rule for rule in get_args(Rule) if rule not in ALWAYS)

_PLACES: tuple[tuple[Rule, re.Pattern[str]], ...] = (
    (
        "process",
        re.compile(
            r"system\.ready params\.(pid|bootMs)"
            r"|system\.health result\.(pid|uptimeMs|inFlight|queued|lastBackup.*|service.*)"
            r"|system\.health result\.store\.(\w+Bytes|lastBackup.*)"
            r"|system\.metrics result.*"
            r"|\S+ \S*\.(ageSeconds|bytes|databaseBytes|walBytes|diskFreeBytes)"
        ),
    ),
    ("versions", re.compile(r"\S+ \S*\.(version|contractHash|protocolVersion|schemaVersion)")),
    ("versions", re.compile(r"rpc\.discover result.*")),
    ("times", re.compile(r"\S+ \S*\.timestamp")),
    ("numbers", re.compile(r"\S+ \S*\.(seq|\w*[sS]eq)")),
)
_ID = re.compile(r"[a-z]{2,4}_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_CORRELATION = re.compile(r"cor_[0-9a-f]{16}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_API_KEY_ID, _KEY_ACTOR = re.compile(r"[0-9A-Za-z]{8}"), re.compile(r"key_[0-9A-Za-z]{8}")

_BACKUP_ID = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ-[a-z-]+(-\d+)?")

JOB_TIMES = frozenset({"at", "createdAt", "startedAt", "endedAt", "lastBackup"})
JOB_NAMES = frozenset({"id", "channel", "actor", "createdAt"})
UNDER_WAY = frozenset({"queued", "running"})

_VERSIONS = frozenset({"system.ready", "system.health", "initialize"})
"""Where `version` is the program's: elsewhere it is a record's."""


def rules_at(channel: str, path: str) -> Iterator[Rule]:
    """Return the rules under which any value at a place may differ."""
    place = f"{channel} {path}"
    for rule, pattern in _PLACES:
        is_record = path.endswith("version") and channel not in _VERSIONS
        if pattern.fullmatch(place) is not None and not (rule == "versions" and is_record):
            yield rule


def rule_of_texts(channel: str, recorded: str, actual: str) -> Rule | None:
    """Return the rule under which two texts of one form may differ."""
    forms: tuple[tuple[Rule, re.Pattern[str]], ...] = (
        ("ids", _ID),
        ("ids", _CORRELATION),
        ("times", _INSTANT),
        ("keys", _KEY_ACTOR),
        ("jobs", _BACKUP_ID),
        *((("keys", _API_KEY_ID),) if channel.startswith("apikeys.") else ()),
    )
    for rule, form in forms:
        if form.fullmatch(recorded) and form.fullmatch(actual):
            return rule
    return None
