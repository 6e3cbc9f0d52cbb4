"""Who runs with whom, and what each gets of it. The model is a function that notes what it is given."""

import contextlib
import gc
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
import pytest
from grpc import StatusCode

from services.serving.batching import Batcher, waited_for_until
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


def queue(*args, **kwargs):
    return Batcher(BatchingParameters(*args, **kwargs)).queue()


def rows(*values):
    return {"x": np.array(values, np.float32)[:, None]}


@pytest.fixture
def callers():
    with ThreadPoolExecutor(80) as pool:
        yield pool


def waits_for(condition):
    until = time.monotonic() + ENOUGH_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.001)


def occupied(callers, requests, model):
    """A request that runs until `model.gate` opens, so that what comes next has to wait."""
    first = callers.submit(requests.run, "double", rows(1), model)
    assert model.entered.wait(ENOUGH_S)
    return first


def test_requests_that_wait_run_as_one_padded_batch_and_each_gets_its_own_rows(callers):
    model = Model(held=True)
    requests = queue(32, num_batch_threads=1, allowed_batch_sizes=(1, 8, 32))
    first = occupied(callers, requests, model)
    parts = [rows(*range(number, number + 1 + number % 3)) for number in range(2, 7)]
    others = [callers.submit(requests.run, "double", part, model) for part in parts]
    waits_for(lambda: sum(batch.size for batch in requests.open.values()) == 10)
    model.gate.set()
    assert first.result(ENOUGH_S)["y"].tolist() == [[2]]
    for part, other in zip(parts, others, strict=True):
        np.testing.assert_array_equal(other.result(ENOUGH_S)["y"], part["x"] * 2)
    assert model.sizes == [1, 32]
    last = model.batches[1]
    assert (last[10:] == last[10]).all()  # filled up with a row that some caller sent
    assert last[10] in last[:10]
    assert (requests.open, requests.waiting) == ({}, 0)


def test_a_lone_request_runs_at_once_in_its_own_thread():
    model = Model()
    inputs = rows(1)
    threads = []

    def run(given):
        threads.append(threading.current_thread())
        return model(given)

    queue(32, allowed_batch_sizes=(1, 32)).run("double", inputs, run)
    assert threads == [threading.current_thread()]
    assert model.batches[0] is inputs["x"]  # not even copied


def test_a_batch_that_is_not_full_waits_for_its_timeout(callers):
    model = Model()
    requests = queue(4, SECOND // 5)
    began = time.monotonic()
    answers = [callers.submit(requests.run, "double", rows(number), model) for number in range(3)]
    assert [answer.result(ENOUGH_S)["y"].item() for answer in answers] == [0, 2, 4]
    assert time.monotonic() - began >= 0.2
    assert model.sizes == [3]


def test_a_full_batch_does_not_wait(callers):
    model = Model()
    requests = queue(2, 1000 * SECOND)
    answers = [callers.submit(requests.run, "double", rows(number), model) for number in range(6)]
    assert [answer.result(ENOUGH_S)["y"].item() for answer in answers] == [0, 2, 4, 6, 8, 10]
    assert model.sizes == [2, 2, 2]


@pytest.mark.parametrize(
    ("signature", "inputs"),
    [
        ("other", rows(1)),
        ("double", {"x": np.ones((1, 2), np.float32)}),
        ("double", {"x": np.ones((1, 1), np.float64)}),
    ],
)
def test_another_signature_shape_or_dtype_is_another_batch(callers, signature, inputs):
    model = Model(held=True)
    requests = queue(8, num_batch_threads=1)
    first = occupied(callers, requests, model)
    alike = [callers.submit(requests.run, "double", rows(5), model) for _ in range(2)]
    other = callers.submit(requests.run, signature, inputs, model)
    waits_for(lambda: sum(batch.size for batch in requests.open.values()) == 3)
    model.gate.set()
    wait([first, *alike, other], ENOUGH_S)
    np.testing.assert_array_equal(other.result()["y"], inputs["x"] * 2)
    assert sorted(model.sizes) == [1, 1, 2]


def test_two_models_never_share_a_batch_but_share_the_threads(callers):
    batcher = Batcher(BatchingParameters(8, num_batch_threads=1))
    busy, model = Model(held=True), Model()
    first = occupied(callers, batcher.queue(), busy)
    queues = [batcher.queue(), batcher.queue()]
    answers = [callers.submit(each.run, "double", rows(2), model) for each in queues]
    waits_for(lambda: all(each.waiting for each in queues))
    assert model.batches == []
    busy.gate.set()
    wait([first, *answers], ENOUGH_S)
    assert model.sizes == [1, 1]


def test_a_failing_batch_fails_its_members_alone(callers):
    model = Model(held=True)
    requests = queue(2, num_batch_threads=1)
    first = occupied(callers, requests, model)
    bad = [callers.submit(requests.run, "double", rows(value), model) for value in (-1, 1)]
    waits_for(lambda: [batch.size for batch in requests.open.values()] == [2])
    good = [callers.submit(requests.run, "double", rows(value), model) for value in (2, 3)]
    waits_for(lambda: requests.waiting == 2)
    model.gate.set()
    assert first.result(ENOUGH_S)["y"].item() == 2
    assert [answer.result(ENOUGH_S)["y"].item() for answer in good] == [4, 6]
    for answer in bad:
        with pytest.raises(StatusError, match="negative"):
            answer.result(ENOUGH_S)


def test_a_failure_holds_on_to_nothing():
    requests = queue(2)
    kept = weakref.ref(requests)
    gc.disable()
    try:
        with contextlib.suppress(StatusError):
            requests.run("double", rows(-1), Model())
        del requests
        assert kept() is None
    finally:
        gc.enable()


def test_a_full_queue_is_unavailable_and_recovers(callers):
    model = Model(held=True)
    requests = queue(1, max_enqueued_batches=2, num_batch_threads=1)
    first = occupied(callers, requests, model)
    waiting = [callers.submit(requests.run, "double", rows(1), model) for _ in range(2)]
    waits_for(lambda: requests.waiting == 2)
    with pytest.raises(StatusError) as caught:
        requests.run("double", rows(1), model)
    assert caught.value.code == StatusCode.UNAVAILABLE
    assert caught.value.message == (
        "The batch scheduling queue to which this task was submitted is full; "
        "currently 2 batches enqueued and max_enqueued_batches is 2"
    )
    model.gate.set()
    wait([first, *waiting], ENOUGH_S)
    assert requests.run("double", rows(7), model)["y"].item() == 14


def test_whoever_does_not_wait_any_longer_leaves_the_batch(callers):
    model = Model(held=True)
    requests = queue(8, num_batch_threads=1)
    first = occupied(callers, requests, model)

    def hurried():
        with waited_for_until(time.monotonic() + 0.1):
            return requests.run("double", rows(-1), model)  # would fail the others too

    late = callers.submit(hurried)
    waits_for(lambda: requests.waiting == 1)
    patient = callers.submit(requests.run, "double", rows(3), model)
    with pytest.raises(StatusError, match="timeout exceeded while waiting in batching queue") as caught:
        late.result(ENOUGH_S)
    assert caught.value.code == StatusCode.DEADLINE_EXCEEDED
    assert not first.done()
    model.gate.set()
    assert patient.result(ENOUGH_S)["y"].item() == 6
    assert model.sizes == [1, 1]


def test_the_rest_of_a_batch_keeps_its_timeout_when_its_first_leaves(callers):
    model = Model()
    requests = queue(8, SECOND // 2)

    def hurried():
        with waited_for_until(time.monotonic() + 0.1):
            return requests.run("double", rows(1), model)

    late = callers.submit(hurried)
    waits_for(lambda: requests.waiting == 1)
    assert callers.submit(requests.run, "double", rows(3), model).result(ENOUGH_S)["y"].item() == 6
    assert isinstance(late.exception(), StatusError)
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
def test_inputs_that_are_no_batch(inputs, said):
    with pytest.raises(StatusError) as caught:
        queue(8).run("double", inputs, Model())
    assert (caught.value.code, caught.value.message) == (StatusCode.INVALID_ARGUMENT, said)


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (np.array(1), "Batched output tensor has 0 dimensions"),
        (np.ones(3), "Batched output tensor's 0th dimension does not equal the sum"),
    ],
)
def test_outputs_that_are_no_batch(output, said):
    with pytest.raises(StatusError, match=said) as caught:
        queue(8).run("double", rows(1, 2), lambda _: {"y": output})
    assert caught.value.code == StatusCode.FAILED_PRECONDITION


def test_what_has_no_rows_runs_by_itself():
    assert queue(8).run("spec", {}, lambda _: {"spec": np.array(b"{}", object)})["spec"].item() == b"{}"
    assert queue(8, allowed_batch_sizes=(8,)).run("double", rows(), lambda inputs: inputs)["x"].shape == (
        0,
        1,
    )


def test_many_callers_at_once_each_get_their_own(callers):
    model = Model()
    requests = queue(8, 200, 1000, 2, (1, 4, 8))

    def many(number):
        return all(
            requests.run("double", rows(value), model)["y"].item() == value * 2
            for value in range(number * 100, number * 100 + 100)
        )

    assert all(callers.map(many, range(32)))
    assert set(model.sizes) <= {1, 4, 8}
    assert (requests.open, requests.waiting) == ({}, 0)


def test_many_callers_in_a_hurry_get_their_own_or_are_told(callers):
    requests = queue(8, 300, 1000, 1, (1, 4, 8))

    def slowly(inputs):
        time.sleep(0.001)
        return {"y": inputs["x"] * 2}

    def one(value):
        with waited_for_until(time.monotonic() + 0.0005 * (value % 13)):
            return requests.run("double", rows(value), slowly)["y"].item()

    answers = [callers.submit(one, value) for value in range(1600)]
    told = [answer.exception(ENOUGH_S) for answer in answers]
    assert {error.code for error in told if error} == {StatusCode.DEADLINE_EXCEEDED}
    for value, (answer, error) in enumerate(zip(answers, told, strict=True)):
        assert error or answer.result() == value * 2
    assert not all(told)
    assert (requests.open, requests.waiting) == ({}, 0)
    assert requests.run("double", rows(7), slowly)["y"].item() == 14
