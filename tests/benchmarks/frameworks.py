"""`make bench-frameworks`: the thesis' Table 6.1 on this machine, its designs and those of today's field.

One week of the sample to the GRU by POST /predict/gru, token and all, through the same gateway before each
engine, in bursts by turns: all with the model as Keras exports it, then all with the compiled one. Features,
units and their reverse are made at the edge, but before BentoML, which makes them itself, as in the thesis,
and so does LitServe. FastAPI alone is a service of its own, with the model in it; the gateway with a model in
it tells what calling another process costs. Each engine has an environment of its own, made on first use.
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil
from rich import get_console

from services.local.home import Home
from services.local.pair import HOST
from tests.benchmarks import frameworks_report, model_files
from tests.benchmarks.edge_clients import HttpsCall, last_week, upload_request
from tests.benchmarks.engines import MODEL, engine
from tests.benchmarks.measure import in_bursts
from tests.benchmarks.servers import START_TIMEOUT_S, StartError, model_server
from tests.integration.faults.gateways import Gateway

TFSERVING, STOCK, REFERENCE = "tfserving", "stock", "reference"
"""The reference is ours with the compiled model, among those that have the plain one: so that ratios between
the two files are of servers that took turns."""
DESIGNS = (TFSERVING, "fastapi", *engine.ENGINES, "in_process")
TOLERANCE = 1e-5
"""How far the figures of other engines may be from ours, relative and kW."""
CPU_ROUNDS = 5
SETTINGS = {"models": f'["{MODEL}"]', "default_model": MODEL, "model_poll_s": 3600}
"""Of every gateway: none asks its engine anything while another is timed."""


class InProcess(Gateway):
    """A gateway with the model in its own process."""

    module = "tests.benchmarks.engines.in_process.server"

    def wait_until_ready(self) -> None:
        self.start_s = self.wait_for("/readyz", 200, within_s=START_TIMEOUT_S)


class FastApi(InProcess):
    """FastAPI, and nothing of ours at the edge."""

    module = "tests.benchmarks.engines.fastapi.server"


ALONE = {"fastapi": FastApi, "in_process": InProcess}
"""Those that call nobody."""


class Design(NamedTuple):
    """A gateway and what it calls, running."""

    edge: Gateway
    processes: tuple[int, ...]
    """Ids; what they started counts as theirs."""
    start_s: float | None
    """Of what holds the model, to its first answer; None: it runs elsewhere."""


class Measured(NamedTuple):
    """What one design did with one model file."""

    latencies_s: Sequence[float]
    cpu_s: float | None
    """Processor time of a request, of all its processes; None where some are out of reach."""
    memory_bytes: int | None
    """Of all of them; what they share counts once."""
    start_s: float | None


def main() -> None:
    """Measure, print the tables, keep report, samples and plot."""
    asked = _arguments()
    pythons, missing = engine.environments([name for name in asked.engines if name in engine.ENGINES])
    names = [name for name in asked.engines if name not in missing]
    measured: dict[tuple[str, str], Measured] = {}
    for kind in model_files.FILES:
        with tempfile.TemporaryDirectory() as folder:
            home = Home(Path(folder) / "var")
            home.folder.mkdir()
            home.set_up()
            repositories = {each: Path(folder) / each for each in {kind, model_files.COMPILED}}
            for each, models in repositories.items():
                model_files.write(each, models)
            # A stock server has whatever it has, and is asked for the signature that answers best.
            others = {model_files.PLAIN: [REFERENCE], model_files.COMPILED: [STOCK] * bool(asked.stock)}
            started = {}
            with contextlib.ExitStack() as stack:
                for name in names + others[kind]:
                    models = repositories[model_files.COMPILED if name == REFERENCE else kind]
                    with get_console().status(f"Starting {name} with the {kind} model"):
                        try:
                            started[name] = stack.enter_context(
                                _design(name, pythons.get(name), models, home, asked.stock)
                            )
                        except (engine.EngineError, StartError, AssertionError) as error:
                            missing[f"{name}, {kind}"] = str(error)
                found = _measure(started, home, asked.n) if started else {}
            measured |= {(name, kind): one for name, one in found.items()}
    if not measured:
        sys.exit(
            "\n".join(["Nothing could be measured:", *(f"  {name}: {why}" for name, why in missing.items())])
        )
    frameworks_report.report(measured, missing, n=asked.n)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-frameworks", description=__doc__)
    parser.add_argument("--n", type=int, default=100, help="requests of each kind (default: 100)")
    parser.add_argument(
        "--engines", nargs="*", choices=DESIGNS, default=DESIGNS, help="those to measure (default: all)"
    )
    parser.add_argument(
        "--stock", metavar="HOST:PORT", help="a stock TensorFlow Serving, its gRPC port, to measure too"
    )
    asked = parser.parse_args()
    if asked.n < 1:
        parser.error("--n must be at least 1")
    return asked


@contextlib.contextmanager
def _design(name: str, python: Path | None, models: Path, home: Home, stock: str | None) -> Iterator[Design]:
    """A design, ready. Raises EngineError, StartError, and AssertionError."""
    log = home.folder / f"{name}.log"
    with contextlib.ExitStack() as stack:
        if name in ALONE:
            edge = stack.enter_context(ALONE[name](home, [f"unix:{models.absolute()}"], **SETTINGS))
            yield Design(edge, (edge.process.pid,), edge.start_s)
            return
        adapter, pids, start_s = TFSERVING, (), None
        if name == STOCK:
            address = stock
        elif name in {TFSERVING, REFERENCE}:
            served = stack.enter_context(model_server(log, models=models))
            address, pids, start_s = f"{HOST}:{served.grpc}", (served.pid,), served.start_s
        else:
            running = stack.enter_context(engine.serving(name, python, models, log))
            adapter = engine.ENGINES[name].adapter
            address, pids, start_s = running.address(adapter), (running.pid,), running.start_s
        edge = stack.enter_context(Gateway(home, [address], engine=adapter, **SETTINGS))
        yield Design(edge, (edge.process.pid, *pids), start_s)


def _measure(designs: Mapping[str, Design], home: Home, n: int) -> dict[str, Measured]:
    """Requests to each; then again in rounds, for processor time."""
    with contextlib.ExitStack() as stack:
        week = last_week()
        calls = {
            name: stack.enter_context(
                HttpsCall(
                    HOST, one.edge.https_port, home.ca_file, upload_request(MODEL, one.edge.token, week)
                )
            ).forecast
            for name, one in designs.items()
        }
        latencies_s = in_bursts(calls, n, tolerances=dict.fromkeys(calls, TOLERANCE))
        cpu_s = dict.fromkeys(calls, 0.0)
        each = -(-n // CPU_ROUNDS)
        for _ in range(CPU_ROUNDS):
            for name, call in calls.items():
                before = _cpu_s(designs[name])
                for _ in range(each):
                    call()
                cpu_s[name] += _cpu_s(designs[name]) - before
        return {
            name: Measured(
                latencies_s[name],
                cpu_s[name] / (each * CPU_ROUNDS) if design.start_s else None,
                _memory_bytes(design) if design.start_s else None,
                design.start_s,
            )
            for name, design in designs.items()
        }


def _family(design: Design) -> list[psutil.Process]:
    parents = [psutil.Process(pid) for pid in design.processes]
    return [*parents, *(child for parent in parents for child in parent.children(recursive=True))]


def _cpu_s(design: Design) -> float:
    return sum(times.user + times.system for times in (process.cpu_times() for process in _family(design)))


def _memory_bytes(design: Design) -> int:
    memories = [process.memory_full_info() for process in _family(design)]
    return sum(getattr(memory, "pss", memory.rss) for memory in memories)


if __name__ == "__main__":
    main()
