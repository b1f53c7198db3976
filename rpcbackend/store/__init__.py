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
from rpcbackend.store.cached_answers import Asked, state_of
from rpcbackend.store.checks import Finding, is_sound
from rpcbackend.store.copying import Copied, CopyFailedError, copy, standing_still
from rpcbackend.store.credentials import Proofs
from rpcbackend.store.driver import (
    DamagedError,
    ServerRefusesError,
    StorageFailedError,
    WrongKeyError,
    has_log,
)
from rpcbackend.store.files import (
    finish_restore,
    has_data,
    is_encrypted,
    is_locked,
    leftovers_in,
    path_in,
    put_copy_in_place,
    stage_of_copy,
)
from rpcbackend.store.idempotency import Keyed, StoredReply
from rpcbackend.store.jobs import LeftJob
from rpcbackend.store.lane import LaneFacts
from rpcbackend.store.lock import DirectoryLock, StoreBusyError
from rpcbackend.store.measurements import Measured, Measurements, Run
from rpcbackend.store.mending import Examined, examine, fold_log_in, make_indexes_anew
from rpcbackend.store.message import TEST_TEMPLATE, Ended, Lease, Message
from rpcbackend.store.message import told_of as told_of_message
from rpcbackend.store.opening import Place, open_server_store, open_store
from rpcbackend.store.quarantine import put_aside
from rpcbackend.store.reach import Gap
from rpcbackend.store.restoring import Origin, Restored, restore, restore_closed
from rpcbackend.store.room import Room, purge
from rpcbackend.store.salvage import Salvaged, TableSaved, UnsalvageableError, replace_by, salvage
from rpcbackend.store.sealing import BoxDamagedError
from rpcbackend.store.sessions import Purpose, SigningKey, StoredSession
from rpcbackend.store.sight import EVERYTHING, Sight, sight_of
from rpcbackend.store.soundness import Verdict, is_key_of, verify_backup
from rpcbackend.store.store import Store
from rpcbackend.store.transaction import Report
from rpcbackend.store.work import Work

__all__ = [
    "EVERYTHING",
    "TEST_TEMPLATE",
    "Asked",
    "Backup",
    "BoxDamagedError",
    "Command",
    "Copied",
    "CopyFailedError",
    "DamagedError",
    "DirectoryLock",
    "Ended",
    "Examined",
    "Facts",
    "Finding",
    "Gap",
    "Keyed",
    "LaneFacts",
    "Lease",
    "LeftJob",
    "Link",
    "Measured",
    "Measurements",
    "Message",
    "NoBackupError",
    "Origin",
    "Place",
    "Proofs",
    "Purpose",
    "Reason",
    "Report",
    "Restored",
    "Room",
    "Run",
    "Salvaged",
    "ServerRefusesError",
    "Sight",
    "SigningKey",
    "StorageFailedError",
    "Store",
    "StoreBusyError",
    "StoredApiKey",
    "StoredReply",
    "StoredSession",
    "TableSaved",
    "UnsalvageableError",
    "Verdict",
    "Work",
    "WrongKeyError",
    "copy",
    "examine",
    "finish_restore",
    "fold_log_in",
    "folder_in",
    "has_data",
    "has_log",
    "is_encrypted",
    "is_key_of",
    "is_locked",
    "is_sound",
    "leftovers_in",
    "list_backups",
    "make_indexes_anew",
    "open_server_store",
    "open_store",
    "path_in",
    "purge",
    "put_aside",
    "put_copy_in_place",
    "read_backup",
    "replace_by",
    "restore",
    "restore_closed",
    "salvage",
    "sight_of",
    "stage_of_copy",
    "standing_still",
    "state_of",
    "told_of_message",
    "verify_backup",
]
