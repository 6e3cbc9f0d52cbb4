"""What is in the images, and what is not."""

import json
import re
import subprocess

import pytest

from tests.compose.engine import docker
from tests.data import REPOSITORY

IMAGES = {"gateway": "wattgate-gateway:local", "model-server": "wattgate-model-server:local"}
MAX_GATEWAY_BYTES = 350e6

COMPILERS = {"as", "c++", "cc", "clang", "cpp", "g++", "gcc", "gfortran", "ld", "make", "rustc", "tcc"}
FETCHERS = {"curl", "wget", "nc", "ssh"}

CODE = {
    "gateway": {"pipelines", "services/core", "services/gateway", "services/local", "wattgate"},
    "model-server": {"pipelines", "services/core", "services/serving"},
}
NEVER = (
    "pipelines/importing/",
    "pipelines/publishing/",
    "pipelines/training/",
    "services/local/demo.py",
    "services/local/ports.py",
    "services/serving/Dockerfile",
)


def files_of(image):
    """The names of all files of an image."""
    container = docker("create", image).stdout.strip()
    try:
        with subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as exported:
            names = subprocess.check_output(["tar", "--list"], stdin=exported.stdout, text=True)
    finally:
        docker("rm", container)
    return set(names.splitlines())


def here(pattern):
    """The files of this repository, those not committed yet too."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern]
    return subprocess.check_output(listed, cwd=REPOSITORY, text=True).splitlines()


@pytest.fixture(scope="module", params=IMAGES)
def service(request):
    return request.param


@pytest.fixture(scope="module")
def image(stack, service):
    return IMAGES[service]


@pytest.fixture(scope="module")
def files(image):
    return files_of(image)


@pytest.fixture(scope="module")
def inspected(image):
    return json.loads(docker("image", "inspect", image).stdout)[0]


def test_the_gateway_is_small(stack):
    size = int(docker("image", "inspect", "--format", "{{.Size}}", IMAGES["gateway"]).stdout)
    assert size < MAX_GATEWAY_BYTES


def test_the_gateway_has_no_tensorflow(stack):
    asked = (
        "import importlib.util as u; print([n for n in ('tensorflow', 'keras', 'pandas') if u.find_spec(n)])"
    )
    run = docker("run", "--rm", "--network", "none", "--entrypoint", "python", IMAGES["gateway"], "-c", asked)
    assert run.stdout == "[]\n"
    assert [name for name in files_of(IMAGES["gateway"]) if "tensorflow/" in name] == []


def test_it_has_the_code_it_runs_and_no_other(files, service):
    wanted = {
        f"app/{name}"
        for name in [*here("*.py"), *here("services/gateway/rest/page")]
        if any(name.startswith(f"{folder}/") for folder in CODE[service]) and not name.startswith(NEVER)
    } | {"app/services/__init__.py"}
    found = {name for name in files if name.startswith("app/") and not name.endswith(("/", ".pyc"))}
    assert found == wanted


def test_it_compiles_fetches_and_tests_nothing(files):
    programs = {
        name.rpartition("/")[2] for name in files if re.match(r"(usr/(local/)?|opt/venv/)?s?bin/", name)
    }
    assert programs & (COMPILERS | FETCHERS) == set()
    assert not {name for name in files if name.startswith((".git", "app/tests", "app/.git", "requirements"))}


def test_it_has_every_model(stack):
    models = {name for name in files_of(IMAGES["model-server"]) if name.startswith("models/")}
    assert {name for name in models if not name.endswith("/")} == set(here("models"))


def test_it_is_nobody_in_particular_and_asks_its_own_health(inspected):
    assert inspected["Config"]["User"] == "10001:10001"
    assert inspected["Config"]["Healthcheck"]["Test"][:3] == ["CMD", "python", "-m"]
    assert not inspected["Config"].get("Volumes")


def test_it_has_one_user_more_than_its_base_and_no_file_that_makes_root(image):
    find = "find / -xdev -perm /6000 -type f -user root -newer /etc/passwd"
    run = docker("run", "--rm", "--user", "0", "--network", "none", "--entrypoint", "sh", image, "-c", find)
    assert run.stdout == ""


def test_its_packages_fit_each_other(image):
    check = "pip --python /opt/venv/bin/python check"
    run = docker("run", "--rm", "--network", "none", "--entrypoint", "sh", image, "-c", check, check=False)
    # Locks are installed as they stand; one package asks for the full TensorFlow, on purpose.
    complaints = [line for line in run.stdout.splitlines() if "requires tensorflow, which" not in line]
    assert complaints in (["No broken requirements found."], [])
