"""Each container may next to nothing, as the engine tells and as it is found inside."""

import re

import pytest

from tests.compose.engine import docker

SERVICES = ("gateway", "model-server")


@pytest.fixture(scope="module", params=SERVICES)
def service(request):
    return request.param


def python(stack, service, code):
    return stack.run(service, "python", "-c", code, check=False)


def test_the_engine_holds_it_to_little(stack, service):
    held = stack.inspect(service)["HostConfig"]
    assert held["ReadonlyRootfs"]
    assert held["CapDrop"] == ["ALL"]
    assert not held["CapAdd"]
    assert not held["Privileged"]
    assert held["SecurityOpt"] == ["no-new-privileges:true"]
    assert held["Memory"] > 0
    assert held["NanoCpus"] > 0
    assert 0 < held["PidsLimit"] < 1000


def test_its_processes_have_no_rights(stack, service):
    # Of all of them: the first, and what that started.
    statuses = stack.run(service, "sh", "-c", "cat /proc/[0-9]*/status 2>/dev/null")
    assert set(re.findall(r"^Uid:\t(.*)$", statuses, re.M)) == {"10001\t10001\t10001\t10001"}
    assert set(re.findall(r"^Gid:\t(.*)$", statuses, re.M)) == {"10001\t10001\t10001\t10001"}
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert set(re.findall(rf"^{kind}:\t(.*)$", statuses, re.M)) == {"0" * 16}
    assert set(re.findall(r"^NoNewPrivs:\t(.*)$", statuses, re.M)) == {"1"}


@pytest.mark.parametrize(
    "path", ["/x", "/app/x", "/usr/local/bin/x", "/models/x", "/run/secrets/x", "/etc/x"]
)
def test_its_root_is_read_only(stack, service, path):
    said = python(stack, service, f"open({path!r}, 'w')")
    assert re.search("Read-only file system|Permission denied|No such file", said)


def test_not_even_root_could_write_there(stack, service):
    done = docker("exec", "--user", "0", stack.id(service), "touch", "/app/x", check=False)
    assert "Read-only file system" in done.stderr


def test_what_is_written_to_tmp_is_no_program(stack, service):
    code = (
        "import os, shutil, subprocess; shutil.copy('/bin/true', '/tmp/x'); os.chmod('/tmp/x', 0o755);"
        "subprocess.run(['/tmp/x'])"
    )
    assert "PermissionError" in python(stack, service, code)


def test_limits_hold(stack):
    """Of processes: a fork bomb ends by itself."""
    code = (
        "import subprocess\n"
        "made = []\n"
        "try:\n"
        "    for _ in range(1000): made.append(subprocess.Popen(['sleep', '20']))\n"
        "except OSError as error: print(len(made), error)\n"
        "for each in made: each.kill()\n"
    )
    said = python(stack, "gateway", code)
    assert "Resource temporarily unavailable" in said
    assert int(said.split()[0]) < 128


def test_health_is_asked(stack, service):
    health = stack.inspect(service)["State"]["Health"]
    assert health["Status"] == "healthy"
    assert health["Log"][-1]["ExitCode"] == 0
