"""Dockerfiles keep to hadolint's rules and to ours."""

import re

import pytest

from tests.data import REPOSITORY
from tests.deploy import files
from tests.deploy.containers import MODEL_PORTS
from tests.deploy.policy import USER
from tests.deploy.tools import run


def relative(file):
    return str(file.relative_to(REPOSITORY))


def said_of(text):
    return run("hadolint", "--no-color", "-", text=text)


@pytest.mark.parametrize("file", files.DOCKERFILES, ids=relative)
def test_hadolint_has_nothing_to_say(file):
    linted = said_of(file.read_text())
    assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("FROM python\n", "DL3006"),
        ("FROM python:latest\n", "DL3007"),
        ("FROM python:3.12-slim\nRUN apt-get install -y curl\n", "DL3008"),
        ("FROM python:3.12-slim\nUSER root\n", "DL3002"),
        ("FROM python:3.12-slim\nRUN cd /app && python -m compileall .\n", "DL3003"),
        ("FROM python:3.12-slim\nADD models /models\n", "DL3020"),
        ("FROM python:3.12-slim\nCMD python -m services.gateway\n", "DL3025"),
    ],
)
def test_what_hadolint_is_there_for_it_finds(text, rule):
    assert rule in said_of(text).stdout


def problems(text):
    """Ours: what one image must say, or nothing."""
    last = text[text.rindex("\nFROM ") :]
    instructions = [line for line in last.splitlines() if not line.startswith("#")]
    user = [line.split()[1] for line in instructions if line.startswith("USER ")]
    if user != [USER]:
        yield f"runs as {user}"
    if re.search(r"^(COPY|ADD) (--\S+ )*\.\s", last, re.MULTILINE):
        yield "has all of the repository"
    if re.search(r"^\s*(ENV|ARG)\b.*(PASSWORD|SECRET|TOKEN|PEPPER|_KEY)\w*=", text, re.MULTILINE):
        yield "has a secret"
    exposed = {port for line in instructions if line.startswith("EXPOSE ") for port in line.split()[1:]}
    if exposed - {"8443", "8444", *map(str, MODEL_PORTS.values())}:
        yield f"listens on {sorted(exposed)}"
    if not any(line.startswith("HEALTHCHECK ") for line in instructions):
        yield "says nothing of its health"


GOOD = """FROM python:3.12-slim AS built
COPY services /app/services

FROM python:3.12-slim
COPY --from=built /app /app
USER 10001:10001
EXPOSE 8443 8444
HEALTHCHECK CMD ["python", "-m", "services.gateway.probe"]
"""


@pytest.mark.skipif(not files.COMPOSE_FILES, reason="images come with the compose files")
@pytest.mark.parametrize("file", files.DOCKERFILES, ids=relative)
def test_ours_keep_to_our_rules(file):
    assert list(problems(f"\n{file.read_text()}")) == []


def test_the_example_keeps_to_our_rules():
    assert list(problems(f"\n{GOOD}")) == []


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("USER 10001:10001\n", "", "runs as"),
        ("USER 10001:10001", "USER 0:0", "runs as"),
        ("COPY --from=built /app /app", "COPY . /app", "all of the repository"),
        ("EXPOSE 8443", "ENV GATEWAY_TOKEN_KEY=abc\nEXPOSE 8443", "has a secret"),
        ("EXPOSE 8443 8444", "EXPOSE 8443 8444 8080", "listens on"),
        ("HEALTHCHECK", "#", "nothing of its health"),
    ],
)
def test_a_mistake_in_a_dockerfile_is_found(before, after, said):
    text = GOOD.replace(before, after)
    assert said in " ".join(problems(f"\n{text}"))


def test_images_are_built_of_files_that_there_are():
    """deploy.sh names them; those of deploy/images come with the compose files."""
    script = (files.AZURE / "deploy.sh").read_text()
    named = dict(re.findall(r'echo "(wattgate-[\w-]+) (\S+Dockerfile)"', script))
    assert named.keys() == {"wattgate-gateway", "wattgate-tensorflow-serving"}
    missing = [name for name in named.values() if not (REPOSITORY / name).exists()]
    if missing and not files.COMPOSE_FILES:
        pytest.skip(f"not there yet: {missing}")
    assert missing == []
