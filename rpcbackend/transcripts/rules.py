"""What may differ between a recording and its replay, and where that is."""

import re
from collections.abc import Iterator
from typing import Any, Literal, get_args

Rule = Literal[
    "process", "versions", "timing", "keys", "jobs", "ids", "times", "numbers", "members"
]
"""What may differ.

`process`: process ids, sizes, uptimes, hosts outside, where the database is. `versions`: of the
program and its contract. `timing`: what depended on the instant, such as a limit that was reached.
`keys`: the ids of API keys, which are drawn with them. `jobs`: how far a job is, and the times of
what goes on after its call was answered. These five always may. `ids`, `times`, `numbers` (of
events and audit rows) and `members` (new ones, and their order) may when that is asked for.
"""

ALWAYS: frozenset[Rule] = frozenset({"process", "versions", "timing", "keys", "jobs"})
ON_REQUEST: tuple[Rule, ...] = tuple(rule for rule in get_args(Rule) if rule not in ALWAYS)

_PLACES: tuple[tuple[Rule, re.Pattern[str]], ...] = (
    (
        "process",
        re.compile(
            r"system\.ready params\.(pid|bootMs)"
            r"|system\.health result\.(pid|uptimeMs|inFlight|queued)"
            r"|system\.health result\.service\[\d\]\.(calls|isMet)"
            r"|system\.health result\.store\.\w+Bytes"
            # On a server nothing is encrypted.
            r"|initialize result\.capabilities\.encryption"
            r"|system\.health result\.store\.lastBackup\.createdAt"
            r"|\S+ \S*\.(ageSeconds|bytes|databaseBytes|walBytes|diskFreeBytes)"
        ),
    ),
    ("versions", re.compile(r"\S+ \S*\.(version|contractHash|protocolVersion|schemaVersion)")),
    # An export reads while others change what it reads.
    ("jobs", re.compile(r"event params\.data\.rows")),
    # When a job failed, and not when that was recorded.
    ("jobs", re.compile(r"(jobs\.\w+|event) \S*\.error\.timestamp")),
    ("times", re.compile(r"\S+ \S*\.timestamp")),
    ("numbers", re.compile(r"\S+ \S*\.(seq|\w*[sS]eq)")),
)
"""Where a value may be another one of its type."""

_FREE: tuple[tuple[Rule, re.Pattern[str]], ...] = (
    ("process", re.compile(r"system\.metrics result.*")),
    # The transcript is not in the transcript.
    ("process", re.compile(r"transcripts\.\w+ .*")),
    # Null as long as there was too little to tell.
    ("process", re.compile(r"system\.health result\.service\[\d\]\.(p99Ms|failedShare|upShare)")),
    ("jobs", re.compile(r"system\.health result\.store\.lastBackup")),
    # A replay calls nobody outside.
    ("process", re.compile(r"system\.health result\.(hosts|outbox).*")),
    ("process", re.compile(r"\S+ result\._meta\.warnings.*")),
    ("versions", re.compile(r"rpc\.discover result.*")),
)
"""Where anything may be, or nothing."""

_ID = re.compile(r"[a-z]{2,4}_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_CORRELATION = re.compile(r"cor_[0-9a-f]{16}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_API_KEY_ID, _KEY_ACTOR = re.compile(r"[0-9A-Za-z]{8}"), re.compile(r"key_[0-9A-Za-z]{8}")

_KEY_MEMBERS = frozenset({"id", "keyId"})
_BACKUP_ID = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ-[a-z-]+(-\d+)?")

JOB_TIMES = frozenset({"at", "createdAt", "startedAt", "endedAt", "lastBackup", "done", "total"})
LOOKED = frozenset({"headSeq", "auditHeadSeq", "auditHeadHash", "rows"})
"""Where a job stands that looked at the store while others changed it."""
JOB_NAMES = frozenset({"id", "channel", "actor", "createdAt"})
CANCELLED = "cancelled"
UNDER_WAY = frozenset({"queued", "running"})
NOT_FAILED = UNDER_WAY | {"done"}
"""What a job that is under way may be at another time."""

_VERSIONS = frozenset({"system.ready", "system.health", "initialize"})
"""Where `version` is the program's: elsewhere it is a record's."""


def rules_at(channel: str, path: str, recorded: Any, actual: Any) -> Iterator[Rule]:
    """Return the rules under which two values at a place may differ."""
    place = f"{channel} {path}"
    yield from (rule for rule, pattern in _FREE if pattern.fullmatch(place) is not None)
    if not is_like(recorded, actual):
        return
    for rule, pattern in _PLACES:
        is_record = path.endswith("version") and channel not in _VERSIONS
        if pattern.fullmatch(place) is not None and not (rule == "versions" and is_record):
            yield rule


def is_like(recorded: Any, actual: Any) -> bool:
    """Tell whether two values are of one type and, if they are instants, of that form."""
    if _is_number(recorded) and _is_number(actual):
        return True
    if isinstance(recorded, str) and isinstance(actual, str):
        return (_INSTANT.fullmatch(recorded) is None) == (_INSTANT.fullmatch(actual) is None)
    return type(recorded) is type(actual)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def rule_of_texts(channel: str, path: str, recorded: str, actual: str) -> Rule | None:
    """Return the rule under which two texts of one form may differ."""
    is_key = channel.startswith("apikeys.") and path.rpartition(".")[2] in _KEY_MEMBERS
    forms: tuple[tuple[Rule, re.Pattern[str]], ...] = (
        ("ids", _ID),
        ("ids", _CORRELATION),
        ("times", _INSTANT),
        ("keys", _KEY_ACTOR),
        ("jobs", _BACKUP_ID),
        *((("keys", _API_KEY_ID),) if is_key else ()),
    )
    for rule, form in forms:
        if form.fullmatch(recorded) and form.fullmatch(actual):
            return rule
    return None
