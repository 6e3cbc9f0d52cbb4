"""The model config file that model servers read: which versions of which models serve, and their labels.

A text-format `tensorflow.serving.ModelServerConfig`. Servers, the embedded and the stock one, replace what
they serve by what it lists, so a careless edit unloads models: here it is read, changed and written as a
whole.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig, ModelServerConfig

STABLE, CANARY, PREVIOUS = "stable", "canary", "previous"
"""Labels: who is asked for a forecast, who is tried on a share of callers, and who is gone back to."""


class ConfigError(Exception):
    """The model config file cannot be read, or a change of it is refused."""


@dataclass
class Served:
    """What is served of one model."""

    base_path: str
    versions: set[int]
    """Empty: the newest in the folder, whichever that is."""
    labels: dict[str, int]


class ModelConfigFile:
    """The file at a path."""

    def __init__(self, path: Path) -> None:
        """Nothing is read yet."""
        self._path = path

    def served(self) -> dict[str, Served]:
        """The models by name; none where there is no file. Raises ConfigError."""
        return {name: _served(model) for name, model in _models(self._parsed(self._bytes())).items()}

    @contextmanager
    def changing(self, name: str, base_path: Path) -> Iterator[Served]:
        """Change what is served of one model: written at the end of the block, at once or not at all.

        One at a time; every other model stays as it is. A model that is not listed is added with
        that folder. Raises ConfigError: the file cannot be read, it has the model in another folder, it
        was changed by somebody else meanwhile, or a label would be of a version that is not served. Comments
        in the file are lost.
        """
        with self._locked():
            before = self._bytes()
            config = self._parsed(before)
            models = _models(config)
            if name in models:
                model = models[name]
                if Path(model.base_path).resolve() != base_path.resolve():
                    raise ConfigError(
                        f"{self._path} has {name} in {model.base_path}, not in {base_path}; name the "
                        "repository that is served, and how its servers see it where that is another path"
                    )
            else:
                model = config.model_config_list.config.add()
                model.MergeFrom(_newest(name, base_path))
            served = _served(model)
            yield served
            _refuse_dangling(name, served)
            _put(model, served)
            if self._bytes() != before:
                raise ConfigError(f"{self._path} was changed by somebody else; look at it and try again")
            self._replace(text_format.MessageToString(config))

    def list_only(self, folders: Mapping[str, Path]) -> None:
        """Serve the models in these folders, by name, and no others.

        What is served of one that was listed before, in the same folder, stays; of the others it is the
        newest version. Raises ConfigError.
        """
        with self._locked():
            before, after = _models(self._parsed(self._bytes())), ModelServerConfig()
            for name, folder in folders.items():
                listed = after.model_config_list.config.add()
                if name in before and Path(before[name].base_path).resolve() == folder.resolve():
                    listed.CopyFrom(before[name])
                else:
                    listed.MergeFrom(_newest(name, folder))
            self._replace(text_format.MessageToString(after))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _bytes(self) -> bytes:
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise ConfigError(f"{self._path} cannot be read: {error.strerror}") from error

    def _parsed(self, content: bytes) -> ModelServerConfig:
        config = ModelServerConfig()
        try:
            text_format.Parse(content, config)
        except (UnicodeDecodeError, text_format.ParseError) as error:
            raise ConfigError(f"{self._path} cannot be read as a ModelServerConfig: {error}") from error
        if config.HasField("custom_model_config"):
            raise ConfigError(f"{self._path} has a custom_model_config, not a list of models")
        return config

    def _replace(self, text: str) -> None:
        """Servers read while we write: they see the old file or the new one."""
        handle, name = tempfile.mkstemp(prefix=".models-", dir=self._path.parent)
        draft = Path(name)
        try:
            with os.fdopen(handle, "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            draft.chmod(0o644)  # a server may run as another user
            draft.replace(self._path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise


def _models(config: ModelServerConfig) -> dict[str, ModelConfig]:
    return {model.name: model for model in config.model_config_list.config}


def _newest(name: str, base_path: Path) -> ModelConfig:
    """Of a model that is not listed yet: the newest version in its folder."""
    return ModelConfig(name=name, base_path=str(base_path), model_platform="tensorflow")


def _served(model: ModelConfig) -> Served:
    policy = model.model_version_policy
    if policy.HasField("all") or policy.latest.num_versions > 1:
        raise ConfigError(
            f"{model.name} is served by a policy of several versions without naming them; name them in "
            "`specific`, so that none is unloaded by a change"
        )
    return Served(model.base_path, set(policy.specific.versions), dict(model.version_labels))


def _put(model: ModelConfig, served: Served) -> None:
    if served.versions:
        model.model_version_policy.specific.versions[:] = sorted(served.versions)
    model.version_labels.clear()
    model.version_labels.update(served.labels)


def _refuse_dangling(name: str, served: Served) -> None:
    dangling = {label: version for label, version in served.labels.items() if version not in served.versions}
    if dangling:
        raise ConfigError(f"a label of {name} would be of a version that is not served: {dangling}")
