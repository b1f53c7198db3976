"""The wire models of sessions."""

from rpcbackend.schema.sessions import ListSessions, RevokeSession, Session, SessionPage
from tests.factories import an_id, at
from tests.schema.fits import broken, written


def test_a_session_shows_no_token() -> None:
    session = Session(
        id=an_id("ses"),
        user_id=an_id("usr"),
        client="desk",
        audience="stdio",
        created_at=at("2026-11-23T08:00:00Z"),
        last_seen_at=at("2026-11-23T08:10:00Z"),
    )

    assert written(SessionPage(items=[session])) == {
        "items": [
            {
                "id": an_id("ses"),
                "userId": an_id("usr"),
                "client": "desk",
                "audience": "stdio",
                "createdAt": "2026-11-23T08:00:00Z",
                "lastSeenAt": "2026-11-23T08:10:00Z",
            }
        ]
    }


def test_one_s_own_sessions_are_meant_unless_another_is_named() -> None:
    assert written(ListSessions()) == {"userId": None}
    assert broken(ListSessions, {"userId": "usr_1"}) == ["userId"]
    assert broken(RevokeSession, {}) == ["sessionId"]
    assert broken(RevokeSession, {"sessionId": an_id("usr")}) == ["sessionId"]
