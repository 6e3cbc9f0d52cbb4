"""`make compose-up` makes what is needed, and the lines that it prints work."""

import json
import re
import stat
import subprocess

import pytest

from tests.compose.stack import PASSWORD
from tests.data import REPOSITORY

SECRETS = ("tls_key.pem", "token_key.pem", "password_pepper")


def test_the_system_is_of_these_services(stack):
    assert stack.services() == ["gateway", "model-server"]


def test_secrets_are_readable_by_the_containers_user_alone(stack):
    for name in SECRETS:
        found = (stack.secrets / name).stat()
        assert stat.S_IMODE(found.st_mode) == 0o600
        assert (found.st_uid, found.st_gid) == (10001, 10001)


@pytest.mark.requirement("FR6")
def test_the_lines_that_it_prints_forecast(stack):
    lines = re.search(r"  TOKEN=.*?predict/gru", stack.said, re.DOTALL)[0]
    lines = lines.replace("=PASSWORD ", f"={PASSWORD!r} ".replace('"', ""))
    answer = subprocess.check_output(["bash", "-euo", "pipefail", "-c", lines], cwd=REPOSITORY, text=True)
    assert len(json.loads(answer)) == 8
    assert (
        "docker compose -p wattgate-test exec gateway python -m wattgate users add ada --admin" in stack.said
    )


def test_started_again_it_makes_nothing_anew(stack):
    before = {name: (stack.secrets / name).read_bytes() for name in SECRETS}
    ids = {name: stack.id(name) for name in stack.services()}
    stack.up("embedded")
    assert {name: (stack.secrets / name).read_bytes() for name in SECRETS} == before
    assert {name: stack.id(name) for name in stack.services()} == ids
