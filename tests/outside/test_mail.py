"""Mail over a real server: what it says, and what its answers mean."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from rpcbackend.outside.adapter import RefusedError, TryAgainError
from rpcbackend.outside.gate import BrokenOffError, Gate
from rpcbackend.outside.mail import Mail
from rpcbackend.outside.names import Names
from rpcbackend.outside.policy import Policy
from rpcbackend.outside.providers import MailProvider
from rpcbackend.store import Message
from rpcbackend.testing import FrozenClock
from tests.outside.postbox import PASSWORD, Postbox, listening
from tests.outside.trust import make_trust

ID = "msg_01a2076b-4400-7001-b656-ebf2f2a4d27b"


def letter(**given: Any) -> Message:
    payload = {"subject": "Fahrstunde verlegt", "text": "Grüße\n.\nBis bald", "language": "de"}
    fields: dict[str, Any] = {"recipient": "ada@example.org", "payload": payload}
    return Message(channel="mail", template="message", dedupe_key="k", **fields | given)


def gate(clock: FrozenClock, **given: Any) -> Gate:
    policy: dict[str, Any] = {"retry_attempts": 0, "timeout_seconds": 5.0}
    return Gate(clock=clock, random=lambda: 0.0, policy=Policy(**policy | given))


@asynccontextmanager
async def mailing(box: Postbox, clock: FrozenClock, **given: Any) -> AsyncIterator[Mail]:
    """Open the way to a server on this machine, in the clear unless told otherwise."""
    of_mail = {name: given.pop(name) for name in ("idle_seconds",) if name in given}
    fields: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": box.port,
        "security": "none",
        "sender": "schule@fahrschule.example",
    }
    way = Mail(
        MailProvider(**fields | given),
        gate(clock),
        clock=clock,
        look_up=Names().look_up,
        make_tls=lambda: make_trust().client,
        **of_mail,
    )
    try:
        async with asyncio.timeout(30):
            yield way
    finally:
        await way.close()


async def test_a_mail_arrives_whole_with_the_headers_that_machines_look_for(
    clock: FrozenClock,
) -> None:
    async with listening() as box, mailing(box, clock) as mail:
        assert await mail.send(ID, letter()) == "4F1A2"

    [arrived] = box.mails
    assert dict(arrived.items()) == {
        "From": "schule@fahrschule.example",
        "To": "ada@example.org",
        "Subject": "Fahrstunde verlegt",
        "Date": "Mon, 23 Nov 2026 08:00:00 +0000",
        "Message-ID": f"<{ID}@fahrschule.example>",
        "Auto-Submitted": "auto-generated",
        "Content-Language": "de",
        "Content-Type": 'text/plain; charset="utf-8"',
        "Content-Transfer-Encoding": "quoted-printable",
        "MIME-Version": "1.0",
    }
    assert arrived.get_content() == "Grüße\r\n.\r\nBis bald\r\n"
    assert box.envelopes == [("schule@fahrschule.example", ["ada@example.org"])]


async def test_every_try_carries_the_same_message_id(clock: FrozenClock) -> None:
    async with listening() as box, mailing(box, clock) as mail:
        await mail.send(ID, letter())
        clock.advance(3600)
        await mail.send(ID, letter())

    one, other = box.mails
    assert one["Message-ID"] == other["Message-ID"]
    assert one["Date"] != other["Date"]


async def test_a_subject_in_any_script_arrives_as_it_was(clock: FrozenClock) -> None:
    subject = (
        "Напоминание: Fahrstunde 🚗 um 9 Uhr, und das ist noch lange nicht alles, was da steht"
    )
    payload = {"subject": subject, "text": "…", "language": "ru"}
    async with listening() as box, mailing(box, clock) as mail:
        await mail.send(ID, letter(payload=payload))

    assert box.mails[0]["Subject"] == subject
    assert max(len(line) for line in box.raw[0].split(b"\r\n")) <= 78


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("subject", "Hallo\r\nBcc: eve@example.org"),
        ("subject", "Hallo\nX: y"),
        ("subject", "Hallo\x00"),
        ("subject", "Hallo\u2028X: y"),
        ("language", "de\r\nX: y"),
        ("recipient", "ada@example.org\r\nRCPT TO:<eve@example.org>"),
        ("recipient", "ada@example.org\x00"),
        ("recipient", "ada@example.org, eve@example.org"),
        ("recipient", "<ada@example.org> SIZE=1"),
        ("recipient", "Ada <ada@example.org>"),
        ("recipient", "ada"),
        ("recipient", "@example.org"),
        ("recipient", "ada@"),
        ("recipient", ""),
        ("recipient", "ada@exa mple.org"),
        ("recipient", f"ada@{'x' * 64}.org"),
    ],
    ids=repr,
)
async def test_what_would_forge_a_header_or_a_command_is_refused_before_anybody_is_called(
    clock: FrozenClock, field: str, value: str
) -> None:
    message = letter()
    forged = (
        letter(recipient=value)
        if field == "recipient"
        else letter(payload={**message.payload, field: value})
    )
    async with listening() as box, mailing(box, clock) as mail:
        with pytest.raises(RefusedError):
            await mail.send(ID, forged)

    assert (box.raw, box.connections) == ([], 0)


@pytest.mark.parametrize(
    ("step", "answer", "expected", "is_unreached"),
    [
        ("RCPT", "450 4.2.0 greylisted", TryAgainError, False),
        ("RCPT", "550 5.1.1 no such user ada@example.org", RefusedError, None),
        ("RCPT", "553 5.1.3 bad address", RefusedError, None),
        ("MAIL", "451 4.3.0 try later", TryAgainError, False),
        ("MAIL", "550 5.7.1 not your address", TryAgainError, True),
        ("MAIL", "530 5.7.0 log in first", TryAgainError, True),
        ("MAIL", "552 5.3.4 too large", RefusedError, None),
        ("DATA", "452 4.3.1 disk full", TryAgainError, False),
        ("DATA", "554 5.7.1 spam", RefusedError, None),
        ("DATA", "421 4.3.2 going down", TryAgainError, False),
        ("RCPT", "999 what", TryAgainError, False),
        ("DATA", "999 what", BrokenOffError, False),
    ],
    ids=str,
)
async def test_an_answer_of_the_server_means_later_never_or_not_this_server(
    clock: FrozenClock,
    step: str,
    answer: str,
    expected: type[Exception],
    is_unreached: bool | None,
) -> None:
    async with listening() as box, mailing(box, clock) as mail:
        box.says[step] = answer
        with pytest.raises((TryAgainError, RefusedError)) as failed:
            await mail.send(ID, letter())

    assert type(failed.value) is expected
    assert getattr(failed.value, "is_unreached", None) is is_unreached
    assert "ada" not in failed.value.reason
    assert box.raw == []


async def test_a_connection_is_kept_for_the_next_mail_also_after_a_refusal(
    clock: FrozenClock,
) -> None:
    async with listening() as box, mailing(box, clock) as mail:
        await mail.send(ID, letter())
        box.says["RCPT"] = "550 5.1.1 no such user"
        with pytest.raises(RefusedError):
            await mail.send(ID, letter())
        box.says["RCPT"] = "250 OK"
        await mail.send(ID, letter())

    assert (len(box.raw), box.connections) == (2, 1)


async def test_a_connection_that_the_server_has_closed_costs_no_try(clock: FrozenClock) -> None:
    async with listening() as box, mailing(box, clock) as mail:
        await mail.send(ID, letter())
        box.says["RCPT"] = "221 bye"
        with pytest.raises(TryAgainError):
            await mail.send(ID, letter())
        box.says["RCPT"] = "250 OK"
        await mail.send(ID, letter())

    assert len(box.raw) == 2


async def test_a_connection_that_nobody_uses_is_closed_after_a_while(clock: FrozenClock) -> None:
    async with listening() as box, mailing(box, clock, idle_seconds=0.01) as mail:
        await mail.send(ID, letter())
        await box.ended.wait()
        await mail.send(ID, letter())

    assert box.connections == 2


async def test_mails_at_the_same_time_go_over_connections_of_their_own(clock: FrozenClock) -> None:
    async with listening() as box, mailing(box, clock) as mail:
        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(mail.send(ID, letter()))
        await mail.send(ID, letter())

    assert len(box.raw) == 5
    assert box.connections <= 4


# Encryption and login


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_mail_goes_encrypted_to_a_server_whose_certificate_is_good(
    clock: FrozenClock, security: str
) -> None:
    way = {security: make_trust().server}
    given = {"security": security, "username": "schule", "password": PASSWORD.decode()}
    async with listening(**way) as box, mailing(box, clock, **given) as mail:
        await mail.send(ID, letter())
        await mail.send(ID, letter())

    assert (len(box.raw), box.connections) == (2, 1)


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_a_server_whose_certificate_nobody_vouches_for_gets_nothing(
    clock: FrozenClock, security: str
) -> None:
    way = {security: make_trust().stranger}
    given = {"security": security, "username": "schule", "password": PASSWORD.decode()}
    async with listening(**way) as box, mailing(box, clock, **given) as mail:
        with pytest.raises(TryAgainError) as failed:
            await mail.send(ID, letter())

    assert failed.value.is_unreached
    assert "certificate" in failed.value.reason
    assert box.raw == []


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_a_server_without_encryption_gets_neither_mail_nor_password(
    clock: FrozenClock, security: str
) -> None:
    given = {"security": security, "username": "schule", "password": PASSWORD.decode()}
    async with listening() as box, mailing(box, clock, **given) as mail:
        with pytest.raises(TryAgainError) as failed:
            await mail.send(ID, letter())

    assert failed.value.is_unreached
    assert box.raw == []


async def test_a_password_that_is_refused_is_a_fault_of_the_settings_and_no_mails(
    clock: FrozenClock,
) -> None:
    given = {"security": "tls", "username": "schule", "password": "wrong"}
    async with listening(tls=make_trust().server) as box, mailing(box, clock, **given) as mail:
        with pytest.raises(TryAgainError) as failed:
            await mail.send(ID, letter())

    assert failed.value.is_unreached
    assert "login" in failed.value.reason
    assert "535" in failed.value.reason
    assert box.raw == []


async def test_mail_in_the_clear_goes_to_this_machine_alone(clock: FrozenClock) -> None:
    provider = MailProvider(
        host="mail.example.org", port=25, security="none", sender="a@example.org"
    )

    async def look_up(host: str) -> list[str]:
        raise AssertionError(host)

    mail = Mail(provider, gate(clock), clock=clock, look_up=look_up)
    with pytest.raises(TryAgainError) as failed:
        await mail.send(ID, letter())

    assert failed.value.is_unreached


async def test_an_address_in_another_script_goes_to_a_server_that_takes_it(
    clock: FrozenClock,
) -> None:
    message = letter(recipient="jürgen@müller.example")
    async with listening(enable_SMTPUTF8=True) as box, mailing(box, clock) as mail:
        await mail.send(ID, message)
    async with listening() as other, mailing(other, clock) as mail:
        with pytest.raises(RefusedError):
            await mail.send(ID, message)
        await mail.send(ID, letter(recipient="juergen@müller.example"))

    assert box.envelopes[0][1] == ["jürgen@xn--mller-kva.example"]
    assert other.envelopes[0][1] == ["juergen@xn--mller-kva.example"]


@pytest.mark.parametrize(
    "sender",
    ["büro@fahrschule.example", "Schule<a@fahrschule.example>", "a@b..example"],
    ids=["letters that the server does not take", "more than an address", "no address"],
)
async def test_a_sender_that_cannot_be_used_gives_up_no_mail(
    clock: FrozenClock, sender: str
) -> None:
    """It is a fault of the settings, as a sender is that the server refuses."""
    async with listening() as box, mailing(box, clock, sender=sender) as mail:
        with pytest.raises(TryAgainError, match="the school's address") as failed:
            await mail.send(ID, letter())

    assert failed.value.is_unreached
    assert box.envelopes == []
