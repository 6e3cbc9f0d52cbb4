"""`make bench-load`: how both edges and the model server behave as load rises, and beyond what they can do.

A week of the sample to the GRU, due at random, at shares of what each way can do, which callers who wait
measure first. Then the same with batching, with more model servers and with more workers of the gateway. All
of it on one machine, callers too: what more processes gain is bounded by its processors.
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import grpc
import grpc.aio
import uvloop
from rich.progress import Progress

from pipelines.preprocessing.features import known_input
from services.local.home import Home
from services.local.pair import HOST
from tests.benchmarks import load_report
from tests.benchmarks.deployments import add_arguments, deployment
from tests.benchmarks.edge_clients import last_week
from tests.benchmarks.open_loop import Call, Point, capacity_per_s, offer
from tests.benchmarks.predict_clients import GrpcPredict
from tests.benchmarks.servers import BATCHING, MODEL, StartError, model_server
from tests.integration.faults.callers import HTTPS, RPC, Callee, Callers, Result
from tests.integration.faults.gateways import Gateway
from wattgate.tfserving.methods import PREDICT

DIRECT = "model server"
SHARES = (0.25, 0.5, 0.75, 0.9, 1.1, 1.5, 2.0)
"""Of what a way can do."""
CALLERS = (16, 64)
"""Who wait, to measure that: the better of the two."""
CONNECTIONS = 4
"""Of gRPC callers: each worker of a gateway answers those that it has."""
TIMEOUT_S = 3.0
"""Of a call to the model server; the gateway has its own."""
UNLIMITED = 100_000_000


class NothingAnsweredError(Exception):
    """There is nothing to measure; the message says where."""


class Setup(NamedTuple):
    """What runs."""

    name: str
    ways: tuple[str, ...]
    model_servers: int = 1
    workers: int = 1
    is_batching: bool = False


SETUPS = (
    Setup("one of each", (DIRECT, RPC, HTTPS)),
    Setup("batching", (DIRECT, RPC, HTTPS), is_batching=True),
    Setup("2 workers", (RPC, HTTPS), workers=2),
    Setup("2 model servers", (RPC, HTTPS), model_servers=2),
    Setup("3 model servers", (RPC, HTTPS), model_servers=3),
)


class Way(NamedTuple):
    """One way to a forecast, measured."""

    capacities_per_s: tuple[float, float]
    """By callers who wait, before the load and after it: as much apart as the machine was unsteady."""
    points: tuple[Point, ...]


def main() -> None:
    """Measure, print the tables, keep report, samples and plots."""
    parser = argparse.ArgumentParser(prog="make bench-load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of load at each rate (default: 5)")
    parser.add_argument(
        "--setups", nargs="*", choices=[one.name for one in SETUPS], help="what is to run (default: all)"
    )
    add_arguments(parser)
    asked = parser.parse_args()
    if asked.seconds <= 0:
        parser.error("--seconds must be above 0")
    remote = deployment(parser, asked)
    measured: dict[tuple[str, str], Way] = {}
    with Progress(transient=True) as progress:
        try:
            if remote:
                setup = Setup(remote.name, (RPC, HTTPS))
                measured |= uvloop.run(_measure(setup, remote, None, asked.seconds, progress))
            for setup in SETUPS:
                if remote or (asked.setups and setup.name not in asked.setups):
                    continue
                with _running(setup) as (gateway, target):
                    measured |= uvloop.run(_measure(setup, gateway, target, asked.seconds, progress))
        except StartError as error:
            sys.exit(f"A model server did not start:\n{error}")
        except NothingAnsweredError as error:
            sys.exit(f"{error}. Is the token still good, and may it forecast?")
    load_report.report(measured, seconds=asked.seconds)


@contextlib.contextmanager
def _running(setup: Setup) -> Iterator[tuple[Gateway, str]]:
    """A gateway, and the target of a model server behind it. Raises StartError."""
    flags = ("--enable_batching", f"--batching_parameters_file={BATCHING}") if setup.is_batching else ()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        home = Home(Path(folder))
        home.set_up()
        targets = [
            f"{HOST}:{stack.enter_context(model_server(home.folder / f'{i}.log', *flags)).grpc}"
            for i in range(setup.model_servers)
        ]
        settings = {
            "models": f'["{MODEL}"]',
            "default_model": MODEL,
            "workers": setup.workers,
            "forecasts_per_minute": UNLIMITED,
        }
        yield stack.enter_context(Gateway(home, targets, **settings)), targets[0]


async def _measure(
    setup: Setup, callee: Callee, target: str | None, seconds: float, progress: Progress
) -> dict[tuple[str, str], Way]:
    """Every way of a setup."""
    task = progress.add_task(setup.name, total=len(setup.ways) * (len(SHARES) + 2))
    found = {}
    async with _calls(callee, target) as calls:
        for name in setup.ways:

            async def capacity(call: Call = calls[name]) -> float:
                found = [
                    await capacity_per_s(call, callers=callers, seconds=seconds / 4) for callers in CALLERS
                ]
                progress.advance(task)
                return max(found)

            await capacity_per_s(calls[name], callers=CALLERS[0], seconds=seconds / 10)
            before = await capacity()
            if not before:
                raise NothingAnsweredError(f"{setup.name}, {name}: no call was answered")
            points = []
            for share in SHARES:
                points.append(await offer(calls[name], per_s=share * before, seconds=seconds))
                progress.advance(task)
            found[setup.name, name] = Way((before, await capacity()), tuple(points))
    progress.remove_task(task)
    return found


@asynccontextmanager
async def _calls(callee: Callee, target: str | None) -> AsyncIterator[Mapping[str, Call]]:
    """How each way is called."""
    async with AsyncExitStack() as stack:
        each = [await stack.enter_async_context(Callers(callee, csv=last_week())) for _ in range(CONNECTIONS)]
        turns = cycle(each)

        async def over(callers: Callers, edge: str) -> Result:
            return (await callers.call(edge)).result

        calls: dict[str, Call] = {
            HTTPS: lambda: over(each[0], HTTPS),
            RPC: lambda: over(next(turns), RPC),
        }
        if target is None:
            yield calls
            return
        with GrpcPredict(target) as client:
            spec = client.spec(MODEL)
            request = client.encoded(MODEL, spec.signatures[0], spec, known_input(spec))
        async with grpc.aio.insecure_channel(target) as channel:
            predict = channel.unary_unary(PREDICT)

            async def direct() -> Result:
                try:
                    await predict(request, timeout=TIMEOUT_S)
                except grpc.aio.AioRpcError as error:
                    is_late = error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
                    return "lost" if is_late else "failed"
                return "answered"

            calls[DIRECT] = direct
            yield calls


if __name__ == "__main__":
    main()
