"""What an access token says, and every known way to forge one."""

import base64
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcbackend.security.tokens import (
    Access,
    Audience,
    TokenFault,
    TokenRefusedError,
    issue_access,
    verify_access,
)

NOW = 1_800_000_000
KEY, OLD_KEY = bytes(range(32)), bytes(range(32, 64))
KEYS = {"k2": KEY, "k1": OLD_KEY}

HEADER: dict[str, Any] = {"alg": "HS256", "kid": "k2", "typ": "at+jwt"}
CLAIMS: dict[str, Any] = {
    "iss": "rpcbackend",
    "aud": "stdio",
    "sub": "usr_1",
    "sid": "ses_1",
    "jti": "tok_1",
    "iat": NOW,
    "exp": NOW + 600,
}
ACCESS = Access(sub="usr_1", sid="ses_1", jti="tok_1", iat=NOW, exp=NOW + 600)

PEM = b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA" + b"A" * 43 + b"=\n-----END PUBLIC KEY-----\n"
JWK = b'{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}'


def forge(
    header: object = HEADER, claims: object = CLAIMS, *, key: bytes = KEY, hashed: str = "sha256"
) -> str:
    """Sign whatever the parts are; bytes are taken as they are."""
    parts = [part if isinstance(part, bytes) else orjson.dumps(part) for part in (header, claims)]
    signed = b".".join(map(encode, parts))
    return (signed + b"." + encode(hmac.digest(key, signed, hashed))).decode()


def encode(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def verify(
    token: str,
    *,
    keys: Mapping[str, bytes] = KEYS,
    audience: Audience = "stdio",
    now: int = NOW,
) -> Access:
    return verify_access(token, keys=keys, audience=audience, now_ms=now * 1_000)


def issue(*, key: bytes = KEY, kid: str = "k2", audience: Audience = "stdio") -> str:
    return issue_access(
        key=key,
        kid=kid,
        audience=audience,
        sub="usr_1",
        sid="ses_1",
        jti="tok_1",
        now_ms=NOW * 1_000 + 999,
    )


UNSIGNED = {TokenFault.MALFORMED, TokenFault.HEADER, TokenFault.KEY, TokenFault.SIGNATURE}
"""How a token is refused before anything that it says is believed."""

TOKEN = forge()
SIGNED, _, SIGNATURE = TOKEN.rpartition(".")


# What is accepted


def test_an_issued_token_names_the_user_and_the_session_for_ten_minutes() -> None:
    assert verify(issue()) == ACCESS


def test_the_forger_of_these_tests_makes_the_very_tokens_that_are_issued() -> None:
    """Without it a forged token might be refused for how it was made."""
    assert [orjson.loads(base64.urlsafe_b64decode(part + "==")) for part in _parts(issue())] == [
        HEADER,
        CLAIMS,
    ]
    assert verify(TOKEN) == ACCESS


def _parts(token: str) -> list[str]:
    return token.split(".")[:2]


def test_a_token_says_nothing_of_rights() -> None:
    assert {*CLAIMS} == {"iss", "aud", "sub", "sid", "jti", "iat", "exp"}


def test_the_old_key_is_good_as_long_as_it_is_kept() -> None:
    token = issue(key=OLD_KEY, kid="k1")

    assert verify(token) == ACCESS
    assert _fault(token, keys={"k2": KEY}) is TokenFault.KEY


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64])
def test_nothing_is_signed_with_a_key_of_another_length(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        issue(key=bytes(length))


# When


@pytest.mark.parametrize(
    ("claims", "now", "fault"),
    [
        ({}, NOW + 600, None),
        ({}, NOW + 604, None),
        ({}, NOW + 605, TokenFault.EXPIRED),
        ({}, NOW + 10**9, TokenFault.EXPIRED),
        ({}, NOW - 5, None),
        ({}, NOW - 6, TokenFault.NOT_YET),
        ({}, 0, TokenFault.NOT_YET),
        ({"nbf": NOW + 5}, NOW, None),
        ({"nbf": NOW + 6}, NOW, TokenFault.NOT_YET),
        ({"nbf": -1}, NOW, None),
        ({"nbf": 2**100}, NOW, TokenFault.NOT_YET),
        ({"exp": NOW + 1}, NOW, None),
        ({"exp": NOW + 601}, NOW, TokenFault.LIFE),
        ({"exp": NOW + 601}, NOW + 700, TokenFault.LIFE),
        ({"exp": NOW + 10**9}, NOW, TokenFault.LIFE),
        ({"exp": 10**300}, NOW, TokenFault.LIFE),
        ({"iat": 0}, NOW, TokenFault.LIFE),
        ({"iat": -(10**300)}, NOW, TokenFault.LIFE),
        ({"exp": NOW}, NOW, TokenFault.LIFE),
        ({"exp": NOW - 600}, NOW, TokenFault.LIFE),
        ({"exp": -1, "iat": -2}, NOW, TokenFault.EXPIRED),
        ({"iat": NOW + 6, "exp": NOW + 10}, NOW, TokenFault.NOT_YET),
        ({"iat": NOW + 6, "exp": NOW + 10, "nbf": NOW}, NOW, TokenFault.NOT_YET),
    ],
    ids=repr,
)
def test_a_token_is_good_in_its_own_ten_minutes_give_or_take_five_seconds(
    claims: dict[str, int], now: int, fault: TokenFault | None
) -> None:
    token = forge(claims=_json_of({**CLAIMS, **claims}))

    if fault is None:
        assert verify(token, now=now).sub == "usr_1"
    else:
        assert _fault(token, now=now) is fault


def _json_of(claims: Mapping[str, object]) -> bytes:
    # orjson stops at 64 bits; an attacker does not.
    return ("{" + ",".join(f'"{name}":{_literal(claims[name])}' for name in claims) + "}").encode()


def _literal(value: object) -> str:
    return str(value) if type(value) is int else orjson.dumps(value).decode()


def test_an_expired_token_of_a_stranger_is_not_told_that_it_expired() -> None:
    assert _fault(forge(key=OLD_KEY), now=NOW + 10_000) is TokenFault.SIGNATURE
    assert _fault(TOKEN, now=NOW + 10_000, audience="http") is TokenFault.AUDIENCE


# Attacks


@dataclass(frozen=True, slots=True)
class Attack:
    """A token that must be refused, and as what."""

    name: str
    token: str
    fault: TokenFault


ASYMMETRIC = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES256K", "ES384", "ES512", "EdDSA", "Ed25519", "Ed448"),
)


def attacks_on_the_algorithm() -> Iterator[Attack]:
    for alg in ("none", "nOnE", "NONE", "None", "", "HS256 ", "hs256", None, True, 256, ["HS256"]):
        header = {**HEADER, "alg": alg}
        signed = forge(header)
        yield Attack(f"alg {alg!r}", signed, TokenFault.HEADER)
        unsigned = signed.rpartition(".")[0] + "."
        yield Attack(f"alg {alg!r}, unsigned", unsigned, TokenFault.MALFORMED)
        without_key = forge(header, key=b"")
        yield Attack(f"alg {alg!r}, signed with no key", without_key, TokenFault.HEADER)
    for alg, hashed in (("HS384", "sha384"), ("HS512", "sha512"), ("HS1", "sha1")):
        header = {**HEADER, "alg": alg}
        yield Attack(f"{alg}, right", forge(header, hashed=hashed), TokenFault.MALFORMED)
        yield Attack(f"{alg} in name only", forge(header), TokenFault.HEADER)
        yield Attack(f"{alg} in secret", forge(hashed=hashed), TokenFault.MALFORMED)
    for alg in ASYMMETRIC:
        for name, key in (("our key", KEY), ("a public key", PEM), ("no key", b"")):
            token = forge({**HEADER, "alg": alg}, key=key)
            yield Attack(f"{alg}, MAC of {name}", token, TokenFault.HEADER)
    yield Attack("no alg", forge(_without(HEADER, "alg")), TokenFault.HEADER)


def attacks_on_the_key() -> Iterator[Attack]:
    for name, key in (
        ("a public key", PEM),
        ("a JWK", JWK),
        ("nothing", b""),
        ("zeros", bytes(32)),
        ("the other key", OLD_KEY),
        ("the key's hex", KEY.hex().encode()),
        ("the key's base64", base64.b64encode(KEY)),
        ("the kid", b"k2"),
        ("the issuer", b"rpcbackend"),
        ("half the key", KEY[:16]),
        ("the key twice", KEY * 2),
    ):
        yield Attack(f"signed with {name}", forge(key=key), TokenFault.SIGNATURE)
    for kid in (
        *("unknown", "", " k2", "k2 ", "K2", "k2\0", "k2\n", "k1,k2", "*", "%6b2", "k\u20602"),
        *("../k2", "../../../../dev/null", "/proc/sys/kernel/randomize_va_space"),
        *("file:///dev/null", "https://evil.example/key", "C:\\Windows\\win.ini"),
        *("' OR '1'='1", "x' UNION SELECT 'key' --", "k2'; DROP TABLE sessions; --"),
        *("$(id)", "|id", "{0.__class__}", "${jndi:ldap://evil.example}", "__class__"),
    ):
        for name, key in (("our key", KEY), ("no key", b""), ("the name itself", kid.encode())):
            token = forge({**HEADER, "kid": kid}, key=key)
            yield Attack(f"kid {kid!r}, signed with {name}", token, TokenFault.KEY)
    for odd in (None, True, 0, 2, 2.0, ["k2"], {"k2": 1}):
        token = forge({**HEADER, "kid": odd})
        yield Attack(f"kid {odd!r}", token, TokenFault.HEADER)
    yield Attack("kid of another key", forge({**HEADER, "kid": "k1"}), TokenFault.SIGNATURE)
    yield Attack("no kid", forge(_without(HEADER, "kid")), TokenFault.HEADER)


def attacks_on_the_header() -> Iterator[Attack]:
    own_key = {"kty": "oct", "k": encode(OLD_KEY).decode(), "alg": "HS256"}
    for name, value in (
        ("jku", "https://evil.example/jwks.json"),
        ("x5u", "https://evil.example/cert.pem"),
        ("x5c", [PEM.decode()]),
        ("x5t", "AAAA"),
        ("x5t#S256", "AAAA"),
        ("jwk", own_key),
        ("crit", []),
        ("crit", ["exp"]),
        ("crit", ["b64"]),
        ("b64", False),
        ("b64", True),
        ("cty", "JWT"),
        ("zip", "DEF"),
        ("enc", "A128GCM"),
        ("epk", own_key),
        ("iv", "AAAA"),
        ("p2c", 10**9),
        ("exp", NOW + 600),
        ("", ""),
        ("ALG", "none"),
    ):
        for signer, key in (("our key", KEY), ("his key", OLD_KEY)):
            token = forge({**HEADER, name: value}, key=key)
            yield Attack(f"{name}={value!r}, {signer}", token, TokenFault.HEADER)
    unencoded = {**HEADER, "b64": False, "crit": ["b64"]}
    yield Attack("b64 and crit", forge(unencoded), TokenFault.HEADER)
    for typ in (
        *("JWT", "jwt", "AT+JWT", "application/at+jwt", "rt+jwt", "refresh", "id+jwt", "dpop+jwt"),
        *("logout+jwt", "at+jwt ", "", None, 1, ["at+jwt"]),
    ):
        yield Attack(f"typ {typ!r}", forge({**HEADER, "typ": typ}), TokenFault.HEADER)
    yield Attack("no typ", forge(_without(HEADER, "typ")), TokenFault.HEADER)
    for content in (b"{}", b"[]", b"null", b"1", b'"HS256"', b"[" * 900 + b"]" * 900):
        yield Attack(f"header {content[:9]!r}", forge(content), TokenFault.HEADER)
    whole = orjson.dumps(HEADER)
    for content in (
        *(b"x", b"{", whole[:-1], whole + b"x", b"\xff", b"\xef\xbb\xbf" + whole, b'{"alg":NaN}'),
        *(whole.replace(b'"', b"'"), whole.decode().encode("utf-16"), b"[" * 2_900),
    ):
        yield Attack(f"header {content[:12]!r}", forge(content), TokenFault.MALFORMED)


def attacks_on_the_claims() -> Iterator[Attack]:
    for name in CLAIMS:
        missing = forge(claims=_without(CLAIMS, name))
        yield Attack(f"no {name}", missing, TokenFault.CLAIMS)
        yield Attack(f"{name} null", forge(claims={**CLAIMS, name: None}), TokenFault.CLAIMS)
    for name in ("sub", "sid", "jti"):
        for odd in ("", 0, 1, 1.5, True, False, ["usr_1"], {"id": "usr_1"}):
            token = forge(claims={**CLAIMS, name: odd})
            yield Attack(f"{name} {odd!r}", token, TokenFault.CLAIMS)
    for name in ("iat", "exp", "nbf"):
        good = str(CLAIMS.get(name, NOW))
        for literal in (
            *(f'"{good}"', f"{good}.0", f"{good}.5", f"{good}e0", "true", "false", "null", "[]"),
            *("{}", f"[{good}]", '""', '"never"', '"inf"', "1e400", "-1e400", "NaN", "Infinity"),
        ):
            claims = orjson.dumps(_without(CLAIMS, name))[:-1] + f',"{name}":{literal}}}'.encode()
            yield Attack(f"{name} {literal}", forge(claims=claims), TokenFault.CLAIMS)
    for iss in ("", "RPCBACKEND", "rpcbackend ", "rpcbackend/", "https://evil.example"):
        token = forge(claims={**CLAIMS, "iss": iss})
        yield Attack(f"iss {iss!r}", token, TokenFault.ISSUER)
    for content in (
        *(b"", b"x", b"[]", b"null", b"1", b'"usr_1"', b"{", b"\xff", b"[" * 2_000),
        *(orjson.dumps([CLAIMS]), b"1" * 2_900),
    ):
        yield Attack(f"claims {content[:9]!r}", forge(claims=content), TokenFault.MALFORMED)
    nested = b'{"sub":' * 300 + b"1" + b"}" * 300
    yield Attack("claims within claims", forge(claims=nested), TokenFault.CLAIMS)


def attacks_on_the_audience() -> Iterator[Attack]:
    for aud in (
        *("http", "STDIO", "stdio ", "stdi", "stdio,http", "*"),
        *(["stdio"], ["stdio", "http"], [["stdio"]], {"stdio": 1}, 1, True),
    ):
        token = forge(claims={**CLAIMS, "aud": aud})
        yield Attack(f"aud {aud!r}", token, TokenFault.AUDIENCE)
    for empty in ("", list[str](), dict[str, str](), False, 0):
        token = forge(claims={**CLAIMS, "aud": empty})
        yield Attack(f"aud {empty!r}", token, TokenFault.CLAIMS)


def attacks_on_the_form() -> Iterator[Attack]:
    header, claims, signature = TOKEN.split(".")
    standard = base64.b64encode(hmac.digest(KEY, SIGNED.encode(), "sha256")).decode()
    for name, text in (
        ("nothing", ""),
        ("dots", ".."),
        ("one part", header),
        ("two parts", SIGNED),
        ("no signature", SIGNED + "."),
        ("no claims", f"{header}..{signature}"),
        ("no header", f".{claims}.{signature}"),
        ("four parts", TOKEN + ".e30"),
        ("five parts, as a JWE", f"{TOKEN}.{claims}.{signature}"),
        ("JSON serialisation", orjson.dumps({"payload": claims, "signature": signature}).decode()),
        ("Bearer", f"Bearer {TOKEN}"),
        ("space before", f" {TOKEN}"),
        ("line end behind", f"{TOKEN}\n"),
        ("line end within", f"{SIGNED}\n.{signature}"),
        ("NUL behind", f"{TOKEN}\0"),
        ("padded", f"{TOKEN}="),
        ("padded header", f"{header}==.{claims}.{signature}"),
        ("standard base64", f"{SIGNED}.{standard}"),
        ("longer signature", f"{TOKEN}A"),
        ("shorter signature", TOKEN[:-1]),
        ("signature twice", TOKEN + signature),
        ("quoted", f'"{TOKEN}"'),
        ("wide letters", TOKEN.replace("e", "\uff45")),
        ("surrogate", TOKEN[:-1] + "\ud800"),
        ("a refresh token", "rt_" + "A" * 72),
        ("an API key", "rpk_00000000_" + "0" * 43 + "_000000"),
    ):
        yield Attack(name, text, TokenFault.MALFORMED)
    for length in (4_097, 10_000_000):
        long = forge(claims={**CLAIMS, "sub": "u" * length})
        yield Attack(f"{length} characters of name", long, TokenFault.TOO_LONG)
        yield Attack(f"{length} dots", "." * length, TokenFault.TOO_LONG)


def attacks_by_swapping() -> Iterator[Attack]:
    """Parts of two genuine tokens, put together."""
    other = forge(claims={**CLAIMS, "sub": "usr_2"})
    old = forge({**HEADER, "kid": "k1"}, key=OLD_KEY)
    for name, pieces in (
        ("claims of another", (TOKEN, other, TOKEN)),
        ("signature of another", (TOKEN, TOKEN, other)),
        ("header of another", (old, TOKEN, TOKEN)),
        ("signature of the old key", (TOKEN, TOKEN, old)),
    ):
        text = ".".join(piece.split(".")[place] for place, piece in enumerate(pieces))
        yield Attack(name, text, TokenFault.SIGNATURE)


def _without(members: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {known: value for known, value in members.items() if known != name}


ATTACKS = [
    *attacks_on_the_algorithm(),
    *attacks_on_the_key(),
    *attacks_on_the_header(),
    *attacks_on_the_claims(),
    *attacks_on_the_audience(),
    *attacks_on_the_form(),
    *attacks_by_swapping(),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: ascii(attack.name))
def test_a_forged_token_is_refused(attack: Attack) -> None:
    assert _fault(attack.token) is attack.fault


@pytest.mark.parametrize("segment", [0, 1, 2], ids=["header", "claims", "signature"])
def test_a_token_with_any_bit_flipped_is_refused(segment: int) -> None:
    parts = issue().split(".")

    for place, known in enumerate(parts[segment]):
        for bit in range(8):
            flipped = chr(ord(known) ^ 1 << bit)
            changed = parts[segment][:place] + flipped + parts[segment][place + 1 :]
            assert _fault(".".join([*parts[:segment], changed, *parts[segment + 1 :]])) in UNSIGNED


def test_a_token_has_one_text_only() -> None:
    """The last character of the signature has two spare bits (RFC 4648, section 3.5)."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    readings = [
        last
        for last in alphabet
        if base64.urlsafe_b64decode(SIGNATURE[:-1] + last + "=")
        == base64.urlsafe_b64decode(SIGNATURE + "=")
    ]

    assert len(readings) == 4
    assert [last for last in readings if _opens(TOKEN[:-1] + last)] == [TOKEN[-1]]


def _opens(token: str) -> bool:
    try:
        return verify(token) == ACCESS
    except TokenRefusedError:
        return False


def test_a_long_token_is_refused_before_anything_of_it_is_read() -> None:
    class Untouched(str):
        __slots__ = ()

        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(name)

    assert _fault(Untouched("A" * 4_097)) is TokenFault.TOO_LONG
    assert _fault("A" * 4_096) is TokenFault.MALFORMED


@pytest.mark.parametrize(
    "key", [PEM, JWK, b"", KEY[:31], KEY + b"\0"], ids=["pem", "jwk", "empty", "short", "long"]
)
def test_no_key_of_another_form_is_used_even_if_it_is_configured(key: bytes) -> None:
    assert _fault(forge(key=key), keys={"k2": key}) is TokenFault.KEY


def test_a_token_for_one_door_opens_no_other() -> None:
    assert _fault(issue(audience="http")) is TokenFault.AUDIENCE
    assert _fault(issue(audience="stdio"), audience="http") is TokenFault.AUDIENCE
    assert verify(issue(audience="http"), audience="http") == ACCESS


@given(st.text())
def test_no_text_does_anything_but_be_refused(text: str) -> None:
    assert _fault(text) is TokenFault.MALFORMED


@given(st.binary(max_size=64), st.binary(max_size=64))
def test_no_signed_bytes_do_anything_but_be_refused(header: bytes, claims: bytes) -> None:
    assert _fault(forge(header, claims))
    assert _fault(forge(claims=claims))


def test_a_refusal_quotes_nothing_of_the_token() -> None:
    with pytest.raises(TokenRefusedError) as refused:
        verify(forge(claims={**CLAIMS, "aud": "secret"}))

    assert str(refused.value) == "audience"
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


def _fault(
    token: str,
    *,
    keys: Mapping[str, bytes] = KEYS,
    audience: Audience = "stdio",
    now: int = NOW,
) -> TokenFault:
    with pytest.raises(TokenRefusedError) as refused:
        verify(token, keys=keys, audience=audience, now=now)
    return refused.value.fault


def test_the_forger_signs_as_the_standard_does() -> None:
    """RFC 7515, appendix A.1.1."""
    key = base64.urlsafe_b64decode(
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow=="
    )
    header = b'{"typ":"JWT",\r\n "alg":"HS256"}'
    claims = b'{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}'

    token = forge(header, claims, key=key)

    assert token.endswith(".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
