"""KServe's time-series call: its shapes, its refusals, and the forecasts of our own calls."""

import json
import subprocess
import time
from datetime import datetime

import numpy as np
import pytest

from services.gateway.rest.schemas.timeseries import MOST_SERIES
from tests.benchmarks.engines import engine
from tests.data import MONDAY, frozen_kw, plausible_kw, sha256
from tests.integration.gateway.in_process import SPEC, edges

PATH = "/v1/timeseries/forecast"
KW = plausible_kw(700)
BAD = [*KW[:-1], 1e12]


def series(kw=KW, name="meter", **changes):
    return {
        "type": "univariate_time_series",
        "name": name,
        "series": kw,
        "frequency": "minute",
        "interval": 15,
        "start_timestamp": "2024-06-03T00:00:00Z",
        **changes,
    }


def asking(*inputs, horizon=8, **changes):
    options = {"horizon": horizon, **changes.pop("options", {})}
    return {"model": "gru", "inputs": list(inputs or [series()]), "options": options, **changes}


@pytest.fixture
def ask(running, bearer):
    return lambda body, **params: running.https.post(PATH, json=body, params=params, headers=bearer)


@pytest.fixture
def steps(running, bearer):
    """What our own call forecasts."""

    def call(kw=KW, model="gru"):
        body = {"start": MONDAY.isoformat(), "kw": kw}
        return running.https.post(f"/v1/models/{model}:forecast", json=body, headers=bearer).json()["steps"]

    return call


@pytest.mark.parametrize("model", ["cnn", "gru"])
def test_it_is_the_forecast_of_our_own_call(ask, steps, model):
    asked = asking(options={"quantiles": [0.1, 0.9, 0.025, 0.975]}, model=model)
    answer = ask(asked)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["status"], said["error"], said["model"]) == ("completed", None, model)
    assert said["id"] == answer.headers["x-request-id"]
    assert abs(said["created_at"] - datetime.now().timestamp()) < 60
    assert said["usage"] == {"prompt_tokens": 700, "completion_tokens": 8, "total_tokens": 708}
    [output] = said["outputs"]
    assert (output["type"], output["status"], output["error"]) == ("time_series_forecast", "completed", None)
    assert (output["model_version"], output["warnings"]) == (1, [])
    [forecast] = output["content"]
    own = steps(model=model)
    assert forecast["mean_forecast"] == pytest.approx([step["kw"] for step in own], abs=1e-3)
    assert datetime.fromisoformat(forecast["start_timestamp"]) == datetime.fromisoformat(own[0]["valid_from"])
    assert forecast["start_timestamp"].endswith("Z")
    for quantile, level, bound in (
        ("0.1", 0, "lower_kw"),
        ("0.9", 0, "upper_kw"),
        ("0.025", 1, "lower_kw"),
        ("0.975", 1, "upper_kw"),
    ):
        expected = [step["intervals"][level][bound] for step in own]
        assert forecast["quantiles"].pop(quantile) == pytest.approx(expected, abs=1e-3)
    assert forecast["quantiles"] == {}
    assert (forecast["frequency"], forecast["interval"]) == ("minute", 15)


@pytest.mark.parametrize(
    ("frequency", "interval"), [("PT15M", 1), ("minute", 15), ("T", 15), ("second", 900), ("S", 900)]
)
def test_a_quarter_hour_goes_by_several_names(ask, frequency, interval):
    [output] = ask(asking(series(frequency=frequency, interval=interval))).json()["outputs"]
    assert (output["content"][0]["frequency"], output["content"][0]["interval"]) == (frequency, interval)


def test_fewer_steps_are_the_first_ones(ask, steps):
    said = ask(asking(horizon=3, options={"quantiles": [0.1]})).json()
    [forecast] = said["outputs"][0]["content"]
    assert forecast["mean_forecast"] == pytest.approx([step["kw"] for step in steps()[:3]], abs=1e-3)
    assert len(forecast["quantiles"]["0.1"]) == 3
    assert said["usage"]["completion_tokens"] == 3


def test_without_quantiles_there_are_none(ask):
    for options in ({}, {"quantiles": None}, {"quantiles": []}):
        assert ask(asking(options=options)).json()["outputs"][0]["content"][0]["quantiles"] is None


def test_many_series_come_back_in_their_order_each_with_its_own_forecast(ask, steps):
    loads = [plausible_kw(672 + seed, seed=seed) for seed in range(40)]
    said = ask(asking(*(series(kw, name=f"meter {place}") for place, kw in enumerate(loads)))).json()
    contents = [output["content"][0] for output in said["outputs"]]
    assert [content["name"] for content in contents] == [f"meter {place}" for place in range(40)]
    for place in (0, 17, 39):
        assert contents[place]["mean_forecast"] == pytest.approx(
            [step["kw"] for step in steps(loads[place])], abs=1e-3
        )
    assert len({output["id"] for output in said["outputs"]}) == 40


def test_one_bad_series_leaves_the_others_their_forecasts(ask):
    said = ask(asking(series(), series(BAD), series(frozen_kw(700)), series(KW[:100])))
    assert said.status_code == 200
    said = said.json()
    assert (said["status"], said["error"]) == ("partial", None)
    good, bad, frozen, short = said["outputs"]
    assert [output["status"] for output in (good, bad, frozen, short)] == [
        "completed",
        "error",
        "completed",
        "error",
    ]
    assert bad["content"] == []
    assert bad["error"]["message"] == "row 700, column kw: 1000000000000.0 is not a power in kW"
    assert (bad["error"]["code"], bad["error"]["type"]) == ("422", "INVALID_HISTORY")
    assert (bad["error"]["param"], short["error"]["param"]) == ("inputs.1.series", "inputs.3.series")
    assert [warning["rule"] for warning in frozen["warnings"]] == ["flat"]
    assert said["usage"] == {"prompt_tokens": 2200, "completion_tokens": 16, "total_tokens": 2216}


REFUSED = {
    "multivariate": (asking(series(type="multivariate_time_series")), "inputs.0.type", "univariate"),
    "columns": (asking(series([[1.0, 2.0]] * 700)), "inputs.0.series.0", "number"),
    "a gap": (asking(series([*KW[:-1], None])), "inputs.0.series.699", "number"),
    "short": (asking(series(KW[:100])), "inputs.0.series", "672 rows are needed"),
    "no start": (asking(series(start_timestamp=None)), "inputs.0.start_timestamp", "datetime"),
    "no offset": (
        asking(series(start_timestamp="2024-06-03T00:00:00")),
        "inputs.0.start_timestamp",
        "timezone",
    ),
    "off the grid": (
        asking(series(start_timestamp="2024-06-03T00:01:00Z")),
        "inputs.0.series",
        "not on a step of 15 minutes",
    ),
    "hourly": (
        asking(series(), series(frequency="hour", interval=1)),
        "inputs.1.frequency",
        "gru takes steps of PT15M: say that, or minute with interval 15",
    ),
    "minutes": (asking(series(interval=1)), "inputs.0.frequency", "PT15M"),
    "monthly": (asking(series(frequency="M")), "inputs.0.frequency", "PT15M"),
    "two of them": (asking(series(frequency="PT15M", interval=2)), "inputs.0.frequency", "PT15M"),
    "far": (asking(horizon=9), "options.horizon", "gru forecasts 8 steps at most"),
    "nowhere": (asking(horizon=0), "options.horizon", "greater than or equal to 1"),
    "median": (
        asking(options={"quantiles": [0.1, 0.5]}),
        "options.quantiles.1",
        "gru has no quantile 0.5; it has 0.025, 0.1, 0.9, 0.975",
    ),
    "covariates": (asking(series(past_covariates=[1.0])), "inputs.0.past_covariates", "not permitted"),
    "temperature": (asking(options={"temperature": 0.7}), "options.temperature", "not permitted"),
    "stream": (asking(stream=True), "stream", "not permitted"),
    "no series": ({"model": "gru", "inputs": [], "options": {"horizon": 8}}, "inputs", "at least 1"),
    "too many": (asking(*[series([])] * (MOST_SERIES + 1)), "inputs", f"at most {MOST_SERIES}"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_is_refused_by_its_field_in_both_ways_of_saying_so(ask, case):
    body, field, says = REFUSED[case]
    answer = ask(body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert says in said["detail"]
    assert said["error"] == {
        "code": "422",
        "message": said["detail"],
        "param": field,
        "type": said["reason"],
    }


def test_other_refusals_have_both_ways_too(running, bearer, ask):
    unknown = ask({**asking(), "model": "lstm"})
    assert (unknown.status_code, unknown.json()["error"]["type"]) == (404, "MODEL_NOT_FOUND")
    nobody = running.https.post(PATH, json=asking())
    assert (nobody.status_code, nobody.json()["error"]["type"]) == (401, "UNAUTHENTICATED")
    assert nobody.headers["www-authenticate"].startswith("Bearer")
    text = running.https.post(PATH, content="x", headers={**bearer, "Content-Type": "text/plain"})
    assert (text.status_code, text.json()["error"]["code"]) == (415, "415")
    large = running.https.post(
        PATH, content=b" " * 11_000_000, headers={**bearer, "Content-Type": "application/json"}
    )
    assert (large.status_code, large.json()["error"]["type"]) == (413, "TOO_LARGE")
    late = running.https.post(PATH, json=asking(), headers={**bearer, "X-Request-Timeout": "0.0001"})
    assert (late.status_code, late.json()["error"]["type"]) == (504, "DEADLINE_EXCEEDED")
    assert ask(asking(), tz="UTC").status_code == 422
    assert ask(asking(metadata={"site": 7})).status_code == 200


async def test_each_series_counts_towards_the_quota(home, model_server):
    async with edges(home, model_server.address, forecasts_per_minute=4) as edge:
        await edge.until_ready()
        headers = {"Authorization": edge.metadata[0][1]}
        three = asking(*[series()] * 3)
        assert (await edge.https.post(PATH, json=three, headers=headers)).status_code == 200
        refused = await edge.https.post(PATH, json=three, headers=headers)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["error"]["type"] == "OVER_QUOTA"


async def test_they_take_one_place_together_among_all_others(home, model_server):
    settings = {"max_in_flight": 1, "max_queue_s": 0.2, "model_poll_s": 60}
    async with edges(home, model_server.address, **settings) as edge:
        await edge.until_ready()
        headers = {"Authorization": edge.metadata[0][1]}
        three = asking(*[series()] * 3)
        async with edge.gateway.admission.place():
            delivered = model_server.delivered
            refused = await edge.https.post(PATH, json=three, headers=headers)
            assert (refused.status_code, refused.json()["error"]["type"]) == (429, "OVERLOADED")
        assert model_server.delivered == delivered
        assert (await edge.https.post(PATH, json=three, headers=headers)).status_code == 200
        assert model_server.delivered == delivered + 1  # as one batch
        assert edge.gateway.admission.at_work == 0


async def test_more_than_a_batch_are_several_calls_in_one_place(home, model_server):
    async with edges(home, model_server.address, max_in_flight=1, model_poll_s=60) as edge:
        await edge.until_ready()
        delivered = model_server.delivered
        many = asking(*[series()] * (SPEC.batch_sizes[-1] + 1))
        answer = await edge.https.post(PATH, json=many, headers={"Authorization": edge.metadata[0][1]})
        assert len(answer.json()["outputs"]) == SPEC.batch_sizes[-1] + 1
        assert model_server.delivered == delivered + 2


def test_without_time_left_a_bad_series_is_still_what_is_wrong(running, bearer):
    headers = {**bearer, "X-Request-Timeout": "0"}
    for kw, status in ((BAD, 422), (KW, 504)):
        assert running.https.post(PATH, json=asking(series(kw)), headers=headers).status_code == status


BY_KSERVE = """
import json, sys
from kserve.protocol.rest.timeseries import ForecastRequest, ForecastResponse
from kserve.protocol.rest.timeseries.types import ErrorResponse
asked, answered = json.load(sys.stdin)
if answered is None:
    print(ForecastRequest.model_validate(asked).model_dump_json(exclude_none=True))
elif "outputs" in answered:
    said = ForecastResponse.model_validate(answered)
    content = said.outputs[0].content[0]
    print(json.dumps([said.status, content.mean_forecast, content.quantiles, content.start_timestamp]))
else:
    print(ErrorResponse.model_validate(answered).error.model_dump_json())
"""


def by_kserve(asked, answered=None):
    """What KServe's own types make of a request, or of its answer."""
    python = engine.installed("kserve")
    if python is None:
        pytest.skip("kserve is not installed here: make bench-frameworks ENGINES=kserve does")
    said = subprocess.run(
        [python.absolute(), "-c", BY_KSERVE],
        input=json.dumps([asked, answered]),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(said.stdout)


def test_kserves_own_types_make_the_request_and_read_the_answer(ask, steps):
    asked = by_kserve(asking(options={"quantiles": [0.1, 0.9]}))
    assert asked["inputs"][0]["interval"] == 15
    answer = ask(asked)
    assert answer.status_code == 200, answer.text
    status, mean, quantiles, start = by_kserve(asked, answer.json())
    assert (status, start) == ("completed", "2024-06-10T07:00:00Z")
    assert mean == pytest.approx([step["kw"] for step in steps()], abs=1e-3)
    assert list(quantiles) == ["0.1", "0.9"]


def test_kserves_own_types_read_a_refusal(ask):
    asked = by_kserve(asking(horizon=9))
    error = by_kserve(asked, ask(asked).json())
    assert (error["code"], error["param"], error["type"]) == ("422", "options.horizon", "INVALID_REQUEST")


def test_the_log_tells_model_version_and_what_it_was_made_of(running, ask):
    log = running.folder / "gateway.log"
    before = log.stat().st_size
    two = [plausible_kw(672, seed=seed) for seed in (5, 6)]
    id_ = ask(asking(*map(series, two))).json()["id"]
    time.sleep(0.3)  # lines are written a moment later
    lines = map(json.loads, log.read_text()[before:].splitlines())
    (call,) = [line for line in lines if line.get("request_id") == id_]
    assert (call["model"], call["version"]) == ("gru", 1)
    assert call["input_sha256"] == sha256(np.array(two).tobytes())
