import pytest
from grpc import StatusCode

from services.serving import flags, model_config
from services.serving.status import StatusError


def read(tmp_path, text):
    path = tmp_path / "models.config"
    path.write_text(text)
    return model_config.models(flags.parse([f"--model_config_file={path}"]))


def one(fields):
    return f"model_config_list {{ config {{ {fields} }} }}"


def test_a_config_file_lists_models(tmp_path):
    gru, cnn = read(
        tmp_path,
        """
        model_config_list: {
          config: { name: 'gru', base_path: '/m/gru', model_platform: 'tensorflow' }
          config: { name: 'cnn', base_path: '/m/cnn', model_type: TENSORFLOW }
        }
        """,
    )
    assert (gru.name, gru.base_path, cnn.name) == ("gru", "/m/gru", "cnn")


def test_flags_name_one_model():
    (model,) = model_config.models(flags.parse(["--model_name=gru", "--model_base_path=/m/gru"]))
    assert (model.name, model.base_path, model.model_platform) == ("gru", "/m/gru", "tensorflow")


@pytest.mark.parametrize(
    "text", ["model_config_list {", "models {}", "\x00", "model_config_list { config { name: 1 } }"]
)
def test_a_file_that_is_no_config(tmp_path, text):
    with pytest.raises(model_config.ConfigParseError):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Only ModelConfigList is currently supported"),
        (one("base_path: '/m' model_platform: 'tensorflow'"), "has no name"),
        (
            one("name: 'gru' base_path: 'm' model_platform: 'tensorflow'"),
            "absolute path or URI; got base_path..=m",
        ),
        (one("name: 'gru' base_path: '/m'"), "model gru must have model_platform: 'tensorflow'"),
        (one("name: 'gru' base_path: '/m' model_platform: 'onnx'"), "model gru must have model_platform"),
        (
            "model_config_list {"
            + "config { name: 'gru' base_path: '/m' model_platform: 'tensorflow' }" * 2
            + "}",
            "Illegal to list model gru multiple times in config list",
        ),
    ],
)
def test_a_list_that_cannot_be_served(tmp_path, text, said):
    with pytest.raises(StatusError, match=said) as caught:
        read(tmp_path, text)
    assert caught.value.code == StatusCode.INVALID_ARGUMENT


def test_no_model_at_all():
    with pytest.raises(StatusError, match="Both model_base_path and model_config_file are empty!"):
        model_config.models(flags.parse([]))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(StatusError, match=r"none\.config: No such file or directory"):
        model_config.models(flags.parse([f"--model_config_file={tmp_path / 'none.config'}"]))
