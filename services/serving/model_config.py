"""Which models to serve: the model config file, the flags of a single model, or a reload request."""

from pathlib import Path, PurePosixPath

from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import TENSORFLOW, ModelConfig, ModelServerConfig

from services.serving.flags import Flags
from services.serving.status import invalid, not_found

PLATFORM = "tensorflow"
"""The one model platform there is."""


class ConfigParseError(Exception):
    """The model config file is not a text-format ModelServerConfig."""


def models(flags: Flags) -> list[ModelConfig]:
    """The models the flags ask for, checked.

    Raises ConfigParseError for a file that does not parse, StatusError for one that cannot be read and a
    list that cannot be served.
    """
    if flags.model_config_file:
        return read(Path(flags.model_config_file))
    if not flags.model_base_path:
        raise invalid("Both model_base_path and model_config_file are empty!")
    found = [ModelConfig(name=flags.model_name, base_path=flags.model_base_path, model_platform=PLATFORM)]
    _check(found)
    return found


def read(path: Path) -> list[ModelConfig]:
    """The models a file lists, checked; raises as `models` does."""
    config = ModelServerConfig()
    try:
        text_format.Parse(path.read_bytes(), config)
    except OSError as error:
        raise not_found(f"{path}: {error.strerror}") from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise ConfigParseError(f"{path}: {error}") from error
    return listed(config)


def listed(config: ModelServerConfig) -> list[ModelConfig]:
    """The models of a configuration, checked.

    Raises StatusError INVALID_ARGUMENT for another kind of configuration and a list that cannot be served.
    """
    if config.WhichOneof("config") != "model_config_list":
        raise invalid(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. "
            "Only ModelConfigList is currently supported"
        )
    found = list(config.model_config_list.config)
    _check(found)
    return found


def _check(found: list[ModelConfig]) -> None:
    names = set()
    for model in found:
        if not model.name:
            raise invalid("a model of the config list has no name")
        if model.name in names:
            raise invalid(f"Illegal to list model {model.name} multiple times in config list")
        names.add(model.name)
        if not PurePosixPath(model.base_path).is_absolute():
            raise invalid(
                f"Expected model {model.name} to have an absolute path or URI; "
                f"got base_path()={model.base_path}"
            )
        # model_type is the deprecated way to say the platform.
        if model.model_platform != PLATFORM and (model.model_platform or model.model_type != TENSORFLOW):
            raise invalid(f"model {model.name} must have model_platform: {PLATFORM!r}")
