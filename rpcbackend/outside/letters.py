"""A mail as it goes over the wire (RFC 5322): made of a message, pure."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from rpcbackend.outside.adapter import RefusedError


def write_letter(
    id: str,  # noqa: A002 (its name)
    *,
    sender: str,
    recipient: str,
    payload: Mapping[str, Any],
    at: datetime,
) -> EmailMessage:
    """Write a mail of `subject`, `text` and `language`.

    Whatever tries again writes the same Message-ID: receivers know a second delivery by it.

    Args:
        id: The message's.
        sender: The school's address.
        recipient: Whom it is for.
        payload: What it says.
        at: When it is sent, UTC.

    Raises:
        RefusedError: A header would hold a control character, or an address is none.
    """
    subject, language = str(payload["subject"]), str(payload.get("language", ""))
    for value in (sender, recipient, subject, language):
        if not value.isprintable():
            raise RefusedError("a header of the mail would hold a control character")
    school, person = address_of(sender), address_of(recipient)
    letter = EmailMessage(policy=SMTP)
    letter["From"], letter["To"] = school, person
    letter["Subject"] = subject
    letter["Date"] = at
    letter["Message-ID"] = f"<{id}@{school.domain}>"
    # RFC 3834, section 5: nobody's holiday notice shall answer it.
    letter["Auto-Submitted"] = "auto-generated"
    # Quoted-printable goes through every server, and its lines are never too long.
    letter.set_content(str(payload["text"]), charset="utf-8", cte="quoted-printable")
    if language:
        letter["Content-Language"] = language
    return letter


def address_of(text: str) -> Address:
    """Read a bare address; its domain is written in ASCII (RFC 5890).

    Raises:
        RefusedError: It is none.
    """
    name, at, domain = text.rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode()
        address = Address(username=name, domain=ascii_domain)
    except (ValueError, UnicodeError) as error:
        raise RefusedError("the address of the mail is none") from error
    if not (name and at and ascii_domain) or any(sign in text for sign in ' <>"\\,;()[]'):
        raise RefusedError("the address of the mail is none")
    return address


def is_address(text: str) -> bool:
    """Tell whether mail can be written from, or to, an address."""
    with suppress(RefusedError):
        address_of(text)
        return text.isprintable()
    return False
