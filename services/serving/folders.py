"""Which version folders there are, and which of them a model's policy asks for."""

import re
from pathlib import Path

from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

from services.serving.status import not_found


def wanted(config: ModelConfig) -> dict[int, Path]:
    """The folders of the versions to serve, by number: without a policy the newest one.

    None is fine, and so is a policy that names versions that are not there: folders come and go.
    Raises StatusError NOT_FOUND when the base path cannot be read.
    """
    found = _versions(Path(config.base_path))
    policy = config.model_version_policy
    match policy.WhichOneof("policy_choice"):
        case "all":
            chosen = set(found)
        case "specific":
            chosen = set(policy.specific.versions) & set(found)
        case _:
            chosen = set(sorted(found)[-max(policy.latest.num_versions, 1) :])
    return {version: found[version] for version in sorted(chosen)}


def _versions(base_path: Path) -> dict[int, Path]:
    try:
        return {
            int(folder.name): folder
            for folder in sorted(base_path.iterdir())
            if re.fullmatch("[0-9]{1,18}", folder.name) and folder.is_dir()
        }
    except OSError as error:
        raise not_found(f"Could not find base path {base_path}: {error.strerror}") from error
