"""What is remembered: units of work in, entities and wire JSON out; SQL never leaves here."""

from rpcbackend.store.audit import Command, Link
from rpcbackend.store.driver import StorageFailedError, WrongKeyError
from rpcbackend.store.idempotency import Keyed
from rpcbackend.store.lock import DirectoryLock, StoreBusyError
from rpcbackend.store.store import Store, has_data, is_locked, open_store
from rpcbackend.store.transaction import Report
from rpcbackend.store.work import Work

__all__ = [
    "Command",
    "DirectoryLock",
    "Keyed",
    "Link",
    "Report",
    "StorageFailedError",
    "Store",
    "StoreBusyError",
    "Work",
    "WrongKeyError",
    "has_data",
    "is_locked",
    "open_store",
]
