"""What a mail server's answer, or its silence, means for a mail."""

from enum import Enum, auto
from ssl import SSLCertVerificationError

from rpcbackend.outside.adapter import RefusedError, TryAgainError, Undelivered
from rpcbackend.outside.gate import BrokenOffError


class Step(Enum):
    """How far a hand-over has come."""

    REACH = auto()
    """Connecting, encryption, login: nothing of the mail was told."""
    SENDER = auto()
    RECIPIENT = auto()
    TEXT = auto()
    """The mail itself is on its way: silence may mean that it has arrived."""


_TOO_LARGE = 552


def trouble_at(step: Step, error: Exception) -> Undelivered:
    """Return what an error of the SMTP library means at this step.

    RFC 5321, section 4.2.1: 4xx may pass by itself, 5xx does not. A login or a sender that is
    refused is a fault of the settings, and so of every mail: none is given up for it.
    """
    code: int = getattr(error, "code", 0)
    is_for_good = 500 <= code < 600  # noqa: PLR2004 (the range of permanent failures)
    if step is Step.REACH:
        return TryAgainError(_why_unreached(error, code), is_unreached=True)
    if not 400 <= code < 600:  # noqa: PLR2004 (neither kind of failure, or none at all)
        return _silence_at(step)
    if step is Step.SENDER and is_for_good and code != _TOO_LARGE:
        reason = f"the mail server refuses the school's address ({code})"
        return TryAgainError(reason, is_unreached=True)
    what = "recipient" if step is Step.RECIPIENT else "mail"
    if is_for_good:
        return RefusedError(f"the mail server refuses the {what} ({code})")
    return TryAgainError(f"the mail server does not take the {what} now ({code})")


def _silence_at(step: Step) -> Undelivered:
    if step is Step.TEXT:
        return BrokenOffError("the mail server broke off, the mail may have arrived")
    # Over a recipient it is that mail's trouble: it must not stop all others.
    return TryAgainError("the mail server broke off", is_unreached=step is Step.SENDER)


def _why_unreached(error: Exception, code: int) -> str:
    causes = [error, error.__cause__]
    if any(isinstance(cause, SSLCertVerificationError) for cause in causes):
        return "the mail server's certificate cannot be verified"
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return "the mail server does not answer"
    if code:
        return f"the mail server refuses the login or the connection ({code})"
    return "the mail server cannot be reached, or takes no encryption or login"
