"""A call's id: the caller's own where it is harmless, else a new one; never that of another call."""

import asyncio

import pytest

from services.core.errors import ModelNotFoundError, as_problem, as_status
from services.core.telemetry import calls


@pytest.mark.parametrize("id_", ["a", "order-66", "A.b_c-9", "x" * 64])
def test_a_callers_id_is_kept(id_):
    assert calls.chosen(id_) == id_


@pytest.mark.parametrize(
    "id_", [None, "", "x" * 65, "two words", "a\nb", "a\n", "a\r", "\x1b[31m", "é", "a,b", '{"a":1}']
)
def test_anything_else_gets_a_new_one(id_):
    chosen = calls.chosen(id_)
    assert chosen != id_
    assert calls.chosen(chosen) == chosen
    assert calls.chosen(id_) != chosen


async def test_each_task_works_for_its_own_call():
    async def answer(id_):
        calls.begin(id_)
        await asyncio.sleep(0)
        # Tasks it starts work for the same call.
        return await asyncio.create_task(asyncio.to_thread(calls.request_id))

    ids = [f"call-{i}" for i in range(20)]
    assert await asyncio.gather(*map(answer, ids)) == ids
    assert calls.request_id() is None


async def test_errors_name_the_call_on_both_edges():
    calls.begin("order-66")
    error = ModelNotFoundError("no such model")
    assert as_problem(error)["request_id"] == "order-66"
    assert b"order-66" in as_status(error).details[0].value


def test_outside_of_calls_nothing_is_made_up():
    calls.note("gru", 1)
    assert "request_id" not in as_problem(ModelNotFoundError("no such model"))
