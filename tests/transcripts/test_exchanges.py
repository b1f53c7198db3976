"""Requests find their replies, and those that overlapped are found together."""

from typing import Any

from rpcbackend.methods import build_registry
from rpcbackend.transcripts.exchanges import Group, Request, groups_of, in_order, span_of
from rpcbackend.transcripts.format import Entry, gap, scheduled, step

REGISTRY = build_registry()


def call(t: int, request_id: Any, channel: str = "students.list", conn: str = "con_1") -> Entry:
    return Entry(t, "in", conn, {"jsonrpc": "2.0", "id": request_id, "method": channel})


def result(t: int, request_id: Any, seq: int | None = None, conn: str = "con_1") -> Entry:
    meta = {} if seq is None else {"_meta": {"seq": seq}}
    return Entry(t, "out", conn, {"jsonrpc": "2.0", "id": request_id, "result": meta})


def error(t: int, request_id: Any, symbol: str = "CONFLICT", outcome: str = "none") -> Entry:
    data = {"code": symbol, "outcome": outcome}
    return Entry(t, "out", "con_1", {"jsonrpc": "2.0", "id": request_id, "error": {"data": data}})


def groups(*entries: Entry) -> list[Group]:
    return list(groups_of(entries, REGISTRY))


def requests(*entries: Entry) -> list[Request]:
    return [request for group in groups(*entries) for request in group.requests]


def test_requests_that_overlap_are_one_group_and_others_are_not() -> None:
    found = groups(call(1, 1), result(2, 1), call(3, 2), call(4, 3), result(5, 3), result(6, 2))

    assert [[r.entry.t for r in group.requests] for group in found] == [[1], [3, 4]]
    replies = [request.reply for group in found for request in group.requests]
    assert [reply.t for reply in replies if reply is not None] == [2, 6, 5]


def test_replies_are_those_of_their_connection() -> None:
    one, two = requests(
        call(1, 7), call(2, 7, conn="con_2"), result(3, 7, conn="con_2"), result(4, 7)
    )

    assert (one.replied_at, two.replied_at) == (3, 2)
    assert (one.number, two.number) == (1, 1)


def test_one_id_twice_is_answered_in_order() -> None:
    first, second = requests(call(1, 7), call(2, 7), result(3, 7), result(4, 7))

    assert (first.replied_at, second.replied_at) == (2, 3)


def test_what_has_no_id_is_answered_with_null() -> None:
    bad = Entry(1, "in", "con_1", "<unreadable:5>")
    odd = Entry(2, "in", "con_1", {"foo": "boo"})
    found = requests(bad, odd, error(3, None, "PARSE_ERROR"), error(4, None))

    assert [(r.channel, r.replied_at) for r in found] == [("no JSON", 2), ("no method", 3)]


def test_a_batch_that_was_answered_by_a_list_is_taken_apart() -> None:
    cancel = {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 1}}
    silent = {"jsonrpc": "2.0", "method": "ping"}
    answer = {"jsonrpc": "2.0", "id": 1, "result": {}}
    batch = Entry(1, "in", "con_1", [cancel, answer, call(1, 1).msg, silent, {"x": 1}])
    reply = Entry(3, "out", "con_1", [result(3, 1).msg, error(3, None).msg])

    single, *elements = requests(call(0, 1), batch, reply, result(4, 1))

    assert single.replied_at == 3
    assert [(each.channel, each.first_call) for each in elements] == [
        ("$/cancelRequest", 1),
        ("no method", 1),
        ("students.list", 1),
        ("ping", 2),
        ("no method", 3),
    ]
    replies = [each.reply.msg if each.reply is not None else None for each in elements]
    assert replies == [None, None, reply.msg[0], None, reply.msg[1]]


def test_a_batch_that_was_refused_stays_one() -> None:
    batch = Entry(1, "in", "con_1", [])

    (request,) = requests(batch, error(2, None))

    assert (request.channel, request.is_command, request.replied_at) == ("batch", True, 1)


def test_notifications_wait_for_nothing() -> None:
    silent = Entry(1, "in", "con_1", {"jsonrpc": "2.0", "method": "ping"})
    cancel = Entry(
        2, "in", "con_1", {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 1}}
    )
    found = requests(silent, cancel)

    assert [request.wants_reply for request in found] == [False, False]
    assert [request.is_cancellation for request in found] == [False, True]


def test_what_changes_something_is_a_command() -> None:
    channels = {
        "students.create": True,
        "students.list": False,
        "events.subscribe": True,
        "initialize": True,
        "nobody.knows": False,
    }

    assert {
        channel: requests(call(1, 1, channel))[0].is_command for channel in channels
    } == channels


def test_a_gap_stands_alone_and_nothing_waits_beyond_it() -> None:
    found = groups(call(1, 1), gap(2, 9), call(3, 2), result(4, 2))

    assert [len(group.requests) for group in found] == [1, 0, 1]
    assert found[1].events[0].dropped == 9
    assert found[0].requests[0].reply is None


def test_commands_are_in_the_order_of_their_events() -> None:
    slow, quick, refused, last = requests(
        call(1, 1, "auth.login"),
        call(2, 2, "students.create"),
        call(3, 3, "students.create"),
        call(4, 4, "students.create"),
        result(5, 2, seq=7),
        error(6, 3),
        result(7, 1, seq=8),
        result(8, 4, seq=9),
    )

    assert in_order([slow, quick, refused, last]) == [quick, refused, slow, last]


def test_a_command_is_refused_when_it_is_answered_and_not_when_it_came() -> None:
    late, silent, first, second = requests(
        call(1, 1, "students.update"),
        Entry(1, "in", "con_1", {"jsonrpc": "2.0", "method": "students.create"}),
        call(2, 2, "students.create"),
        call(3, 3, "students.create"),
        result(4, 2, seq=7),
        error(5, 1),
        result(6, 3, seq=8),
    )

    assert in_order([late, silent, first, second]) == [silent, first, late, second]


def test_a_clock_that_was_put_back_parts_no_request_from_its_reply() -> None:
    first, second = requests(call(100, 1), result(40, 1), call(41, 2), result(42, 2))

    assert (first.replied_at, second.replied_at) == (1, 3)


def test_a_query_saw_what_was_answered_before_it_and_nothing_that_came_after_its_reply() -> None:
    found = groups(
        call(1, 1, "students.create"),
        call(2, 3, "lessons.book"),
        result(3, 1, seq=1),
        call(4, 4),
        call(5, 5, "students.create"),
        result(6, 4),
        call(7, 6, "students.create"),
        *(result(10 + n, n, seq=n) for n in (3, 5, 6)),
    )[0].requests
    commands = [request for request in found if request.is_command]
    asked = next(request for request in found if not request.is_command)

    assert span_of(asked, commands) == (1, 3)


def test_what_was_refused_before_a_query_came_says_nothing_about_its_place() -> None:
    found = groups(
        call(1, 1, "students.create"),
        call(2, 2, "students.create"),
        error(3, 2),
        call(4, 3),
        result(5, 1, seq=1),
        result(6, 3),
    )[0].requests

    assert span_of(found[2], found[:2]) == (0, 2)


def test_errors_that_come_of_the_instant_are_known() -> None:
    late, unknown, conflict = requests(
        call(1, 1), error(2, 1, "DEADLINE_EXCEEDED"), call(3, 2), error(4, 2, "X", "unknown"),
        call(5, 3), error(6, 3),
    )  # fmt: skip

    assert [request.is_cut_short for request in (late, unknown, conflict)] == [True, True, False]


# What the process does by itself


def begun(t: int, number: int) -> Entry:
    return step(t, {"name": "send", "number": number, "facts": {}})


def ended(t: int, number: int, seq: int | None) -> Entry:
    return step(t, {"number": number, "seq": seq})


def test_a_step_is_in_the_group_of_those_that_were_under_way_with_it() -> None:
    first, second, third, last = groups(
        *(begun(1, 1), ended(2, 1, 5)),
        *(call(3, 1), begun(4, 2), result(5, 1), begun(6, 3), ended(7, 3, 5), ended(8, 2, 6)),
        *(begun(9, 4), call(10, 2), ended(11, 4, 6), result(12, 2)),
        *(call(13, 3), result(14, 3)),
    )

    assert [
        ([one.entry.t for one in group.requests], [one.entry.t for one in group.steps])
        for group in (first, second, third, last)
    ] == [([], [1]), ([3], [4, 6]), ([10], [9]), ([13], [])]
    assert [one.replied_at for one in second.steps] == [7, 6]


def test_steps_and_commands_are_in_the_order_of_their_events() -> None:
    [group] = groups(
        call(1, 1, "students.create"),
        *(begun(2, 1), begun(3, 2), begun(4, 3)),
        *(ended(5, 1, 8), ended(6, 2, 6), ended(7, 3, None)),
        result(8, 1, seq=7),
    )

    assert [(one.channel, one.seq) for one in in_order(group.commands)] == [
        ("$/step", 6),
        ("students.create", 7),
        ("$/step", 8),
    ]


def test_a_step_that_never_ended_did_nothing() -> None:
    [group] = groups(begun(1, 1), call(2, 1), result(3, 1))

    assert (len(group.steps), group.commands) == (1, [])


def silent(t: int, channel: str = "students.create", conn: str = "con_1") -> Entry:
    return Entry(t, "in", conn, {"jsonrpc": "2.0", "method": channel})


def test_a_line_that_was_no_json_takes_no_reply_of_a_batch_that_waits() -> None:
    batch = Entry(1, "in", "con_1", [call(1, 1).msg, call(1, 2).msg])
    bad = Entry(2, "in", "con_1", "<unreadable:5>")
    odd = Entry(4, "in", "con_1", {"foo": "boo"})
    replies = Entry(6, "out", "con_1", [result(6, 1).msg, result(6, 2).msg])

    found = requests(
        batch,
        bad,
        error(3, None, "PARSE_ERROR"),
        odd,
        error(5, None, "INVALID_REQUEST"),
        replies,
    )

    assert [request.replied_at for request in found] == [5, 5, 2, 4]


def test_a_command_without_id_is_under_way_until_one_behind_it_was_done() -> None:
    found = groups(
        silent(1),
        call(2, 1),
        result(3, 1),
        call(4, 2, "students.create"),
        result(5, 2, 7),
        call(6, 3),
        result(7, 3),
    )

    assert [[request.entry.t for request in group.requests] for group in found] == [[1, 2, 4], [6]]


def test_nor_is_it_under_way_for_longer_than_a_command_may_take() -> None:
    found = groups(silent(1), call(2, 1), result(3, 1), call(10_001, 2), result(10_002, 2))

    assert [len(group.requests) for group in found] == [2, 1]


def test_a_login_without_id_is_under_way_though_a_command_behind_it_was_done() -> None:
    found = groups(
        silent(1, "auth.login"), call(2, 1, "students.create"), result(3, 1, 7), call(4, 2)
    )

    assert [len(group.requests) for group in found] == [3]


def test_a_command_without_id_comes_before_what_the_process_begins_a_good_while_later() -> None:
    (group,) = groups(silent(10), begun(12, 1), ended(13, 1, 7), begun(40, 2), ended(41, 2, 7))

    commands = in_order(group.commands)
    assert [command.entry.t for command in commands] == [12, 10, 40]


def test_a_command_without_id_has_its_place_by_its_event_or_before_what_came_behind_it() -> None:
    first, middle, last = requests(
        call(1, 1, "students.create"),
        silent(2),
        call(3, 2, "students.create"),
        result(4, 1, 5),
        result(5, 2, 6),
    )
    assert in_order([first, middle, last]) == [first, middle, last]

    middle.told_seq = 9

    assert in_order([first, middle, last]) == [first, last, middle]


def test_what_was_due_is_begun_in_its_turn_among_the_commands() -> None:
    due = scheduled(2, "backup")
    (group,) = groups(call(1, 1, "students.create"), due, call(3, 2), result(4, 1, 5), result(5, 2))

    assert [each.entry.t for each in in_order(group.commands)] == [1, 2]
    assert group.events == []


def test_a_subscription_has_its_place_behind_the_last_event_that_it_tells_of() -> None:
    head = {"jsonrpc": "2.0", "id": 1, "result": {"headSeq": 5}}
    subscription, before, behind = requests(
        call(1, 1, "events.subscribe"),
        call(2, 2, "students.create"),
        call(3, 3, "students.create"),
        Entry(4, "out", "con_1", head),
        result(5, 2, 5),
        result(6, 3, 6),
    )

    assert in_order([subscription, before, behind]) == [before, subscription, behind]


def test_what_was_refused_and_left_an_event_has_its_place_by_that() -> None:
    refused, done = requests(
        call(1, 1, "auth.login"),
        call(2, 2, "students.create"),
        error(3, 1, "UNAUTHENTICATED"),
        result(4, 2, 5),
    )
    assert in_order([refused, done]) == [refused, done]

    refused.told_seq = 6

    assert in_order([refused, done]) == [done, refused]
