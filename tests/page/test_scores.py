"""How a model scored in its test weeks, and how it would have on this very file."""

import pytest

from tests.data import SAMPLE

NAIVE = {
    "The last value, kept": "last_value",
    "The same time yesterday": "yesterday",
    "The same time last week": "last_week",
    "A linear regression": "linear",
}


@pytest.fixture
def gru(tab):
    tab.page.get_by_label("Model", exact=True).select_option("gru")
    tab.pick_sample()
    return tab


def test_the_training_score_is_the_one_the_gateway_gives(gru, running, bearer):
    training = running.https.get("/v1/models/gru", headers=bearer).json()["version"]["training"]
    rows = {row[0]: float(row[1]) for row in gru.rows("#score")}
    assert rows.pop("gru") == pytest.approx(training["mae_kw"], abs=0.006)
    assert {NAIVE[name]: kw for name, kw in rows.items()} == pytest.approx(training["naive_mae_kw"], abs=0.06)
    assert "less than the best forecast without a model" in gru.page.locator("#model-about").text_content()


def test_a_backtest_of_the_file_is_the_one_the_gateway_makes(gru, running, bearer):
    report = running.https.post(
        "/v1/models/gru:backtest", files={"file": SAMPLE.read_bytes()}, headers=bearer
    ).json()
    gru.page.get_by_role("button", name="Backtest this file").click()
    gru.page.get_by_role("heading", name="on average").wait_for()
    steps = gru.rows("#backtest-report .by-step")
    assert [row[0] for row in steps] == [f"{15 * n} minutes" for n in range(1, 9)] + ["All"]
    assert [float(row[1]) for row in steps[:-1]] == pytest.approx(
        [step["mae_kw"] for step in report["by_step"]], abs=0.006
    )
    coverages = [*(step["coverage_80"] for step in report["by_step"]), report["coverage_80"]]
    assert [row[2] for row in steps] == [f"{coverage:.0%}" for coverage in coverages]
    errors = {row[0]: float(row[1]) for row in gru.rows("#backtest-report .errors")}
    assert errors.pop("gru") == pytest.approx(report["mae_kw"], abs=0.006)
    assert {NAIVE[name]: kw for name, kw in errors.items()} == pytest.approx(
        {name: each["mae_kw"] for name, each in report["naive"].items()}, abs=0.06
    )
    assert f"{report['windows']} forecasts" in gru.page.locator("#backtest-report").text_content()


def test_a_file_that_is_too_short_for_one_says_so(open_tab):
    from tests.data import week_file

    tab = open_tab(failing="422")
    tab.log_in()
    tab.pick(week_file(672))
    tab.page.get_by_role("button", name="Backtest this file").click()
    tab.page.locator("#backtest-message").get_by_text("a backtest needs 680 rows").wait_for()
    assert tab.inaccessible() == []


def test_a_long_file_is_backtested_at_all_times_of_the_day(tab):
    strides = tab.page.evaluate(
        "import('./page/backtest.js')"
        ".then(({strideOf}) => [28, 5000, 35000, 400000].map(forecasts => strideOf(forecasts, 96)))"
    )
    assert strides[0] == 1
    assert all(stride % 2 and stride % 3 for stride in strides)
    assert all(400_000 / strides[-1] < limit for limit in (4001,))
