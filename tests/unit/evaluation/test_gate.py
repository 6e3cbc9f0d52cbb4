import numpy as np
import pytest

from pipelines.evaluation.backtest import cut
from pipelines.evaluation.gate import NotGoodEnoughError, require_no_loss, require_skill
from tests.unit.evaluation.test_backtest import Hourly, hours, noise


def report(error_kw):
    kw = noise(300)
    rolled = cut(hours(kw), Hourly())
    outcome = np.array([kw[start + 168 : start + 170] for start in rolled.starts])
    return rolled.report(outcome + error_kw, (), None)


def test_a_model_better_than_every_naive_forecast_passes():
    require_skill(report(5.0))


@pytest.mark.parametrize("error_kw", [15.0, np.nan])
def test_a_model_that_a_naive_forecast_beats_is_refused_and_the_figures_named(error_kw):
    with pytest.raises(NotGoodEnoughError, match=r"last week|yesterday|last value") as refused:
        require_skill(report(error_kw))
    assert "131 windows" in str(refused.value)


def test_a_model_may_be_worse_than_the_serving_one_by_the_margin_alone():
    require_no_loss(report(5.0), report(4.9), margin=0.05)
    with pytest.raises(NotGoodEnoughError, match=r"4\.50 kW"):
        require_no_loss(report(5.0), report(4.5), margin=0.05)
    with pytest.raises(NotGoodEnoughError):
        require_no_loss(report(np.nan), report(4.5), margin=0.05)


def test_a_serving_version_without_figures_is_no_measure():
    require_no_loss(report(5.0), report(np.nan), margin=0.05)
