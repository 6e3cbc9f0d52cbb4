"""What deploy/ runs keeps to one policy on every platform."""

import re

import pytest

from tests.deploy import (
    files,
    test_compose_policy,
    test_container_app_policy,
    test_container_group_policy,
    test_kubernetes_policy,
)
from tests.deploy.everything import PLATFORMS
from tests.deploy.policy import RULES, broken

PRIVATE = re.compile(r"-----BEGIN [A-Z ]*PRIVATE|://[^/@\s:$]+:[^/@\s$]+@")
"""A key, or a password in a URL that nothing is put into later."""


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_container_keeps_to_it(platform):
    if platform == "compose" and not files.COMPOSE_FILES:
        pytest.skip("there are no compose files yet")
    containers = PLATFORMS[platform]()
    assert {container.role for container in containers} >= {"gateway", "model server"}
    assert list(broken(containers)) == []


def test_no_file_has_a_secret_in_it():
    assert [file for file, text in files.texts().items() if PRIVATE.search(text)] == []


@pytest.mark.parametrize("text", ["-----BEGIN EC PRIVATE KEY-----", "postgresql://wattgate:word@db/wattgate"])
def test_a_secret_in_a_file_would_be_found(text):
    assert PRIVATE.search(text)


def test_every_rule_is_broken_by_some_mistake():
    tests = (
        test_compose_policy,
        test_container_app_policy,
        test_container_group_policy,
        test_kubernetes_policy,
    )
    assert set().union(*(each.mistakes.rules() for each in tests)) == {rule.__name__ for rule in RULES}
