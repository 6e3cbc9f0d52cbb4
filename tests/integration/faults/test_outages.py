"""Model servers die and come back under load: nobody notices one, all are told of at once."""

import asyncio
import time
from contextlib import ExitStack

import pytest

from services.local.ports import free_ports
from tests.integration.faults.callers import Callers
from tests.integration.faults.gateways import Gateway
from tests.integration.faults.load import offer, recovered
from tests.integration.faults.model_servers import EmbeddedModelServer
from tests.integration.faults.report import LONG, add_row, percentile_ms

KILLING_S = 60 if LONG else 15
PER_S = 100 if LONG else 50
"""Half of them on each edge."""
BETWEEN_KILLS_S = 3.0
OUTAGE_S = 10 if LONG else 5
BACK_S = 6.0


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    """Three embedded model servers."""
    folder = tmp_path_factory.mktemp("model-servers")
    ports = [free_ports().model_server for _ in range(3)]
    with ExitStack() as stack:
        found = [EmbeddedModelServer(folder, port) for port in ports]
        for each in found:
            each.start()
            stack.callback(each.kill)
        for each in found:
            each.wait_until_serving()
        yield found


async def kill_in_turn(model_servers, until_s):
    """Kill one, start it again, and once it serves the next; how often."""
    kills = 0
    while time.monotonic() + BETWEEN_KILLS_S < until_s:
        await asyncio.sleep(BETWEEN_KILLS_S)
        each = model_servers[kills % len(model_servers)]
        each.kill()
        each.start()
        kills += 1
        await asyncio.to_thread(each.wait_until_serving)
    return kills


async def test_one_of_three_is_killed_again_and_again_and_no_call_fails(home, embedded):
    with Gateway(home, [each.address for each in embedded], **EmbeddedModelServer.GATEWAY) as gateway:
        async with Callers(gateway) as callers:
            await recovered(callers)
            until_s = time.monotonic() + KILLING_S
            killing = asyncio.create_task(kill_in_turn(embedded, until_s))
            outcomes = await offer(callers, per_s=PER_S, seconds=KILLING_S)
            kills = await killing
    add_row("one of three model servers killed every few seconds", outcomes, kills=kills)
    assert kills >= (4 if LONG else 1)
    assert [outcome for outcome in outcomes if outcome.result != "answered"] == []


async def test_all_are_down_and_come_back(callers_of_three, servers):
    for server in servers:
        server.down()
    down_s = time.monotonic()
    outcomes = await offer(callers_of_three, per_s=40, seconds=OUTAGE_S)
    for server in servers:
        server.up()
    up_s = time.monotonic()
    recovered_s = await recovered(callers_of_three) - up_s
    afterwards = await offer(callers_of_three, per_s=40, seconds=2)
    known = [outcome for outcome in outcomes if outcome.began_s > down_s + 1]
    add_row(
        f"all model servers down {OUTAGE_S} s", outcomes, recovered_s=recovered_s,
        known_p50_ms=percentile_ms(known, 50), known_p99_ms=percentile_ms(known, 99),
    )  # fmt: skip
    assert {outcome.result for outcome in outcomes} == {"refused cleanly"}
    assert {outcome.code for outcome in outcomes} == {"503", "UNAVAILABLE"}
    assert percentile_ms(known, 99 if LONG else 50) < 50
    assert recovered_s <= BACK_S
    assert {outcome.result for outcome in afterwards} == {"answered"}
