"""A version on trial, over a model server that can be told what to answer."""

import asyncio
from dataclasses import dataclass, field

import numpy as np
import pytest

from pipelines.spec import SIGNATURE
from services.core.deadline import Deadline
from services.core.errors import DeadlineError, ModelFailedError, ModelUnavailableError
from services.core.telemetry import calls
from services.gateway.admission import Admission
from services.gateway.canary import Terms
from services.gateway.fleet import Fleet, Meter
from services.gateway.models import Models
from services.gateway.predict import EvenSeries, Predictor
from tests.data import MONDAY, plausible_kw
from tests.specs import a_spec
from tests.unit.gateway.test_predict import ZERO, FakeModelServer, serving

STABLE_KW, CANARY_KW = 100.0, 101.0


@dataclass
class Labelled(FakeModelServer):
    labelled: dict[str, int] = field(default_factory=dict)
    takes_s: dict[int, float] = field(default_factory=dict)
    timeouts_s: dict[int, float] = field(default_factory=dict)

    async def predict(self, model, version, signature, inputs, output, *, timeout_s):
        self.timeouts_s[version] = timeout_s
        await asyncio.sleep(self.takes_s.get(version, 0))
        return await super().predict(model, version, signature, inputs, output, timeout_s=timeout_s)

    async def labels(self, model, *, timeout_s):
        return self.labelled


def two_versions(**labels):
    """Version 1 forecasts 100 kW, version 2 101 kW."""
    return Labelled(
        {1: serving(a_spec(mean=STABLE_KW)), 2: serving(a_spec(mean=CANARY_KW))},
        labelled=labels or {"stable": 1, "canary": 2},
    )


async def predictor_of(server, *, share=1.0):
    models = Models(server, ["gru"], timeout_s=1, terms=Terms(share, 0.5))
    await models.refresh("gru")
    return Predictor(models, server, Admission(8, 64, 1.0))


async def forecast(predictor, caller="ada", *, timeout_s=2.0):
    calls.begin(None)
    calls.note_caller(caller)
    history = EvenSeries(MONDAY, np.array(plausible_kw(672)))
    return await predictor.predict("gru", history, Deadline.after(timeout_s))


def trial(predictor):
    return predictor.models.state("gru").canary.trial


async def test_the_stable_version_answers_though_a_newer_one_is_there():
    predictor = await predictor_of(two_versions(stable=1))
    assert (await forecast(predictor)).model.version == 1
    assert predictor.models.state("gru").canary is None


async def test_without_labels_the_newest_version_answers():
    server = two_versions()
    server.labelled = {}
    assert (await forecast(await predictor_of(server))).model.version == 2


async def test_a_canary_is_not_taken_for_the_newest_version():
    predictor = await predictor_of(two_versions(canary=2), share=0.5)
    assert predictor.models.served("gru").version == 1


async def test_a_share_of_the_callers_is_answered_by_the_canary_always_the_same_ones():
    predictor = await predictor_of(two_versions(), share=0.3)
    names = [f"caller-{i}" for i in range(60)]
    first = [(await forecast(predictor, name)).model.version for name in names]
    assert first == [(await forecast(predictor, name)).model.version for name in names]
    assert 5 < first.count(2) < 35
    prediction = await forecast(predictor, names[first.index(2)])
    assert prediction.forecast.steps[0].kw == CANARY_KW


async def test_without_a_share_nothing_is_tried():
    server = two_versions()
    predictor = await predictor_of(server, share=0.0)
    assert predictor.models.state("gru").canary is None
    assert not any(version == 2 for version, _ in server.calls)


@pytest.mark.parametrize(
    "answer",
    [
        ModelFailedError("it broke"),
        ModelUnavailableError("away"),
        DeadlineError("late"),
        np.full((1, 8), np.nan, np.float32),
        np.zeros((1, 3), np.float32),
    ],
)
async def test_what_a_canary_cannot_answer_the_stable_version_does_until_it_is_given_up(answer):
    server = two_versions()
    predictor = await predictor_of(server)
    server.versions[2]["serving_default"] = answer
    for _ in range(3):
        assert (await forecast(predictor)).forecast.steps[0].kw == STABLE_KW
    assert "3 of its last 3 calls failed" in trial(predictor).problem
    server.calls.clear()
    await forecast(predictor)
    assert server.calls == [(1, "serving_default")]


async def test_a_canary_that_strays_is_given_up():
    server = two_versions()
    predictor = await predictor_of(server)
    server.versions[2]["serving_default"] = ZERO + 2
    for _ in range(10):
        assert trial(predictor).problem is None
        await forecast(predictor)
    assert "stray" in trial(predictor).problem
    assert (await forecast(predictor)).model.version == 1


async def test_given_up_it_stays_so_and_another_version_gets_a_trial_of_its_own():
    server = two_versions()
    predictor = await predictor_of(server)
    trial(predictor).give_up("tried enough")
    await predictor.models.refresh("gru")
    assert trial(predictor).problem == "tried enough"
    server.versions[3] = serving(a_spec(mean=102.0))
    server.labelled["canary"] = 3
    await predictor.models.refresh("gru")
    assert (trial(predictor).version, trial(predictor).problem) == (3, None)


async def test_a_canary_whose_known_request_is_answered_otherwise_is_given_up():
    server = two_versions()
    predictor = await predictor_of(server)
    server.versions[2]["serving_default"] = ZERO + 1
    await predictor.models.refresh("gru")
    assert "known request" in trial(predictor).problem
    assert predictor.models.ready


async def test_promoted_it_answers_everybody():
    server = two_versions()
    predictor = await predictor_of(server, share=0.01)
    server.labelled = {"stable": 2, "previous": 1}
    await predictor.models.refresh("gru")
    assert (await forecast(predictor)).model.version == 2
    assert predictor.models.state("gru").canary is None


async def test_withdrawn_in_the_middle_of_a_call_nobody_notices():
    server = two_versions()
    predictor = await predictor_of(server)
    del server.versions[2]
    assert (await forecast(predictor)).model.version == 1
    assert trial(predictor).problem is None


async def test_where_the_stable_version_fails_the_canary_answers_its_callers():
    server = two_versions()
    predictor = await predictor_of(server)
    server.versions[1]["serving_default"] = ModelFailedError("it broke")
    assert (await forecast(predictor)).model.version == 2


async def test_a_model_says_whether_the_version_that_answers_is_labelled_so():
    server = two_versions()
    models = (await predictor_of(server)).models
    assert models.state("gru").is_labelled
    server.labelled = {}
    await models.refresh("gru")
    assert not models.state("gru").is_labelled


async def test_a_canary_of_another_shape_is_not_tried(caplog):
    server = two_versions()
    server.versions[2] = serving(
        a_spec(horizon=4, answer=(160.0,) * 4), serving_default=np.zeros((1, 4), np.float32)
    )
    predictor = await predictor_of(server)
    assert predictor.models.state("gru").canary is None
    assert "shape" in caplog.text
    assert (await forecast(predictor)).model.version == 1


async def test_where_the_stable_version_is_broken_another_one_answers_but_not_the_canary():
    server = two_versions()
    server.versions[0] = serving(a_spec(mean=99.0))
    server.versions[1]["serving_default"] = ZERO + 5
    predictor = await predictor_of(server, share=0.001)
    assert predictor.models.served("gru").version == 0


@pytest.mark.parametrize("error", [DeadlineError("it hangs"), ModelUnavailableError("away")])
async def test_a_canary_that_cannot_be_read_leaves_the_model_ready_and_is_given_up(error):
    server = two_versions()
    server.versions[2][SIGNATURE] = error
    predictor = await predictor_of(server)
    assert predictor.models.ready
    assert (await forecast(predictor)).model.version == 1
    for _ in range(2):
        await predictor.models.refresh("gru")
    del server.versions[2][SIGNATURE]
    server.versions[2] = two_versions().versions[2]
    await predictor.models.refresh("gru")
    assert "3 of its last 3 calls failed" in trial(predictor).problem


async def test_one_that_was_given_up_stays_so_though_it_was_away_for_a_while():
    server = two_versions()
    predictor = await predictor_of(server)
    trial(predictor).give_up("tried enough")
    away = server.versions.pop(2)
    await predictor.models.refresh("gru")
    assert predictor.models.state("gru").canary is None
    server.versions[2] = away
    await predictor.models.refresh("gru")
    assert trial(predictor).problem == "tried enough"


async def test_an_outage_of_both_versions_is_not_the_canarys_fault():
    server = two_versions()
    predictor = await predictor_of(server)
    for version in (1, 2):
        server.versions[version]["serving_default"] = ModelUnavailableError("away")
    for _ in range(5):
        with pytest.raises(ModelUnavailableError):
            await forecast(predictor)
    assert trial(predictor).problem is None


async def test_a_caller_in_a_hurry_does_not_end_a_trial():
    server = two_versions()
    predictor = await predictor_of(server)
    server.versions[2]["serving_default"] = DeadlineError("late")
    for _ in range(5):
        assert (await forecast(predictor, timeout_s=0.9)).model.version == 1
    assert trial(predictor).problem is None


async def test_a_canary_has_half_of_the_time_and_the_stable_version_all_of_it():
    server = two_versions()
    predictor = await predictor_of(server)
    server.timeouts_s.clear()
    await forecast(predictor, timeout_s=2.0)
    assert server.timeouts_s[2] == pytest.approx(server.timeouts_s[1] / 2, abs=0.05)


async def test_nobody_waits_for_a_comparison():
    server = two_versions()
    predictor = await predictor_of(server)
    server.takes_s[1] = 30.0
    began = asyncio.get_running_loop().time()
    assert (await forecast(predictor, timeout_s=2.0)).model.version == 2
    assert asyncio.get_running_loop().time() - began < 1.5


async def test_a_stream_of_a_canarys_caller_is_answered_by_it_and_by_the_stable_version_once_it_is_gone():
    server = two_versions()
    predictor = await predictor_of(server)
    calls.begin(None)

    async def outcomes():
        async def meters():
            yield Meter("a", "gru", EvenSeries(MONDAY, np.array(plausible_kw(672))))

        fleet = Fleet(predictor, turn, timeout_s=2.0)
        return [outcome.result.model.version async for outcome in fleet.forecast(meters())]

    async def turn():
        return None

    assert await outcomes() == [2]
    del server.versions[2]
    assert await outcomes() == [1]
