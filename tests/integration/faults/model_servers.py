"""Model servers for the gateway to talk to: some that do as told, and the embedded one."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.local.pair import HOST
from tests.data import MODELS
from tests.integration.faults.behaviour import Behaviour, Call, Record

_START_TIMEOUT_S = 180.0


class ToldModelServer:
    """One of the servers of a process that does as told."""

    def __init__(self, servers: "ToldModelServers", number: int, host: str, port: int) -> None:
        self._servers, self._number = servers, number
        self.port = port
        self.address = f"{host}:{port}"

    def behave(self, **behaviour: Any) -> None:
        """Answer like this from now on; the words are `Behaviour`'s."""
        self._tell("behave", **asdict(Behaviour(**behaviour)))

    def forget(self) -> None:
        """Forget the calls that have ended."""
        self._tell("forget")

    def record(self) -> Record:
        """What was called since it was told to forget."""
        found = self._tell("record")
        return Record(tuple(Call(**call) for call in found["calls"]), found["peak"])

    def down(self) -> None:
        """End all calls and connections, and refuse new ones."""
        self._tell("down")

    def up(self) -> None:
        """Listen again."""
        self._tell("up")

    def say_serving(self, *, yes: bool) -> None:
        """What its health service says; it answers all the same."""
        self._tell("say_serving", yes=yes)

    def serve_versions(self, *versions: int) -> None:
        """The versions that are available from now on, of all models."""
        self._tell("serve_versions", versions=versions)

    def be_well(self) -> None:
        """As at the start, with nothing recorded."""
        self.behave()
        self.up()
        self.say_serving(yes=True)
        self.serve_versions(1)
        self.forget()

    def _tell(self, command: str, **arguments: Any) -> Any:
        return self._servers.tell([self._number, command, arguments])


class ToldModelServers:
    """A process of model servers that do as told."""

    def __init__(self, count: int, host: str = HOST, port: int = 0, *, within: Sequence[str] = ()) -> None:
        """`port` is for one alone; `within` is a command that runs another, on another host say."""
        self._arguments = (str(count), host, str(port))
        self._host, self._within = host, within

    def __enter__(self) -> list[ToldModelServer]:
        module = "tests.integration.faults.model_server_process"
        self._process = subprocess.Popen(
            [*self._within, sys.executable, "-m", module, *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        ports = self._heard()
        return [ToldModelServer(self, number, self._host, port) for number, port in enumerate(ports)]

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=_START_TIMEOUT_S)

    def tell(self, command: list[Any]) -> Any:
        """Send a command, and wait for its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()
        return self._heard()

    def _heard(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the process of model servers has ended; standard error says why"
        return json.loads(line)


class EmbeddedModelServer:
    """The embedded model server in a process that can be killed and started again.

    It serves one model: half the seconds of both cores that loading two would take.
    """

    MODEL = "gru"
    GATEWAY: ClassVar[dict[str, str]] = {"models": '["gru"]', "default_model": "gru"}
    """Settings of a gateway before it."""

    def __init__(self, folder: Path, port: int) -> None:
        """Log to a file in the folder; nothing is started yet."""
        self.address = f"{HOST}:{port}"
        self._port = port
        self._log = folder / f"model-server-{port}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it takes some seconds to load its models."""
        flags = [
            f"--bind_address={HOST}",
            f"--port={self._port}",
            f"--model_name={self.MODEL}",
            f"--model_base_path={MODELS / self.MODEL}",
            "--enable_grpc_healthcheck_service=true",
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.serving", *flags], stdout=log, stderr=log
            )

    def kill(self) -> None:
        """End it as the kernel would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def is_serving(self) -> bool:
        """Whether its health service says so."""
        with grpc.insecure_channel(self.address) as channel:
            try:
                answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=1)
            except grpc.RpcError:
                return False
        serving: bool = answer.status == health_pb2.HealthCheckResponse.SERVING
        return serving

    def wait_until_serving(self) -> None:
        """Wait for the models to be loaded."""
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self.is_serving():
            assert self._process is not None
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, "it does not serve"
            time.sleep(0.2)
