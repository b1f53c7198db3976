"""What a box opens to, and for whom."""

import pytest

from rpcbackend.store.sealing import NONCE_BYTES, PLAIN, BoxDamagedError, BoxKey, place_of
from tests.factories import KEY

PLACE = place_of("providers", "secret", "prv_1")


def test_a_box_opens_under_its_key_and_shows_nothing_of_what_is_in_it() -> None:
    box = BoxKey(KEY).seal(PLACE, "pä55 word")

    assert BoxKey(KEY).open(PLACE, box) == "pä55 word"
    assert b"word" not in box
    assert BoxKey(KEY).seal(PLACE, "pä55 word")[:NONCE_BYTES] != box[:NONCE_BYTES]


@pytest.mark.parametrize("other", ["providers|secret|prv_2", "webhooks|secret|prv_1"])
def test_a_box_opens_in_its_place_alone(other: str) -> None:
    box = BoxKey(KEY).seal(PLACE, "password")

    with pytest.raises(BoxDamagedError):
        BoxKey(KEY).open(other, box)


def test_a_box_opens_under_no_other_key() -> None:
    box = BoxKey(KEY).seal(PLACE, "password")

    with pytest.raises(BoxDamagedError):
        BoxKey(bytes(32)).open(PLACE, box)


def test_a_box_that_was_changed_or_cut_does_not_open() -> None:
    box = BoxKey(KEY).seal(PLACE, "password")

    changed = [box[:at] + bytes([box[at] ^ 1]) + box[at + 1 :] for at in range(len(box))]
    for each in (*changed, box[:-1], box[:5], b""):
        with pytest.raises(BoxDamagedError):
            BoxKey(KEY).open(PLACE, each)


def test_the_boxes_of_a_plain_store_are_open() -> None:
    key = BoxKey(None)

    assert (key.mark, key.seal(PLACE, "password")) == (PLAIN, b"password")
    assert key.open(PLACE, b"password") == "password"
