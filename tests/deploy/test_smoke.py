"""deploy.sh's own smoke test passes a real gateway, and no other."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from services.local.pair import running_pair
from services.local.ports import free_ports
from tests.data import MODELS
from tests.deploy.azure import Azure

# The real curl, to the gateway's ports on this machine instead of those at the platform's address.
CURL = """#!/usr/bin/env bash
arguments=()
for argument in "$@"; do
  case $argument in
    *:8443:*:8443) argument=localhost:8443:127.0.0.1:HTTPS ;;
    *:8444:*:8444) argument=localhost:8444:127.0.0.1:GRPC ;;
    http://*:8443/*) argument=http://127.0.0.1:HTTPS/livez ;;
    http://*:8500/*) argument=http://127.0.0.1:1/ ;;
  esac
  arguments+=("$argument")
done
exec REAL "${arguments[@]}"
"""


@pytest.fixture
def smoke(tmp_path):
    """Call what listens on two ports; answers how it went."""
    azure = Azure(tmp_path)

    def run(https: int, grpc: int, ca_file: Path, *commands: str) -> subprocess.CompletedProcess:
        text = (
            CURL.replace("HTTPS", str(https)).replace("GRPC", str(grpc)).replace("REAL", shutil.which("curl"))
        )
        (azure.bin / "curl").write_text(text)
        return azure.run("--host", "localhost", "--ca", str(ca_file), *commands)

    return run


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
def test_it_passes_a_gateway_and_no_other(smoke, tmp_path):
    home, ports = tmp_path / "home", free_ports()
    with running_pair(home, ports, MODELS) as pair:
        ca_file = Path(pair.demo().ca_file)
        passed = smoke(ports.https, ports.grpc, ca_file, "wait", "smoke")
        assert passed.returncode == 0, passed.stderr
        assert len(re.findall(r"(?m)^ok: ", passed.stdout)) == 5
        swapped = smoke(ports.https, ports.https, ca_file, "smoke")
        assert swapped.returncode == 1
        assert "failed: gRPC answers over TLS" in swapped.stderr
        untrusted = smoke(ports.https, ports.grpc, Path(os.devnull), "smoke")
        assert untrusted.returncode == 1
        assert "failed: HTTPS answers" in untrusted.stderr
