"""Gateways and model servers are restarted in turn under load: a call that may go to either is answered."""

import asyncio
import time
from collections import Counter
from contextlib import ExitStack
from itertools import count

from tests.integration.faults.callers import Callers
from tests.integration.faults.gateways import Gateway
from tests.integration.faults.load import answered_by_either, recovered
from tests.integration.faults.report import LONG, add_row
from tests.integration.faults.waiting import until

ROUNDS = 4 if LONG else 1
PER_S = 50


async def restart(gateway):
    """As an orchestrator does it: told to end, awaited, started, and sent calls once it is ready."""
    assert await asyncio.to_thread(gateway.end) == 0
    gateway.start()
    await asyncio.to_thread(gateway.wait_until_ready)


def peers_of(model_server):
    """The connections it was asked over."""
    return {call.peer for call in model_server.record().windows}


async def restart_all(gateways, both, model_servers):
    for _ in range(ROUNDS):
        for model_server in model_servers:
            model_server.down()
            await asyncio.sleep(1)
            model_server.up()
            # The next one goes once gateways have found this one again.
            peers = peers_of(model_server)
            await until(
                lambda server=model_server, before=peers: len(peers_of(server) - before) >= 2, within_s=10
            )
        for gateway, callers in zip(gateways, both, strict=True):
            await restart(gateway)
            # Likewise: a caller's gRPC channel takes a second or two to look again.
            await recovered(callers)


async def test_two_gateways_before_two_model_servers_are_restarted_in_turn(home, servers):
    model_servers = servers[:2]
    addresses = [server.address for server in model_servers]
    with ExitStack() as stack:
        gateways = [
            stack.enter_context(Gateway(home, addresses, max_in_flight=64, shutdown_delay_s=0.5))
            for _ in range(2)
        ]
        async with Callers(gateways[0]) as one, Callers(gateways[1]) as other:
            for callers in (one, other):
                await recovered(callers)
            restarting = asyncio.create_task(restart_all(gateways, (one, other), model_servers))
            began, calls = time.monotonic(), []
            for number in count():
                if restarting.done():
                    break
                calls.append(asyncio.create_task(answered_by_either((one, other), number)))
                await asyncio.sleep(max(began + number / PER_S - time.monotonic(), 0))
            outcomes = await asyncio.gather(*calls)
            await restarting
    add_row(f"two gateways and two model servers restarted in turn, {ROUNDS} times", outcomes)
    assert Counter(outcome.result for outcome in outcomes) == {"answered": len(outcomes)}
    assert len(outcomes) > 300
