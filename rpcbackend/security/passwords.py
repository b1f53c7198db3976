"""Passwords: how they are stored, verified and refused when they are chosen.

`hash_password` and `verify_password` take some 50 ms and 46 MiB: never on the event loop. Text is
taken as received (OWASP ASVS 5.0, 6.2.8): no trimming, no Unicode normalisation. Only the check of
a new one folds it first, for guessers do not care which form of a letter it is.
"""

import functools
import re
import string
import unicodedata
from collections.abc import Callable
from enum import StrEnum
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MIN_CHARS = 12
MAX_BYTES = 1_024
"""In UTF-8; room for every sentence, and a bound on what is hashed."""

SALT_BYTES = 16
# The hash of 32 random bytes that nobody kept.
_NOBODY = (
    "$argon2id$v=19$m=47104,t=1,p=1$RDB6AhZ1x8nF4TaEpRQV/w"
    "$Bq3bybGcCnWAhkggrniw06CXtHR+dR0JQ98T0Jc4W9g"
)
_SHORTEST_CONTEXT_WORD = 4
# Three characters again and again are as good as three.
_SHORTEST_UNIT = 4
_RUNS = tuple(
    run + run
    for forward in (
        "1234567890",
        string.ascii_lowercase,
        "qwertyuiopasdfghjklzxcvbnm",
        "qwertzuiopasdfghjklyxcvbnm",
        "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    )
    for run in (forward, forward[::-1])
)
"""What fingers or children count, around and around."""
_SHORTEST_RUN = 6
_OURS = ("drivingschool", "fahrschule")
_SIGNS = re.compile(r"[\W_]+")
_TRIMMINGS = string.digits + string.punctuation + string.whitespace


class PasswordFault(StrEnum):
    """Why a new password was refused."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    COMMON = "common"
    CONTEXT = "context"
    """It holds the login, the school's name or another word that the caller gave."""


class PasswordRefusedError(Exception):
    """The password is not good enough to protect an account."""

    def __init__(self, fault: PasswordFault) -> None:
        self.fault = fault
        super().__init__(fault.value)


def hash_password(text: str, random_bytes: Callable[[int], bytes]) -> str:
    """Return the argon2id hash as a PHC string, salt and parameters included."""
    return _hasher().hash(_bytes(text), salt=random_bytes(SALT_BYTES))


def verify_password(phc: str | None, text: str) -> bool:
    """Tell whether *text* is the password of the stored hash.

    None is for a user who does not exist: that costs the same on the same path, and is False. So
    is a hash that is damaged or not argon2id.
    """
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        _hasher().verify(_NOBODY if phc is None else phc, _bytes(text))
    except (InvalidHashError, VerificationError):
        return False
    return phc is not None


def needs_rehash(phc: str) -> bool:
    """Tell whether the hash was made with other parameters than today's; ask after a login."""
    return _hasher().check_needs_rehash(phc)


def check_password(text: str, *context: str) -> None:
    """Refuse a new password that others would guess.

    Args:
        text: Taken as received.
        context: The login, the user's and the school's names: whatever a guesser tries first.

    Raises:
        PasswordRefusedError: `fault` tells why, without the text.
    """
    if len(text) < MIN_CHARS:
        raise PasswordRefusedError(PasswordFault.TOO_SHORT)
    if len(_bytes(text)) > MAX_BYTES:
        raise PasswordRefusedError(PasswordFault.TOO_LONG)
    folded = _fold(text)
    bare = _SIGNS.sub("", folded)
    if _is_common(folded) or _is_common(bare) or _is_run(bare):
        raise PasswordRefusedError(PasswordFault.COMMON)
    words = _words(context) | {word for word in _OURS if len(bare) < len(word) + MIN_CHARS}
    if any(word in folded or word in bare for word in words):
        raise PasswordRefusedError(PasswordFault.CONTEXT)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _is_run(bare: str) -> bool:
    return len(bare) >= _SHORTEST_RUN and any(bare in run * 4 for run in _RUNS)


def _is_common(folded: str) -> bool:
    """Tell whether it is a listed one, as it is, repeated, or between digits and signs."""
    stems = {folded, folded.rstrip(_TRIMMINGS), folded.strip(_TRIMMINGS)}
    units = {_unit(stem) for stem in stems}
    return 0 < len(_unit(folded)) < _SHORTEST_UNIT or not _common().isdisjoint(stems | units)


def _unit(text: str) -> str:
    """Return the shortest part that makes the text when it is repeated, perhaps the text itself."""
    return text[: (text + text).find(text, 1)]


@functools.cache
def _common() -> frozenset[str]:
    text = (files("rpcbackend.security") / "common_passwords.txt").read_text(encoding="utf-8")
    # A blank line ends the head with the source and its licence.
    return frozenset(text.partition("\n\n")[2].strip().split("\n"))


def _words(context: tuple[str, ...]) -> set[str]:
    words = re.split(r"[\W_]+", _fold(" ".join(context)))
    return {word for word in words if len(word) >= _SHORTEST_CONTEXT_WORD}


def _bytes(text: str) -> bytes:
    # A lone surrogate is no character, but no reason to crash either.
    return text.encode("utf-8", "surrogatepass")


@functools.cache
def _hasher() -> "PasswordHasher":
    import argon2

    # OWASP ASVS 5.0, appendix C; memory in KiB.
    return argon2.PasswordHasher(
        time_cost=1, memory_cost=47_104, parallelism=1, hash_len=32, salt_len=SALT_BYTES
    )
