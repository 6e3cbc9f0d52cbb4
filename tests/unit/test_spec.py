"""A spec that no forecast could be computed by is refused when it is read."""

import json

import pytest
from pydantic import ValidationError

from pipelines.spec import ForecastSpec
from tests.specs import a_spec

GOOD = json.loads(a_spec().model_dump_json())


def changed(**changes):
    return json.dumps({**GOOD, **changes})


def observed(**changes):
    seen = {"min_kw": 0.0, "max_kw": 1.0, "longest_flat_steps": 1, **changes}
    return {"training": {**GOOD["training"], "observed": seen}}


def known(**changes):
    return {"known_request": {**GOOD["known_request"], **changes}}


def test_a_spec_reads_back_as_it_was_written():
    assert ForecastSpec.model_validate_json(json.dumps(GOOD)) == a_spec()


def test_what_the_training_data_was_like_may_be_left_out():
    assert "observed" in GOOD["training"]
    training = {name: value for name, value in GOOD["training"].items() if name != "observed"}
    assert ForecastSpec.model_validate_json(changed(training=training)).training.observed is None
    training["observed"] = {"min_kw": 1.5, "max_kw": 90, "longest_flat_steps": 7}
    read = ForecastSpec.model_validate_json(changed(training=training)).training.observed
    assert (read.min_kw, read.max_kw, read.longest_flat_steps) == (1.5, 90.0, 7)


def test_a_version_need_not_say_what_it_was_trained_on():
    spec = ForecastSpec.model_validate_json(changed(training=None))
    assert (spec.training, spec.observed) == (None, None)


def test_differences_are_measured_by_the_spread_of_the_load():
    assert a_spec(std=45.0).scale_kw == 45.0
    assert a_spec(mean=0.0, std=1.0, spread_kw=45.0).scale_kw == 45.0


@pytest.mark.parametrize(
    ("seconds", "duration"),
    [
        (1, "PT1S"),
        (90, "PT90S"),
        (300, "PT5M"),
        (900, "PT15M"),
        (3600, "PT1H"),
        (5400, "PT90M"),
        (86_400, "P1D"),
    ],
)
def test_the_length_of_a_step_is_told_as_a_duration(seconds, duration):
    assert a_spec(resolution_s=seconds, time_zone="UTC").resolution == duration


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"features": GOOD["features"][1:]}, "name the load once"),
        ({"features": GOOD["features"] * 2}, "no feature twice"),
        ({"features": [{"name": "load", "mean": 0, "std": 0}]}, "greater than 0"),
        ({"features": [{"name": "moon_sin", "mean": 0, "std": 1}]}, "load"),
        ({"resolution_s": 700}, "divide a day"),
        ({"resolution_s": 7200}, "time_zone and resolution do not go together"),
        ({"spread_kw": 0}, "spread_kw"),
        ({"window": 10**9}, "one window long"),
        ({"horizon": 10**9}, "one offset a step"),
        ({"signatures": []}, "at least one"),
        ({"batch_sizes": [8, 1]}, "must ascend"),
        ({"batch_sizes": []}, "must ascend"),
        ({"intervals": GOOD["intervals"][::-1]}, "ascend by level"),
        ({"time_zone": "Europe"}, "not a time zone"),
        ({"time_zone": "../../etc/passwd"}, "not a time zone"),
        ({"time_zone": "localtime"}, "not a time zone"),
        (known(start="2024-06-03T00:01:00Z"), "not on a step"),
        (known(start="1900-01-01T00:00:00Z"), "between 1970 and 2100"),
        (known(history_kw=[1e12] * 672), "is not a power"),
        (known(forecast_kw=[1.0]), "one horizon long"),
        (observed(min_kw=2.0), "max_kw must not be below"),
        (observed(longest_flat_steps=0), "longest_flat_steps"),
        ({"format": 2}, "format"),
        ({"extra": 1}, "extra"),
    ],
)
def test_a_spec_with_a_fault_is_refused(changes, says):
    with pytest.raises(ValidationError, match=says):
        ForecastSpec.model_validate_json(changed(**changes))


def test_versions_of_other_constants_can_stand_in_for_each_other_and_those_of_other_steps_cannot():
    assert a_spec(mean=1.0).interface == a_spec(mean=2.0).interface
    others = [{"window": 96}, {"horizon": 4}, {"resolution_s": 300}, {"time_zone": "Europe/London"}]
    for other in others:
        assert a_spec(**other).interface != a_spec().interface
