"""The wire models of branches."""

from hypothesis import given

from rpcbackend.schema.branches import Branch, BranchPage, ListBranches, SaveBranch
from tests.entities import BRANCHES
from tests.factories import an_id, make_branch
from tests.schema.fits import broken, written

SAVE = {"name": "Mitte", "zone": "Europe/Berlin", "currency": "EUR"}


@given(branch=BRANCHES)
def test_a_branch_is_read_back_as_it_was_written(branch: Branch) -> None:
    assert Branch.model_validate_json(branch.model_dump_json()) == branch


def test_a_new_branch_needs_a_name_a_zone_and_a_currency() -> None:
    assert written(SaveBranch.model_validate(SAVE)) == SAVE | {
        "branchId": None,
        "address": None,
        "language": None,
        "quietFrom": None,
        "quietUntil": None,
        "reminderMinutes": None,
        "isActive": True,
        "expectedVersion": None,
    }
    assert broken(SaveBranch, {}) == ["currency", "name", "zone"]


def test_what_does_not_fit_is_refused_by_its_path() -> None:
    bad = {"name": "", "zone": "a b", "currency": "€", "isActive": 1, "branchId": an_id("stu")}

    assert broken(SaveBranch, bad) == ["branchId", "currency", "isActive", "name", "zone"]
    for path, value in (("quietFrom", "24:00"), ("quietUntil", "8:00"), ("language", "xx")):
        assert broken(SaveBranch, SAVE | {path: value}) == [path]
    for minutes in (-1, 14 * 24 * 60 + 1, 1.5):
        assert broken(SaveBranch, SAVE | {"reminderMinutes": minutes}) == ["reminderMinutes"]


def test_a_list_takes_no_params_and_answers_items() -> None:
    assert broken(ListBranches, {"limit": 1}) == ["limit"]
    assert written(BranchPage(items=[make_branch()])) == {"items": [written(make_branch())]}
