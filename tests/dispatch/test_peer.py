"""Whether a call comes from the main process."""

import pytest

from rpcbackend.dispatch.peer import Peer
from rpcbackend.errors import ForbiddenError

MINE, THEIRS = "A" * 43, "B" * 43


def test_whoever_started_us_is_main_until_he_names_a_capability() -> None:
    peer = Peer("stdio")
    assert peer.is_main(None)
    assert peer.is_main(THEIRS)

    peer.entrust(MINE)

    assert peer.is_main(MINE)
    assert not peer.is_main(None)
    assert not peer.is_main(THEIRS)


def test_a_second_capability_is_refused_and_the_same_one_is_not() -> None:
    peer = Peer("stdio")
    peer.entrust(MINE)
    peer.entrust(MINE)

    with pytest.raises(ForbiddenError):
        peer.entrust(THEIRS)

    assert peer.is_main(MINE)
    assert not peer.is_main(THEIRS)


def test_nobody_is_main_who_came_by_http() -> None:
    peer = Peer("http")

    with pytest.raises(ForbiddenError):
        peer.entrust(MINE)

    assert not peer.is_desk
    assert not peer.is_main(MINE)
    assert not peer.is_main(None)
