"""Mistakes that the policy has to find: a change of a document that is right, and the rule that says so."""

from collections.abc import Callable
from typing import Any

import pytest

Change = Callable[[Any], None]


class Mistakes:
    """Those of one platform."""

    def __init__(self) -> None:
        self.all: list[Any] = []

    def of(self, rule: str) -> Callable[[Change], Change]:
        """A change that breaks a rule of the policy."""

        def add(change: Change) -> Change:
            self.all.append(pytest.param(change, rule, id=f"{rule}: {change.__name__}"))
            return change

        return add

    def rules(self) -> set[str]:
        return {mistake.values[1] for mistake in self.all}


def named(items: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(each for each in items if each["name"] == name)


def set_environment(listed: list[dict[str, Any]], name: str, value: str) -> None:
    kept = [each for each in listed if each["name"] != name]
    listed[:] = [*kept, {"name": name, "value": value}]
