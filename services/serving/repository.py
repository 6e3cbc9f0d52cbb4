"""Versions on disk -> loaded models, and which of them a request means."""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.config.file_system_storage_path_source_pb2 import FileSystemStoragePathSourceConfig
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

from services.serving.saved_model import SavedModel
from services.serving.status import invalid, not_found

log = logging.getLogger(__name__)

VersionPolicy = FileSystemStoragePathSourceConfig.ServableVersionPolicy


@dataclass(frozen=True)
class ServedModel:
    """The available versions of one model."""

    versions: Mapping[int, SavedModel]
    labels: Mapping[str, int]

    @property
    def latest(self) -> int:
        """The newest version."""
        return max(self.versions)


class Repository:
    """The models being served, by name."""

    def __init__(self, models: Mapping[str, ServedModel]) -> None:
        """Serve these; each has at least one version."""
        self._models = models

    def resolve(self, spec: ModelSpec) -> tuple[int, SavedModel]:
        """The version a request means, and its number.

        Raises StatusError: INVALID_ARGUMENT without a name or for an unknown label, NOT_FOUND for an
        unknown model or version.
        """
        if not spec.name:
            raise invalid("ModelSpec has no name specified.")
        model = self._models.get(spec.name)
        choice = spec.WhichOneof("version_choice")
        if choice == "version_label":
            if model is None or spec.version_label not in model.labels:
                raise invalid(f"Unrecognized servable version label: {spec.version_label}")
            version = model.labels[spec.version_label]
        elif choice == "version":
            version = spec.version.value
            if model is None or version not in model.versions:
                raise not_found(f"Servable not found for request: Specific({spec.name}, {version})")
        elif model is None:
            raise not_found(f"Servable not found for request: Latest({spec.name})")
        else:
            version = model.latest
        return version, model.versions[version]

    def available(self, spec: ModelSpec) -> list[int]:
        """The versions a status request means, ascending.

        Raises StatusError NOT_FOUND where there is none.
        """
        model = self._models.get(spec.name)
        if spec.WhichOneof("version_choice") != "version":
            if model is None:
                raise not_found(f"Could not find any versions of model {spec.name}")
            return sorted(model.versions)
        if model is None or spec.version.value not in model.versions:
            raise not_found(f"Could not find version {spec.version.value} of model {spec.name}")
        return [spec.version.value]


def load(configs: Sequence[ModelConfig], prepare: Callable[[SavedModel, Path], None]) -> Repository:
    """Load every version the configs ask for; `prepare` makes each ready before it is available.

    Raises StatusError for a model without versions, a version that does not load and a label that points
    to a version that is not served.
    """

    def load_version(job: tuple[str, int, Path]) -> SavedModel:
        name, version, folder = job
        log.info("Loading servable version {name: %s version: %d} from %s", name, version, folder)
        model = SavedModel(folder)
        prepare(model, folder)
        log.info("Successfully loaded servable version {name: %s version: %d}", name, version)
        return model

    jobs = [
        (config.name, version, folder)
        for config in configs
        for version, folder in versions_to_serve(config).items()
    ]
    # Compiling in XLA, most of the time a start takes, leaves the interpreter free: two at once are faster.
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="load") as pool:
        loaded = list(pool.map(load_version, jobs))
    models = {}
    for config in configs:
        versions = {
            version: model
            for (name, version, _), model in zip(jobs, loaded, strict=True)
            if name == config.name
        }
        labels = dict(config.version_labels)
        for label, version in labels.items():
            if version not in versions:
                raise invalid(f"label {label} of model {config.name} points to version {version}, not served")
        models[config.name] = ServedModel(versions, labels)
    return Repository(models)


def versions_to_serve(config: ModelConfig) -> dict[int, Path]:
    """The folders of the versions a config asks for, by number; without a policy the newest one.

    Raises StatusError NOT_FOUND where there is none, or not each that the policy names.
    """
    found = _versions(Path(config.base_path))
    if not found:
        raise not_found(f"No versions of servable {config.name} found under base path {config.base_path}")
    policy = config.model_version_policy
    match policy.WhichOneof("policy_choice"):
        case "all":
            chosen = sorted(found)
        case "specific":
            chosen = sorted(set(policy.specific.versions))
        case _:
            chosen = sorted(found)[-max(policy.latest.num_versions, 1) :]
    if missing := [version for version in chosen if version not in found]:
        raise not_found(f"Version {missing[0]} of servable {config.name} not found under {config.base_path}")
    if not chosen:
        raise invalid(f"The version policy of model {config.name} names no version")
    return {version: found[version] for version in chosen}


def _versions(base_path: Path) -> dict[int, Path]:
    try:
        return {
            int(folder.name): folder
            for folder in base_path.iterdir()
            if re.fullmatch("[0-9]+", folder.name) and folder.is_dir()
        }
    except OSError as error:
        raise not_found(f"Could not find base path {base_path}: {error.strerror}") from error
