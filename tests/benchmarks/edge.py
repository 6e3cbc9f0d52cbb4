"""`make bench-edge`: what the gateway's door costs over the model server behind it.

One week of the sample to the compiled GRU, by turns: a bare TLS echo of the upload, the model server alone
over gRPC, and the gateway over gRPC, over HTTPS, and over HTTPS as the thesis calls it. Then a year of rows
instead of a week, by turns; what a gateway takes to start; and the parts of its work, one by one.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import psutil
from numpy.typing import NDArray
from rich import get_console

from pipelines.postprocessing import denormalise
from pipelines.preprocessing.features import model_input
from pipelines.preprocessing.meter_file import read_meter_file
from services.local.home import Home
from services.local.pair import GATEWAY, HOST, Pair, PairError, Ports, running_pair
from services.local.ports import free_ports
from tests.benchmarks import edge_report
from tests.benchmarks.edge_clients import (
    GrpcForecast,
    HttpsCall,
    csv_request,
    last_week,
    upload_request,
)
from tests.benchmarks.edge_parts import parts, read_window
from tests.benchmarks.measure import Call, by_turns
from tests.benchmarks.predict_clients import GrpcPredict
from tests.benchmarks.servers import MODEL, MODELS, StartError, listening
from wattgate import Client

VERSION = MODELS / MODEL / "1"
YEAR = 365 * 96
LONG_FILES_PER = 5
"""One long file for so many short ones."""
STARTS = 3
START_TIMEOUT_S, POLL_S = 60, 0.01
TOLERANCE = 1e-6
"""How far forecasts of the same window by different ways may part."""
READYZ = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"


def main() -> None:
    """Measure, print the tables, keep report, samples and plot."""
    n = _arguments()
    ports = free_ports()
    try:
        with tempfile.TemporaryDirectory() as folder:
            home = Home(Path(folder))
            with contextlib.ExitStack() as stack:
                with get_console().status("Starting"):
                    pair = stack.enter_context(running_pair(home.folder, ports, MODELS))
                token = _login(pair)
                week = last_week()
                samples_s = _edges(home, ports, token, week, n)
                samples_s |= _long_files(home, ports, token, week, max(n // LONG_FILES_PER, 1))
                rss_mb = psutil.Process(pair.processes[GATEWAY].pid).memory_info().rss / 1e6
                starts_s = [_start_s(pair, home, ports) for _ in range(STARTS)]
                names = tuple(pair.model_names())
                model_server = pair.demo().model_server
                parts_s = parts(home, model_server, names, MODEL, VERSION, week, token, n)
    except PairError as error:
        sys.exit(str(error))
    except StartError as error:
        sys.exit(f"The echo did not start:\n{error}")
    edge_report.report(samples_s, parts_s, starts_s, gateway_rss_mb=rss_mb, n=n)


def _arguments() -> int:
    parser = argparse.ArgumentParser(prog="make bench-edge", description=__doc__)
    parser.add_argument("--n", type=int, default=500, help="requests of each kind (default: 500)")
    n: int = parser.parse_args().n
    if n < 1:
        parser.error("--n must be at least 1")
    return n


def _login(pair: Pair) -> str:
    demo = pair.demo()
    with Client(demo.https, username=demo.username, password=demo.password, ca_file=demo.ca_file) as client:
        return client.login().access_token


def _year(week: bytes, zone: ZoneInfo) -> bytes:
    """A year that ends with the week, in the same dialect: the week's values over and over."""
    header, *rows = week.decode().splitlines()
    last_s = int(read_meter_file(week, zone=zone).times_s[-1])
    values = [row.split(",")[1] for row in rows] * (YEAR // len(rows) + 1)
    times = [datetime.fromtimestamp(last_s - 900 * i, zone) for i in reversed(range(YEAR))]
    lines = [f"{time:%Y-%m-%d %H:%M:%S},{kw}" for time, kw in zip(times, values[-YEAR:], strict=True)]
    return "\n".join([header, *lines, ""]).encode()


def _edges(home: Home, ports: Ports, token: str, week: bytes, n: int) -> dict[str, list[float]]:
    """The same week by every way, by turns."""
    upload = csv_request(MODEL, token, week)
    with HttpsCall(HOST, ports.https, home.ca_file, upload) as call:
        reply = b"".join(call.reply())
    with contextlib.ExitStack() as stack:
        echo = stack.enter_context(_echo(home, upload, reply))
        direct = stack.enter_context(GrpcPredict(f"{HOST}:{ports.model_server}"))
        rpc = stack.enter_context(GrpcForecast(f"{HOST}:{ports.grpc}", home.ca_file, token))
        https = stack.enter_context(HttpsCall(HOST, ports.https, home.ca_file, upload))
        legacy = stack.enter_context(
            HttpsCall(HOST, ports.https, home.ca_file, upload_request(MODEL, token, week))
        )
        spec = direct.spec(MODEL)
        tensor = model_input(read_window(week, spec).load, spec)

        def direct_kw() -> NDArray[np.float64]:
            output = direct.predict(MODEL, spec.signatures[0], spec, tensor)[0]
            return denormalise(output, mean_kw=spec.load.mean, std_kw=spec.load.std)

        calls: dict[str, Call] = {
            "direct_grpc": direct_kw,
            "tls_echo": echo.forecast,
            "grpc_edge": lambda: rpc.forecast(MODEL, week),
            "https_edge": https.forecast,
            "https_legacy": legacy.forecast,
        }
        return by_turns(calls, n, tolerances=dict.fromkeys(calls, TOLERANCE))


@contextlib.contextmanager
def _echo(home: Home, upload: bytes, reply: bytes) -> Iterator[HttpsCall]:
    """A call of the bare server that answers with what the gateway answered. Raises StartError."""
    port = free_ports().https
    (home.folder / "reply").write_bytes(reply)
    command = [
        *(sys.executable, "-m", "tests.benchmarks.edge_floor", "--host", HOST, "--port", str(port)),
        *("--certificate", home.certificate, "--key", home.key, "--reply", home.folder / "reply"),
    ]
    with (
        listening(command, port, home.folder / "echo.log"),
        HttpsCall(HOST, port, home.ca_file, upload) as call,
    ):
        yield call


def _long_files(home: Home, ports: Ports, token: str, week: bytes, n: int) -> dict[str, list[float]]:
    """A year of rows and a week of them, by turns; not among the others, whose caches it would spoil."""
    with contextlib.ExitStack() as stack:
        direct = stack.enter_context(GrpcPredict(f"{HOST}:{ports.model_server}"))
        files = {"https_672": week, "https_35040": _year(week, direct.spec(MODEL).zone)}
        calls: dict[str, Call] = {
            name: stack.enter_context(
                HttpsCall(HOST, ports.https, home.ca_file, csv_request(MODEL, token, file))
            ).forecast
            for name, file in files.items()
        }
        return by_turns(calls, n)


def _start_s(pair: Pair, home: Home, ports: Ports) -> float:
    """From the start of a gateway to the first time it says that it is ready; its model server is up."""
    gateway = pair.processes[GATEWAY]
    gateway.terminate()
    gateway.wait()
    started = time.perf_counter()
    pair.start_gateway()
    while True:
        with (
            contextlib.suppress(OSError, RuntimeError),
            HttpsCall(HOST, ports.https, home.ca_file, READYZ) as call,
        ):
            call.reply()
            return time.perf_counter() - started
        pair.check_alive()
        if time.perf_counter() - started > START_TIMEOUT_S:
            raise PairError("The gateway did not become ready again")
        time.sleep(POLL_S)


if __name__ == "__main__":
    main()
