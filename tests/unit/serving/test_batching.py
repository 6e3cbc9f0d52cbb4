"""Who runs with whom, and what each gets of it. The model is a function that notes what it is given."""

import asyncio
import contextlib
import gc
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from grpc import StatusCode

from services.serving.batching import Batcher
from services.serving.batching_parameters import BatchingParameters
from services.serving.status import StatusError

SECOND = 1_000_000
ENOUGH_S = 10


class Model:
    """Doubles `x`; its first run waits for `gate`."""

    def __init__(self, held=False):
        self.gate, self.entered, self.batches = threading.Event(), threading.Event(), []
        self._held = held

    def __call__(self, inputs):
        self.batches.append(inputs["x"])
        if self._held and len(self.batches) == 1:
            self.entered.set()
            assert self.gate.wait(ENOUGH_S)
        if (inputs["x"] < 0).any():
            raise StatusError(StatusCode.INVALID_ARGUMENT, "negative")
        return {"y": inputs["x"] * 2}

    @property
    def sizes(self):
        return [len(batch) for batch in self.batches]


@pytest.fixture
def batcher():
    with ThreadPoolExecutor(8) as threads:
        yield lambda *args, **kwargs: Batcher(BatchingParameters(*args, **kwargs), threads)


@pytest.fixture
def queue(batcher):
    return lambda *args, **kwargs: batcher(*args, **kwargs).queue()


def rows(*values):
    return {"x": np.array(values, np.float32)[:, None]}


async def waits_for(condition):
    until = time.monotonic() + ENOUGH_S
    while not condition():
        assert time.monotonic() < until
        await asyncio.sleep(0.001)


async def occupied(requests, model):
    """A request that runs until `model.gate` opens, so that what comes next has to wait."""
    first = asyncio.create_task(requests.run("double", rows(1), model))
    await waits_for(model.entered.is_set)
    return first


async def started(*requests):
    """Tasks of these, each as far as it gets by itself."""
    tasks = [asyncio.create_task(request) for request in requests]
    await asyncio.sleep(0)
    return tasks


async def test_requests_that_wait_run_as_one_padded_batch_and_each_gets_its_own_rows(queue):
    model = Model(held=True)
    requests = queue(32, num_batch_threads=1, allowed_batch_sizes=(1, 8, 32))
    first = await occupied(requests, model)
    parts = [rows(*range(number, number + 1 + number % 3)) for number in range(2, 7)]
    others = await started(*(requests.run("double", part, model) for part in parts))
    assert sum(batch.size for batch in requests.open.values()) == 10
    model.gate.set()
    assert (await first)["y"].tolist() == [[2]]
    for part, other in zip(parts, others, strict=True):
        np.testing.assert_array_equal((await other)["y"], part["x"] * 2)
    assert model.sizes == [1, 32]
    last = model.batches[1]
    assert (last[10:] == last[10]).all()  # filled up with a row that some caller sent
    assert last[10] in last[:10]
    assert (requests.open, requests.waiting) == ({}, 0)


async def test_a_lone_request_runs_at_once_and_is_not_even_copied(queue):
    model, inputs = Model(), rows(1)
    await queue(32, allowed_batch_sizes=(1, 32)).run("double", inputs, model)
    assert model.batches[0] is inputs["x"]


async def test_a_batch_that_is_not_full_waits_for_its_timeout(queue):
    model = Model()
    requests = queue(4, SECOND // 5)
    began = time.monotonic()
    answers = await asyncio.gather(*(requests.run("double", rows(number), model) for number in range(3)))
    assert [answer["y"].item() for answer in answers] == [0, 2, 4]
    assert time.monotonic() - began >= 0.19  # the event loop counts in milliseconds
    assert model.sizes == [3]


async def test_a_full_batch_does_not_wait(queue):
    model = Model()
    requests = queue(2, 1000 * SECOND)
    answers = await asyncio.gather(*(requests.run("double", rows(number), model) for number in range(6)))
    assert [answer["y"].item() for answer in answers] == [0, 2, 4, 6, 8, 10]
    assert model.sizes == [2, 2, 2]


async def test_a_batch_with_no_room_for_the_next_request_does_not_wait(queue):
    model = Model()
    requests = queue(4, 1000 * SECOND)
    (first,) = await started(requests.run("double", rows(1, 2, 3), model))
    (second,) = await started(requests.run("double", rows(4, 5), model))
    assert (await first)["y"].tolist() == [[2], [4], [6]]
    assert not second.done()
    second.cancel()
    await asyncio.wait([second])
    assert (requests.open, requests.waiting) == ({}, 0)


@pytest.mark.parametrize(
    ("signature", "inputs"),
    [
        ("other", rows(1)),
        ("double", {"x": np.ones((1, 2), np.float32)}),
        ("double", {"x": np.ones((1, 1), np.float64)}),
    ],
)
async def test_another_signature_shape_or_dtype_is_another_batch(queue, signature, inputs):
    model = Model(held=True)
    requests = queue(8, num_batch_threads=1)
    first = await occupied(requests, model)
    alike = await started(*(requests.run("double", rows(5), model) for _ in range(2)))
    (other,) = await started(requests.run(signature, inputs, model))
    model.gate.set()
    await asyncio.gather(first, *alike)
    np.testing.assert_array_equal((await other)["y"], inputs["x"] * 2)
    assert sorted(model.sizes) == [1, 1, 2]


async def test_two_models_never_share_a_batch_but_share_the_threads(batcher):
    batches = batcher(8, num_batch_threads=1)
    busy, model = Model(held=True), Model()
    first = await occupied(batches.queue(), busy)
    queues = [batches.queue(), batches.queue()]
    answers = await started(*(each.run("double", rows(2), model) for each in queues))
    assert [each.waiting for each in queues] == [1, 1]
    assert model.batches == []
    busy.gate.set()
    await asyncio.gather(first, *answers)
    assert model.sizes == [1, 1]


async def test_a_failing_batch_fails_its_members_alone(queue):
    model = Model(held=True)
    requests = queue(2, num_batch_threads=1)
    first = await occupied(requests, model)
    bad = await started(*(requests.run("double", rows(value), model) for value in (-1, 1)))
    good = await started(*(requests.run("double", rows(value), model) for value in (2, 3)))
    assert requests.waiting == 2
    model.gate.set()
    assert (await first)["y"].item() == 2
    assert [(await answer)["y"].item() for answer in good] == [4, 6]
    for answer in bad:
        with pytest.raises(StatusError, match="negative"):
            await answer


@pytest.mark.parametrize("value", [-1, "a bug"])
async def test_a_failure_holds_on_to_nothing(queue, value):
    def fails(inputs):
        raise (StatusError(StatusCode.INVALID_ARGUMENT, "negative") if value == -1 else ValueError(value))

    requests = queue(2)
    kept = weakref.ref(requests)
    gc.disable()
    try:
        with contextlib.suppress(StatusError, ValueError):
            await requests.run("double", rows(1), fails)
        del requests
        await waits_for(lambda: kept() is None)
    finally:
        gc.enable()


async def test_a_full_queue_is_unavailable_and_recovers(queue):
    model = Model(held=True)
    requests = queue(1, max_enqueued_batches=2, num_batch_threads=1)
    first = await occupied(requests, model)
    waiting = await started(*(requests.run("double", rows(1), model) for _ in range(2)))
    with pytest.raises(StatusError) as caught:
        await requests.run("double", rows(1), model)
    assert caught.value.code == StatusCode.UNAVAILABLE
    assert caught.value.message == (
        "The batch scheduling queue to which this task was submitted is full; "
        "currently 2 batches enqueued and max_enqueued_batches is 2"
    )
    model.gate.set()
    await asyncio.gather(first, *waiting)
    assert (await requests.run("double", rows(7), model))["y"].item() == 14


async def test_whoever_does_not_wait_any_longer_leaves_the_batch(queue):
    model = Model(held=True)
    requests = queue(8, num_batch_threads=1)
    first = await occupied(requests, model)
    # Would fail the others too.
    late, patient = await started(*(requests.run("double", rows(value), model) for value in (-1, 3)))
    late.cancel()
    await asyncio.wait([late])
    assert late.cancelled()
    assert not first.done()
    model.gate.set()
    assert (await patient)["y"].item() == 6
    assert model.sizes == [1, 1]


async def test_whoever_goes_while_its_batch_runs_is_not_missed(queue):
    model = Model(held=True)
    requests = queue(8, num_batch_threads=1)
    first = await occupied(requests, model)
    (after,) = await started(requests.run("double", rows(3), model))
    first.cancel()
    await asyncio.wait([first])
    assert not after.done()  # the run goes on, and nobody else's begins before it ends
    model.gate.set()
    assert (await after)["y"].item() == 6


async def test_the_rest_of_a_batch_keeps_its_timeout_when_its_first_leaves(queue):
    model = Model()
    requests = queue(8, SECOND // 2)
    began = time.monotonic()
    late, patient = await started(*(requests.run("double", rows(value), model) for value in (1, 3)))
    late.cancel()
    assert (await patient)["y"].item() == 6
    assert time.monotonic() - began < 5
    assert model.sizes == [1]
    assert (requests.open, requests.waiting) == ({}, 0)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (rows(*range(9)), "Task size 9 is larger than maximum input batch size 8"),
        ({"x": np.array(1)}, "Batching Run() input tensors must have at least one dimension"),
        (
            {"x": np.ones(2), "z": np.ones(3)},
            "Batching Run() input tensors must have equal 0th-dimension size",
        ),
    ],
)
async def test_inputs_that_are_no_batch(queue, inputs, said):
    with pytest.raises(StatusError) as caught:
        await queue(8).run("double", inputs, Model())
    assert (caught.value.code, caught.value.message) == (StatusCode.INVALID_ARGUMENT, said)


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (np.array(1), "Batched output tensor has 0 dimensions"),
        (np.ones(3), "Batched output tensor's 0th dimension does not equal the sum"),
    ],
)
async def test_outputs_that_are_no_batch(queue, output, said):
    with pytest.raises(StatusError, match=said) as caught:
        await queue(8).run("double", rows(1, 2), lambda _: {"y": output})
    assert caught.value.code == StatusCode.FAILED_PRECONDITION


async def test_what_has_no_rows_runs_by_itself(queue):
    outputs = await queue(8).run("spec", {}, lambda _: {"spec": np.array(b"{}", object)})
    assert outputs["spec"].item() == b"{}"
    outputs = await queue(8, allowed_batch_sizes=(8,)).run("double", rows(), lambda inputs: inputs)
    assert outputs["x"].shape == (0, 1)


async def test_many_callers_at_once_each_get_their_own(queue):
    model = Model()
    requests = queue(8, 200, 1000, 2, (1, 4, 8))

    async def many(number):
        for value in range(number * 100, number * 100 + 100):
            assert (await requests.run("double", rows(value), model))["y"].item() == value * 2

    await asyncio.gather(*(many(number) for number in range(32)))
    assert set(model.sizes) <= {1, 4, 8}
    assert (requests.open, requests.waiting) == ({}, 0)


async def test_many_callers_in_a_hurry_get_their_own_or_go(queue):
    requests = queue(8, 300, 1000, 1, (1, 4, 8))

    def slowly(inputs):
        time.sleep(0.001)
        return {"y": inputs["x"] * 2}

    async def one(value):
        async with asyncio.timeout(0.0005 * (value % 13)):
            return (await requests.run("double", rows(value), slowly))["y"].item()

    answers = []
    for begin in range(0, 1600, 40):
        values = range(begin, begin + 40)
        answers += await asyncio.gather(*(one(value) for value in values), return_exceptions=True)
    for value, answer in enumerate(answers):
        assert isinstance(answer, TimeoutError) or answer == value * 2
    assert {type(answer) for answer in answers} == {TimeoutError, float}
    assert (requests.open, requests.waiting) == ({}, 0)
    assert (await requests.run("double", rows(7), slowly))["y"].item() == 14
