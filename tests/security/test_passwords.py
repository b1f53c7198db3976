"""Which passwords are good enough, and how they are kept."""

import argon2
import pytest

from rpcbackend.security import passwords
from rpcbackend.security.passwords import (
    PasswordFault,
    PasswordRefusedError,
    check_password,
    hash_password,
    needs_rehash,
    verify_password,
)

# Composed and decomposed ü look the same and are not: verified as received.
PHRASE = "grüner Anhänger \N{TRIANGULAR FLAG ON POST} rückwärts\0"
SALT = bytes(range(16))
CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(scope="module")
def phc() -> str:
    return hash_password(PHRASE, lambda count: SALT[:count])


def test_a_password_is_stored_as_argon2id_with_the_parameters_of_asvs(phc: str) -> None:
    stored = argon2.extract_parameters(phc)

    assert phc.startswith("$argon2id$v=19$m=47104,t=1,p=1$AAECAwQFBgcICQoLDA0ODw$")
    assert (stored.salt_len, stored.hash_len) == (16, 32)
    assert not needs_rehash(phc)


def test_only_the_very_same_text_fits(phc: str) -> None:
    decomposed = PHRASE.replace("ü", "u\u0308")

    assert verify_password(phc, PHRASE)
    assert not verify_password(phc, decomposed)
    assert not verify_password(phc, PHRASE.rstrip("\0"))


def test_an_unknown_user_costs_a_hash_of_the_same_parameters(
    phc: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Watched(argon2.PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]  # ours is never a Literal
            asked.append(str(hash))
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "_hasher", Watched)

    assert not verify_password(None, PHRASE)
    assert not verify_password(phc, "wrong")
    assert argon2.extract_parameters(asked[0]) == argon2.extract_parameters(asked[1])


def test_not_even_the_right_password_of_nobody_opens_anything(
    monkeypatch: pytest.MonkeyPatch, phc: str
) -> None:
    monkeypatch.setattr(passwords, "_NOBODY", phc)

    assert not verify_password(None, PHRASE)


@pytest.mark.parametrize(
    "damaged",
    ["", "x", "$argon2id$v=19$m=47104,t=1,p=1$AAECAwQFBgcICQoLDA0ODw$", "$2b$12$" + "a" * 53],
)
def test_a_damaged_hash_fits_no_password(damaged: str) -> None:
    assert not verify_password(damaged, PHRASE)


def test_a_hash_of_older_parameters_still_fits_and_wants_to_be_made_anew() -> None:
    older = CHEAP.hash(PHRASE.encode())

    assert verify_password(older, PHRASE)
    assert needs_rehash(older)


def test_a_lone_surrogate_is_a_wrong_password_and_no_crash() -> None:
    assert not verify_password(CHEAP.hash("abc"), "\ud800")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", PasswordFault.TOO_SHORT),
        ("elevenchars", PasswordFault.TOO_SHORT),
        ("\N{GRINNING FACE}" * 3, PasswordFault.TOO_SHORT),
        ("x" + "1,024 bytes of one sentence.... " * 32, PasswordFault.TOO_LONG),
        ("ü" * 513, PasswordFault.TOO_LONG),
        ("iloveyou1234", PasswordFault.COMMON),
        ("Password2026!", PasswordFault.COMMON),
        ("2026-Password!", PasswordFault.COMMON),
        ("1Q2W3E4R5T2026", PasswordFault.COMMON),
        ("passwordPASSWORD", PasswordFault.COMMON),
        ("passwordpassword1!", PasswordFault.COMMON),
        ("aaaaaaaaaaaa", PasswordFault.COMMON),
        ("123123123123", PasswordFault.COMMON),
        ("q;zq;zq;zq;z", PasswordFault.COMMON),
        ("borabora2026", PasswordFault.COMMON),
        ("1234567890123", PasswordFault.COMMON),
        ("\u041f\u0410\u0420\u041e\u041b\u042c202620", PasswordFault.COMMON),
        ("p.a.s.s.w.o.r.d.1.2", PasswordFault.COMMON),
        ("pass word pass word", PasswordFault.COMMON),
        ("\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff442026", PasswordFault.COMMON),
        ("123456789012", PasswordFault.COMMON),
        ("abcdefghijkl", PasswordFault.COMMON),
        ("lkjihgfedcba", PasswordFault.COMMON),
        ("QWERTZUIOPasdf", PasswordFault.COMMON),
        ("mein fahrschule 1", PasswordFault.CONTEXT),
        ("Driving-School26", PasswordFault.CONTEXT),
        ("l.o.v.e.l.a.c.e ahoi", PasswordFault.CONTEXT),
        ("tractor-lovelace-moss", PasswordFault.CONTEXT),
        ("a song by ADA-BYRON", PasswordFault.CONTEXT),
        ("die muellers fahren", PasswordFault.CONTEXT),
    ],
    ids=lambda value: ascii(value[:32]),
)
def test_a_password_that_others_would_guess_is_refused_without_being_quoted(
    text: str, fault: PasswordFault
) -> None:
    with pytest.raises(PasswordRefusedError) as refused:
        check_password(text, "byron@lovelace.example", "Fahrschule MUELLER & Co")

    assert refused.value.fault is fault
    assert str(refused.value) == fault.value


@pytest.mark.parametrize(
    "text",
    [
        "correct horse battery staple",
        "twelve chars",
        "1,024 bytes of one sentence.... " * 32,
        "\N{GRINNING FACE}\N{OCTOPUS}\N{BICYCLE}\N{CRAB}" * 3,
        "483920174652",
        "  spaces, kept  ",
        "und co fahren los",
    ],
    ids=lambda text: ascii(text[:32]),
)
def test_any_other_password_is_accepted_whatever_its_characters(text: str) -> None:
    check_password(text, "byron@lovelace.example", "Fahrschule MUELLER & Co")


def test_the_list_is_long_enough_and_holds_no_part_of_its_head() -> None:
    listed = passwords._common()  # noqa: SLF001 (the list itself is the promise)

    assert len(listed) == 19_640
    assert {"password", "qwertyuiop", "fallen_angel"} <= listed
    assert not [text for text in listed if text != text.strip() or text.startswith("# ")]
