"""Where a meter is at fault and its caller allows it, last week answers; no model is asked."""

import asyncio

import numpy as np
import pytest

from pipelines.errors import InvalidSeriesError
from pipelines.preprocessing.window import STRICT, Tolerance
from services.core.telemetry import calls
from services.gateway.fleet import Fleet, Meter
from services.gateway.metrics import FALLBACKS, REPAIRED_STEPS, WARNINGS, count_noted
from services.gateway.predict import EvenSeries, MeterFile
from tests.data import MONDAY, csv_of, frozen_kw, plausible_kw, quarter_hours
from tests.specs import a_spec
from tests.unit.gateway.test_predict import FakeModelServer, forecast, predictor_of, serving

NAN = float("nan")
FALLBACK = Tolerance(fallback=True)
KW = plausible_kw(672)


@pytest.fixture
async def server():
    return FakeModelServer({3: serving(a_spec())})


@pytest.fixture
async def predictor(server):
    return await predictor_of(server)


def even(kw, tolerance=FALLBACK):
    return EvenSeries(MONDAY, np.array(kw), tolerance)


def gappy_kw(*missing):
    kw = plausible_kw(672)
    for step in missing:
        kw[step] = NAN
    return kw


def counted(counter, *labels):
    count_noted()
    return (counter.labels(*labels) if labels else counter)._value.get()


FAULTY = {
    "gap": gappy_kw(*range(300, 400)),
    "flat": frozen_kw(672),
}


@pytest.mark.parametrize("rule", FAULTY)
async def test_a_fault_is_answered_by_last_week_without_a_model(predictor, server, rule):
    asked, before = len(server.calls), counted(FALLBACKS, rule)
    call = calls.begin(None)
    prediction = await forecast(predictor, history=even(FAULTY[rule]))
    assert [step.kw for step in prediction.forecast.steps] == KW[:8]
    assert all(step.intervals == () for step in prediction.forecast.steps)
    assert prediction.forecast.data_until == prediction.forecast.steps[0].valid_from
    assert prediction.fallback_reason.startswith(f"{rule}: row ")
    assert (prediction.model.name, prediction.model.version) == ("gru", 3)
    assert len(server.calls) == asked
    assert counted(FALLBACKS, rule) == before + 1
    assert (call.fallback, call.version) == (rule, 3)
    assert call.input_sha256


async def test_it_answers_while_the_model_server_is_down(predictor, server):
    server.down = True
    prediction = await forecast(predictor, history=even(FAULTY["flat"]))
    assert prediction.forecast.steps[0].kw == KW[0]


async def test_without_leave_a_gap_is_an_error_and_a_frozen_meter_the_models_business(predictor, server):
    asked = len(server.calls)
    with pytest.raises(InvalidSeriesError, match="row 301, column kw: no value"):
        await forecast(predictor, history=even(FAULTY["gap"], STRICT))
    assert len(server.calls) == asked
    before = counted(WARNINGS, "flat")
    prediction = await forecast(predictor, history=even(FAULTY["flat"], STRICT))
    assert prediction.fallback_reason is None
    assert prediction.forecast.steps[0].intervals
    assert len(server.calls) == asked + 1
    assert counted(WARNINGS, "flat") == before + 1


async def test_where_nothing_is_left_to_fall_back_to_the_fault_is_an_error(predictor, server):
    asked = len(server.calls)
    with pytest.raises(InvalidSeriesError, match="neither last week's load nor yesterday's") as caught:
        await forecast(predictor, history=even(frozen_kw(672, frozen=672)))
    assert caught.value.violations[0].rule == "flat"
    assert len(server.calls) == asked


async def test_yesterday_stands_in_for_what_last_week_has_not(predictor):
    prediction = await forecast(predictor, history=even(gappy_kw(2)))
    assert [step.kw for step in prediction.forecast.steps] == [*KW[:2], KW[578], *KW[3:8]]


async def test_filled_steps_are_counted_and_the_model_sees_no_gap(predictor):
    before = counted(REPAIRED_STEPS)
    prediction = await forecast(predictor, history=even(gappy_kw(300, 301, 500), Tolerance(max_gap_steps=2)))
    assert counted(REPAIRED_STEPS) == before + 3
    assert not np.isnan(prediction.window.load.kw).any()


async def test_what_is_no_meter_fault_stays_an_error(predictor):
    rows = csv_of(quarter_hours(671), KW[:671])
    for content in (rows, b"\x89PNG", b"Datum,Menge\n1,2\n"):
        with pytest.raises(InvalidSeriesError):
            await forecast(predictor, history=MeterFile(content, "UTC", tolerance=FALLBACK))


async def test_of_a_fleet_only_those_that_need_the_model_are_sent_to_it(predictor, server):
    asked = len(server.calls)
    histories = {
        "well": even(KW),
        "frozen": even(FAULTY["flat"]),
        "gappy": even(FAULTY["gap"]),
        "dead": even(frozen_kw(672, frozen=672)),
        "strict": even(FAULTY["flat"], STRICT),
    }

    async def meters():
        for id_, history in histories.items():
            yield Meter(id_, "gru", history)

    call = calls.begin(None)
    fleet = Fleet(predictor, lambda: asyncio.sleep(0), timeout_s=1.0)
    results = {outcome.id: outcome.result async for outcome in fleet.forecast(meters())}
    assert results.keys() == histories.keys()
    assert isinstance(results["dead"], InvalidSeriesError)
    reasons = {id_: result.fallback_reason for id_, result in results.items() if id_ != "dead"}
    assert {id_: reason and reason.split(":")[0] for id_, reason in reasons.items()} == {
        "well": None,
        "frozen": "flat",
        "gappy": "gap",
        "strict": None,
    }
    assert len(server.calls) == asked + 2
    assert call.fallback == "flat gap"
