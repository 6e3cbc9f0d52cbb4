"""One system of containers for all of these tests, with the embedded model server; made of fresh images."""

import shutil

import httpx
import pytest

from tests.compose import engine
from tests.compose.stack import PASSWORD, USER, Stack


@pytest.fixture(scope="session")
def docker_runs():
    with engine.running():
        yield


@pytest.fixture(scope="session")
def stack(docker_runs, tmp_path_factory):
    """Running, with one account."""
    folder = tmp_path_factory.mktemp("compose")
    # The engine is asked for these files by their names, as others than root may not be.
    stack = Stack(folder / "secrets")
    try:
        stack.up("embedded")
        stack.add_user()
        yield stack
    finally:
        stack.down()
        shutil.rmtree(stack.secrets, ignore_errors=True)


@pytest.fixture(scope="session")
def https(stack):
    with stack.client() as client:
        yield client


def login(client: httpx.Client) -> str:
    answer = client.post("/token", data={"username": USER, "password": PASSWORD})
    answer.raise_for_status()
    return answer.json()["access_token"]
