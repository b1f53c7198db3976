"""Measurements are kept by span, replaced when they grow, and given up when they are old."""

import pytest

from rpcbackend.store import Measured, Run, Store, Work
from rpcbackend.store.driver import IntegrityError

SOME = Measured(up_ms=300_000, down_ms=5, failed=1, times={3: 7, 200: 1})


async def write(store: Store, unit: object) -> None:
    await store.write(unit, actor="tests")  # type: ignore[arg-type]  # whatever the test wants


async def test_what_is_kept_is_read_back_and_what_comes_later_takes_its_place(
    store: Store,
) -> None:
    later = Measured(up_ms=300_001, times={3: 8})

    async def unit(work: Work) -> None:
        await work.measurements.save(300, {600: SOME, 900: SOME})
        await work.measurements.save(3_600, {3_600: SOME})
        await work.measurements.save(300, {900: later})

    await write(store, unit)

    assert await store.read(lambda work: work.measurements.all(300)) == {600: SOME, 900: later}
    assert await store.read(lambda work: work.measurements.all(3_600)) == {3_600: SOME}


async def test_those_nearest_to_now_are_kept_and_those_ahead_of_it_last_of_all(
    store: Store,
) -> None:
    spans = [3_600, 7_200, 10_800, 14_400]

    async def unit(work: Work) -> None:
        for span in (300, 3_600):
            await work.measurements.save(span, dict.fromkeys(spans, SOME))
        await work.measurements.keep_nearest(300, 2, now=10_799)
        await work.measurements.keep_nearest(3_600, 3, now=10_799)

    await write(store, unit)

    assert (await store.read(lambda work: work.measurements.all(300))).keys() == {*spans[:2]}
    assert (await store.read(lambda work: work.measurements.all(3_600))).keys() == {*spans[:3]}


async def test_a_span_begins_at_a_multiple_of_its_length(store: Store) -> None:
    with pytest.raises(IntegrityError):
        await write(store, lambda work: work.measurements.save(300, {301: SOME}))


async def test_the_last_run_is_remembered_and_how_it_ended(store: Store) -> None:
    found = [await store.read(lambda work: work.measurements.last_run())]
    for unit in (
        lambda work: work.measurements.begin_run(10),
        lambda work: work.measurements.end_run(20),
        lambda work: work.measurements.begin_run(30),
    ):
        await write(store, unit)
        found.append(await store.read(lambda work: work.measurements.last_run()))

    assert found == [None, Run(10, None), Run(10, 20), Run(30, None)]


async def test_what_several_processes_measured_is_added_up(store: Store) -> None:
    for _ in range(3):
        await write(store, lambda work: work.measurements.add(300, {600: SOME}))

    assert await store.read(lambda work: work.measurements.all(300)) == {
        600: Measured(up_ms=900_000, down_ms=15, failed=3, times={3: 21, 200: 3})
    }
