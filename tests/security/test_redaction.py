"""What is taken out of JSON before anybody may keep it, and that every mark is where it belongs."""

from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import ConfigDict, Field

from rpcbackend.contract.openrpc import build_openrpc
from rpcbackend.methods import build_registry
from rpcbackend.schema.auth import ChangePassword, LogIn, SignedIn
from rpcbackend.schema.base import PERSONAL, SECRET, Params, WireModel
from rpcbackend.schema.events import Event
from rpcbackend.schema.lifecycle import Initialize
from rpcbackend.schema.students import CreatedStudent, StudentPage
from rpcbackend.security.redaction import redact, redact_params, redact_result
from tests.clauses import clause
from tests.factories import an_id, make_student

REGISTRY = build_registry()


class Inner(WireModel):
    """An object within another."""

    word: str
    name: Annotated[str, Field(json_schema_extra=PERSONAL)]


class Outer(WireModel):
    """An object with all that an object can hold."""

    plain: str
    pin_code: Annotated[Annotated[str, Field(json_schema_extra=SECRET)] | None, Field()]
    numbers: Annotated[list[int], Field(json_schema_extra=PERSONAL)]
    inner: Inner | None
    many: list[Inner]
    named: dict[str, Any]


class Open(WireModel):
    """An object that may hold more than it says."""

    model_config = ConfigDict(extra="allow")

    plain: str


class Positional(Params):
    """Params that come by position too."""

    plain: str
    pin: Annotated[str, Field(json_schema_extra=SECRET)]


def mark(kind: str, _value: Any) -> str:
    return f"[{kind}]"


def test_marked_values_are_replaced_wherever_they_stand() -> None:
    value = {
        "plain": "yes",
        "pinCode": "1234",
        "numbers": [4, 9],
        "inner": {"word": "a", "name": "Ada"},
        "many": [{"word": "b", "name": "Byron"}, {"word": "c", "name": None}],
        "named": {"any": {"thing": 1}},
    }

    assert redact(Outer, value, mark) == {
        "plain": "yes",
        "pinCode": "[secret]",
        "numbers": "[personal]",
        "inner": {"word": "a", "name": "[personal]"},
        "many": [{"word": "b", "name": "[personal]"}, {"word": "c", "name": None}],
        "named": {"any": {"thing": 1}},
    }


def test_what_replaces_a_value_may_depend_on_it() -> None:
    value = {"word": "a", "name": "Ada"}

    assert redact(Inner, value, lambda kind, was: f"{kind}:{len(was)}") == {
        "word": "a",
        "name": "personal:3",
    }


@pytest.mark.parametrize(
    ("value", "redacted"),
    [
        ({"word": "a", "nmae": "Ada"}, {"word": "a", "nmae": "[secret]"}),
        ({"word": {"name": "Ada"}}, {"word": "[secret]"}),
        ({"word": [{"name": "Ada"}]}, {"word": ["[secret]"]}),
        ({"name": {"first": "Ada"}}, {"name": "[personal]"}),
        ("Ada", "[secret]"),
        (["Ada"], "[secret]"),
        (None, None),
    ],
    ids=str,
)
def test_what_the_schema_does_not_know_counts_as_secret(value: Any, redacted: Any) -> None:
    assert redact(Inner, value, mark) == redacted


def test_what_an_object_holds_that_may_hold_more_counts_as_secret() -> None:
    assert redact(Open, {"plain": "a", "more": {"b": 1}}, mark) == {
        "plain": "a",
        "more": "[secret]",
    }


@pytest.mark.parametrize(
    ("params", "redacted"),
    [
        ({"plain": "a", "pin": "1"}, {"plain": "a", "pin": "[secret]"}),
        (["a", "1", "more"], ["a", "[secret]", "[secret]"]),
        ("Ada", "[secret]"),
        (
            {"pin": "1", "_meta": {"token": "ey", "timeoutMs": 5, "capability": "c", "tokn": "e"}},
            {
                "pin": "[secret]",
                "_meta": {
                    "token": "[secret]",
                    "timeoutMs": 5,
                    "capability": "[secret]",
                    "tokn": "[secret]",
                },
            },
        ),
        ({"_meta": "ey"}, {"_meta": "[secret]"}),
    ],
    ids=str,
)
def test_params_are_redacted_however_they_come(params: Any, redacted: Any) -> None:
    assert redact_params(Positional, params, mark) == redacted


def test_the_meta_of_a_result_is_kept() -> None:
    result = {"word": "a", "name": "Ada", "_meta": {"seq": 7}}

    assert redact_result(Inner, result, mark) == {
        "word": "a",
        "name": "[personal]",
        "_meta": {"seq": 7},
    }


def test_secrets_and_people_leave_the_real_channels() -> None:
    login = {"login": "ada@example.org", "password": "correct horse", "mfaCode": "123456"}
    student = make_student().model_dump(mode="json")

    assert redact_params(LogIn, login, mark) == {
        "login": "[personal]",
        "password": "[secret]",
        "mfaCode": "[secret]",
    }
    assert redact_params(
        ChangePassword, {"newPassword": "x", "currentPassword": "y", "userId": None}, mark
    ) == {"newPassword": "[secret]", "currentPassword": "[secret]", "userId": None}
    assert redact_params(Initialize, {"databaseKey": "A" * 43, "protocolVersion": "1"}, mark) == {
        "databaseKey": "[secret]",
        "protocolVersion": "1",
    }
    personal = ("givenName", "familyName", "bornOn", "email", "phone")
    shown = {**student, **{name: "[personal]" for name in personal if student[name] is not None}}
    assert redact_result(CreatedStudent, {"student": student, "duplicates": [student]}, mark) == {
        "student": shown,
        "duplicates": [shown],
    }
    assert redact_result(StudentPage, {"items": [], "nextCursor": "WyJCeXJvbiJd"}, mark) == {
        "items": [],
        "nextCursor": "[personal]",
    }
    tokens = redact_result(SignedIn, {"accessToken": "ey", "refreshToken": "r"}, mark)
    assert tokens == {"accessToken": "[secret]", "refreshToken": "[secret]"}


def test_an_event_has_nothing_to_take_out() -> None:
    event = {"seq": 1, "type": "students.created", "data": {"studentId": an_id("stu")}}

    assert redact(Event, event, mark) == event


CANARY = "canary"
HIDDEN = some.recursive(
    some.none() | some.just(CANARY),
    lambda inner: (
        some.lists(inner, max_size=3)
        | some.dictionaries(
            some.sampled_from(["word", "name", "items", "_meta"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
UNKNOWN = some.text(max_size=5) | some.sampled_from(["pin", "Plain", "password", "_meta"])


@clause("log-not-personal")
@given(hidden=some.dictionaries(UNKNOWN, HIDDEN) | some.lists(HIDDEN) | HIDDEN)
def test_no_value_that_is_not_known_to_be_harmless_survives(hidden: Any) -> None:
    if isinstance(hidden, list):
        # Whatever comes first by position is known to be harmless.
        hidden = ["a", *hidden]

    assert CANARY not in str(redact_params(Positional, hidden, mark))


# Marks

HARMLESS = {
    "ids and the kinds of things": {
        *("Aggregate.type", "Aggregate.id", "AuditChange.type", "AuditChange.id"),
        *("AuditRow.actor", "AuditRow.sessionId", "AuditRow.channel", "CalendarItem.resourceId"),
        *("Consent.actor", "Template.places"),
        *("CalendarItem.ownerId", "CalendarResource.id", "Claim.resourceId", "Claim.ownerId"),
        *("Event.id", "Event.actor", "Event.data", "Job.channel", "Job.actor", "LastBackup.id"),
        *("Feed.ownerId", "Feed.madeBy", "Schedule.channel"),
        *("ListAudit.actor", "ListAudit.entityId", "ListAudit.channel"),
        *(
            "ChannelDelay.channel",
            "DelayWarning.channel",
            "OutboxMessage.channel",
            "OutboxMessage.template",
            "Schedule.channel",
        ),
        *("Subscribed.subscriptionId", "RestoreBackup.confirmPhrase"),
    },
    "what a client makes up to find its calls again": {
        *("CallMeta.idempotencyKey", "CallMeta.progressToken", "CallMeta.ifRev"),
        *("CallMeta.traceparent", "Progress.token"),
    },
    "programs, their versions and what they are good for": {
        *(
            "Health.version",
            "Health.mirrorUrl",
            "Initialize.protocolVersion",
            "Initialized.protocolVersion",
        ),
        *("Initialized.contractHash", "OpenRpcDocument.openrpc", "OpenRpcDocument.info"),
        *("OpenRpcDocument.methods", "Peer.name", "Peer.version", "Ready.name", "Ready.version"),
        *("Ready.protocolVersion", "Ready.contractHash", "Session.client", "Session.audience"),
        *("Bootstrap.client", "LogIn.client"),
        *("StoreHealth.engine", "Me.permissions", "Metrics.version", "TranscriptEntry.version"),
        *("TranscriptPage.name", "InspectTranscript.name", "TranscriptEntry.name"),
    },
    "where the process listens, and whom it calls": {
        *("Health.mirrorUrl", "HostHealth.host", "HostMetrics.host"),
    },
    "what a schedule runs, and what its figures are about": {
        *("Schedule.channel", "RanSchedule.removed"),
    },
    "what the cars are": {
        *("Vehicle.make", "Vehicle.model", "SaveVehicle.make", "SaveVehicle.model"),
    },
    "names of channels and errors, and figures": {
        *("CallerCount.caller", "ChannelMetrics.channel", "ErrorCount.symbol", "ErrorCount.type"),
        *("MetricsAnswer.text", "HostMetrics.host", "HostHealth.host"),
    },
    "hashes": {
        *(
            "Exported.sha256",
            "CreatedBackup.sha256",
            "CreatedBackup.auditHeadHash",
            "StoreHealth.auditHeadHash",
        ),
        *("VerifiedAudit.headHash", "FeedText.etag", "ReadFeed.etag", "ResultMeta.rev"),
    },
    "our own words and figures, which never quote": {
        *("BackupEntry.reason", "ErrorResponse.code", "ErrorResponse.message"),
        *("ErrorResponse.type", "ErrorResponse.outcome", "ErrorResponse.correlationId"),
        *("ErrorResponse.details", "Fault.rule", "Fault.message", "Job.message"),
        *("ProgressValue.message", "StoreHealth.problems", "RestoredBackup.counts"),
        *("VerifiedBackup.counts", "RanSchedule.removed"),
        *("OutboxMessage.lastError", "ProgressValue.message", "StoreHealth.problems"),
        *("Delivery.lastError", "ChannelDelay.lastError", "DelayWarning.message"),
        *("RestoredBackup.counts", "RanSchedule.removed", "Health.mirrorUrl"),
        "VerifiedBackup.counts",
    },
    "what the channels say of it, which began the job": {"Job.result"},
}
"""Fields that can hold any text and are neither secret nor personal, and what they hold."""


def test_every_field_that_can_hold_any_text_is_marked_or_known_to_be_harmless() -> None:
    schemas = build_openrpc(REGISTRY)["components"]["schemas"]

    unmarked = {
        f"{model}.{name}"
        for model, schema in schemas.items()
        for name, field in schema.get("properties", {}).items()
        if _holds_any_text(field)
    }
    assert unmarked == {name for names in HARMLESS.values() for name in names}


# Names and notes have a pattern too, which only keeps control characters out.
_ANYTHING = r"^[^\x00-"


def _holds_any_text(schema: dict[str, Any]) -> bool:
    if schema.get("x-secret") or schema.get("x-personal"):
        return False
    if schema.get("type") == "string":
        is_bound = {"pattern", "enum", "const", "format"} & schema.keys()
        return not is_bound or schema.get("pattern", "").startswith(_ANYTHING)
    if schema.get("type") == "object":
        return "properties" not in schema
    items = [schema["items"]] if "items" in schema else []
    choices = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *items]
    return any(_holds_any_text(choice) for choice in choices)
