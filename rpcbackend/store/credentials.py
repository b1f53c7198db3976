"""What users prove themselves with, and how often somebody failed to."""

from dataclasses import dataclass, field, replace
from hashlib import sha256

from rpcbackend.store.transaction import Transaction
from rpcbackend.store.users import login_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Proofs:
    """What one user proves himself with; None is what he has not got."""

    user_id: str
    password_hash: str | None = field(default=None, repr=False)
    mfa_secret: str | None = field(default=None, repr=False)
    mfa_pending: str | None = field(default=None, repr=False)
    """Enrolled, but not yet proven by a first code."""
    mfa_step: int = -1
    """The last step whose code was accepted."""


class Credentials:
    """The proofs of the users of one school."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def get(self, user_id: str) -> Proofs:
        """Return what the user proves himself with: nothing, before a password was set."""
        row = await self._tx.one(
            "SELECT password_hash, mfa_secret, mfa_pending, mfa_step FROM credentials"
            " WHERE school_id = :school AND user_id = :user",
            user=user_id,
        )
        found = Proofs(user_id=user_id)
        return replace(found, **{name: row[name] for name in row.keys()}) if row else found  # noqa: SIM118 (a row iterates over its values)

    async def put(self, proofs: Proofs) -> None:
        """Set what the user proves himself with."""
        self._tx.access_changed = True
        await self._note_change(proofs.user_id)
        await self._tx.run(
            "INSERT INTO credentials"
            " (school_id, user_id, password_hash, mfa_secret, mfa_pending, mfa_step)"
            " VALUES (:school, :user, :hash, :secret, :pending, :step)"
            " ON CONFLICT (school_id, user_id) DO UPDATE SET password_hash = :hash,"
            " mfa_secret = :secret, mfa_pending = :pending, mfa_step = :step",
            user=proofs.user_id,
            hash=proofs.password_hash,
            secret=proofs.mfa_secret,
            pending=proofs.mfa_pending,
            step=proofs.mfa_step,
        )

    async def recovery_codes(self, user_id: str) -> list[bytes]:
        """Return the hashes of the codes that were not used."""
        rows = await self._tx.all(
            "SELECT sha256 FROM recovery_codes WHERE school_id = :school AND user_id = :user",
            user=user_id,
        )
        return [row["sha256"] for row in rows]

    async def replace_recovery_codes(self, user_id: str, hashes: list[bytes]) -> None:
        """Let these be the codes, and no others."""
        await self._note_change(user_id)
        await self._tx.run(
            "DELETE FROM recovery_codes WHERE school_id = :school AND user_id = :user", user=user_id
        )
        for hashed in hashes:
            await self._tx.run(
                "INSERT INTO recovery_codes (school_id, user_id, sha256)"
                " VALUES (:school, :user, :sha256)",
                user=user_id,
                sha256=hashed,
            )

    async def use_recovery_code(self, user_id: str, sha256: bytes) -> bool:
        """Take a code away and tell whether it was still there."""
        taken = await self._tx.run(
            "DELETE FROM recovery_codes"
            " WHERE school_id = :school AND user_id = :user AND sha256 = :sha256",
            user=user_id,
            sha256=sha256,
        )
        if taken:
            await self._note_change(user_id)
        return taken == 1

    async def _note_change(self, user_id: str) -> None:
        """Note for the audit that they are others now, but nothing of what they are.

        Whoever has the digest of a secret tries guesses on it that nobody counts: these digests are
        of nothing that is not known.
        """
        if self._tx.changes is not None:
            record = ("credentials", user_id)
            had = await self.get(user_id) != Proofs(user_id=user_id)
            self._tx.changes.see(record, f'{{"userId":"{user_id}"}}' if had else None)
            self._tx.changes.write(record, f'{{"userId":"{user_id}","isChanged":true}}')

    async def knows(self, login: str, counter: str) -> bool:
        """Tell whether there is such a counter, be it at 0."""
        return await self._misses(login, counter) is not None

    async def misses(self, login: str, counter: str = "") -> tuple[int, int]:
        """Return the wrong passwords in a row under a login, and the milliseconds of the last.

        Args:
            login: What was typed.
            counter: Which of those that the login has; each counts by itself.
        """
        return await self._misses(login, counter) or (0, 0)

    async def _misses(self, login: str, counter: str) -> tuple[int, int] | None:
        row = await self._tx.one(
            "SELECT misses, last_miss_at_ms FROM login_misses"
            " WHERE school_id = :school AND login_sha256 = :login",
            login=_login_sha256(login, counter),
        )
        return (row["misses"], row["last_miss_at_ms"]) if row else None

    async def last_miss_ms(self, *, at_most: int) -> int:
        """Return when the last try under any login was noted, in milliseconds: a clock's low mark.

        What is later than *at_most* was noted by a clock that was wrong, and does not count.
        """
        row = await self._tx.one(
            "SELECT coalesce(max(last_miss_at_ms), 0) FROM login_misses"
            " WHERE school_id = :school AND last_miss_at_ms <= :most",
            most=at_most,
        )
        return int(row[0]) if row else 0

    async def note_misses(self, login: str, misses: int, now_ms: int, counter: str = "") -> None:
        """Set how many there were; a counter at 0 is there all the same."""
        await self._tx.run(
            "INSERT INTO login_misses (school_id, login_sha256, misses, last_miss_at_ms)"
            " VALUES (:school, :login, :misses, :now) ON CONFLICT (school_id, login_sha256)"
            " DO UPDATE SET misses = :misses, last_miss_at_ms = :now",
            login=_login_sha256(login, counter),
            misses=misses,
            now=now_ms,
        )

    async def drop_misses(self, login: str, counter: str = "") -> None:
        """Forget a counter."""
        await self._tx.run(
            "DELETE FROM login_misses WHERE school_id = :school AND login_sha256 = :login",
            login=_login_sha256(login, counter),
        )

    async def forget_misses(self, before_ms: int) -> None:
        """Forget the misses of so long ago: unknown logins must not pile up.

        Counters at 0 stay: only who has signed in leaves one.
        """
        await self._tx.run(
            "DELETE FROM login_misses"
            " WHERE school_id = :school AND last_miss_at_ms < :before AND misses > 0",
            before=before_ms,
        )


def _login_sha256(login: str, counter: str) -> bytes:
    # What is typed for a login may be a password: only its hash is kept. The login is hashed first,
    # for whoever types one must not reach another's counter.
    key = sha256(login_key(login).encode("utf-8", "surrogatepass")).digest()
    return sha256(key + counter.encode()).digest() if counter else key
