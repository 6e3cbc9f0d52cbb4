"""Which folders are versions, which versions a policy asks for, which version a request means."""

import pytest
from google.protobuf import text_format
from grpc import StatusCode
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

from services.serving.repository import Repository, ServedModel, versions_to_serve
from services.serving.status import StatusError


@pytest.fixture
def base_path(tmp_path):
    for name in ("1", "9", "010", "00000123", "tmp-124", "-5", "1.5", "٣"):
        (tmp_path / name).mkdir()
    (tmp_path / "500").write_text("a file is no version")
    return tmp_path


def served(base_path, policy=""):
    config = text_format.Parse(f"model_version_policy {{ {policy} }}", ModelConfig())
    config.name = "gru"
    config.base_path = str(base_path)
    return {version: folder.name for version, folder in versions_to_serve(config).items()}


@pytest.mark.parametrize(
    ("policy", "versions"),
    [
        ("", {123: "00000123"}),
        ("latest {}", {123: "00000123"}),
        ("latest { num_versions: 2 }", {10: "010", 123: "00000123"}),
        ("latest { num_versions: 9 }", {1: "1", 9: "9", 10: "010", 123: "00000123"}),
        ("all {}", {1: "1", 9: "9", 10: "010", 123: "00000123"}),
        ("specific { versions: 10 versions: 1 }", {1: "1", 10: "010"}),
    ],
)
def test_versions_are_folders_with_whole_numbers_for_names(base_path, policy, versions):
    assert served(base_path, policy) == versions


@pytest.mark.parametrize(
    ("policy", "code", "said"),
    [
        ("specific { versions: 2 }", StatusCode.NOT_FOUND, "Version 2 of servable gru not found"),
        ("specific {}", StatusCode.INVALID_ARGUMENT, "names no version"),
    ],
)
def test_versions_that_are_not_there(base_path, policy, code, said):
    with pytest.raises(StatusError, match=said) as caught:
        served(base_path, policy)
    assert caught.value.code == code


def test_a_base_path_without_versions(tmp_path):
    with pytest.raises(StatusError, match="No versions of servable gru found under base path"):
        served(tmp_path)
    with pytest.raises(StatusError, match=r"Could not find base path .*none: No such file or directory"):
        served(tmp_path / "none")


@pytest.fixture
def repository():
    return Repository({"gru": ServedModel(versions={1: "one", 12: "twelve"}, labels={"stable": 1})})


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ('name: "gru"', (12, "twelve")),
        ('name: "gru" version { value: 1 }', (1, "one")),
        ('name: "gru" version_label: "stable"', (1, "one")),
    ],
)
def test_a_request_means_one_version(repository, spec, found):
    assert repository.resolve(text_format.Parse(spec, ModelSpec())) == found


@pytest.mark.parametrize(
    ("spec", "code", "said"),
    [
        ("", StatusCode.INVALID_ARGUMENT, "ModelSpec has no name specified."),
        ('name: "cnn"', StatusCode.NOT_FOUND, "Servable not found for request: Latest(cnn)"),
        ('name: "gru" version {}', StatusCode.NOT_FOUND, "Servable not found for request: Specific(gru, 0)"),
        (
            'name: "gru" version_label: "new"',
            StatusCode.INVALID_ARGUMENT,
            "Unrecognized servable version label: new",
        ),
    ],
)
def test_a_request_for_what_is_not_there(repository, spec, code, said):
    with pytest.raises(StatusError) as caught:
        repository.resolve(text_format.Parse(spec, ModelSpec()))
    assert (caught.value.code, caught.value.message) == (code, said)
