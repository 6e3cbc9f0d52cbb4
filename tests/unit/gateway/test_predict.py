"""The use case over a model server that can be told what to answer."""

import asyncio
from dataclasses import dataclass, field

import numpy as np
import pytest

from pipelines.errors import InvalidSeriesError
from pipelines.spec import SIGNATURE, ForecastSpec
from services.core.deadline import Deadline
from services.core.errors import (
    DeadlineError,
    InvalidRequestError,
    ModelFailedError,
    ModelNotFoundError,
    ModelUnavailableError,
)
from services.gateway.adapters.tensor_server import TensorServer
from services.gateway.admission import Admission
from services.gateway.models import Models, VersionGoneError
from services.gateway.predict import EvenSeries, MeterFile, Predictor
from tests.data import MONDAY, plausible_kw, week_file
from tests.specs import a_spec

ZERO = np.zeros((1, 8), np.float32)  # the mean of the load, once denormalised


@dataclass
class FakeModelServer(TensorServer):
    """Versions that answer by signature; an answer may be an error to raise, or a function."""

    versions: dict[int, dict[str, object]]
    calls: list[tuple[int, str]] = field(default_factory=list)
    down: bool = False

    async def available_versions(self, model, *, timeout_s):
        if self.down or not self.versions:
            raise ModelUnavailableError("down")
        return sorted(self.versions, reverse=True)

    async def predict(self, model, version, signature, inputs, output, *, timeout_s):
        self.calls.append((version, signature))
        if self.down:
            raise ModelUnavailableError("down")
        if version not in self.versions:
            raise VersionGoneError("gone")
        answer = self.versions[version].get(signature, ModelFailedError("no such signature"))
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, ForecastSpec):
            return np.array(answer.model_dump_json().encode(), dtype=object)
        return answer


def serving(spec, **signatures):
    return {SIGNATURE: spec, **(signatures or {"serving_default": ZERO})}


async def predictor_of(server):
    models = Models(server, ["gru"], timeout_s=1)
    await models.refresh("gru")
    return Predictor(models, server, Admission(8, 64, 1.0))


async def forecast(predictor, *, name="gru", history=None, timeout_s=1.0):
    history = history or EvenSeries(MONDAY, np.array(plausible_kw(672)))
    return await predictor.predict(name, history, Deadline.after(timeout_s))


async def test_a_forecast_names_the_version_that_made_it():
    predictor = await predictor_of(FakeModelServer({3: serving(a_spec(mean=100.0))}))
    prediction = await forecast(predictor)
    assert prediction.model.version == 3
    assert [step.kw for step in prediction.forecast.steps] == [100.0] * 8


async def test_the_first_signature_that_gives_the_known_answer_is_taken():
    spec = a_spec(signatures=("compiled", "fast", "serving_default"))
    server = FakeModelServer(
        {1: serving(spec, compiled=ModelFailedError("no XLA here"), fast=ZERO + 1, serving_default=ZERO)}
    )
    predictor = await predictor_of(server)
    assert (await forecast(predictor)).model.signature == "serving_default"
    assert server.calls[-1] == (1, "serving_default")


async def test_a_model_that_gives_another_answer_than_its_known_one_is_not_ready():
    predictor = await predictor_of(FakeModelServer({1: serving(a_spec(), serving_default=ZERO + 0.01)}))
    assert not predictor.models.ready
    with pytest.raises(ModelUnavailableError):
        await forecast(predictor)


async def test_when_the_version_goes_the_next_one_answers_with_its_own_constants():
    server = FakeModelServer({1: serving(a_spec(mean=100.0))})
    predictor = await predictor_of(server)
    server.versions = {2: serving(a_spec(mean=200.0))}
    prediction = await forecast(predictor)
    assert prediction.model.version == 2
    assert prediction.forecast.steps[0].kw == 200.0


async def test_a_newer_version_is_taken_only_once_it_answers_rightly():
    server = FakeModelServer({1: serving(a_spec(mean=100.0))})
    predictor = await predictor_of(server)
    server.versions[2] = serving(a_spec(), serving_default=ZERO + 9)
    await predictor.models.refresh("gru")
    assert (await forecast(predictor)).model.version == 1
    assert predictor.models.ready
    server.versions[2] = serving(a_spec())
    await predictor.models.refresh("gru")
    assert (await forecast(predictor)).model.version == 2
    assert predictor.models.ready


@pytest.mark.parametrize("spec", [np.array(b"{}", dtype=object), np.zeros(3), ModelFailedError("none")])
async def test_a_version_without_a_spec_is_passed_over(spec):
    server = FakeModelServer({1: serving(a_spec()), 2: {SIGNATURE: spec}})
    predictor = await predictor_of(server)
    assert (await forecast(predictor)).model.version == 1


async def test_a_model_server_that_is_down_is_told_and_found_again():
    server = FakeModelServer({1: serving(a_spec())}, down=True)
    predictor = await predictor_of(server)
    assert not predictor.models.ready
    with pytest.raises(ModelUnavailableError):
        await forecast(predictor)
    server.down = False
    await predictor.models.refresh("gru")
    assert predictor.models.ready
    server.down = True
    await predictor.models.refresh("gru")
    assert predictor.models.state("gru").problem == "down"
    server.down = False
    assert (await forecast(predictor)).model.version == 1


@pytest.mark.parametrize(
    "answer",
    [
        np.zeros((1, 7), np.float32),
        np.zeros((0, 8), np.float32),
        np.zeros((2, 8), np.float32),
        np.zeros((1, 8), np.float64),
        np.full((1, 8), b"1", object),
        np.full((1, 8), np.nan, np.float32),
        np.full((1, 8), 3e38, np.float32),
    ],
)
async def test_an_answer_that_is_no_forecast_never_reaches_the_caller(answer):
    server = FakeModelServer({1: serving(a_spec())})
    predictor = await predictor_of(server)
    server.versions[1]["serving_default"] = answer
    with pytest.raises(ModelFailedError):
        await forecast(predictor)


async def test_a_bad_history_never_reaches_the_model():
    server = FakeModelServer({1: serving(a_spec())})
    predictor = await predictor_of(server)
    asked = len(server.calls)
    for history in (EvenSeries(MONDAY, np.ones(671)), MeterFile(week_file(671), None)):
        with pytest.raises(InvalidSeriesError):
            await forecast(predictor, history=history)
    with pytest.raises(InvalidRequestError):
        await forecast(predictor, history=MeterFile(week_file(), "Nowhere"))
    with pytest.raises(ModelNotFoundError):
        await forecast(predictor, name="other")
    with pytest.raises(DeadlineError):
        await forecast(predictor, timeout_s=0)
    assert len(server.calls) == asked


async def test_the_watch_goes_on_after_a_surprise():
    server = FakeModelServer({1: {SIGNATURE: RuntimeError("surprise")}})
    models = Models(server, ["gru"], timeout_s=1)
    watch = asyncio.create_task(models.keep_true(0.01))
    await asyncio.sleep(0.05)
    assert models.state("gru").problem == "The model cannot be read"
    server.versions = {1: serving(a_spec())}
    await asyncio.sleep(0.05)
    assert models.ready
    watch.cancel()


async def test_a_large_file_is_read_without_holding_up_the_others():
    predictor = await predictor_of(FakeModelServer({1: serving(a_spec())}))
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            await asyncio.sleep(0.0005)  # reading takes some 10 ms
            ticks += 1

    ticking = asyncio.create_task(tick())
    await forecast(predictor, history=MeterFile(week_file(35_040), "UTC"), timeout_s=10)
    ticking.cancel()
    assert ticks > 0
