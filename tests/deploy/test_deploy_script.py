"""deploy.sh calls what it should and nothing else, shown by stand-ins for az, docker and curl."""

import base64
import re
import shlex
from pathlib import Path

import pytest

from tests.data import REPOSITORY
from tests.deploy import files
from tests.deploy.az_arguments import problem
from tests.deploy.azure import (
    ADMINISTRATOR,
    APP_HOST,
    GRPC_HOST,
    IDENTITY,
    REGISTRY,
    SCRIPT,
    SECRETS,
    VAULT,
    Azure,
)


@pytest.fixture
def azure(tmp_path):
    return Azure(tmp_path)


def golden():
    """The calls that belong to arguments."""
    sections = (Path(__file__).parent / "golden_calls.txt").read_text().split("\n$ ")[1:]
    return {arguments: calls.strip() for arguments, _, calls in (each.partition("\n") for each in sections)}


def words(lines, azure):
    """Of commands, with the folders that they name."""
    places = {"AZURE": str(files.AZURE), "ROOT": str(REPOSITORY), "SECRETS": str(azure.secrets)}
    for name, folder in places.items():
        lines = lines.replace(name, folder)
    return [shlex.split(line) for line in lines.splitlines()]


@pytest.mark.parametrize(("arguments", "calls"), golden().items(), ids=golden())
def test_it_calls_this_and_nothing_else(azure, arguments, calls):
    ran = azure.run(*shlex.split(arguments))
    assert ran.returncode == 0, ran.stderr
    assert azure.calls() == words(calls, azure)
    assert [wrong for call in azure.calls() if call[0] == "az" and (wrong := problem(call))] == []


@pytest.mark.parametrize(("arguments", "calls"), golden().items(), ids=golden())
def test_a_dry_run_says_the_same_and_calls_nothing(azure, arguments, calls):
    ran = azure.run("--dry-run", *shlex.split(arguments))
    assert ran.returncode == 0, ran.stderr
    assert (azure.folder / "calls.jsonl").read_text() == ""
    said = [line for line in ran.stdout.splitlines() if line.startswith(("az ", "docker ", "curl "))]
    answers = {
        "<registry>": REGISTRY,
        "<vault>": VAULT,
        "<host>": APP_HOST,
        "<grpcHost>": GRPC_HOST,
        "<administrator>": ADMINISTRATOR,
    }
    for place, answer in answers.items():
        # As bash quotes it.
        quoted = place.replace("<", r"\<").replace(">", r"\>")
        said = [line.replace(quoted, answer) for line in said]
    assert [shlex.split(line) for line in said] == words(calls, azure)


def deployments(azure):
    """Name, template and parameters of each that is made."""
    for calls in golden().values():
        for call in words(calls, azure):
            if call[1:4] == ["deployment", "group", "create"]:
                template = files.Path(call[call.index("--template-file") + 1])
                yield (
                    call[call.index("--name") + 1],
                    template,
                    {word.partition("=")[0] for word in call if "=" in word},
                )


def test_templates_are_given_the_parameters_that_they_take(azure):
    made = list(deployments(azure))
    assert {template.name for _, template, _ in made} == {
        "foundation.bicep",
        "main.bicep",
        "container-apps.bicep",
    }
    for _, template, given in made:
        parameters = files.bicep(template)["parameters"]
        required = {name for name, about in parameters.items() if about["is_required"]}
        assert required <= given <= parameters.keys(), template.name


def test_templates_put_out_what_is_asked_of_them(azure):
    templates = {name: template for name, template, _ in deployments(azure)}
    asked = re.findall(r"\boutput (foundation|apps|group) (\w+)", SCRIPT.read_text())
    assert len(asked) > 5
    for name, output in asked:
        assert output in files.bicep(templates[name])["outputs"], f"{name} puts out no {output}"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("az group make --name wattgate", "there is no az group make"),
        ("az container create --resource-group a --file b --environment-variables PASSWORD=c", "takes no"),
        ("az deployment group create --resource-group a", "needs"),
    ],
)
def test_what_the_azure_cli_would_not_take_is_found(call, said):
    assert said in problem(shlex.split(call))


def test_the_group_of_yaml_is_filled_in_for_nobody_else_to_read_and_not_kept(azure):
    ran = azure.run("--to", "group-yaml", "--tag", "7", "deploy")
    assert ran.returncode == 0, ran.stderr
    (call,) = azure.calls()
    assert call[:5] == ["az", "container", "create", "--resource-group", "wattgate"]
    assert not Path(call[call.index("--file") + 1]).exists()
    assert (azure.folder / "mode").read_text() == "600"
    sent = (azure.folder / "container-group.yaml").read_text()
    without_comments = re.sub(r"(?m)^#.*$", "", sent)
    assert "${" not in without_comments
    encoded = base64.b64encode(b"canary of token-key\n").decode()
    assert f"token-key: {encoded}\n" in sent
    assert f"image: {REGISTRY}.azurecr.io/wattgate-gateway:7\n" in sent
    assert f"    {IDENTITY}: {{}}\n" in sent


@pytest.mark.parametrize("to", ["group", "group-yaml", "apps"])
def test_no_secret_is_an_argument_or_said(azure, to):
    ran = azure.run("--to", to, "prepare", "secrets", "build", "push", "deploy", "wait", "smoke")
    assert ran.returncode == 0, ran.stderr
    told = ran.stdout + ran.stderr + (azure.folder / "calls.jsonl").read_text()
    assert "canary" not in told
    assert base64.b64encode(b"canary")[:7].decode() not in told


@pytest.mark.parametrize("command", [["secrets"], ["--to", "group-yaml", "deploy"]])
@pytest.mark.parametrize("name", ["tls-key", "database-url"])
def test_a_secret_that_is_missing_or_empty_is_said_before_anything_is_sent(azure, command, name):
    (azure.secrets / name).write_text("")
    ran = azure.run(*command)
    assert ran.returncode == 1
    assert f"there is no {azure.secrets}/{name}" in ran.stderr
    assert azure.calls() == []


def test_it_waits_until_the_gateway_is_ready(azure):
    azure.answers.append([["curl", "/readyz"], 22, ""])
    ran = azure.run("wait")
    assert ran.returncode == 1
    assert "the gateway is not ready: az container logs" in ran.stderr
    assert [call[0] for call in azure.calls()] == ["curl", "sleep"] * 60


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            [["curl", "/readyz"], 0, "1.1 503"],
            "every model forecasts rightly (HTTP 1.1 503 instead of 1.1 200)",
        ),
        ([["curl", "/readyz"], 60, "0 000"], "every model forecasts rightly (HTTP 0 000"),
        ([["curl", "/predict"], 0, "1.1 200"], "nobody forecasts without a token"),
        ([["curl", "Health/Check"], 0, "1.1 200"], "gRPC answers over TLS"),
        ([["curl", "http://", "/livez"], 0, ""], "HTTP without TLS answers"),
        ([["curl", "http://", ":8500/"], 0, ""], "the model server answers"),
    ],
)
def test_a_stranger_who_finds_something_wrong_says_so(azure, answer, said):
    azure.answers.append(answer)
    ran = azure.run("smoke")
    assert ran.returncode == 1
    assert f"failed: {said}" in ran.stderr or said in ran.stderr


@pytest.mark.parametrize("failing", [["acr", "build", "wattgate-gateway:7"], ["deployment", "create"]])
def test_it_stops_at_the_first_thing_that_goes_wrong(azure, failing):
    azure.answers.append([["az", *failing], 1, ""])
    ran = azure.run("--tag", "7", "build", "deploy", "wait")
    assert ran.returncode == 1
    last = azure.calls()[-1]
    assert all(any(word in argument for argument in last) for word in failing)


def test_it_asks_before_it_takes_all_down(azure):
    refused = azure.run("down", typed="yes\n")
    assert refused.returncode == 1
    assert azure.calls() == []
    assert azure.run("down", typed="wattgate\n").returncode == 0
    assert azure.calls() == [["az", "group", "delete", "--name", "wattgate", "--yes"]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["undeploy"], "there is no undeploy"),
        (["--force", "deploy"], "there is no --force"),
        (["--to", "swarm", "deploy"], "--to is group, group-yaml or apps"),
        (["--name", "Watt-Gate", "prepare"], "3 to 11 small letters"),
        (["--tag", "latest", "deploy"], "would not say what runs"),
        (["--tag"], "takes a value"),
        ([], "Usage:"),
    ],
)
def test_what_cannot_be_meant_is_refused(azure, arguments, said):
    ran = azure.run(*arguments)
    assert ran.returncode != 0
    assert said in ran.stderr
    assert azure.calls() == []


def test_its_help_tells_all_of_it(azure):
    told = azure.run("--help").stdout
    text = SCRIPT.read_text()
    options = {f"--{name}" for name in re.findall(r"--([a-z-]+)(?: \||\))", text)} - {"--help"}
    commands = set(re.findall(r"[a-z]+", re.search(r"\n    (prepare \|.*)\) commands", text)[1])) | {"wait"}
    assert len(options) > 10
    assert len(commands) == 8
    assert {word for word in options | commands if word not in told} == set()
    assert all(name in told for name in SECRETS)
