"""One channel to each model server, made once; a server that comes back or is unwell is noticed."""

import asyncio
import time
from collections import Counter

from tests.integration.faults.load import at_once, offer, recovered
from tests.integration.faults.report import LONG, add_row

RECONNECTED_S = 6.0
"""The longest pause between attempts to reconnect, 5 s, and some."""


def shares(servers):
    counts = [len(server.record().windows) for server in servers]
    return [count / sum(counts) for count in counts]


async def test_all_calls_go_over_one_connection_to_each_model_server(callers_of_three, servers):
    count = 10_000 if LONG else 300
    outcomes = []
    for _ in range(count // 20):
        outcomes += await at_once(callers_of_three, 20)
    assert Counter(outcome.result for outcome in outcomes) == {"answered": count}
    for server in servers:
        assert len({call.peer for call in server.record().windows}) == 1
    for share in shares(servers):
        assert abs(share - 1 / 3) < 0.05


async def test_a_model_server_that_says_it_is_unwell_is_left_alone(callers_of_three, servers):
    unwell, *well = servers
    unwell.say_serving(yes=False)
    await asyncio.sleep(1)
    for server in servers:
        server.forget()
    outcomes = await offer(callers_of_three, per_s=60, seconds=5 if LONG else 3)
    assert all(outcome.result == "answered" for outcome in outcomes)
    assert unwell.record().windows == []
    for share in shares(well):
        assert abs(share - 1 / 2) < 0.05
    unwell.say_serving(yes=True)
    await asyncio.sleep(1)
    await at_once(callers_of_three, 30)
    assert unwell.record().windows != []


async def test_a_model_server_that_turns_unwell_under_load_loses_no_call(callers_of_three, servers):
    load = asyncio.create_task(offer(callers_of_three, per_s=60, seconds=3))
    for server in servers:
        await asyncio.sleep(0.5)
        server.say_serving(yes=False)
        await asyncio.sleep(0.5)
        server.say_serving(yes=True)
    outcomes = await load
    add_row("model servers say in turn that they are unwell", outcomes)
    assert all(outcome.result == "answered" for outcome in outcomes)


async def test_a_model_server_that_goes_away_and_comes_back_is_found_again(callers, server):
    times = 20 if LONG else 4
    waits_s, outcomes = [], []
    for round_ in range(times):
        server.down()
        pause = asyncio.create_task(asyncio.sleep(0.2 + 0.2 * (round_ % 4)))
        while not pause.done():
            outcomes += await at_once(callers, 2)
            await asyncio.sleep(0.05)
        server.up()
        began = time.monotonic()
        waits_s.append(await recovered(callers, answers=1) - began)
    add_row(f"model server down and up, {times} times", outcomes, recovered_s=max(waits_s))
    assert {outcome.result for outcome in outcomes} == {"refused cleanly"}
    assert max(waits_s) <= RECONNECTED_S
