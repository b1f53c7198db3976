"""The jobs as rows."""

from datetime import timedelta
from typing import Any

import pytest

from rpcbackend.schema.base import Params
from rpcbackend.schema.jobs import ErrorResponse, Job, JobState, ListJobs
from rpcbackend.store import LeftJob, Store, Work
from rpcbackend.store.driver import IntegrityError
from rpcbackend.store.jobs import (
    FORGOTTEN_AT_ONCE,
    KEPT_SECONDS,
    MAX_CHECKPOINT_BYTES,
    MOST_KEPT,
)
from tests.factories import an_id, at
from tests.jobs.toys import make_job

NOON = at("2026-11-23T12:00:00Z")
ERROR = ErrorResponse(
    code="DISK_FULL",
    message="The disk is full.",
    type="business",
    timestamp=1,
    retryable=True,
    outcome="none",
    correlation_id="cor_1",
    details={"neededBytes": 1},
)
ENDS: list[dict[str, Any]] = [
    {"state": JobState.DONE, "result": {"word": 'plain "text"', "more": [1]}},
    {"state": JobState.FAILED, "error": ERROR},
    {"state": JobState.CANCELLED},
]


async def put(store: Store, *jobs: Any) -> None:
    async def unit(work: Work) -> None:
        for job in jobs:
            await work.jobs.put(job)

    await store.write(unit, actor="tests")


@pytest.mark.parametrize("end", ENDS, ids=[str(end["state"]) for end in ENDS])
async def test_a_job_is_read_as_it_was_recorded_and_never_changes_after_its_end(
    store: Store, end: dict[str, Any]
) -> None:
    ended = make_job(started_at=NOON, ended_at=NOON, done=3, total=4, message="pages", **end)
    await put(store, make_job(), ended)

    assert await store.read(lambda work: work.jobs.get(ended.id)) == ended
    with pytest.raises(IntegrityError, match="jobs_end_once"):
        await put(store, make_job())
    assert await store.read(lambda work: work.jobs.get(an_id("job", 9))) is None


@pytest.mark.parametrize(
    "half",
    [
        {"state": JobState.DONE, "ended_at": NOON},
        {"state": JobState.FAILED, "ended_at": NOON},
        {"state": JobState.CANCELLED},
        {"state": JobState.RUNNING, "result": {}},
    ],
    ids=["done without result", "failed without error", "over without end", "result too early"],
)
async def test_a_job_has_what_its_state_says_and_no_more(
    store: Store, half: dict[str, Any]
) -> None:
    with pytest.raises(IntegrityError, match=r"(?i)CHECK"):
        await put(store, make_job(**half))


async def test_jobs_come_newest_first_and_fit_actor_and_end(store: Store) -> None:
    old = make_job(1, state=JobState.CANCELLED, ended_at=NOON)
    new, others = make_job(2, created_at=NOON), make_job(3, actor="usr_1")
    await put(store, old, new, others)

    async def unit(work: Work) -> list[list[str]]:
        found = [
            await work.jobs.list(ListJobs.model_validate(wanted), actor)
            for actor, wanted in (
                (None, {}),
                ("local", {}),
                ("local", {"isOver": True}),
                (None, {"isOver": False, "limit": 1}),
            )
        ]
        return [[job.id for job in jobs] for jobs in found]

    assert await store.read(unit) == [
        [new.id, others.id, old.id],
        [new.id, old.id],
        [old.id],
        [new.id],
    ]


class Asked(Params):
    """What was asked for."""

    label: str
    more: str = "not said"


async def add(store: Store, job: Job) -> None:
    await store.write(
        lambda work: work.jobs.begin(job, Asked(label="a"), "ses_1"),
        actor="tests",
    )


async def left(store: Store) -> list[LeftJob]:
    return await store.read(lambda work: work.jobs.left(9))


async def test_of_what_is_resumable_all_is_kept_that_another_process_needs(store: Store) -> None:
    job = make_job(1, is_resumable=True, attempts=2)
    await add(store, job)
    await put(store, make_job(2))

    async def unit(work: Work) -> list[int]:
        lease = await work.jobs.take(job.id)
        await work.jobs.keep(job.id, {"done": 7})
        await work.jobs.keep(job.id, None, is_sealed=True)
        return [lease, await work.jobs.take(job.id), await work.jobs.lease(job.id)]

    assert await store.write(unit, actor="tests") == [1, 2, 2]
    assert await left(store) == [
        LeftJob(
            job=job,
            lease=2,
            is_sealed=True,
            session_id="ses_1",
            params=b'{"label":"a"}',
            checkpoint={"done": 7},
        ),
        LeftJob(
            job=make_job(2),
            lease=0,
            is_sealed=False,
            session_id=None,
            params=None,
            checkpoint=None,
        ),
    ]
    assert await store.read(lambda work: work.jobs.is_sealed(job.id))


@pytest.mark.parametrize("end", ENDS, ids=[str(end["state"]) for end in ENDS])
async def test_nothing_that_was_asked_for_is_kept_after_the_end(
    store: Store, end: dict[str, Any]
) -> None:
    job = make_job(1, is_resumable=True)
    await add(store, job)
    await store.write(lambda work: work.jobs.keep(job.id, {"done": 7}), actor="tests")

    await put(store, job.model_copy(update={"ended_at": NOON, **end}))

    row = await store.read(
        lambda work: work.tx.one(
            "SELECT params, checkpoint, session_id FROM jobs WHERE school_id = :school"
        )
    )
    assert row is not None
    assert list(row) == [None, None, None]


async def test_what_is_let_go_is_gone_on_with_by_nobody(store: Store) -> None:
    job = make_job(1, is_resumable=True)
    await add(store, job)

    await store.write(lambda work: work.jobs.let_go(), actor="tests")

    [found] = await left(store)
    assert (found.job.is_resumable, found.params, found.checkpoint) == (False, None, None)


async def test_a_checkpoint_has_a_bound(store: Store) -> None:
    await add(store, make_job(1, is_resumable=True))
    too_much = {"text": "x" * MAX_CHECKPOINT_BYTES}

    with pytest.raises(ValueError, match="no more"):
        await store.write(lambda work: work.jobs.keep(an_id("job"), too_much), actor="tests")


async def test_of_a_job_that_is_not_there_nothing_is_known(store: Store) -> None:
    async def unit(work: Work) -> tuple[int, int, bool]:
        jobs, job_id = work.jobs, an_id("job")
        return await jobs.take(job_id), await jobs.lease(job_id), await jobs.is_sealed(job_id)

    assert await store.write(unit, actor="tests") == (0, 0, False)


async def test_records_are_forgotten_thirty_days_after_their_end_and_not_before(
    store: Store,
) -> None:
    await put(
        store,
        make_job(1, state=JobState.CANCELLED, ended_at=NOON),
        make_job(2, state=JobState.CANCELLED, ended_at=NOON + timedelta(seconds=1)),
        make_job(3),
    )
    later = int(NOON.timestamp()) + KEPT_SECONDS

    await store.write(lambda work: work.jobs.forget_old(later), actor="tests")

    kept = await store.read(lambda work: work.jobs.list(ListJobs(), None))
    assert [job.id for job in kept] == [an_id("job", 3), an_id("job", 2)]


async def test_the_oldest_of_too_many_records_are_forgotten_some_at_a_time(store: Store) -> None:
    too_many = MOST_KEPT + FORGOTTEN_AT_ONCE + 1
    await put(
        store,
        *(
            make_job(number, state=JobState.CANCELLED, ended_at=NOON + timedelta(seconds=number))
            for number in range(too_many)
        ),
    )

    async def forget(work: Work) -> list[int]:
        left = []
        for _ in range(3):
            await work.jobs.forget_old(int(NOON.timestamp()))
            row = await work.tx.one("SELECT count(*) FROM jobs WHERE school_id = :school")
            left.append(row[0] if row else 0)
        assert await work.jobs.get(an_id("job", too_many - 1)) is not None
        assert await work.jobs.get(an_id("job", 0)) is None
        return left

    assert await store.write(forget, actor="tests") == [MOST_KEPT + 1, MOST_KEPT, MOST_KEPT]
