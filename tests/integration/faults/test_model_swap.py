"""A new version, and the old one again, under load: nobody notices but by the version their answer names."""

import asyncio

import numpy as np
import pytest

from tests.data import plausible_kw
from tests.integration.faults.behaviour import KW_PER_VERSION
from tests.integration.faults.callers import HORIZON, HTTPS
from tests.integration.faults.load import offer
from tests.integration.faults.report import LONG, add_row

LAST_KW = np.array(plausible_kw(672)[-HORIZON:])


async def answers_come_from(callers, version):
    async with asyncio.timeout(10):
        while (await callers.call(HTTPS)).version != version:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.mark.requirement("FR8")
@pytest.mark.parametrize("rolling", [False, True] if LONG else [True])
async def test_every_answer_is_of_the_version_it_names(callers_of_three, servers, rolling):
    async def serve(*versions):
        for server in servers:
            server.serve_versions(*versions)
            await asyncio.sleep(0.3 if rolling else 0)

    callers = callers_of_three
    await answers_come_from(callers, 1)
    load = asyncio.create_task(offer(callers, per_s=40, seconds=9 if rolling else 6))
    for newest, versions in ((2, (1, 2)), (2, (2,)), (2, (1, 2)), (1, (1,))):
        await serve(*versions)
        await answers_come_from(callers, newest)
        await asyncio.sleep(0.5)
    outcomes = await load
    add_row(f"version swapped and rolled back, {'one after another' if rolling else 'all at once'}", outcomes)
    assert [outcome for outcome in outcomes if outcome.result != "answered"] == []
    assert {outcome.version for outcome in outcomes} == {1, 2}
    for outcome in outcomes:
        expected_kw = LAST_KW + KW_PER_VERSION * (outcome.version - 1)
        np.testing.assert_allclose(outcome.kw, expected_kw, atol=0.05)
