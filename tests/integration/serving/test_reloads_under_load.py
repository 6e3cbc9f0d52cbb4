"""A model is replaced again and again while callers go on: none notices, and no memory stays behind."""

import statistics
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import psutil
import pytest

from tests.integration.serving.conftest import Client, serve
from tests.integration.serving.plus_model import export_plus
from tests.integration.serving.test_life_cycle_config import reload, states
from tests.integration.serving.waiting import wait_until

pytestmark = pytest.mark.alone

NAME = "replaced"
RELOADS = 50
SETTLED = 10
"""Reloads after which memory has to stay."""
CALLERS = 2
X = np.ones((1, 1), np.float32)


def right_answer(version):
    """Versions that follow each other answer differently: x + 1 and x + 2 by turns."""
    return 2.0 + version % 2


@pytest.fixture(scope="module")
def base_path(tmp_path_factory):
    """A folder for every version."""
    exports, base = tmp_path_factory.mktemp("exports"), tmp_path_factory.mktemp("models")
    for odd in (0, 1):
        export_plus(1 + odd, exports / str(odd))
    for version in range(1, RELOADS + 2):
        (base / str(version)).symlink_to(exports / str(version % 2))
    return base


def config(base_path, version):
    return f"""
        model_config_list {{ config {{
          name: "{NAME}" base_path: "{base_path}" model_platform: "tensorflow"
          model_version_policy {{ specific {{ versions: {version} }} }}
        }} }}
    """


class Caller:
    """Calls without a pause; keeps the versions that answered, in order, and what was wrong."""

    def __init__(self):
        self.versions, self.wrong = [], []

    def call_until(self, stop, channel):
        client = Client(channel, "slim")
        request = client.request(model=NAME, x=X)
        while not stop.is_set():
            try:
                answer = client.prediction.Predict(request, timeout=30)
            except grpc.RpcError as error:
                self.wrong.append(error)
                continue
            version, y = answer.model_spec.version.value, answer.outputs["y"].float_val[:]
            self.versions.append(version)
            if y != [right_answer(version)]:
                self.wrong.append((version, y))


@pytest.mark.parametrize("flags", [(), ("--enable_batching",)])
def test_fifty_reloads_fail_no_request_and_keep_no_memory(base_path, tmp_path, flags):
    file = tmp_path / "models.config"
    file.write_text(config(base_path, 1))
    callers = [Caller() for _ in range(CALLERS)]
    stop = threading.Event()
    sizes = []
    with (
        serve(tmp_path, f"--model_config_file={file}", *flags) as server,
        ThreadPoolExecutor(CALLERS) as pool,
    ):
        process = psutil.Process(server.process.pid)
        calling = [pool.submit(caller.call_until, stop, server.channel) for caller in callers]
        try:
            for version in range(2, RELOADS + 2):
                reload(server, config(base_path, version))
                replaced = dict.fromkeys(range(1, version), "END") | {version: "AVAILABLE"}
                wait_until(
                    lambda now=version, replaced=replaced: (
                        all(caller.versions[-1:] == [now] for caller in callers)
                        and states(server, NAME) == replaced
                    )
                )
                sizes.append(process.memory_info().rss / 2**20)
        finally:
            stop.set()
        for each in calling:
            each.result()
    print(f"{sum(len(caller.versions) for caller in callers)} requests")  # noqa: T201 - figures to quote
    print("MiB after each reload:", [round(size) for size in sizes])  # noqa: T201
    for caller in callers:
        assert caller.wrong == []
        assert caller.versions == sorted(caller.versions)  # an old version never answers after a new one
        assert set(range(2, RELOADS + 2)) <= set(caller.versions)
    # Single samples are some weights apart, as the allocator gives back; so tens of them are compared.
    settled, in_the_end = (
        statistics.median(sizes[SETTLED - 1 : 2 * SETTLED - 1]),
        statistics.median(sizes[-SETTLED:]),
    )
    assert in_the_end < settled * 1.05
