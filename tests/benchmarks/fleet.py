"""`make bench-fleet`: a window in a call of its own, in a stream of many, and at the model server alone.

Each meter sends a week of quarter-hours as a series; the model server's own throughput is that of
batches of the largest size it is warmed for, two at a time, from tensors that are ready.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp
from rich.progress import track

from pipelines.preprocessing.features import known_input
from pipelines.spec import ForecastSpec
from tests.benchmarks.measure import machine
from tests.benchmarks.noise import noise, said
from tests.benchmarks.predict_clients import GrpcPredict
from tests.benchmarks.report import Sheet, keep_report, keep_samples, plot, show
from tests.benchmarks.servers import MODEL, shipped_pair
from wattgate import Client
from wattgate.forecast.v1 import forecast_service_pb2 as pb
from wattgate.forecast.v1.forecast_service_pb2_grpc import ForecastServiceStub

NAME = "fleet"
ROUNDS = 5
"""The kinds take turns, so that what else the machine does hits all alike."""
FLEET = 10_000
"""Meters that are to be done within a quarter-hour, at best within a minute."""
AT_WORK = 2
TIMEOUT_S = 300.0

Run = Callable[[int], None]
"""Computes so many windows."""


def main() -> None:
    """Measure, print the table, keep report, samples and plot."""
    parser = argparse.ArgumentParser(prog="make bench-fleet", description=__doc__)
    parser.add_argument("--n", type=int, default=FLEET, help=f"windows in streams (default: {FLEET})")
    n = parser.parse_args().n
    if n < ROUNDS * 100:
        parser.error(f"--n must be at least {ROUNDS * 100}")
    with shipped_pair() as (pair, _):
        demo = pair.demo()
        ca_file = Path(demo.ca_file)
        with Client(demo.https, username=demo.username, password=demo.password, ca_file=ca_file) as client:
            token = client.login().access_token
        trust = grpc.ssl_channel_credentials(ca_file.read_bytes())
        with (
            grpc.secure_channel(demo.grpc, trust) as channel,
            GrpcPredict(demo.model_server) as direct,
        ):
            spec = direct.spec(MODEL)
            stub, bearer = ForecastServiceStub(channel), (("authorization", f"Bearer {token}"),)
            seconds = _by_turns(
                {
                    "single": (_single(stub, bearer, spec), n // 10),
                    "stream": (_stream(stub, bearer, spec), n),
                    "direct": (_direct(direct, spec), n),
                }
            )
    _report(seconds, n)


def _request(spec: ForecastSpec) -> pb.ForecastRequest:
    known = spec.known_request
    start = Timestamp()
    start.FromDatetime(known.start)
    return pb.ForecastRequest(model=MODEL, series=pb.LoadSeries(start=start, kw=known.history_kw))


def _single(stub: ForecastServiceStub, bearer: tuple[tuple[str, str], ...], spec: ForecastSpec) -> Run:
    request = _request(spec)

    def run(n: int) -> None:
        for _ in range(n):
            stub.Forecast(request, metadata=bearer, timeout=TIMEOUT_S)

    return run


def _stream(stub: ForecastServiceStub, bearer: tuple[tuple[str, str], ...], spec: ForecastSpec) -> Run:
    request = _request(spec)

    def meters(n: int) -> Iterator[pb.ForecastStreamRequest]:
        for i in range(n):
            yield pb.ForecastStreamRequest(id=str(i), request=request)

    def run(n: int) -> None:
        answers = stub.ForecastStream(meters(n), metadata=bearer, timeout=TIMEOUT_S)
        answered = sum(answer.HasField("forecast") for answer in answers)
        assert answered == n, f"{n - answered} windows were not forecast"

    return run


def _direct(client: GrpcPredict, spec: ForecastSpec) -> Run:
    size = spec.batch_sizes[-1]
    batch = np.repeat(known_input(spec), size, axis=0)

    def run(n: int) -> None:
        def one(_: int) -> None:
            client.predict(MODEL, spec.signatures[0], spec, batch)

        with ThreadPoolExecutor(AT_WORK) as callers:
            list(callers.map(one, range(n // size)))

    return run


def _by_turns(runs: dict[str, tuple[Run, int]]) -> dict[str, list[float]]:
    """Seconds a window took, for each round of each kind, after one that is not counted."""
    for run, n in runs.values():
        run(n // ROUNDS // 5)
    samples: dict[str, list[float]] = {name: [] for name in runs}
    for _ in track(range(ROUNDS), "Forecasting", transient=True):
        for name, (run, n) in runs.items():
            began = time.perf_counter()
            run(n // ROUNDS)
            samples[name].append((time.perf_counter() - began) / (n // ROUNDS))
    return samples


def _report(seconds: dict[str, list[float]], n: int) -> None:
    ms = {name: float(np.median(samples)) * 1000 for name, samples in seconds.items()}
    samples_file = keep_samples(NAME, seconds)
    report = {
        "machine": machine(),
        "model": MODEL,
        "n": n,
        **{f"{name}_ms_per_window": round(value, 4) for name, value in ms.items()},
        "single_over_stream": round(ms["single"] / ms["stream"], 3),
        "stream_share_of_direct": round(ms["direct"] / ms["stream"], 3),
        "fleet": FLEET,
        "fleet_s": round(ms["stream"] * FLEET / 1000, 2),
        "samples_file": str(samples_file),
    }
    kept = keep_report(NAME, report)
    with plot(NAME, width=6) as (plotted, (axes,)):
        axes.barh(list(ms), [1000 / value for value in ms.values()])
        axes.set(xlabel="windows a second", title=f"Windows to the {MODEL}")
    rows = {name: (f"{value:.3f}", f"{1000 / value:.0f}") for name, value in ms.items()}
    told = (
        f"A stream is {report['single_over_stream']} times as fast as calls (target 3 or more) and reaches "
        f"{report['stream_share_of_direct']} of the model server's own throughput (0.6 or more); "
        f"{FLEET:,} meters take {report['fleet_s']} s."
    )
    sheet = Sheet(("one window", "ms", "a second"), rows)
    show(NAME, [sheet], [told, *said(noise(seconds))], [kept, samples_file, plotted])


if __name__ == "__main__":
    main()
