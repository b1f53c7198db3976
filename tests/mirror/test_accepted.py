"""What a caller would rather have."""

import pytest

from rpcbackend.mirror.accepted import wants_problem, weights_of
from tests.mirror.web import Web


@pytest.mark.parametrize(
    ("accepted", "weights"),
    [
        ([], {}),
        ([""], {}),
        (["a"], {"a": 1.0}),
        (["A ; Q=0.25 , b"], {"a": 0.25, "b": 1.0}),
        (["a;level=1;q=0.5"], {"a": 0.5}),
        (["a", "b;q=0"], {"a": 1.0, "b": 0.0}),
        (["a;q=2, b;q=nan, c;q=-1, d;q=1e-1, e;q="], dict.fromkeys("abcde", 0.0)),
    ],
    ids=repr,
)
def test_what_is_no_weight_is_no_wish(accepted: list[str], weights: dict[str, float]) -> None:
    assert weights_of(accepted) == weights


@pytest.mark.parametrize(
    ("accepted", "is_wanted"),
    [
        ([], False),
        (["*/*"], False),
        (["application/*"], False),
        (["application/json"], False),
        (["text/html, application/problem+json-seq"], False),
        (["application/problem+json;q=0"], False),
        (["application/problem+json;q=0.5, application/json"], False),
        (["application/problem+json;q=0.5, */*;q=0.8"], False),
        (["application/problem+json"], True),
        (["APPLICATION/PROBLEM+JSON"], True),
        (["application/json, application/problem+json"], True),
        (["application/json;q=0.5", "application/problem+json;q=0.6"], True),
        (["application/problem+json;q=0.1, */*;q=0.1"], True),
    ],
    ids=repr,
)
def test_problem_details_are_for_those_who_name_them_and_like_json_no_better(
    accepted: list[str], is_wanted: bool
) -> None:
    assert wants_problem(accepted) is is_wanted


@pytest.mark.parametrize("path", ["/api/students.get", "/rpc"])
async def test_an_error_is_told_in_the_form_that_is_liked_best(
    web: Web, token: str, path: str
) -> None:
    best = "application/problem+json;q=0.5, application/json;q=0.4"
    least = "application/problem+json;q=0.4, application/json;q=0.5"

    for accept, told in ((best, "application/problem+json"), (least, "application/json")):
        answer = await web.http.post(
            path,
            content=b"{",
            headers={
                "Accept": accept,
                "Content-Type": "application/json",
                "Authorization": f"Bearer {token}",
            },
        )
        assert answer.headers["content-type"] == told
        error = answer.json()["error"]
        assert error["code"] == "PARSE_ERROR"
