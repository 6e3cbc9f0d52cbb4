"""A log that cannot be written harms nobody: the command as installed, before a disk that is full."""

import subprocess
import sys
from pathlib import Path

import grpc
import numpy as np
import pytest

from services.local.ports import free_port
from tests.integration.serving.conftest import START_TIMEOUT_S, Client

FULL = Path("/dev/full")
COMMAND = Path(sys.executable).with_name("wattgate-model-server")


@pytest.fixture
def full_disk():
    if not FULL.exists():
        pytest.skip("there is no device that is always full")
    with FULL.open("wb") as log:
        yield log


def test_a_full_disk_for_the_log_fails_no_request(models, tmp_path, full_disk):
    flags = ["--bind_address=127.0.0.1", f"--model_base_path={models / 'arithmetic'}"]
    port = free_port()
    process = subprocess.Popen([COMMAND, *flags, f"--port={port}"], stdout=full_disk, stderr=full_disk)
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            grpc.channel_ready_future(channel).result(START_TIMEOUT_S)
            client = Client(channel, "slim")
            for _ in range(20):
                assert client.outputs(model="default", x=np.ones((1, 1), np.float32))["y"] == 3.5
                with pytest.raises(grpc.RpcError) as caught:
                    client.outputs(model="default", x=np.ones((1, 1), np.int64))
                assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        process.terminate()
        assert process.wait(START_TIMEOUT_S) == 0
    finally:
        process.kill()
        process.wait()
