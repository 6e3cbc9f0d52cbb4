import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from pipelines.postprocessing import denormalise
from pipelines.preprocessing.features import known_input
from pipelines.preprocessing.series import LoadSeries
from pipelines.spec import SIGNATURE
from pipelines.training import training
from pipelines.training.architectures import build
from pipelines.training.checks import check_version, load_as_server, warmup_requests
from pipelines.training.errors import ExportCheckError
from pipelines.training.export import COMPILED, PLAIN, WARMUP_FILE, export_model, write_version
from pipelines.training.fitting import Epoch, fit, predict
from pipelines.training.training import longest_flat, train
from tests.unit.training.conftest import TINY


@pytest.fixture
def copy(tiny_run, tmp_path) -> Path:
    """A version to spoil."""
    return Path(shutil.copytree(tiny_run.outcome.folder, tmp_path / "1"))


def test_a_version_answers_in_a_session_and_compiled_equals_plain(tiny_run):
    windows = tiny_run.dataset.windows.inputs(tiny_run.dataset.split.test[:20])
    with load_as_server(tiny_run.outcome.folder) as version:
        assert set(version.signatures) >= {PLAIN, COMPILED, SIGNATURE}
        for batch in (1, 2, 5, 20):
            plain = version.forecast(PLAIN, tiny_run.spec, windows[:batch])
            compiled = version.forecast(COMPILED, tiny_run.spec, windows[:batch])
            assert plain.shape == (batch, 8)
            assert np.abs(plain - compiled).max() <= 1e-5
        assert np.ptp(plain, axis=0).min() > 0.01  # the windows do get forecasts of their own


def test_the_known_request_gets_its_known_forecast(tiny_run):
    spec = tiny_run.spec
    known = spec.known_request
    window = known_input(spec)
    with load_as_server(tiny_run.outcome.folder) as version:
        for signature in spec.signatures:
            answer = version.forecast(signature, spec, window)[0]
            kw = denormalise(answer, mean_kw=spec.load.mean, std_kw=spec.load.std)
            assert kw == pytest.approx(known.forecast_kw, abs=1e-5 * spec.load.std)


def test_the_spec_tells_what_the_model_was_trained_on(tiny_run):
    spec, series = tiny_run.spec, tiny_run.dataset.series
    assert [feature.name for feature in spec.features] == list(TINY.features)
    assert (spec.window, spec.horizon, spec.resolution_s) == (672, 8, 900)
    assert spec.time_zone == "Europe/Berlin"
    assert [band.level for band in spec.intervals] == [0.8, 0.95]
    assert spec.batch_sizes == TINY.batch_sizes
    assert spec.training.data_from.timestamp() == series.times_s[0]
    assert spec.training.data_until.timestamp() == series.times_s[-1] + 900
    assert spec.training.mae_kw == tiny_run.outcome.report.mae_kw
    assert set(spec.training.naive_mae_kw) == {"last_value", "yesterday", "last_week", "linear"}
    assert "sha256:" in spec.training.code
    assert set(spec.training.packages) == {"keras", "numpy", "tensorflow"}


def test_a_model_whose_spec_is_not_the_expected_one_is_refused(tiny_run, copy):
    other = tiny_run.spec.model_copy(update={"time_zone": "Europe/Amsterdam"})
    with pytest.raises(ExportCheckError, match="the spec"):
        check_version(copy, other)


def test_a_model_with_the_spec_of_another_is_refused(tiny_run, tmp_path):
    untrained = build("cnn", tiny_run.dataset.linear, TINY, ("day",))
    untrained.get_layer("correction").bias.assign([0.01] * 8)
    export_model(untrained, tiny_run.spec, tmp_path / "1")
    with pytest.raises(ExportCheckError, match="known request"):
        check_version(tmp_path / "1", tiny_run.spec)


def test_a_model_without_the_compiled_signature_is_refused(tiny_run, copy):
    file = copy / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    del model.meta_graphs[0].signature_def[COMPILED]
    file.write_bytes(model.SerializeToString())
    with pytest.raises(ExportCheckError, match="compiled"):
        check_version(copy, tiny_run.spec)


def test_a_model_whose_warm_up_calls_do_not_fit_is_refused(tiny_run, copy):
    request = warmup_requests(copy)[0]
    request.inputs["window"].tensor_shape.dim[1].size = 671
    log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
    with tf.io.TFRecordWriter(str(copy / WARMUP_FILE)) as records:
        records.write(log.SerializeToString())
    with pytest.raises(ExportCheckError, match="warm-up"):
        check_version(copy, tiny_run.spec)


def test_an_untouched_copy_passes_the_same_checks(tiny_run, copy):
    check_version(copy, tiny_run.spec)


def test_versions_count_up_from_the_highest(tmp_path):
    assert write_version(tmp_path, "gru", lambda folder: None) == tmp_path / "gru" / "1"
    (tmp_path / "gru" / "9").mkdir()
    assert write_version(tmp_path, "gru", lambda folder: None).name == "10"


def test_a_version_that_fails_its_checks_leaves_nothing_behind(tmp_path):
    def refuse(folder: Path) -> None:
        (folder / "saved_model.pb").write_text("half")
        raise ExportCheckError("no")

    with pytest.raises(ExportCheckError):
        write_version(tmp_path, "gru", refuse)
    assert list((tmp_path / "gru").iterdir()) == []


def test_while_it_is_written_no_version_can_be_seen(tmp_path):
    seen: list[str] = []

    def look(folder: Path) -> None:
        seen.extend(entry.name for entry in folder.parent.iterdir() if entry.name.isdecimal())
        assert folder.parent == tmp_path / "gru"

    folder = write_version(tmp_path, "gru", look)
    assert seen == []
    assert folder.stat().st_mode & 0o777 == 0o755  # a server that runs as another user can read it


def test_training_twice_gives_the_same_weights(tiny_run, tmp_path):
    again = train("cnn", tiny_run.dataset, TINY, tmp_path, lambda stage, progress: None)
    assert again.report == tiny_run.outcome.report
    windows = tiny_run.dataset.windows.inputs(tiny_run.dataset.split.test[:2])
    with load_as_server(tiny_run.outcome.folder) as first:
        answers = first.forecast(PLAIN, tiny_run.spec, windows)
    with load_as_server(again.folder) as second:
        assert np.array_equal(second.forecast(PLAIN, tiny_run.spec, windows), answers)


@pytest.mark.parametrize("architecture", ["cnn", "gru"])
def test_an_untrained_model_is_the_linear_path(architecture, tiny_dataset):
    model = build(architecture, tiny_dataset.linear, TINY, ("day", "week"))
    few = tiny_dataset.split.validation[:50]
    linear = tiny_dataset.linear.forecast(tiny_dataset.windows.history(few))
    assert predict(model, tiny_dataset.windows, few) == pytest.approx(linear, abs=1e-4)


def test_training_changes_only_the_rest_and_keeps_what_was_best(tiny_dataset):
    windows, split = tiny_dataset.windows, tiny_dataset.split
    model = build("cnn", tiny_dataset.linear, TINY, ("day", "week"))
    told = []
    history = fit(model, windows, split.train, split.validation, hyperparameters=TINY, tell=told.append)
    assert [epoch.epoch for epoch in history] == [0, 1, 2]
    best = min(epoch.validation_mae for epoch in history)
    errors = predict(model, windows, split.validation) - windows.targets(split.validation)
    assert np.abs(errors).mean() == pytest.approx(best, rel=1e-4)
    assert np.array_equal(model.get_layer("linear").get_weights()[0], tiny_dataset.linear.kernel.astype("f4"))
    assert [progress.epoch for progress in told if progress.step == progress.steps] == [1, 2]


@pytest.mark.parametrize("architecture", ["cnn", "gru"])
def test_a_cycle_that_the_data_did_not_go_round_changes_nothing(architecture, tiny_dataset):
    """Nor does the level of the load: a forecast only moves with it."""
    model = build(architecture, tiny_dataset.linear, TINY, ("day", "week"))
    for weights in model.get_layer("correction").weights:
        weights.assign(np.random.default_rng(1).normal(size=weights.shape))
    window = tiny_dataset.windows.inputs(tiny_dataset.split.test[:2])
    forecast = model.predict_on_batch(window)
    years_later, higher = window.copy(), window.copy()
    years_later[:, :, [TINY.features.index("year_sin"), TINY.features.index("year_cos")]] += 3
    higher[:, :, 0] += 3
    assert np.array_equal(model.predict_on_batch(years_later), forecast)
    assert model.predict_on_batch(higher) == pytest.approx(forecast + 3, abs=1e-3)


def test_four_weeks_go_round_the_day_and_the_week_and_not_the_year(tiny_dataset):
    assert tiny_dataset.cycles == ("day", "week")


def test_what_the_loads_were_is_told(tiny_run):
    observed, kw = tiny_run.spec.training.observed, tiny_run.dataset.series.kw
    assert (observed.min_kw, observed.max_kw) == (kw.min(), kw.max())
    assert observed.longest_flat_steps == longest_flat(tiny_run.dataset.series)


@pytest.mark.parametrize(
    ("kw", "longest"), [([1, 2, 3], 1), ([5, 5, 1, 1, 1, 2], 3), ([4, 4], 2), ([2, 1, 1], 2)]
)
def test_the_longest_run_of_identical_values_is_found(kw, longest):
    series = LoadSeries(np.arange(len(kw), dtype=np.int64) * 900, np.array(kw, dtype=np.float64))
    assert longest_flat(series) == longest


def test_what_is_shipped_was_fitted_on_everything_and_what_is_judged_was_not(
    tiny_dataset, tmp_path, monkeypatch
):
    fitted = []

    def no_fit(model, _windows, on, validation, **_):
        fitted.append((model, on, validation))
        return [Epoch(0, None, 1.0)]

    monkeypatch.setattr(training, "fit", no_fit)
    outcome = train("cnn", tiny_dataset, TINY, tmp_path, lambda stage, progress: None)
    split = tiny_dataset.split
    (judged, on, validation), (shipped, everything, unwatched) = fitted
    assert (on is split.train, validation is split.validation, unwatched) == (True, True, None)
    assert np.array_equal(everything, split.everything)
    for model, path in ((judged, tiny_dataset.linear), (shipped, tiny_dataset.final_linear)):
        assert np.array_equal(model.get_layer("linear").get_weights()[0], path.kernel.astype("f4"))
    assert not np.array_equal(tiny_dataset.linear.kernel, tiny_dataset.final_linear.kernel)
    assert outcome.spec.linear == tiny_dataset.final_linear.in_kw(tiny_dataset.windows.load)
