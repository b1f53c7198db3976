"""The wire models of system.health."""

from rpcbackend.schema.system import GetHealth, Health
from tests.schema.fits import broken, written

HEALTH = {
    "status": "ok",
    "version": "0.1.0",
    "pid": 7,
    "uptimeMs": 1,
    "mirrorUrl": None,
    "inFlight": 1,
    "queued": 0,
    "service": [
        {
            "seconds": 3_600,
            "calls": 0,
            "p99Ms": None,
            "failedShare": None,
            "upShare": None,
            "isMet": True,
        }
    ],
    "store": {
        "engine": "sqlite",
        "isEncrypted": True,
        "schemaVersion": 1,
        "headSeq": 0,
        "auditHeadSeq": 0,
        "auditHeadHash": "0" * 64,
        "databaseBytes": 4_096,
        "walBytes": 0,
        "lastBackup": None,
        "readOnly": None,
        "problems": [],
        "diskFreeBytes": 1,
        "integrity": None,
    },
    "outbox": {
        "queued": 7,
        "oldestLagSeconds": 90,
        "failed": 1,
        "delayed": [
            {
                "channel": "mail",
                "reason": "unreached",
                "since": "2026-11-23T08:00:00Z",
                "lastError": "the host cannot be reached",
                "nextTryMs": 15_000,
            }
        ],
    },
    "hosts": [
        {
            "host": "sms.example:443",
            "state": "open",
            "since": "2026-11-23T08:00:00Z",
            "retryAfterMs": 30_000,
        }
    ],
}


def test_health_is_read_back_as_it_was_written_with_and_without_a_store() -> None:
    for health in (HEALTH, HEALTH | {"store": None, "status": "locked"}):
        assert written(Health.model_validate(health)) == health


def test_a_status_is_one_of_four() -> None:
    assert broken(Health, HEALTH | {"status": "fine"}) == ["status"]


def test_the_deep_look_is_asked_for_by_a_flag() -> None:
    assert written(GetHealth()) == {"deep": False}
    assert broken(GetHealth, {"deep": "yes"}) == ["deep"]
