"""Versions come and go under a running server: what its clients see of it."""

import os
import shutil
import threading
import time
from contextlib import contextmanager

import grpc
import numpy as np
import psutil
import pytest
from grpc import StatusCode
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest, ModelVersionStatus

from tests.integration.background import Background
from tests.integration.serving.conftest import Client, export_slow, serve, warmup_record, write_warmup
from tests.integration.serving.plus_model import export_plus
from tests.integration.serving.waiting import wait_until

State = ModelVersionStatus
X = np.ones((1, 1), np.float32)
WAIT_S = 30
NAME = "arithmetic"


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """Versions that answer x + 1, x + 2 and x + 3, to be copied."""
    base = tmp_path_factory.mktemp("exports")
    for offset in (1, 2, 3):
        export_plus(offset, base / str(offset))
    return base


@pytest.fixture
def place(exports, tmp_path):
    """Make a version folder appear at once, as whoever deploys should: built beside it, then renamed."""
    base_path = tmp_path / "models" / NAME
    base_path.mkdir(parents=True)

    def put(version, offset=1, model=NAME, break_it=None):
        beside = tmp_path / "beside"
        shutil.copytree(exports / str(offset), beside)
        if break_it:
            break_it(beside)
        folder = tmp_path / "models" / model / str(version)
        folder.parent.mkdir(exist_ok=True)
        beside.rename(folder)
        return folder

    return put


@contextmanager
def serving(tmp_path, *flags):
    with serve(
        tmp_path, f"--model_name={NAME}", f"--model_base_path={tmp_path / 'models' / NAME}", *flags
    ) as server:
        yield Observer(server)


class Observer(Client):
    def __init__(self, server):
        super().__init__(server.channel, "official")
        self.server = server

    def states(self, model=NAME):
        request = GetModelStatusRequest()
        request.model_spec.name = model
        answer = self.models.GetModelStatus(request, timeout=5)
        return {version.version: version for version in answer.model_version_status}

    def wait_for(self, model=NAME, **wanted):
        """Wait until the versions are in the states, given as v1="AVAILABLE"."""
        wanted = {int(version[1:]): State.State.Value(state) for version, state in wanted.items()}
        last = None
        for _ in range(WAIT_S * 20):
            try:
                states = self.states(model)
            except grpc.RpcError as error:
                last = error
            else:
                last = {version: known.state for version, known in states.items()}
                if last == wanted:
                    return states
            time.sleep(0.05)
        pytest.fail(f"still {last}, not {wanted}: {self.server.log.read_text()}")

    def answer(self, **kwargs):
        return self.outputs(x=X, **kwargs)["y"].item()


def load_on(server, threads=4):
    """Calls without a pause."""
    client = Client(server.channel, "slim")

    def call():
        return client.outputs(x=X)["y"].item()

    return Background(*[call] * threads)


def flip_a_byte(folder):
    data = folder / "variables" / "variables.data-00000-of-00001"
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 1
    data.write_bytes(content)


def garbage(folder):
    (folder / "saved_model.pb").write_bytes(os.urandom(500))


def test_a_swap_under_load_fails_no_request(place, tmp_path):
    old = place(1)
    with serving(tmp_path) as client, load_on(client.server) as load:
        time.sleep(1)
        place(2, offset=2)
        client.wait_for(v1="END", v2="AVAILABLE")
        shutil.rmtree(old)
        time.sleep(1)
    assert load.failures == []
    assert {2.0, 3.0} == set(load.answers)
    # From old to new: each thread may be one call late.
    assert set(load.answers[load.answers.index(3.0) + 8 :]) == {3.0}
    print(f"swap under load: {len(load.answers)} requests")  # noqa: T201 - a figure to quote


@pytest.mark.parametrize("break_it", [flip_a_byte, garbage])
def test_a_broken_version_is_reported_and_the_good_one_stays(place, tmp_path, break_it):
    place(1)
    with serving(tmp_path) as client, load_on(client.server, threads=1) as load:
        place(2, offset=2, break_it=break_it)
        states = client.wait_for(v1="AVAILABLE", v2="END")
        assert states[2].status.error_code != 0
        assert str(tmp_path) in states[2].status.error_message or "Checksum" in states[2].status.error_message
        assert client.answer() == 2.0
        place(3, offset=3)
        client.wait_for(v1="END", v2="END", v3="AVAILABLE")
        assert client.answer() == 4.0
    assert load.failures == []


def test_a_folder_that_appears_half_written_is_tried_again(place, exports, tmp_path):
    place(1)
    with serving(tmp_path, "--load_retry_interval_micros=500000", "--max_num_load_retries=50") as client:
        folder = tmp_path / "models" / NAME / "2"
        folder.mkdir()
        client.wait_for(v1="AVAILABLE", v2="END")
        shutil.copy(exports / "2" / "saved_model.pb", folder)
        time.sleep(1.5)
        assert client.answer() == 2.0
        shutil.copytree(exports / "2" / "variables", folder / "variables")
        client.wait_for(v1="END", v2="AVAILABLE")
        assert client.answer() == 3.0


def test_retries_end(place, tmp_path):
    place(1)
    with serving(tmp_path, "--load_retry_interval_micros=100000", "--max_num_load_retries=2") as client:
        broken = place(2, break_it=garbage)
        client.wait_for(v1="AVAILABLE", v2="END")
        time.sleep(3)
        assert client.server.log.read_text().count("version: 2} failed") == 3
        shutil.rmtree(broken)
        time.sleep(1.5)
        place(2, offset=2)  # a folder that came back is a new one
        client.wait_for(v1="END", v2="AVAILABLE")


def test_a_folder_that_vanishes_while_it_loads(place, tmp_path):
    place(1)
    with serving(tmp_path) as client, load_on(client.server, threads=1) as load:
        for _ in range(3):
            folder = place(2, offset=2)
            shutil.rmtree(folder)
            time.sleep(0.5)
            folder = place(2, offset=2)
            time.sleep(1.1)
            shutil.rmtree(folder)
        time.sleep(2)
        assert client.states()[1].state == State.AVAILABLE
        assert client.answer() == 2.0
    assert load.failures == []


def test_the_last_version_that_goes_is_unloaded_too(place, tmp_path):
    folder = place(1)
    with serving(tmp_path) as client:
        shutil.rmtree(folder)
        client.wait_for(v1="END")
        assert client.refusal(x=X) == (
            StatusCode.NOT_FOUND,
            f"Servable not found for request: Latest({NAME})",
        )
        place(1, offset=3)
        client.wait_for(v1="AVAILABLE")
        assert client.answer() == 4.0


def test_a_base_path_that_cannot_be_read_unloads_nothing(place, tmp_path):
    place(1)
    with serving(tmp_path) as client:
        (tmp_path / "models" / NAME).rename(tmp_path / "away")
        time.sleep(2.5)
        assert client.answer() == 2.0
        assert "Could not find base path" in client.server.log.read_text()


def test_a_call_in_flight_keeps_its_version(tmp_path):
    export_slow(tmp_path / "models" / NAME / "1")
    with serving(tmp_path) as client:
        running = client.prediction.Predict.future(client.request(steps=np.array([600_000], np.int32)))
        time.sleep(0.3)
        (tmp_path / "models" / NAME / "1").rename(tmp_path / "gone")
        client.wait_for(v1="UNLOADING")
        assert not running.done()  # or the test shows nothing
        assert running.result().outputs["done"].int_val[:] == [600_000]
        client.wait_for(v1="END")


def test_a_hot_loaded_version_is_warm_before_it_answers(place, tmp_path):
    place(1)
    with serving(tmp_path) as client:
        place(2, break_it=lambda folder: write_warmup(folder, [warmup_record("no_such_signature")]))
        states = client.wait_for(v1="AVAILABLE", v2="END")
        assert 'Serving signature key "no_such_signature" not found.' in states[2].status.error_message
        place(3, offset=3, break_it=lambda folder: write_warmup(folder, [warmup_record("", x=X)] * 5))
        client.wait_for(v1="END", v2="END", v3="AVAILABLE")
        loaded = "Successfully loaded servable version {name: arithmetic version: 3}"
        wait_until(lambda: loaded in client.server.log.read_text())  # lines are written a moment later
        assert "by 5 requests" in client.server.log.read_text().partition(loaded)[0]


@pytest.mark.alone
@pytest.mark.parametrize("flags", [(), ("--enable_batching",)])
def test_memory_is_given_back(place, tmp_path, flags):
    folder = place(1)
    with serving(tmp_path, *flags) as client, load_on(client.server, threads=2) as load:
        process = psutil.Process(client.server.process.pid)
        sizes = []
        for version in range(2, 14):
            new = place(version, offset=2)
            shutil.rmtree(folder)
            folder = new
            known = {f"v{old}": "END" for old in range(1, version)}
            client.wait_for(**known, **{f"v{version}": "AVAILABLE"})
            sizes.append(process.memory_info().rss >> 20)
    print("MiB after each reload:", sizes)  # noqa: T201 - figures to quote
    assert load.failures == []
    assert sizes[-1] < sizes[3] * 1.05


def test_one_that_waits_for_its_first_version(place, tmp_path):
    def place_once_missed():
        wait_until(lambda: any(missing in log.read_text() for log in tmp_path.glob("server-*.log")), 60)
        place(1)

    missing = f"No versions of servable {NAME} found under base path"
    appear = threading.Thread(target=place_once_missed)
    appear.start()
    with serving(tmp_path) as client:
        appear.join()
        assert client.answer() == 2.0
