"""The stock server's files say what it understands, and the embedded server takes them as they are."""

from pathlib import Path

import pytest

from services.serving import batching_parameters, flags, model_config, monitoring
from tests.data import MODELS, REPOSITORY

SERVING = REPOSITORY / "services" / "serving"
CONFIG = SERVING / "config"
DOCKERFILE = (SERVING / "Dockerfile").read_text()

UPSTREAM_FLAGS = set((Path(__file__).parent / "upstream_flags.txt").read_text().split())
"""The names of TensorFlow Serving's model_servers/main.cc."""


def lines(name):
    return (CONFIG / name).read_text().splitlines()


def in_image(path):
    """A file of this repository by its path in the image."""
    return CONFIG / Path(path).relative_to("/config")


@pytest.fixture
def asked():
    return flags.parse([*lines("server.flags"), *lines("batching.flags")])


@pytest.mark.parametrize("name", ["server.flags", "batching.flags"])
def test_every_flag_is_one_that_tensorflow_serving_knows(name):
    for line in lines(name):
        flag, equals, value = line.partition("=")
        assert flag.removeprefix("--") in UPSTREAM_FLAGS
        # The image's shell splits the file into words: nothing in it may need quotes.
        assert equals
        assert value.isascii()
        assert not set(value) & set(" \t'\"$`*?[]\\;&|<>(){}")


def test_the_embedded_server_takes_every_one_of_them(asked):
    flags.check(asked)
    assert asked.unknown == ()
    # REST is off: it has an open crash, and nothing here calls it.
    assert (asked.port, asked.rest_api_port) == (8500, 0)
    assert asked.enable_batching
    assert asked.enable_grpc_healthcheck_service


def test_the_embedded_server_reads_the_same_files(asked):
    batching = batching_parameters.read(in_image(asked.batching_parameters_file))
    assert batching.allowed_batch_sizes == (1, 8, 16, 32)
    assert monitoring.read(in_image(asked.monitoring_config_file)).path == monitoring.DEFAULT_PATH
    here = flags.parse([f"--model_config_file={in_image(asked.model_config_file)}"])
    models = model_config.models(here)
    assert {model.name: model.base_path for model in models} == {
        folder.name: f"/models/{folder.name}" for folder in MODELS.iterdir()
    }


def test_the_image_has_what_the_flags_name(asked):
    assert "ARG IMAGE=tensorflow/serving:2.20.0\nFROM ${IMAGE}\n" in DOCKERFILE
    assert "COPY --chmod=755 services/serving/config /config\n" in DOCKERFILE
    assert "COPY --chmod=755 models /models\n" in DOCKERFILE
    assert "cat /config/server.flags" in DOCKERFILE
    assert "\nUSER 10001:10001\nEXPOSE 8500\n" in DOCKERFILE
