"""What every command has: help, exit codes, a start that waits for nothing it does not need."""

import json
import subprocess
import sys

from wattgate.cli.failures import EXIT_CODES, Exit


def test_help_lists_every_command_and_the_exit_codes(person):
    said = person.runs("--help").stdout
    for command in ("login", "logout", "forecast", "backtest", "models", "doctor", "serve", "users", "train"):
        assert f" {command} " in said
    assert EXIT_CODES in " ".join(said.split())
    assert [int(code) for code in Exit] == [0, 1, 2, 3, 4]
    for code in Exit:
        assert f"{code} " in EXIT_CODES


def test_no_such_command_is_usage(person):
    assert person.runs("forecats").returncode == Exit.USAGE


def test_who_only_calls_a_gateway_waits_for_nothing_that_serves(person):
    program = """
import sys, json
from wattgate.cli import app
try:
    app(["forecast", "--help"])
except SystemExit:
    pass
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""
    said = subprocess.check_output([sys.executable, "-c", program], text=True, env=person.environment)
    loaded = set(json.loads(said.splitlines()[-1]))
    assert "wattgate" in loaded
    assert loaded.isdisjoint({"numpy", "pandas", "tensorflow", "sqlalchemy", "services", "pipelines"})


def test_a_command_whose_packages_are_not_there_says_what_to_install(person):
    program = """
import sys
sys.modules["sqlalchemy"] = None  # as if it were not there
from wattgate.cli import app
app(["users", "list"])
"""
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=person.environment, check=False
    )
    assert answer.returncode == Exit.FAILED
    assert "pip install 'wattgate[gateway]'" in answer.stderr
    assert "Traceback" not in answer.stderr
