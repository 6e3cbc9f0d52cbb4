"""The engine that the models run on: one of those there are, by its name."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from services.gateway.adapters.balancing import Balancer
from services.gateway.adapters.open_inference import OpenInference
from services.gateway.adapters.targets import Target, credentials
from services.gateway.adapters.tfserving import TensorFlowServing
from services.gateway.models import ModelServer
from services.gateway.settings import BENTOML, TFSERVING, Settings


@dataclass(frozen=True)
class Engine:
    """A model server, and what of it only some parts of the gateway look at."""

    server: ModelServer
    close: Callable[[], Awaitable[None]]
    """Closes its channels."""
    tfserving: TensorFlowServing | None = None
    """The same, where its own API can be passed through."""
    targets: Sequence[Target] = ()
    """Its gRPC channels."""


def open_engine(settings: Settings) -> Engine:
    """The engine of the settings. Raises OSError and ValueError for certificates and keys that are no use."""
    files = settings.model_server_ca, settings.model_server_certificate, settings.model_server_key
    if settings.engine == BENTOML:
        # Imported here: who calls no HTTP should not pay for it.
        from services.gateway.adapters.bento import Bento, trusted

        bento = Bento(settings.model_server, trusted(*files))
        return Engine(bento, bento.close)
    trust = credentials(*files)
    balancer = Balancer([Target(address, trust) for address in settings.model_servers])
    if settings.engine == TFSERVING:
        tfserving = TensorFlowServing(balancer)
        return Engine(tfserving, balancer.close, tfserving, balancer.targets)
    return Engine(OpenInference(balancer), balancer.close, targets=balancer.targets)
