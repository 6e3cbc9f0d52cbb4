"""What is written of a model by hand: every fault is named by its field, with what is right."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.importing.description import Description, DescriptionError, read_description
from pipelines.preprocessing.calendar import COLUMNS
from pipelines.preprocessing.features import known_input
from pipelines.spec import ForecastSpec
from tests.own_models import HOURLY, describe


def read(tmp_path, **changes) -> Description:
    return read_description(describe(tmp_path / "spec.json", HOURLY, **changes))


def test_it_becomes_the_spec_that_travels_in_the_model(tmp_path):
    spec = read(tmp_path).spec((7.0,) * 24, signatures=("serving_default",), batch_sizes=(1, 8))
    assert (spec.window, spec.horizon, spec.resolution_s, spec.resolution) == (168, 24, 3600, "PT1H")
    assert spec.scaling == (("load", 160.0, 45.0), ("day_sin", 0.0, 1.0), ("is_weekend", 0.0, 1.0))
    assert [band.level for band in spec.intervals] == [0.8]
    assert (spec.training, spec.observed) == (None, None)
    assert ForecastSpec.model_validate_json(spec.model_dump_json()) == spec


DURATION = "resolution: must be an ISO 8601 duration that divides a day, such as PT15M, PT1H or P1D"


def features(*columns):
    return {"features": [{"name": "load", "mean": 160, "std": 45}, *columns]}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"resolution": None}, "resolution: is missing"),
        ({"resolution": "PT7M"}, f"{DURATION}; it is 'PT7M'"),
        ({"resolution": "an hour"}, DURATION),
        ({"resolution": "PT"}, DURATION),
        ({"resolution": "P2D"}, DURATION),
        ({"resolution": "PT2H"}, "time_zone and resolution do not go together"),
        ({"resolution": "PT1H", "time_zone": "Australia/Lord_Howe"}, "time_zone and resolution do not go"),
        ({"window": 0}, "window: Input should be greater than or equal to 1; it is 0"),
        ({"window": 10**6}, "window: Input should be less than or equal to 35136"),
        ({"horizon": "many"}, "horizon: Input should be a valid integer"),
        ({"horizon": 23}, "intervals must have one offset a step of the horizon"),
        ({"time_zone": "Europe/Atlantis"}, "time_zone: 'Europe/Atlantis' is not a time zone"),
        ({"features": []}, "features must name the load once"),
        ({"features": [{"name": "day_sin"}]}, "features must name the load once"),
        (features({"name": "load"}), "features must name the load once and no feature twice"),
        (features({"name": "day_sin", "std": 0}), "features.1.std: Input should be greater than 0; it is 0"),
        (features({"name": "moon"}), "features.1.name: Input should be 'load', 'day_sin', 'day_cos'"),
        (features({"name": "day_sin", "scale": 2}), "features.1.scale: there is no such field"),
        ({"unit": "MW"}, "unit: Input should be 'kW'; it is 'MW'"),
        ({"spread_kw": -1}, "spread_kw: Input should be greater than 0"),
        ({"intervals": [{"level": 1.5, "lower_kw": [], "upper_kw": []}]}, "intervals.0.level: Input should"),
        ({"training": {"mae_kw": 3}}, "training.data_from: is missing"),
        ({"horizons": 3}, "horizons: there is no such field; there are resolution, window, horizon"),
    ],
)
def test_a_fault_is_named_by_its_field(tmp_path, changes, says):
    with pytest.raises(DescriptionError) as refused:
        read(tmp_path, **changes)
    assert says in str(refused.value)
    assert str(refused.value).startswith(f"{tmp_path / 'spec.json'}: ")


def test_all_faults_are_told_at_once(tmp_path):
    with pytest.raises(DescriptionError) as refused:
        read(tmp_path, window=0, time_zone="Mars", horizon=None)
    assert [field for field in ("window: ", "time_zone: ", "horizon: ") if field in str(refused.value)] == [
        "window: ",
        "time_zone: ",
        "horizon: ",
    ]


@pytest.mark.parametrize("content", ["", "{", "[]", '"a"', "\x00", '{"window": NaN}'])
def test_what_is_no_object_of_json_is_refused(tmp_path, content):
    file = tmp_path / "spec.json"
    file.write_text(content)
    with pytest.raises(DescriptionError, match=r"spec\.json: "):
        read_description(file)


STEPS = {"PT5M": 300, "PT15M": 900, "PT30M": 1800, "PT1H": 3600, "PT90M": 5400, "PT2H": 7200, "P1D": 86_400}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    resolution=st.sampled_from(sorted(STEPS)),
    window=st.integers(1, 400),
    horizon=st.integers(1, 60),
    columns=st.lists(st.sampled_from(sorted(COLUMNS)), unique=True, max_size=10),
    time_zone=st.sampled_from(["UTC", "Etc/GMT-1", "Asia/Kolkata", "Asia/Kathmandu"]),
    mean=st.floats(-1e6, 1e6),
    std=st.floats(1e-3, 1e6),
)
def test_whatever_can_be_described_can_be_asked(resolution, window, horizon, columns, time_zone, mean, std):
    features = [{"name": name} for name in columns] + [{"name": "load", "mean": mean, "std": std}]
    described = Description(
        resolution=resolution, window=window, horizon=horizon, time_zone=time_zone, features=features
    )
    spec = described.spec((0.0,) * horizon)
    assert spec.resolution_s == STEPS[resolution]
    asked = known_input(spec)
    assert asked.shape == (1, window, len(columns) + 1)
    assert np.isfinite(asked).all()
    assert min(spec.known_request.history_kw) >= 0
    assert ForecastSpec.model_validate_json(spec.model_dump_json()) == spec


def test_the_schema_names_and_explains_every_field():
    schema = Description.model_json_schema()
    assert set(schema["required"]) == {"resolution", "window", "horizon", "time_zone", "features"}
    assert schema["additionalProperties"] is False
    assert all(field["description"] for field in schema["properties"].values())
    assert json.loads(json.dumps(schema))["$defs"]["Feature"]["properties"]["name"]["enum"] == [
        "load",
        *COLUMNS,
    ]
