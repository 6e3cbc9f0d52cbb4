"""`make bench-model-server`: what the embedded model server costs over the model itself, and beside others.

One window to the compiled GRU in process, over gRPC, over REST and over gRPC to other engines, by turns; then
1 and 32 concurrent callers over gRPC, with and without batching, in rounds by turns.
"""

import argparse
import contextlib
import sys
import tempfile
from functools import partial
from pathlib import Path

from rich import get_console

from pipelines.preprocessing.features import known_input
from services.local.pair import HOST
from tests.benchmarks import model_server_report
from tests.benchmarks.closed_loop import ROUNDS, under_load
from tests.benchmarks.engines import engine
from tests.benchmarks.engines.open_inference import OpenInferencePredict
from tests.benchmarks.measure import Call, by_turns
from tests.benchmarks.predict_clients import GrpcPredict, HttpPredict
from tests.benchmarks.servers import BATCHING, MODEL, MODELS, Served, StartError, model_server

SIGNATURE = "compiled"
VERSION = MODELS / MODEL / "1"

CALLERS = (1, 32)
TOLERANCE = 1e-5
"""How far another engine's figures may be from ours."""


def main() -> None:
    """Measure, print the tables, keep report, samples and plot."""
    asked = _arguments()
    pythons, missing = engine.environments(asked.engines)
    from services.serving.saved_model import SavedModel

    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        logs = Path(folder)
        with get_console().status("Starting"):
            alone, batched = _both(stack, logs)
            model = SavedModel(VERSION)
            rpc = stack.enter_context(GrpcPredict(f"{HOST}:{alone.grpc}"))
            rest = stack.enter_context(HttpPredict(HOST, alone.rest, MODEL))
            batching = stack.enter_context(GrpcPredict(f"{HOST}:{batched.grpc}"))
            spec = rpc.spec(MODEL)
        window = known_input(spec)
        calls: dict[str, Call] = {
            "in_process": lambda: model.run(SIGNATURE, {spec.input: window})[spec.output],
            "grpc": lambda: rpc.predict(MODEL, SIGNATURE, spec, window),
            "rest": lambda: rest.predict(MODEL, SIGNATURE, spec, window),
        }
        with contextlib.ExitStack() as others:
            engines = _started(others, pythons, logs, missing)
            latencies_s = by_turns(
                calls
                | {
                    name: partial(client.predict, MODEL, SIGNATURE, spec.input, window)
                    for name, client in engines.items()
                },
                asked.n,
                tolerances=dict.fromkeys(engines, TOLERANCE),
            )
        loads = under_load(
            {
                "alone": calls["grpc"],
                "batched": lambda: batching.predict(MODEL, SIGNATURE, spec, window),
            },
            CALLERS,
            asked.n,
        )
    model_server_report.report(
        latencies_s,
        loads,
        model=MODEL,
        signature=SIGNATURE,
        n=asked.n,
        engines=asked.engines,
        missing=missing,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-model-server", description=__doc__)
    parser.add_argument("--n", type=int, default=1000, help="requests of each kind (default: 1000)")
    parser.add_argument(
        "--engines",
        nargs="*",
        default=[],
        choices=[name for name, one in engine.ENGINES.items() if one.adapter == engine.TRITON],
        help="servers to measure beside ours; each is installed on first use (default: none)",
    )
    asked = parser.parse_args()
    if asked.n < ROUNDS:
        parser.error(f"--n must be at least {ROUNDS}")
    return asked


def _started(
    stack: contextlib.ExitStack, pythons: dict[str, Path], logs: Path, missing: dict[str, str]
) -> dict[str, OpenInferencePredict]:
    """Clients of the engines that start; why others do not is added to what is missing."""
    clients = {}
    for name, python in pythons.items():
        with get_console().status(f"Starting {name}"):
            try:
                running = stack.enter_context(engine.serving(name, python, MODELS, logs / f"{name}.log"))
                clients[name] = stack.enter_context(OpenInferencePredict(f"{HOST}:{running.port}"))
            except engine.EngineError as error:
                missing[name] = str(error)
    return clients


def _both(stack: contextlib.ExitStack, logs: Path) -> tuple[Served, Served]:
    """A server that runs requests alone, and one that batches them."""
    batching = ("--enable_batching", f"--batching_parameters_file={BATCHING}")
    try:
        return (
            stack.enter_context(model_server(logs / "alone.log")),
            stack.enter_context(model_server(logs / "batched.log", *batching)),
        )
    except StartError as error:
        sys.exit(f"The model server did not start:\n{error}")


if __name__ == "__main__":
    main()
