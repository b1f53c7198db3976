"""What is remembered: units of work in, entities and wire JSON out; SQL never leaves here."""

from rpcbackend.store.api_keys import StoredApiKey
from rpcbackend.store.audit import Command, Link
from rpcbackend.store.credentials import Proofs
from rpcbackend.store.driver import StorageFailedError, WrongKeyError
from rpcbackend.store.files import has_data, is_locked
from rpcbackend.store.idempotency import Keyed, StoredReply
from rpcbackend.store.lock import DirectoryLock, StoreBusyError
from rpcbackend.store.outbox import Lease, Message
from rpcbackend.store.sessions import Purpose, SigningKey, StoredSession
from rpcbackend.store.sight import EVERYTHING, Sight, sight_of
from rpcbackend.store.store import Store, open_store
from rpcbackend.store.transaction import Report
from rpcbackend.store.work import Work

__all__ = [
    "EVERYTHING",
    "Command",
    "DirectoryLock",
    "Keyed",
    "Lease",
    "Link",
    "Message",
    "Proofs",
    "Purpose",
    "Report",
    "Sight",
    "SigningKey",
    "StorageFailedError",
    "Store",
    "StoreBusyError",
    "StoredApiKey",
    "StoredReply",
    "StoredSession",
    "Work",
    "WrongKeyError",
    "has_data",
    "is_locked",
    "open_store",
    "sight_of",
]
