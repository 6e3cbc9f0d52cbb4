"""Two gateways before three model servers, each on a host of its own, under load while hosts are cut off.

`python -m tests.integration.hosts.scene FOLDER TARGETS`, within `site.NAMESPACE`, prints what became of the
calls, as JSON. TARGETS are the model servers as gateways are told of them.
"""

import asyncio
import json
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from services.local.certificates import ensure_certificates
from services.local.home import Home
from tests.integration.faults.callers import Callers, Outcome
from tests.integration.faults.gateways import Gateway
from tests.integration.faults.load import offer, recovered
from tests.integration.faults.model_servers import ToldModelServer, ToldModelServers
from tests.integration.hosts.site import NETWORK, Host, make_switch

NAME = "model-servers"
"""Stands for all of their addresses."""
PORT = 8500
MODEL_SERVERS, GATEWAYS = (11, 12, 13), (21, 22)
ADDRESSES = [f"{NETWORK}.{number}" for number in MODEL_SERVERS]

PER_S = 40
SECONDS, CUT_S = 4.0, 10.0


class HostGateway(Gateway):
    """A gateway on a host; callers are elsewhere."""

    def __init__(self, home: Home, host: Host, targets: str) -> None:
        super().__init__(home, [targets], bind_address="0.0.0.0", max_in_flight=64)
        self.within, self._host = host.within, host.address
        self.url = f"https://{host.address}:{self.https_port}"

    @property
    def https_address(self) -> tuple[str, int]:
        return self._host, self.https_port

    @property
    def grpc_target(self) -> str:
        return f"{self._host}:{self.grpc_port}"


async def spread(both: list[Callers], servers: list[ToldModelServer]) -> dict[str, Any]:
    """What became of calls to both gateways, and the share of each model server."""
    for server in servers:
        server.forget()
    outcomes = await calls(both, SECONDS)
    counts = [len(server.record().windows) for server in servers]
    return {**told(outcomes), "shares": [round(count / sum(counts), 3) for count in counts]}


async def calls(both: list[Callers], seconds: float) -> list[Outcome]:
    found = await asyncio.gather(*(offer(callers, per_s=PER_S / 2, seconds=seconds) for callers in both))
    return [outcome for outcomes in found for outcome in outcomes]


def told(outcomes: list[Outcome]) -> dict[str, Any]:
    return {
        "outcomes": Counter(f"{outcome.result}: {outcome.code}" for outcome in outcomes),
        "longest_s": round(max(outcome.took_s for outcome in outcomes), 2),
    }


async def play(
    gateways: list[Gateway], hosts: dict[int, Host], servers: list[ToldModelServer]
) -> dict[str, Any]:
    """What became of all calls, part by part."""
    report = {}
    async with Callers(gateways[0]) as one, Callers(gateways[1]) as other:
        both = [one, other]
        for callers in both:
            await recovered(callers, answers=20)
        report["all there"] = await spread(both, servers)
        load = asyncio.create_task(calls(both, CUT_S))
        await asyncio.sleep(1)
        hosts[MODEL_SERVERS[1]].cut_off()
        await asyncio.sleep(CUT_S / 2)
        hosts[MODEL_SERVERS[1]].bring_back()
        report["one cut off and brought back"] = told(await load)
        await asyncio.sleep(SECONDS)
        report["all there again"] = await spread(both, servers)
        hosts[GATEWAYS[1]].cut_off()
        report["without the other gateway"] = told(await offer(one, per_s=PER_S, seconds=SECONDS / 2))
        hosts[GATEWAYS[1]].bring_back()
        await recovered(other, within_s=30)
        report["with it again"] = told(await calls(both, SECONDS / 2))
    return report


def main() -> None:
    """Build it, play it, tell."""
    folder, targets = Path(sys.argv[1]), sys.argv[2]
    make_switch()
    home = Home(folder)
    home.set_up()
    files = (home.ca_file, home.certificate, home.key)
    ensure_certificates(*files, hosts=[f"{NETWORK}.{number}" for number in GATEWAYS])
    with ExitStack() as stack:
        hosts = {
            number: stack.enter_context(Host(number, {NAME: ADDRESSES}, folder))
            for number in (*MODEL_SERVERS, *GATEWAYS)
        }
        servers = []
        for number in MODEL_SERVERS:
            host = hosts[number]
            servers += stack.enter_context(ToldModelServers(1, host.address, PORT, within=host.within))
        gateways: list[Gateway] = [
            stack.enter_context(HostGateway(home, hosts[number], targets)) for number in GATEWAYS
        ]
        report = asyncio.run(play(gateways, hosts, servers))
    print(json.dumps(report, indent=2))  # noqa: T201 - whoever started it reads that


if __name__ == "__main__":
    main()
