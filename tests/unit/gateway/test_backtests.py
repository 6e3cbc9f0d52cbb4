"""The use case of whole files, over a model server that can be told what to answer."""

import asyncio

import numpy as np
import pytest

from pipelines.errors import InvalidSeriesError
from services.core.deadline import Deadline
from services.core.errors import DeadlineError, ModelFailedError, OverloadedError, OverQuotaError
from services.core.telemetry import calls
from services.gateway.backtests import MOST_AT_A_TIME, Backtester
from services.gateway.predict import EvenSeries
from services.gateway.quotas import Quotas
from tests.data import MONDAY, plausible_kw
from tests.specs import a_spec
from tests.unit.gateway.test_predict import ZERO, FakeModelServer, predictor_of, serving


async def backtester(*, per_minute=10**6, answer=ZERO, server=None):
    server = server or FakeModelServer({1: serving(a_spec(mean=160.0), serving_default=ZERO)})
    made = Backtester(await predictor_of(server), Quotas(per_minute), 1.0)
    server.versions[1]["serving_default"] = answer
    return made


async def run(backtester, rows=690, *, caller="ada", stride=1, timeout_s=5.0):
    calls.begin(None)
    calls.note_caller(caller)
    history = EvenSeries(MONDAY, np.array(plausible_kw(rows)))
    _, report = await backtester.run("gru", history, stride, Deadline.after(timeout_s))
    return report


class Slow(FakeModelServer):
    """Answers once it may."""

    async def predict(self, *arguments, **options):
        if hasattr(self, "may"):
            await self.may.wait()
        return await super().predict(*arguments, **options)


async def test_every_window_is_forecast():
    assert (await run(await backtester(), 690)).windows == 11
    assert (await run(await backtester(), 690, stride=4)).windows == 3


async def test_every_forecast_counts_towards_the_quota():
    made = await backtester(per_minute=15)
    await run(made, 690)
    with pytest.raises(OverQuotaError):
        await run(made, 690)
    await run(made, 690, caller="bob")


async def test_a_caller_has_one_at_a_time_and_all_callers_have_two():
    server = Slow({1: serving(a_spec(mean=160.0), serving_default=ZERO)})
    made = await backtester(server=server)
    server.may = asyncio.Event()
    running = [asyncio.create_task(run(made, caller=f"caller-{i}")) for i in range(MOST_AT_A_TIME)]
    await asyncio.sleep(0.1)
    with pytest.raises(OverloadedError, match="of yours"):
        await run(made, caller="caller-0")
    with pytest.raises(OverloadedError, match="Other backtests"):
        await run(made, caller="somebody else")
    server.may.set()
    await asyncio.gather(*running)
    await run(made, caller="somebody else")


@pytest.mark.parametrize("timeout_s", [0.0, 0.2])
async def test_one_that_is_not_done_in_time_says_what_to_do_and_makes_room(timeout_s):
    server = Slow({1: serving(a_spec(mean=160.0), serving_default=ZERO)})
    made = await backtester(server=server)
    server.may = asyncio.Event()
    with pytest.raises(DeadlineError, match="stride"):
        await run(made, timeout_s=timeout_s)
    server.may.set()
    assert (await run(made)).windows == 11


async def test_one_whose_caller_went_away_makes_room():
    server = Slow({1: serving(a_spec(mean=160.0), serving_default=ZERO)})
    made = await backtester(server=server)
    server.may = asyncio.Event()
    left = asyncio.create_task(run(made))
    await asyncio.sleep(0.1)
    left.cancel()
    await asyncio.wait([left])
    server.may.set()
    assert (await run(made)).windows == 11


@pytest.mark.parametrize("answer", [ZERO * np.nan, ZERO + np.float32(1e30), ModelFailedError("it broke")])
async def test_a_model_that_answers_no_powers_has_no_report(answer):
    with pytest.raises(ModelFailedError):
        await run(await backtester(answer=answer))


async def test_what_cannot_be_judged_is_said_however_little_time_there_is():
    with pytest.raises(InvalidSeriesError, match="680 rows"):
        await run(await backtester(), 679, timeout_s=0.0)
