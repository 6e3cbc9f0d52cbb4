"""compose.scale.yaml: two gateways before three model servers share their users, and are replaced one by one.

Runs last: it changes what the system is made of.
"""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from tests.compose.conftest import login
from tests.compose.engine import PYTHON_IMAGE, docker
from tests.compose.stack import USER
from tests.data import REPOSITORY, SAMPLE
from tests.integration.faults.callers import Callers
from tests.integration.faults.load import answered_by_either, recovered

MODEL_SERVERS = ("model-server", "model-server-2", "model-server-3")
PORTS = {"gateway": (443, 8444), "gateway-2": (9443, 9444)}
PER_S = 10
POSTGRES = REPOSITORY / "tests" / "compose" / "postgres"


@dataclass(frozen=True)
class Door:
    """A gateway as its callers know it."""

    https_address: tuple[str, int]
    grpc_target: str
    ca_file: Path
    token: str
    name: str = "localhost"


@pytest.fixture(scope="module")
def postgres(docker_runs):
    """The official image; where its registry is out of reach, as the base image tells, Debian's."""
    label = '{{index .Config.Labels "stand-in.for"}}'
    if not docker("image", "inspect", "--format", label, PYTHON_IMAGE, check=False).stdout.strip():
        return {}
    docker("build", "--tag", "wattgate-test-postgres", POSTGRES)
    return {"POSTGRES_IMAGE": "wattgate-test-postgres"}


@pytest.fixture(scope="module")
def scaled(stack, postgres):
    stack.up("embedded", "scale", **postgres)
    stack.add_user()
    return stack


@pytest.fixture(scope="module")
def token(scaled):
    with scaled.client() as client:
        return login(client)


@pytest.fixture(scope="module")
def doors(scaled, token):
    return [
        Door(("127.0.0.1", https), f"localhost:{rpc}", scaled.ca_file, token) for https, rpc in PORTS.values()
    ]


def test_all_of_them_run(scaled):
    assert scaled.services() == sorted(["database", *PORTS, *MODEL_SERVERS])


def test_a_token_of_one_counts_at_the_other(scaled, token):
    for https, _ in PORTS.values():
        with scaled.client(https) as client:
            headers = {"Authorization": f"Bearer {token}"}
            answer = client.post("/predict/gru", files={"file": SAMPLE.read_bytes()}, headers=headers)
            assert answer.status_code == 200


def test_who_is_disabled_by_one_is_refused_by_the_other(scaled, token):
    users = ("python", "-m", "wattgate", "users")
    headers = {"Authorization": f"Bearer {token}"}
    scaled.run("gateway", *users, "add", "bob", "--password-stdin", input="another horse battery staple\n")
    scaled.run("gateway", *users, "disable", "bob")
    assert "bob  (disabled)" in scaled.run("gateway-2", *users, "list")
    with scaled.client(9443) as client:
        form = {"username": "bob", "password": "another horse battery staple"}
        assert client.post("/token", data=form).status_code == 401
        assert client.get("/v1/models", headers=headers).status_code == 200


def test_the_gateways_may_do_nothing_but_with_their_own_database(scaled):
    ask = "SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = 'wattgate'"
    psql = ("sh", "-c", 'PATH="$PATH:$(echo /usr/lib/postgresql/*/bin)" psql -U postgres -At -c "$0"', ask)
    assert scaled.run("database", *psql) == "f\n"


def test_a_model_server_that_is_killed_is_missed_by_nobody(scaled, doors):
    async def calls():
        async with Callers(doors[0]) as callers:
            await recovered(callers)
            killing = asyncio.create_task(
                asyncio.to_thread(docker, "kill", "--signal", "KILL", scaled.id("model-server-2"))
            )
            return await _call((callers, callers), killing, at_least_s=8)

    outcomes = asyncio.run(calls())
    scaled.compose("start", "model-server-2")
    scaled.wait_until_healthy("model-server-2")
    assert ends_of(outcomes) == {"answered": len(outcomes)}


def test_every_part_is_replaced_under_load_and_no_call_fails(scaled, doors):
    for image in ("wattgate-gateway", "wattgate-model-server"):
        docker("tag", f"{image}:local", f"{image}:next")
    scaled.variables["WATTGATE_VERSION"] = "next"
    before = {service: scaled.id(service) for service in (*MODEL_SERVERS, *PORTS)}

    async def roll(both):
        update = partial(
            scaled.compose, "up", "--detach", "--no-deps", "--no-build", "--wait", "--wait-timeout", "120"
        )
        for service in before:
            await asyncio.to_thread(update, service)
            # The next one goes once callers and gateways have found this one again.
            await asyncio.sleep(3)
            for callers in both:
                await recovered(callers, within_s=30)

    async def calls():
        async with Callers(doors[0]) as one, Callers(doors[1]) as other:
            for callers in (one, other):
                await recovered(callers)
            return await _call((one, other), asyncio.create_task(roll((one, other))))

    outcomes = asyncio.run(calls())
    after = {service: scaled.id(service) for service in before}
    assert all(before[service] != after[service] for service in before)
    assert scaled.inspect("gateway-2")["Config"]["Image"] == "wattgate-gateway:next"
    assert ends_of(outcomes) == {"answered": len(outcomes)}
    assert len(outcomes) > 10 * PER_S


def ends_of(outcomes):
    """How many were answered; of others all that is known."""
    return Counter(each.result if each.result == "answered" else str(each) for each in outcomes)


async def _call(both, task, *, at_least_s=0.0):
    """Calls to either of two gateways until something is done; how each ended."""
    began, calls = time.monotonic(), []
    for number in count():
        if task.done() and time.monotonic() - began >= at_least_s:
            break
        calls.append(asyncio.create_task(answered_by_either(both, number)))
        await asyncio.sleep(max(began + number / PER_S - time.monotonic(), 0))
    await task
    return await asyncio.gather(*calls)


def test_users_outlive_the_database_being_made_anew(scaled):
    scaled.compose("up", "--detach", "--no-deps", "--no-build", "--force-recreate", "--wait", "database")
    with scaled.client(9443) as client:
        deadline = time.monotonic() + 20
        while client.post("/token", data={"username": USER, "password": "x"}).status_code == 503:
            assert time.monotonic() < deadline
            time.sleep(0.5)
        assert login(client)
