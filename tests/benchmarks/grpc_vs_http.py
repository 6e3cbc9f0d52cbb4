"""`make bench-grpc-vs-http`: the thesis' Table 6.2 on this machine, and what the difference is made of.

One model server, one model, one window, over gRPC and over HTTP/JSON by turns, each on a connection kept
open, timed from array to array. Then what encoding and decoding take, a call with next to nothing in it, and
a call over a connection of its own; the same by 1, 4 and 16 callers at once; and a call's processor time.
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich import get_console

from pipelines.preprocessing.features import known_input
from pipelines.spec import ForecastSpec
from services.local.pair import HOST
from tests.benchmarks import grpc_vs_http_report
from tests.benchmarks.closed_loop import ROUNDS, under_load
from tests.benchmarks.measure import Call, by_turns, cpu_ms
from tests.benchmarks.predict_clients import GrpcPredict, HttpPredict
from tests.benchmarks.servers import MODEL, StartError, model_server

CALLERS = (1, 4, 16)
NOTHING = np.zeros(0, np.float32)

Client = GrpcPredict | HttpPredict


class Target(NamedTuple):
    """Where a model server answers, and its process where it is one of ours."""

    grpc: str
    rest: str
    pid: int | None

    def client(self, protocol: str) -> Client:
        """A client with a connection of its own."""
        if protocol == "grpc":
            return GrpcPredict(self.grpc)
        host, _, port = self.rest.rpartition(":")
        return HttpPredict(host, int(port), MODEL)


def main() -> None:
    """Measure, print the tables, keep report, samples and plot."""
    asked = _arguments()
    try:
        with contextlib.ExitStack() as stack:
            with get_console().status("Starting"):
                target = _target(stack, asked.target, asked.rest_target)
            clients = {name: stack.enter_context(target.client(name)) for name in ("grpc", "http")}
            _measure(target, clients, asked.n)
    except StartError as error:
        sys.exit(f"The model server did not start:\n{error}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-grpc-vs-http", description=__doc__)
    parser.add_argument("--n", type=int, default=100, help="requests over each protocol (default: 100)")
    parser.add_argument("--target", metavar="HOST:PORT", help=f"gRPC of another server of {MODEL}")
    parser.add_argument("--rest-target", metavar="HOST:PORT", help="its REST")
    asked = parser.parse_args()
    if asked.n < ROUNDS:
        parser.error(f"--n must be at least {ROUNDS}")
    if (asked.target is None) != (asked.rest_target is None):
        parser.error("--target and --rest-target go together")
    return asked


def _target(stack: contextlib.ExitStack, grpc_target: str | None, rest_target: str | None) -> Target:
    """The server that is named, or one of our own."""
    if grpc_target and rest_target:
        return Target(grpc_target, rest_target, None)
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    served = stack.enter_context(model_server(Path(folder) / "server.log"))
    return Target(f"{HOST}:{served.grpc}", f"{HOST}:{served.rest}", served.pid)


def _measure(target: Target, clients: Mapping[str, Client], n: int) -> None:
    grpc = clients["grpc"]
    assert isinstance(grpc, GrpcPredict)
    spec = grpc.spec(MODEL)
    signature, window = spec.signatures[0], known_input(spec)
    calls: dict[str, Call] = {
        name: partial(client.predict, MODEL, signature, spec, window) for name, client in clients.items()
    }
    samples_s = by_turns(calls, n)
    requests = {name: client.encoded(MODEL, signature, spec, window) for name, client in clients.items()}
    answers = {name: client.exchange(requests[name]) for name, client in clients.items()}
    parts: dict[str, Call] = {}
    for name, client in clients.items():
        parts |= {
            f"{name}_encode": _without_answer(partial(client.encoded, MODEL, signature, spec, window)),
            f"{name}_decode": _without_answer(partial(client.decoded, answers[name], spec)),
            f"{name}_empty": _without_answer(partial(client.status, MODEL)),
            f"{name}_fresh": _without_answer(partial(_fresh, target, name, signature, spec, window)),
        }
    parts_s = by_turns(parts, n)
    grpc_vs_http_report.report(
        samples_s,
        parts_s,
        under_load(calls, CALLERS, n),
        sizes={name: (len(requests[name]), len(answers[name])) for name in clients},
        cpu=cpu_ms(calls, n, target.pid),
        of_server=target.pid is not None,
        signature=signature,
        n=n,
    )


def _without_answer(part: Callable[[], object]) -> Call:
    def call() -> NDArray[np.float32]:
        part()
        return NOTHING

    return call


def _fresh(
    target: Target, protocol: str, signature: str, spec: ForecastSpec, window: NDArray[np.float32]
) -> None:
    with target.client(protocol) as client:
        client.predict(MODEL, signature, spec, window)


if __name__ == "__main__":
    main()
