"""Who gets a place, who waits for one, and who is sent away."""

import asyncio

import pytest

from services.core.deadline import Deadline
from services.core.errors import OverloadedError
from services.gateway.admission import Admission

ENOUGH_S = 10


async def occupy(admission, gate):
    """Hold every place until `gate` is set."""

    async def hold():
        async with admission.place(Deadline.after(ENOUGH_S)):
            await gate.wait()

    tasks = [asyncio.create_task(hold()) for _ in range(2)]
    await asyncio.sleep(0)
    assert admission.at_work == 2
    return tasks


async def come(admission, came, number, deadline=None):
    async with admission.place(deadline or Deadline.after(ENOUGH_S)):
        came.append(number)


async def test_no_more_than_so_many_are_at_work_and_those_who_wait_come_in_order():
    admission, gate, came = Admission(2, 8, ENOUGH_S), asyncio.Event(), []
    holding = await occupy(admission, gate)
    waiting = [asyncio.create_task(come(admission, came, number)) for number in range(4)]
    await asyncio.sleep(0)
    assert (admission.at_work, admission.waiting, came) == (2, 4, [])
    gate.set()
    await asyncio.gather(*holding, *waiting)
    assert came == [0, 1, 2, 3]
    assert (admission.at_work, admission.waiting) == (0, 0)


async def test_whoever_comes_to_a_full_queue_is_sent_away_at_once():
    admission, gate, came = Admission(2, 1, ENOUGH_S), asyncio.Event(), []
    holding = await occupy(admission, gate)
    waiting = asyncio.create_task(come(admission, came, 1))
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError):
        await come(admission, came, 2)
    gate.set()
    await asyncio.gather(*holding, waiting)
    assert came == [1]


async def test_the_door_closes_for_those_on_their_way_to_the_queue_too():
    admission = Admission(2, 1, ENOUGH_S)
    for _ in range(3):
        admission.check()
        admission.enter()
    with pytest.raises(OverloadedError):
        admission.check()
    admission.leave()
    admission.check()


@pytest.mark.parametrize(("wait_s", "left_s"), [(0.05, ENOUGH_S), (ENOUGH_S, 0.05)])
async def test_nobody_waits_longer_than_the_bound_or_than_their_caller(wait_s, left_s):
    admission, gate = Admission(2, 1, wait_s), asyncio.Event()
    holding = await occupy(admission, gate)
    async with asyncio.timeout(ENOUGH_S / 2):
        with pytest.raises(OverloadedError, match="waited"):
            await come(admission, [], 1, Deadline.after(left_s))
    assert admission.waiting == 0
    gate.set()
    await asyncio.gather(*holding)


async def test_whoever_goes_while_waiting_leaves_the_queue():
    admission, gate, came = Admission(2, 1, ENOUGH_S), asyncio.Event(), []
    holding = await occupy(admission, gate)
    waiting = asyncio.create_task(come(admission, came, 1))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert admission.waiting == 0
    gate.set()
    await asyncio.gather(*holding)
    await come(admission, came, 2)
    assert came == [2]


async def test_without_a_deadline_a_place_is_waited_for_beside_a_full_queue():
    admission, gate = Admission(2, 0, 0.01), asyncio.Event()
    holding = await occupy(admission, gate)

    async def patient():
        async with admission.place():
            return "came"

    task = asyncio.create_task(patient())
    await asyncio.sleep(0.05)
    assert not task.done()
    gate.set()
    assert await task == "came"
    await asyncio.gather(*holding)
