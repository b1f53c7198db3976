"""The wire models of the audit."""

from typing import Any

import pytest

from rpcbackend.schema.audit import AuditRow, ListAudit, VerifiedAudit, VerifyAudit
from tests.schema.fits import broken, written

DIGEST = "0123456789abcdef" * 4
CHANGE = {"type": "lesson", "id": "les_1", "before": None, "after": DIGEST}
ROW = {
    "seq": 1,
    "at": "2026-11-23T08:00:00.250Z",
    "actor": "local",
    "sessionId": None,
    "channel": "lessons.book",
    "changes": [CHANGE],
    "hash": DIGEST,
}


@pytest.mark.parametrize(
    "given", [{}, {"changes": []}, {"changes": None}, {"sessionId": "ses_1"}], ids=str
)
def test_a_row_is_read_back_as_it_was_written(given: dict[str, Any]) -> None:
    assert written(AuditRow.model_validate(ROW | given)) == ROW | given


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"seq": 0}, "seq"),
        ({"hash": DIGEST.upper()}, "hash"),
        ({"hash": DIGEST[1:]}, "hash"),
        ({"changes": [CHANGE | {"after": ""}]}, "changes.0.after"),
    ],
    ids=str,
)
def test_what_is_no_row_is_refused(given: dict[str, Any], path: str) -> None:
    assert broken(AuditRow, ROW | given) == [path]


def test_a_list_is_of_everything_unless_it_is_narrowed() -> None:
    assert written(ListAudit()) == {
        "actor": None,
        "entityId": None,
        "channel": None,
        "from": None,
        "to": None,
        "limit": 50,
        "cursor": None,
    }
    assert broken(ListAudit, {"actor": "", "entityId": "x" * 201, "limit": 0}) == [
        "actor",
        "entityId",
        "limit",
    ]


def test_the_whole_audit_is_verified_unless_a_range_is_given() -> None:
    assert written(VerifyAudit()) == {"fromSeq": 1, "toSeq": None, "anchor": None}
    assert broken(VerifyAudit, {"fromSeq": 0, "toSeq": 0, "anchor": "x"}) == [
        "anchor",
        "fromSeq",
        "toSeq",
    ]


def test_a_verdict_names_a_row_or_none() -> None:
    verdict = {"ok": True, "checked": 0, "headSeq": 0, "headHash": "0" * 64, "firstBadSeq": None}

    for given in ({}, {"ok": False, "firstBadSeq": 1}):
        assert written(VerifiedAudit.model_validate(verdict | given)) == verdict | given
    assert broken(VerifiedAudit, verdict | {"firstBadSeq": 0}) == ["firstBadSeq"]
