"""Which gateway is called: by an option, the environment, the config file, this folder, or the last login."""

import json

import pytest

from tests.data import SAMPLE, week_file
from wattgate.cli.failures import Exit

NOWHERE = "https://localhost:1"


def test_an_option_counts_before_the_environment_and_that_before_the_file(known, running):
    here = running.demo["https"]
    assert known.runs("models").returncode == Exit.OK
    known.configures(server=NOWHERE)
    assert known.runs("models").returncode == Exit.LOGIN
    assert known.runs("models", WATTGATE_SERVER=here).returncode == Exit.OK
    assert known.runs("models", WATTGATE_SERVER=NOWHERE).returncode == Exit.LOGIN
    assert known.runs("models", "--server", here, WATTGATE_SERVER=NOWHERE).returncode == Exit.OK


def test_the_file_says_it_all(known, running, tmp_path):
    demo = running.demo
    known.configures(
        server=demo["https"], grpc=demo["grpc"], ca_file=demo["ca_file"], model="gru", time_zone="UTC"
    )
    file = tmp_path / "week.csv"
    file.write_bytes(week_file())
    for edge in ((), ("--grpc",)):
        said = json.loads(known.runs("forecast", file, "--json", *edge).stdout)
        assert (said["model"], said["data_until"]) == ("gru", "2024-06-10T02:00:00+02:00")
    said = json.loads(known.runs("forecast", file, "--json", WATTGATE_MODEL="cnn").stdout)
    assert said["model"] == "cnn"
    said = json.loads(known.runs("forecast", file, "--json", "--tz", "Europe/Berlin").stdout)
    assert said["data_until"] == "2024-06-10T00:00:00+02:00"


def test_the_address_of_the_grpc_edge_may_be_in_the_environment(known, running):
    known.configures(grpc="localhost:1")
    assert known.runs("forecast", SAMPLE, "--grpc").returncode == Exit.UNREACHABLE
    answer = known.runs("forecast", SAMPLE, "--grpc", WATTGATE_GRPC=running.demo["grpc"])
    assert answer.returncode == Exit.OK, answer.stderr


def test_the_pair_of_this_folder_is_found_without_any_setting_or_login(person, running, tmp_path):
    (tmp_path / "var").symlink_to(running.folder)
    for command in (("forecast", SAMPLE), ("forecast", SAMPLE, "--grpc"), ("models",)):
        answer = person.runs(*command)
        assert answer.returncode == Exit.OK, answer.stderr
    assert not person.logins.exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sever = 'x'", "there is no setting 'sever'; there are ca_file, grpc, model, server, time_zone"),
        ("server = 8443", "server is 8443: it is a text in quotes"),
        ("server", "cannot be used"),
    ],
)
def test_a_file_with_a_mistake_is_refused_by_its_name(person, text, says):
    person.configures()
    person.config.write_text(text)
    answer = person.runs("models")
    assert answer.returncode == Exit.USAGE
    assert str(person.config) in answer.stderr
    assert says in answer.stderr
    assert "Traceback" not in answer.stderr


def test_where_no_gateway_is_named_it_is_said_how_to(person):
    answer = person.runs("forecast", SAMPLE)
    assert answer.returncode == Exit.USAGE
    for way in ("wattgate login", "--server", "wattgate serve"):
        assert way in answer.stderr


def test_an_authority_that_is_not_there_is_named(person):
    person.configures(server=NOWHERE, ca_file="/nowhere.pem")
    answer = person.runs("models")
    assert answer.returncode == Exit.USAGE
    assert "/nowhere.pem" in answer.stderr


def test_models_are_those_of_the_gateway(known):
    lines = known.runs("models").stdout.splitlines()
    (cnn,) = (line for line in lines if "cnn (default)" in line)
    (gru,) = (line for line in lines if "gru" in line)
    assert "available" in cnn
    assert "available" in gru


def test_a_shell_completes_commands_options_and_names_of_models(known):
    def completed(line):
        answer = known.runs(
            _WATTGATE_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(line.split()) - 1)
        )
        return answer.stdout.split()

    assert completed("wattgate for") == ["forecast"]
    assert "--max-gap-steps" in completed("wattgate forecast --max")
    assert completed("wattgate forecast x.csv --model g") == ["gru"]
    known.configures(server=NOWHERE)
    assert completed("wattgate forecast x.csv --model g") == []
