"""The versions that can be asked for, and which of them a request means."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis.get_model_status_pb2 import ModelVersionStatus
from tensorflow_serving.apis.model_pb2 import ModelSpec

from services.serving.saved_model import Arrays, Outputs
from services.serving.status import StatusError, invalid, not_found


class Model(Protocol):
    """A version as requests see it."""

    signatures: Mapping[str, SignatureDef]

    async def run(self, signature: str, inputs: Arrays) -> Outputs:
        """Run a signature of `signatures` on exactly its inputs. Raises StatusError."""
        ...


@dataclass(frozen=True)
class VersionState:
    """Where a version is in its life."""

    state: int
    """A ModelVersionStatus.State."""
    error: StatusError | None = None
    """Why it did not load, for one that ended so."""


AVAILABLE = VersionState(ModelVersionStatus.AVAILABLE)


@dataclass(frozen=True)
class ServedModel:
    """What is known of one model at one moment."""

    versions: Mapping[int, Model]
    """Those available."""
    labels: Mapping[str, int]
    others: Mapping[int, VersionState] = field(default_factory=dict)
    """Those not available: on their way in or out, failed or unloaded."""
    configured: bool = True
    """Whether it is to be served; one that is not any more stays listed by its unloaded versions."""


class Repository:
    """The models by name. Reads are of one moment, from any thread.

    Whoever holds a resolved version can run it for as long as they hold it: a retired version is closed when
    the last reference to it goes.
    """

    def __init__(self, models: Mapping[str, ServedModel]) -> None:
        """Serve these."""
        self._models = models

    def publish(self, models: Mapping[str, ServedModel]) -> None:
        """Serve these from the next call on."""
        self._models = models

    def resolve(self, spec: ModelSpec) -> tuple[int, Model]:
        """The version a request means, and its number.

        Raises StatusError: INVALID_ARGUMENT without a name or for an unknown label, NOT_FOUND for a model or
        version that is unknown or not available.
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
        elif model is None or not model.versions:
            raise not_found(f"Servable not found for request: Latest({spec.name})")
        else:
            version = max(model.versions)
        if model is None or version not in model.versions:
            raise not_found(f"Servable not found for request: Specific({spec.name}, {version})")
        return version, model.versions[version]

    def states(self, spec: ModelSpec) -> dict[int, VersionState]:
        """The versions a status request means, ascending, those that ended included.

        Raises StatusError: INVALID_ARGUMENT for an unknown label, NOT_FOUND where there is no version.
        """
        model = self._models.get(spec.name, ServedModel({}, {}))
        known = {**model.others, **dict.fromkeys(model.versions, AVAILABLE)}
        match spec.WhichOneof("version_choice"):
            case "version":
                version = spec.version.value
            case "version_label":
                if spec.version_label not in model.labels:
                    raise invalid(f"Unrecognized servable version label: {spec.version_label}")
                version = model.labels[spec.version_label]
            case _:
                if not known:
                    raise not_found(f"Could not find any versions of model {spec.name}")
                return dict(sorted(known.items()))
        if version not in known:
            raise not_found(f"Could not find version {version} of model {spec.name}")
        return {version: known[version]}

    def serves(self, name: str) -> bool:
        """Whether there is such a model, with whatever versions."""
        return name in self._models

    def is_ready(self) -> bool:
        """Whether every configured model has an available version."""
        return all(model.versions for model in self._models.values() if model.configured)
