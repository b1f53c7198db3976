"""Who stands behind the others, and until when."""

from rpcbackend.outside import behind
from rpcbackend.outside.behind import Behind

ALL = ("mail", "sms")


def test_whoever_could_not_be_given_to_anybody_stands_behind() -> None:
    standing = Behind()
    standing.put("mail", "msg_1")
    standing.put("sms", "msg_2")
    standing.put("mail", "msg_3")

    assert sorted(standing.of(ALL)) == ["msg_1", "msg_2", "msg_3"]
    assert standing.of(["sms"]) == ["msg_2"]
    assert standing.of(["webhook"]) == []


def test_when_one_of_them_goes_all_others_of_its_channel_had_their_turn() -> None:
    standing = Behind()
    standing.put("mail", "msg_1")
    standing.put("sms", "msg_2")
    standing.put("mail", "msg_3")

    standing.take("mail", "msg_new")
    assert sorted(standing.of(ALL)) == ["msg_1", "msg_2", "msg_3"]
    standing.take("mail", "msg_1")

    assert standing.of(ALL) == ["msg_2"]


def test_there_are_not_more_and_more_of_them() -> None:
    standing = Behind()
    for number in range(behind.MOST + 1):
        standing.put("mail", f"msg_{number}")

    assert len(standing.of(ALL)) == 1


def test_with_another_store_nobody_stands_there() -> None:
    standing = Behind()
    standing.put("mail", "msg_1")

    standing.forget()

    assert standing.of(ALL) == []
