"""`make bench-wan`: the thesis' Table 6.3 without a cloud: callers far away, over links of several kinds.

A week of the sample to the GRU over HTTPS and gRPC, each over a connection that is kept and over a new one
for each call, by turns. The links delay and lose packets between real TCP ends, where the machine permits
that (see wan_link.py); elsewhere a proxy makes answers late, and connections open as fast as ever. `--target`
measures a gateway where it is.
"""

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from services.local.home import Home
from services.local.pair import HOST
from tests.benchmarks import wan_link, wan_report
from tests.benchmarks.deployments import add_arguments, deployment
from tests.benchmarks.edge_clients import HOSTNAME, GrpcForecast, HttpsCall, csv_request, last_week
from tests.benchmarks.measure import Call, by_turns
from tests.benchmarks.servers import MODEL, StartError, model_server
from tests.benchmarks.wan_link import Conditions, Link
from tests.integration.faults.callers import Callee
from tests.integration.faults.gateways import Gateway
from tests.integration.faults.proxy import FaultProxy, Network

LINKS = {
    "no delay": Conditions(),
    "20 ms": Conditions(20),
    "20 ms, jitter 5 ms": Conditions(20, jitter_ms=5),
    "20 ms, 1 % lost": Conditions(20, loss=0.01),
    "80 ms": Conditions(80),
}
BY_PROXY = {name: LINKS[name] for name in ("no delay", "20 ms", "80 ms")}
INSIDE = "--inside"
"""Said to the process in the namespace."""
TOLERANCE = 1e-6
SETTINGS = {"models": f'["{MODEL}"]', "default_model": MODEL}
EVERYWHERE = "0.0.0.0"
"""Within the namespace: nobody else is there."""


def main() -> None:
    """Measure, print the table, keep report, samples and plot."""
    parser = argparse.ArgumentParser(prog="make bench-wan", description=__doc__)
    parser.add_argument("--n", type=int, default=100, help="requests of each kind (default: 100)")
    parser.add_argument("--links", nargs="*", choices=LINKS, default=list(LINKS), help="default: all")
    parser.add_argument(
        "--by-proxy", action="store_true", help="have a proxy for a link, even where it need not be"
    )
    parser.add_argument(INSIDE, action="store_true", help=argparse.SUPPRESS)
    add_arguments(parser)
    asked = parser.parse_args()
    if asked.n < 1:
        parser.error("--n must be at least 1")
    remote = deployment(parser, asked)
    if remote:
        found = _measured(remote, remote.https_address, remote.grpc_target, asked.n, rpc_name=None)
        wan_report.report({"as it is": found}, {"as it is": None}, n=asked.n, how="a gateway where it is")
        return
    if not asked.inside and not asked.by_proxy and wan_link.is_permitted():
        command = [*wan_link.NAMESPACE, sys.executable, "-m", "tests.benchmarks.wan", *sys.argv[1:], INSIDE]
        os.execvp(command[0], command)
    links = {name: one for name, one in (LINKS if asked.inside else BY_PROXY).items() if name in asked.links}
    if not links:
        sys.exit("A proxy loses nothing and has no jitter: name other links")
    measure, how = (
        (_over_link, "packets delayed and lost") if asked.inside else (_by_proxy, "answers delayed")
    )
    try:
        samples_s = measure(links, asked.n)
    except StartError as error:
        sys.exit(f"The model server did not start:\n{error}")
    wan_report.report(samples_s, links, n=asked.n, how=how)


Samples = dict[str, list[float]]


def _over_link(links: Mapping[str, Conditions], n: int) -> dict[str, Samples]:
    """In the namespace: every link, one after another."""
    found = {}
    with Link() as link, _gateway(bind_address=EVERYWHERE) as gateway:
        for name, conditions in links.items():
            link.be(conditions)
            there = f"{wan_link.THERE}:{gateway.grpc_port}"
            found[name] = _measured(gateway, (wan_link.THERE, gateway.https_port), there, n)
            link.be(Conditions())
    return found


def _by_proxy(links: Mapping[str, Conditions], n: int) -> dict[str, Samples]:
    """Two proxies for a link: what the server says comes a round trip later."""
    found = {}
    with _gateway() as gateway, FaultProxy(gateway.https_port) as https, FaultProxy(gateway.grpc_port) as rpc:
        for name, conditions in links.items():
            for proxy in (https, rpc):
                proxy.be(Network(latency_s=conditions.rtt_ms / 1000))
            found[name] = _measured(gateway, (HOST, https.port), rpc.address, n)
    return found


@contextmanager
def _gateway(**settings: str) -> Iterator[Gateway]:
    """One before a model server of its own. Raises StartError."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        home.set_up()
        with (
            model_server(home.folder / "model-server.log") as served,
            Gateway(home, [f"{HOST}:{served.grpc}"], **SETTINGS, **settings) as gateway,
        ):
            yield gateway


def _measured(
    callee: Callee, https: tuple[str, int], rpc: str, n: int, *, rpc_name: str | None = HOSTNAME
) -> Samples:
    """Both protocols, over connections kept and new, by turns."""
    week, name, ca_file = last_week(), callee.name, callee.ca_file
    request = csv_request(MODEL, callee.token, week, host=name)
    open_https: Callable[[], HttpsCall] = partial(HttpsCall, *https, ca_file, request, name=name)
    open_rpc: Callable[[], GrpcForecast] = partial(GrpcForecast, rpc, ca_file, callee.token, name=rpc_name)
    with contextlib.ExitStack() as stack:
        kept_https, kept_rpc = stack.enter_context(open_https()), stack.enter_context(open_rpc())

        def new_https() -> object:
            with open_https() as call:
                return call.forecast()

        def new_rpc() -> object:
            with open_rpc() as call:
                return call.forecast(MODEL, week)

        calls: dict[str, Call] = {
            "https_kept": kept_https.forecast,
            "grpc_kept": lambda: kept_rpc.forecast(MODEL, week),
            "https_new": new_https,
            "grpc_new": new_rpc,
        }
        return by_turns(calls, n, tolerances=dict.fromkeys(calls, TOLERANCE))


if __name__ == "__main__":
    main()
