"""The promises of the wire: id, where it is written, and one sentence; tests claim them.

Every MUST of JSON-RPC 2.0 (sections 4 to 6), every promise of protocol.md sections 1 to 7 that
holds today, and rules of domain.md that can be seen from outside. tests/test_clauses.py fails for a
clause without a test and for an unknown id.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

TestT = TypeVar("TestT", bound=Callable[..., object])


class Clause(NamedTuple):
    """One promise."""

    source: str
    sentence: str


_BY_SOURCE: Mapping[str, Mapping[str, str]] = {
    "JSON-RPC 2.0 §4": {
        "request-version": "The member jsonrpc of a request is exactly the text 2.0.",
        "request-method-text": "The member method of a request is a text.",
        "request-rpc-reserved": "Names beginning with rpc. are reserved; unknown ones are refused.",
        "request-params-structured": "Params, if there are any, are an array or an object.",
        "request-params-optional": "Params may be left out.",
        "request-id-type": "An id is a text, a number or null.",
        "request-id-fraction": "An id with a fraction is allowed and echoed by value.",
    },
    "JSON-RPC 2.0 §4.1": {
        "notification-no-id": "A request without the member id is a notification; null is an id.",
        "notification-silent": "A notification is never answered.",
        "notification-silent-in-batch": "A notification within a batch is not answered either.",
        "notification-error-silent": "Not even an error, such as invalid params, is answered.",
    },
    "JSON-RPC 2.0 §4.2": {
        "params-by-position": "Params in an array are in the order that the server expects.",
        "params-by-name": "Params in an object have names that match exactly, case included.",
    },
    "JSON-RPC 2.0 §5": {
        "response-always": "Every request but a notification is answered.",
        "response-version": "The member jsonrpc of a response is exactly the text 2.0.",
        "response-result-or-error": "A response has either result or error, never both.",
        "response-id-echoed": "The id of a response is the id of its request.",
        "response-id-null": "Where the id of a request cannot be known, it is answered as null.",
    },
    "JSON-RPC 2.0 §5.1": {
        "error-code-integer": "The code of an error is an integer.",
        "error-message-text": "The message of an error is a text of one sentence.",
        "error-parse": "Invalid JSON is answered with -32700.",
        "error-invalid-request": "JSON that is no request object is answered with -32600.",
        "error-method-not-found": "A method that does not exist is answered with -32601.",
        "error-invalid-params": "Params that are invalid are answered with -32602.",
        "error-internal": "An internal error is answered with -32603.",
        "error-codes-reserved": "Our own codes keep clear of the reserved range's other meanings.",
    },
    "JSON-RPC 2.0 §6": {
        "batch-array": "A batch is answered with an array of the responses to its requests.",
        "batch-matched-by-id": "Each request of a batch has its response; notifications have none.",
        "batch-of-notifications": "A batch of notifications alone is answered with nothing at all.",
        "batch-empty": "An empty array is answered with one error object, no array.",
        "batch-invalid-json": "A batch that is no JSON is answered with one error object.",
        "batch-invalid-elements": "Each element that is no request has an error in the array.",
    },
    "JSON-RPC 2.0 §7": {
        "specification-examples": "Every example of the specification is answered as it says.",
    },
    "protocol.md §1": {
        "line-per-message": "One message, object or batch, a line.",
        "line-ends-at-lf-only": "A line ends at byte 0x0A only; U+2028, U+2029 and NEL are data.",
        "line-cr-is-white-space": "A carriage return before the line end is white space.",
        "line-blank-ignored": "Blank lines are ignored.",
        "line-whole-and-in-order": "Lines come and go whole and in order, whatever the chunks.",
        "stdout-protocol-only": "Nothing but protocol lines reaches stdout, whoever prints.",
        "stdout-closed-is-the-end": "A peer that has closed our stdout ends the process.",
        "stderr-for-people": "What is for people goes to stderr.",
        "stderr-unread-is-harmless": "A stderr that is full or closed holds up nothing.",
        "stdin-guarded": "Nobody else can eat requests from stdin.",
        "replies-in-any-order": "A quick call is answered before a slow one that came first.",
        "writes-in-arrival-order": "Writes of one connection take effect in arrival order.",
        "calls-begin-in-arrival-order": "Calls begin in the order in which they arrived.",
        "eof-is-shutdown": "The end of stdin is a shutdown: all that came before is answered.",
        "eof-half-line-dropped": "Half a line at the end of stdin is dropped, never executed.",
    },
    "protocol.md §2": {
        "ready-first-line": "The first line out is system.ready with all of its members.",
        "ready-says-locked": "It says whether an encrypted store waits for its key.",
        "initialize-answer": "initialize tells version, contract, capabilities and limits.",
        "initialize-version": "Another version of the protocol is refused; the process exits 76.",
        "initialize-unlocks": "The key of initialize opens an encrypted store, or makes one.",
        "initialize-wrong-key": "A wrong key is refused and changes nothing; the process exits 77.",
        "initialize-pending-key": "The pending key opens a store whose rekeying was cut short.",
        "rekey": "keys.rekey encrypts everything with another key; the old one opens nothing more.",
        "rekey-holds-calls": "Calls that come during a change of keys wait, and keep their order.",
        "rekey-survives-a-kill": "Cut short at any point, it leaves one key that opens everything.",
        "rekey-failed-keeps-the-store": "One that fails leaves everything readable with one key.",
        "backup-counts-once-verified": "A backup counts only once it was looked through again.",
        "restore-keeps-both": "A restore leaves what was there before as a backup of its own.",
        "care-survives-a-kill": "A backup, restore or migration that is cut short loses nothing.",
        "migration-saved-first": "What holds data is backed up before it is migrated.",
        "initialize-not-needed": "On a plain store every call works without initialize.",
        "ping-empty": "ping is answered with an empty object.",
        "cancel-running": "A running call that is cancelled is answered once, with -32800.",
        "cancel-queued": "A queued call that is cancelled is answered once and never begins.",
        "cancel-too-late": "A cancellation that comes too late leaves the true result.",
        "cancel-tells-the-truth": "The reply to a cancelled write says whether it took effect.",
        "cancel-in-batch": "A cancelled element of a batch has its error in its place.",
        "cancel-all-of-an-id": "A cancellation hits every call with its id.",
        "cancel-nobody": "A cancellation of nobody is ignored.",
        "progress-of-a-request": "A request with progressToken hears begin, reports and end.",
        "progress-of-a-job": "A job with progressToken tells its steps after the reply.",
        "progress-only-if-wanted": "Without a token, or without a report, there is no progress.",
        "progress-at-the-reader-s-pace": "Reports are left out while the peer does not read.",
        "parent-pid": "The end of the parent named by initialize is the end.",
        "event-members": "An event has seq, id, type, at, actor, aggregate and data.",
        "event-in-order": "Events come in the order of seq, each at least once.",
        "event-resume": "afterSeq resumes without gap.",
        "event-after-commit": "No event is sent of what is not durable.",
        "event-types": "A subscriber gets the types that it asked for.",
        "event-at-the-reader-s-pace": "A slow reader holds up nobody and loses nothing.",
        "event-resume-after-restart": "afterSeq resumes in the next process, after a kill too.",
        "discover-every-channel": "rpc.discover lists every channel.",
        "contract-hash": "contractHash is the SHA-256 of the canonical rpc.discover document.",
        "shutdown-answered": "shutdown is answered when the store is closed; exit code 0.",
        "shutdown-refuses-new": "New work is refused with -32031 while the process shuts down.",
        "shutdown-drains": "What was accepted before a shutdown is ended and answered.",
        "shutdown-bounded": "What outlasts the drain is stopped and told so.",
        "signals-are-shutdowns": "SIGTERM and SIGINT are shutdowns; the second ends at once.",
        "parent-death-is-the-end": "A parent that is killed takes the process with it.",
    },
    "reliability.md §1": {
        "access-from-the-first-user-on": "Once there is a user, everybody has to sign in.",
        "access-matrix": "Every channel is open to those of its row in the table, to nobody else.",
        "access-ends-at-once": "Who loses a session, role or key is refused on the next call.",
        "main-only-capability": "Main-only channels want the capability of the main process.",
        "no-secret-outside": "No password, token, code or key is in any file, log or error.",
        "no-readable-page": "No file of an encrypted store shows what is in it, or its key.",
        "keys-stay-inside": "Keys are in no argument, environment, log, error, dump or /proc.",
        "files-private": "The data directory and its files are the owner's alone.",
        "wrong-key-touches-nothing": "A wrong key leaves every file as it was, byte for byte.",
        "never-empty": "Where there was a database, no empty one is ever begun.",
        "disk-full-recovers": "A full disk loses nothing, is read, and is written again later.",
        "read-only-serves": "A store that cannot be written is read, untouched; commands say why.",
        "damage-stays": "A damaged database stays as it is, copied aside, and what to do is said.",
        "damage-explained": "The doctor says what is wrong and what to do, and mends if asked.",
        "log-not-personal": "Secret and personal values are taken out before anything is kept.",
        "export-no-formula": "No cell of an exported table begins like a formula.",
        "export-whole-or-not-there": "An export is whole or not there, and replaces nothing.",
        "log-not-forged": "No text from outside begins a log line, or has an escape in it.",
    },
    "protocol.md §3": {
        "envelope-no-extra-members": "A request with other top-level members is refused.",
        "meta-in-params": "What is no parameter travels in params._meta, past the params model.",
        "meta-bounded": "_meta takes known members within their bounds only.",
        "meta-not-by-position": "Params by position cannot carry _meta.",
        "meta-as-of-refused": "asOf is refused rather than answered with today's truth.",
        "meta-dry-run": "dryRun checks everything and keeps nothing.",
        "meta-of-result": "What is no result travels in result._meta.",
        "meta-token-overrides": "_meta.token tells who calls, before the connection's session.",
        "meta-seq": "The answer of the store says its seq in result._meta.",
        "result-is-an-object": "A result is always an object; a list is in its member items.",
        "names-camel-case": "Names of the wire are camelCase; snake_case is refused.",
        "instants-rfc-3339": "Instants are RFC 3339 in UTC with Z.",
        "dates-civil": "Civil dates are YYYY-MM-DD.",
        "ids-prefixed-uuid7": "Ids of records are prefixed UUIDv7.",
    },
    "protocol.md §4": {
        "channel-names": "A channel is named area.verb, in camelCase.",
        "channel-described": "rpc.discover tells models, kind, permission and errors of a channel.",
        "idempotency-once": "A keyed command that arrives twice is done once, answered the same.",
        "job-answers-its-id": "A job is answered when it is recorded; jobs.get tells the rest.",
        "job-once": "A job that is asked for twice under one key is begun once.",
        "job-ends-recorded": "Every job has a recorded end: also if its process is killed.",
        "idempotency-joined": "One that comes while the first still runs is answered with it.",
        "idempotency-required": "A command that is done once is refused without a key.",
        "idempotency-natural": "A natural command repeated leaves everything as it was.",
        "idempotency-other-params": "The same key with other params is refused.",
        "idempotency-after-refusal": "A refused command may use its key again.",
    },
    "protocol.md §5": {
        "error-members-exact": "An error has code, message and data, and data its members.",
        "error-outcome": "An error says whether the command took effect all the same.",
        "poison-told": "A commit that fails is -32034, its outcome unknown; none for who waits.",
        "poison-exits": "A process whose storage failed exits with 74.",
        "poison-settled": "What was unknown is settled by its key in the next process, once.",
        "error-quotes-nothing": "No error has an input value, a stack or a path in it.",
        "error-internal-hidden": "A bug is answered with a correlation id, and reported under it.",
        "error-codes-table": "Every code has the symbol and type of the table.",
        "error-codes-never-used": "-32001, -32002 and -32096 to -32099 are never used.",
        "error-locked": "A locked store is answered with NOT_INITIALIZED, -32012.",
        "error-details-bounded": "The details of an error name a bounded number of violations.",
    },
    "protocol.md §6": {
        "no-line-stops-the-process": "Whatever the line, the next good one is served.",
        "one-reply-per-request": "Every request gets exactly one reply, whatever comes around it.",
        "out-of-step": "100 unreadable lines in a row exit with 65, and nothing more is run.",
        "out-of-step-count": "A readable line starts the count of unreadable ones again.",
    },
    "reliability.md §2": {
        "bad-json": "Invalid JSON, raw control characters, NaN, 1e400: -32700 under null.",
        "bad-surrogate": "Half a surrogate pair is -32700 under null.",
        "bad-utf8": "Invalid UTF-8 and UTF-16 are -32700 under null, never replaced.",
        "bad-bom": "A BOM is stripped once, at the start of the stream; later it is -32700.",
        "bad-too-long": "A line over the limit is -32010 under null.",
        "bad-too-long-memory": "It is discarded in constant memory.",
        "bad-nesting-unreadable": "Nesting over 1,024 is -32700 under null.",
        "bad-nesting": "Nesting over 64 is -32602 under its id.",
        "bad-integer": "Integers beyond 2^53 - 1 in params are -32602 under their id.",
        "bad-duplicate-keys": "Of duplicate keys the last one wins, as in V8.",
        "bad-scalar": "A scalar, null or text at the top is -32600 under null.",
        "bad-batch-elements": "[1,2,3] is answered with an array of three errors.",
        "bad-batch-size": "A batch over 100 is one -32600 under null, and nothing is run.",
        "bad-batch-nested": "A batch within a batch is -32600 in its place.",
        "bad-batch-mixed": "The replies of a mixed batch stand in the order of its requests.",
        "bad-version": "A jsonrpc that is missing or not 2.0 is -32600, the id echoed.",
        "bad-method": "A method that is no text is -32600.",
        "bad-params": "Params that are null, a text or a number are -32600.",
        "bad-id": "An id that is none, or beyond its bounds, is -32600 under null.",
        "id-null-is-an-id": "A request with the id null is answered under null.",
        "id-twice": "Two requests with one id both run and are both answered.",
        "params-too-many": "More params by position than the channel has are -32602.",
        "params-unknown-name": "An unknown param is -32602; its path is told, not its value.",
        "bad-no-request": "An object without id and method is -32600, no notification.",
        "answer-ignored": "A response that arrives is never answered.",
        "bad-result": "A result or error that cannot be written is an answer, not silence.",
        "decoder-agrees-with-v8": "Our decoder and V8's read the same, but for listed differences.",
    },
    "protocol.md §7": {
        "limit-request": "A request line holds at most 4 MiB.",
        "limit-reply": "A reply holds at most 16 MiB, else -32011.",
        "limit-reply-batch": "The reply to a batch holds no more than that either.",
        "limit-shape": "Nesting 64, text 1 MiB, array 10,000; beyond is refused by its rule.",
        "limit-batch-at-once": "16 elements of a batch run at a time.",
        "batch-starves-nobody": "A query behind a batch does not wait for its elements.",
        "limit-in-flight": "256 calls run at once; more wait in the queue.",
        "limit-queue": "Over 1,024 calls in the queue, one more is OVERLOADED.",
        "limit-queue-bytes": "Over 32 MiB in the queue, one more is OVERLOADED.",
        "limit-configurable": "Every limit is a setting.",
        "limit-numbers": "The limits are those of the table, and initialize tells them.",
        "control-overtakes": "Control calls overtake the queue, within a bound of their own.",
        "flood-memory-flat": "A million requests leave no more memory in use than a few.",
        "unread-output-memory": "A peer that sends and never reads costs bounded memory.",
        "unread-output-pauses": "Reading pauses while too much output is unread, then goes on.",
        "rate-per-principal": "Each principal has a rate for queries, commands, heavy and auth.",
        "rate-retry-after": "RATE_LIMITED says to the millisecond when the next call is let in.",
        "deadline-default": "A query has 5 s, a command 10 s, or what timeoutMs says.",
        "deadline-stops": "A call past its deadline is stopped and answered with -32032.",
        "deadline-in-queue": "A call whose time passed in the queue is not run; outcome none.",
    },
    "domain.md A2": {
        "idempotency-stream": "Commands with any duplicates, and once each, leave the same.",
        "idempotency-kept": "A reply is kept for 72 hours, however the clock is set.",
        "idempotency-upgrade": "A stored reply is answered as it stands, by a later version too.",
        "idempotency-dry-run": "A dry run with a key keeps nothing, and shows what is kept.",
    },
    "domain.md §6": {
        "outbox-with-its-cause": "A message is written with its cause, or not at all.",
        "outbox-one-per-dedupe-key": "For one dedupe key there is never a second message.",
        "outbox-leases": "A lease holds in its process alone, whatever the clock says.",
        "outbox-at-least-once": "No message is lost; one whose sender dies unmarked comes again.",
        "outbox-dead-letter": "After 14 tries a message is given up, and stays to be seen.",
        "outbox-withdraw": "What is withdrawn is not sent, or not tried again.",
    },
    "domain.md A5": {
        "restore-is-the-inverse-of-backup": "What a backup brings back is what there was.",
    },
    "reliability.md §3": {
        "power-cut-loses-nothing": "A power cut at any moment loses nothing acknowledged.",
        "failed-disk-tells-no-lie": "Whichever call fails, no reply is false; keys settle all.",
        "kill-loses-nothing": "A kill under load loses nothing acknowledged and doubles nothing.",
        "damage-found": "Damage to an encrypted store is found, and never read as data.",
        "damaged-log-is-cut": "A damaged log is read up to the damage, whole commits only.",
    },
    "protocol.md §10": {
        "transcript-format": "A header that a replay needs, then an entry for every message.",
        "transcript-no-secret": "No name, password, token or key stands in any transcript.",
        "transcript-replays": "A replay on an empty store gives every reply byte for byte.",
        "transcript-sealed": "That of an encrypted store is sealed; a change to it is noticed.",
        "transcript-torn": "A crash while recording costs what it tore, and nothing before it.",
        "transcript-drops": "What cannot be written in time is dropped, counted and told.",
    },
    "domain.md A1": {
        "audit-every-command": "Every command that takes effect leaves a row of the audit.",
        "audit-first-bad-row": "audit.verify names the first row that is not as it was written.",
        "audit-anchor": "A lost or rewritten end is found by who remembers a hash of it.",
    },
}

CLAUSES: dict[str, Clause] = {
    id_: Clause(source, sentence)
    for source, clauses in _BY_SOURCE.items()
    for id_, sentence in clauses.items()
}


def clause(*ids: str) -> Callable[[TestT], TestT]:
    """Claim that the test below proves these clauses."""

    def record(test: TestT) -> TestT:
        vars(test).setdefault("clauses", []).extend(ids)
        return test

    return record
