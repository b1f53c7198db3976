"""What is remembered: units of work in, entities and wire JSON out; SQL never leaves here."""

from rpcbackend.store.api_keys import StoredApiKey
from rpcbackend.store.audit import Command, Link
from rpcbackend.store.backups import (
    Backup,
    Facts,
    NoBackupError,
    Reason,
    folder_in,
    list_backups,
    read_backup,
)
from rpcbackend.store.credentials import Proofs
from rpcbackend.store.driver import StorageFailedError, WrongKeyError
from rpcbackend.store.files import finish_restore, has_data, is_encrypted, is_locked
from rpcbackend.store.idempotency import Keyed, StoredReply
from rpcbackend.store.lock import DirectoryLock, StoreBusyError
from rpcbackend.store.outbox import Lease, Message
from rpcbackend.store.restoring import Origin, Restored, restore, restore_closed
from rpcbackend.store.sessions import Purpose, SigningKey, StoredSession
from rpcbackend.store.sight import EVERYTHING, Sight, sight_of
from rpcbackend.store.soundness import Verdict, verify_backup
from rpcbackend.store.store import Store, open_store
from rpcbackend.store.transaction import Report
from rpcbackend.store.work import Work

__all__ = [
    "EVERYTHING",
    "Backup",
    "Command",
    "DirectoryLock",
    "Facts",
    "Keyed",
    "Lease",
    "Link",
    "Message",
    "NoBackupError",
    "Origin",
    "Proofs",
    "Purpose",
    "Reason",
    "Report",
    "Restored",
    "Sight",
    "SigningKey",
    "StorageFailedError",
    "Store",
    "StoreBusyError",
    "StoredApiKey",
    "StoredReply",
    "StoredSession",
    "Verdict",
    "Work",
    "WrongKeyError",
    "finish_restore",
    "folder_in",
    "has_data",
    "is_encrypted",
    "is_locked",
    "list_backups",
    "open_store",
    "read_backup",
    "restore",
    "restore_closed",
    "sight_of",
    "verify_backup",
]
