"""Which folders are versions, and which of them a policy asks for."""

import pytest
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

from services.serving import folders
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
    return {version: folder.name for version, folder in folders.wanted(config).items()}


@pytest.mark.parametrize(
    ("policy", "versions"),
    [
        ("", {123: "00000123"}),
        ("latest {}", {123: "00000123"}),
        ("latest { num_versions: 2 }", {10: "010", 123: "00000123"}),
        ("latest { num_versions: 9 }", {1: "1", 9: "9", 10: "010", 123: "00000123"}),
        ("all {}", {1: "1", 9: "9", 10: "010", 123: "00000123"}),
        ("specific { versions: 10 versions: 1 }", {1: "1", 10: "010"}),
        ("specific { versions: 10 versions: 2 }", {10: "010"}),
        ("specific {}", {}),
    ],
)
def test_versions_are_folders_with_whole_numbers_for_names(base_path, policy, versions):
    assert served(base_path, policy) == versions


def test_a_base_path_without_versions_is_waited_for(tmp_path):
    assert served(tmp_path) == {}
    with pytest.raises(StatusError, match=r"Could not find base path .*none: No such file or directory"):
        served(tmp_path / "none")
